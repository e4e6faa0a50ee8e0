/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of paceline-ctl share. One thread. */
#ifndef CTL_H
#define CTL_H

#include "link.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* The server's answer was no. */
#define CTL_REFUSED 1

struct ctl_options {
    const char *socket; /* -s; NULL: not told */
    const char *config; /* -c */
    bool is_json;
    bool is_quiet;
    int64_t interval_ms; /* watch */
    uint64_t frames_max; /* watch; 0: without end */
    const char *line;    /* the command as it is sent */
};

/* Asks, prints the reply where `is_json`, and says what went wrong: returns 0, or the exit code.
 * Owner of *ret_reply, written if 0: the caller. */
int ctl_demand(struct ctl_link *link, const char *line, bool is_json, json_t **ret_reply);

/* Each returns an exit code and has said on stderr what went wrong. */
int ctl_watch(struct ctl_link *link, const struct ctl_options *options);
/* Sends `drain` or `stop` and stays until the process has gone. */
int ctl_follow(struct ctl_link *link, const struct ctl_options *options);

#endif
