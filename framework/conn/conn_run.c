/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One turn of a connection: the three stages in a loop, as far as this thread may run them.
 *
 *     receive ─▶ [frame] ─▶ process ─▶ send
 *        ▲                              │
 *        └──────── what stood behind the output: wait, go on, close
 *
 * Invariant: output stands in front of everything else; nothing is received, processed or waited
 * for while output is left.
 */
#include "conn.h"

#include "transport.h"

/* More input is wanted, but only an event will bring it. */
static bool must_wait_for_input(struct pl_conn *conn)
{
    return !conn->is_readable && !conn->transport->has_pending(conn);
}

/* At its end the input is given back, or moved to the smallest block that holds it: idle
 * connections hold none, and a slow request holds little. */
static void put_away_input(struct pl_conn *conn)
{
    struct pl_buffer *input = conn->input;
    size_t length;

    if (input == NULL)
        return;
    length = pl_buffer_length(input);
    if (length == 0) {
        pl_buffer_give(&conn->slot.thread->cache, input);
        conn->input = NULL;
    } else if (length <= PL_BUFFER_BYTES_MIN / 2 && input->size > PL_BUFFER_BYTES_MIN &&
               conn->deadline != PL_DEADLINE_BODY) {
        /* A pool that refuses is no harm: the large block stays. */
        (void)!pl_buffer_resize(&conn->slot.thread->cache, &conn->input, PL_BUFFER_BYTES_MIN);
    }
}

/* When the wheel should look at a connection that is let go now. */
static int64_t due_ms_of(struct pl_conn *conn)
{
    struct pl_thread *thread = conn->slot.thread;

    if (conn->output.first != NULL)
        return conn->write_due_ms;
    if (conn->read_due_ms == PL_DUE_AT_WAIT) {
        pl_thread_tick(thread);
        thread->is_clock_fresh = true;
        conn->read_due_ms = pl_thread_now_ms(thread) +
                            pl_conn_deadline_ms(conn->service, (enum pl_deadline)conn->deadline);
    }
    return conn->read_due_ms;
}

/* What the settle arms for. While output is blocked, nothing but its progress counts. */
static enum pl_next wait(struct pl_conn *conn)
{
    /* No input can come any more; a completion still can. */
    if (conn->is_peer_done && (conn->wanted & PL_COMPLETION))
        conn->wanted &= (uint8_t)~PL_READABLE;
    if (conn->output.first != NULL) {
        conn->slot.waits = PL_WRITABLE;
    } else if (conn->wanted == PL_COMPLETION && conn->is_hung_up) {
        return PL_CLOSE; /* what it waits for cannot be delivered any more */
    } else if ((conn->wanted & PL_COMPLETION) && conn->has_mail) {
        return PL_RUN_PROCESS;
    } else if ((conn->wanted & PL_READABLE) && conn->is_readable) {
        return PL_RUN_RECEIVE;
    } else {
        conn->slot.waits = conn->wanted;
        if (conn->wanted == PL_COMPLETION && !conn->is_half_closed)
            conn->slot.waits |= PL_PEER_DONE;
    }
    atomic_store_explicit(&conn->slot.due_ms, due_ms_of(conn), memory_order_relaxed);
    put_away_input(conn);
    return PL_WAIT;
}

/* Before a hand-over: is there a unit? One that the queue has no room for is refused here. */
static enum pl_next frame(struct pl_conn *conn, uint32_t stages)
{
    if (conn->notices != 0 || conn->is_lingering)
        return PL_RUN_PROCESS;
    if (conn->service->protocol->frame(conn) == PL_FRAME_INCOMPLETE)
        return conn->is_peer_done ? PL_RUN_PROCESS : PL_RUN_RECEIVE;
    if ((stages & PL_STAGE_REFUSE) == 0)
        return PL_RUN_PROCESS;
    conn->is_refused = true;
    return pl_conn_process(conn);
}

static enum pl_next run_stage(struct pl_conn *conn, enum pl_next stage, uint32_t stages)
{
    enum pl_next next;

    if (stage == PL_RUN_PROCESS)
        return pl_conn_process(conn);
    if (stage == PL_RUN_SEND)
        return pl_conn_send(conn);
    next = pl_conn_receive(conn);
    return next == PL_RUN_PROCESS && (stages & PL_STAGE_FRAME) ? frame(conn, stages) : next;
}

enum pl_next pl_conn_run(struct pl_slot *slot, uint32_t stages)
{
    struct pl_conn *conn = pl_conn_of(slot);
    struct pl_thread *thread = slot->thread;
    enum pl_next next = (enum pl_next)slot->next;

    pl_conn_assert_held(conn);
    thread->stages = stages; /* fewer when pl_conn_begin_handler() wants another thread */
    conn->output.cache = &thread->cache;
    for (;;) {
        if (next == PL_RUN_RECEIVE && conn->is_peer_done)
            next = PL_CLOSE; /* what is wanted will never come */
        if (next == PL_RUN_RECEIVE && must_wait_for_input(conn)) {
            pl_conn_wait_for(conn, PL_READABLE);
            next = PL_WAIT;
        }
        if (next == PL_WAIT)
            next = wait(conn);
        if (next == PL_LEND)
            put_away_input(conn);
        if (!pl_next_is_stage(next))
            return next;
        slot->next = (uint8_t)next;
        if (next == PL_RUN_PROCESS && conn->notices != 0 && (thread->stages & PL_STAGE_NOTICES)) {
            thread->stages |= PL_STAGE_SEND;
            next = pl_conn_process(conn);
            continue;
        }
        if ((thread->stages & (1u << next)) == 0)
            return next;
        next = run_stage(conn, next, thread->stages);
    }
}
