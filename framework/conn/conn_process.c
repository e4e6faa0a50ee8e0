/* SPDX-License-Identifier: Apache-2.0 */
/*
 * input → protocol module → output. What the module returns is kept behind the output that it
 * left: replies of a turn leave in one send, and only then the connection waits, goes on or ends.
 */
#include "conn.h"

static enum pl_next ask_protocol(struct pl_conn *conn)
{
    const struct pl_protocol *protocol = conn->service->protocol;

    if (conn->is_lingering)
        return PL_CLOSE;
    if (conn->notices & PL_SHUTDOWN) {
        conn->notices &= (uint8_t)~PL_SHUTDOWN;
        conn->is_draining = true;
        return protocol->shutdown(conn);
    }
    if (conn->notices & PL_TIMEOUT) {
        conn->notices &= (uint8_t)~PL_TIMEOUT;
        PL_COUNT(conn->slot.thread->stats, timeouts);
        return protocol->timeout(conn);
    }
    if (conn->is_refused) {
        conn->is_refused = false;
        return protocol->refuse(conn);
    }
    conn->has_mail = false;
    return protocol->process(conn);
}

enum pl_next pl_conn_process(struct pl_conn *conn)
{
    enum pl_next next;

    pl_conn_assert_held(conn);
    if (conn->is_lingering && conn->notices == 0)
        return PL_RUN_RECEIVE;
    next = ask_protocol(conn);
    if (next == PL_RUN_SEND || next == PL_HAND_OVER)
        next = PL_RUN_PROCESS;
    if (next == PL_AGAIN)
        conn->slot.next = PL_RUN_PROCESS;
    if (conn->output.first == NULL && next != PL_CLOSE)
        return next;
    conn->after_send = (uint8_t)next;
    conn->write_due_ms = PL_TIMER_NEVER;
    return PL_RUN_SEND;
}
