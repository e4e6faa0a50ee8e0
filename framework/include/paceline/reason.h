/* SPDX-License-Identifier: Apache-2.0 */
/* Why a turn starts; a set of these is what a connection waits for. */
#ifndef PACELINE_REASON_H
#define PACELINE_REASON_H

enum pl_reason {
    /* What a protocol module may wait for. */
    PL_READABLE = 1 << 0,
    PL_WRITABLE = 1 << 1,
    PL_COMPLETION = 1 << 2, /* something was posted to the mailbox */

    /* The framework's own. The last three always start a turn. */
    PL_PEER_DONE = 1 << 3, /* the peer has finished sending: a half-close */
    PL_URGENT = 1 << 4,    /* a receive stops at the urgent mark: read on */
    PL_HANGUP = 1 << 5,    /* both directions are gone */
    PL_TIMEOUT = 1 << 6,
    PL_SHUTDOWN = 1 << 7,
};

#define PL_REASONS_ALWAYS (PL_HANGUP | PL_TIMEOUT | PL_SHUTDOWN)

#endif
