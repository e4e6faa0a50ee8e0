/* SPDX-License-Identifier: Apache-2.0 */
/* What came back, held against what the case expects. Pure: no socket, no clock. */
#ifndef CONFORM_EXPECT_H
#define CONFORM_EXPECT_H

#include "case_file.h"

enum result { RESULT_PASS, RESULT_FAIL, RESULT_SKIP };

struct verdict {
    enum result result;
    bool is_unreachable; /* nobody listens: the target failed, not the case */
    char detail[400];    /* why it failed or was skipped */
};

/* What one client saw. */
struct observation {
    const char *received; /* borrowed */
    size_t received_bytes;
    const char *sent;
    size_t sent_bytes;            /* that were really sent */
    const size_t *datagram_bytes; /* of each datagram received, in order */
    size_t datagrams_count;
    const size_t *sent_datagram_bytes;
    size_t sent_datagrams_count;
    size_t sent_unread_bytes; /* sent before the late reader read its first byte */
    bool is_ended;            /* by the server: FIN or RST */
    bool was_reset;           /* RST */
    bool is_late;             /* the deadline came first */
    bool has_left;            /* the client itself left, without waiting for the end */
    bool is_alive;            /* afterwards the server served somebody else */
    bool is_behind;           /* the first response answers the good request in front */
};

void expect_judge(const struct conform_case *one, const struct observation *observation,
                  struct verdict *ret_verdict);

#endif
