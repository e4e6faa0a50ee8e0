/* SPDX-License-Identifier: Apache-2.0 */
/* The same input gives the same bytes, whatever the model. */
#include "web.h"

#include <stdio.h>
#include <string.h>

static char script[16384], reference[512 * 1024], found[512 * 1024];
static size_t reference_length;

static size_t make_script(void)
{
    static const char *const gets[] = {
        "/direct", "/block",     "/later",        "/section",      "/later-stream",  "/stream",
        "/none",   "/silent",    "/silent-block", "/describe?q=1", "/empty",         "/empty-block",
        "/fixed",  "/fixed-304", "/fixed-204",    "/stream-block", "/describe-block"
    };
    size_t used = 0;

    for (int i = 0; i < 3; i++) {
        for (size_t k = 0; k < sizeof(gets) / sizeof(gets[0]); k++)
            used += (size_t)snprintf(script + used, sizeof(script) - used,
                                     "%s %s HTTP/1.1\r\nHost: a\r\nX-Test: %d\r\n\r\n",
                                     i == 1 ? "HEAD" : "GET", gets[k], i);
        used += (size_t)snprintf(script + used, sizeof(script) - used,
                                 "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
                                 "POST /echo-block HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                                 "chunked\r\n\r\n3\r\nfoo\r\n4;x\r\nbars\r\n0\r\nA: b\r\n\r\n"
                                 "POST /direct HTTP/1.1\r\nHost: a\r\n\r\n\r\n"
                                 "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    return used + (size_t)snprintf(script + used, sizeof(script) - used,
                                   "GET /direct HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
}

static void mask_dates(char *bytes, size_t length)
{
    for (size_t at = 0; at + 35 <= length; at++)
        if (memcmp(bytes + at, "Date: ", 6) == 0)
            memset(bytes + at + 6, '#', 29);
}

static void same_input_gives_the_same_bytes_in_every_model(void **state)
{
    static const char *const sets[] = { web_fixed_routes, NULL };
    size_t script_length = make_script();

    (void)state;
    web_start(sets);
    for (int i = 0; i < 2; i++) {
        int fd = client_connect(web.rig.port);
        size_t length;

        for (size_t at = 0; at < script_length; at += i == 0 ? script_length : 1)
            client_send(fd, script + at, i == 0 ? script_length : 1);
        length = client_receive_all(fd, found, sizeof(found));
        client_close(fd);
        mask_dates(found, length);
        if (reference_length == 0) {
            reference_length = length;
            memcpy(reference, found, length);
        }
        for (size_t at = 0; at < length && at < reference_length; at++)
            if (found[at] != reference[at])
                fail_msg("pass %d differs at byte %zu: '%.60s' instead of '%.60s'", i, at,
                         found + at, reference + at);
        assert_int_equal(length, reference_length);
    }
    web_stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(same_input_gives_the_same_bytes_in_every_model),
};

const struct case_group web_same_bytes = CASE_GROUP(cases);
