/* SPDX-License-Identifier: Apache-2.0 */
/* A command and its reply: what went wrong with either is said here, once. */
#include "ctl.h"

#include "text.h"

#include <stdio.h>

int ctl_demand(struct ctl_link *link, const char *line, bool is_json, json_t **ret_reply)
{
    const char *text;
    enum ctl_asked asked = ctl_link_ask(link, line, &text);
    json_t *reply = asked == CTL_ANSWERED ? json_loads(text, 0, NULL) : NULL;

    if (asked == CTL_ANSWERED && !json_is_object(reply)) {
        json_decref(reply);
        asked = CTL_BROKEN;
    }
    if (asked != CTL_ANSWERED)
        return ctl_link_complain(link, asked);
    if (is_json) {
        puts(text);
        (void)fflush(stdout);
    }
    if (!json_is_true(json_object_get(reply, "ok"))) {
        fprintf(stderr, "paceline-ctl: %s\n", ctl_text_of(reply, "error"));
        json_decref(reply);
        return CTL_REFUSED;
    }
    *ret_reply = reply;
    return 0;
}
