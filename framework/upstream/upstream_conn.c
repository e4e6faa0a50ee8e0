/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upstream connection as a slot: a connection like an accepted one (its stages are in
 * upstream_exchange.c) that is given to those who wait for it.
 *
 *     idle ─rouse─▶ held ─▶ turns, for a call ──────────────▶ rest, or closed
 *                     └───▶ lent, for a thread ─take back──────▲
 */
#include "upstream.h"

#include "clock.h"

static struct pl_upstream_conn *record_of(const struct pl_conn *conn)
{
    return conn->state;
}

static const struct pl_engine_ops *ops_of(const struct pl_slot *slot)
{
    return pl_engine_face_of(slot->engine)->ops;
}

bool pl_upstream_conn_is_young(const struct pl_upstream_conn *conn)
{
    const struct pl_upstream_pool_settings *pool = &conn->upstream->settings->pool;

    return (pool->max_requests == 0 || conn->exchanges < pool->max_requests) &&
           pl_clock_ms() < conn->born_ms + pool->max_lifetime_us / 1000;
}

/* ---- ends --------------------------------------------------------------------------------------
 */

/* A call that would not wait as long as the upstream's settings do says nothing about the server.
 */
static bool is_servers_fault(const struct pl_upstream_conn *conn)
{
    switch (conn->failure) {
    case PL_UPSTREAM_TOTAL_TIMEOUT:
        return conn->call->call.total_ms == 0;
    case PL_UPSTREAM_FIRST_BYTE_TIMEOUT:
    case PL_UPSTREAM_CLOSED:
    case PL_UPSTREAM_BROKEN:
        return true;
    case PL_UPSTREAM_REPLIED:
    case PL_UPSTREAM_UNRESOLVED:
    case PL_UPSTREAM_CONNECT_FAILED:
    case PL_UPSTREAM_CONNECT_TIMEOUT:
    case PL_UPSTREAM_WAIT_TIMEOUT:
    case PL_UPSTREAM_TOO_LONG:
    case PL_UPSTREAM_NO_MEMORY:
    case PL_UPSTREAM_CANCELLED:
    case PL_UPSTREAM_STOPPED:
    case PL_UPSTREAM_OUTCOMES_COUNT:
        break;
    }
    return false;
}

/* A request that a reused connection did not answer with a single byte was most likely never seen:
 * the peer closed just then (RFC 9112, 9.3.1). */
static bool is_crossed_by_a_close(const struct pl_upstream_conn *conn)
{
    return conn->is_sent && conn->call->was_reused && !conn->has_got_bytes &&
           conn->failure == PL_UPSTREAM_CLOSED;
}

/* May the request go to another connection? One that was not sent may, unless new connections keep
 * failing it; one that may have been seen only if the application says so, and once. */
static bool may_go_elsewhere(struct pl_upstream_conn *conn)
{
    struct pl_upstream_call_record *record = conn->call;

    if (!conn->is_sent &&
        (conn->failure == PL_UPSTREAM_CLOSED || conn->failure == PL_UPSTREAM_BROKEN))
        return conn->exchanges > 0 || --record->tries_left > 0;
    if (!is_crossed_by_a_close(conn) || !record->call.is_idempotent || record->was_retried)
        return false;
    record->was_retried = true;
    return true;
}

/* What was under way on a connection that has closed: sent elsewhere, or told. Returns the call to
 * be told, or NULL. */
static struct pl_upstream_call_record *leave_call(struct pl_upstream_conn *conn)
{
    struct pl_upstream *upstream = conn->upstream;
    struct pl_upstream_call_record *record = conn->call;
    /* A new connection that ends before it was asked is as good as none. */
    bool is_fault = (conn->is_sent || conn->exchanges == 0) && !is_crossed_by_a_close(conn) &&
                    is_servers_fault(conn);
    bool is_told;

    if (is_fault)
        pl_upstream_note_failure(upstream, conn->server);
    pthread_mutex_lock(&upstream->lock);
    is_told = upstream->is_stopped || !may_go_elsewhere(conn);
    if (is_told && conn->failure != PL_UPSTREAM_CANCELLED && conn->failure != PL_UPSTREAM_STOPPED)
        PL_UPSTREAM_COUNT(upstream, failures);
    if (!is_told) {
        if (conn->is_sent)
            PL_UPSTREAM_COUNT(upstream, retries);
        record->waiter.avoid = is_fault ? conn->server : NULL;
        conn->assigned = record; /* pl_upstream_gone() puts it back in line */
    }
    pthread_mutex_unlock(&upstream->lock);
    return is_told ? record : NULL;
}

/* Why it ends, for whom it may concern. */
static enum pl_upstream_outcome name_failure(struct pl_upstream_conn *conn)
{
    enum pl_upstream_outcome failure = conn->failure;
    bool is_stopped;

    pthread_mutex_lock(&conn->upstream->lock);
    is_stopped = conn->upstream->is_stopped;
    pthread_mutex_unlock(&conn->upstream->lock);
    if (is_stopped)
        return PL_UPSTREAM_STOPPED;
    if (failure == PL_UPSTREAM_REPLIED && (conn->conn->notices & PL_TIMEOUT))
        failure = pl_upstream_name_timeout(conn);
    if (failure == PL_UPSTREAM_REPLIED)
        failure = conn->is_connecting ? PL_UPSTREAM_CONNECT_FAILED : PL_UPSTREAM_CLOSED;
    return failure;
}

/* The record is given back after the descriptor has closed, so that pool.max is never exceeded. */
static void close_upstream(struct pl_slot *slot)
{
    struct pl_upstream_conn *conn = record_of(pl_conn_of(slot));
    struct pl_upstream_call_record *told = NULL;
    enum pl_upstream_outcome failure = name_failure(conn);

    conn->failure = failure;
    conn->has_got_bytes |= pl_conn_input(pl_conn_of(slot)).length > 0;
    pl_conn_close(slot);
    if (conn->is_connecting) {
        pl_upstream_fail_to_connect(conn, failure, conn->connect_err);
        return;
    }
    if (conn->call != NULL)
        told = leave_call(conn);
    pl_upstream_gone(conn);
    if (told != NULL)
        pl_upstream_complete(told, failure, PL_VIEW(""));
}

/* ---- the slot ----------------------------------------------------------------------------------
 */

static int64_t due_of(const struct pl_upstream_conn *conn)
{
    const struct pl_upstream_call_record *record = conn->call;

    if (record == NULL)
        return conn->due_ms;
    if (pl_conn_input(conn->conn).length > 0 || record->total_due_ms < record->first_byte_due_ms)
        return record->total_due_ms;
    return record->first_byte_due_ms;
}

/* Before it waits. The timer is set only to be earlier: one that fires too soon is set anew, which
 * is once per time-out and not once per exchange. */
static bool set_timer(struct pl_upstream_conn *conn)
{
    struct pl_slot *slot = &conn->conn->slot;
    int64_t due_ms = due_of(conn);

    atomic_store_explicit(&slot->due_ms, due_ms, memory_order_relaxed);
    if (due_ms >= conn->armed_ms)
        return true;
    if (ops_of(slot)->arm_timer(slot, due_ms) < 0)
        return false;
    conn->armed_ms = due_ms;
    return true;
}

static enum pl_next prepare_to_wait(struct pl_upstream_conn *conn)
{
    struct pl_slot *slot = &conn->conn->slot;

    /* Also where a receive found nothing: what is assigned meanwhile comes as a completion. */
    if (slot->waits & PL_READABLE)
        slot->waits |= PL_COMPLETION;
    return set_timer(conn) ? PL_WAIT : pl_upstream_end_as(conn, PL_UPSTREAM_NO_MEMORY);
}

/* To the thread that it is leased for, which may have let it go again when this returns. Thread:
 * the holder. */
static void hand_over(struct pl_upstream_conn *conn)
{
    struct pl_upstream *upstream = conn->upstream;
    struct pl_slot *slot = &conn->conn->slot;
    bool is_taken;

    ops_of(slot)->forget(slot);
    slot->is_lent = true;
    pthread_mutex_lock(&upstream->lock);
    is_taken = conn->lessee != NULL;
    if (is_taken) {
        conn->lessee->is_handed = true;
        pthread_cond_signal(&conn->lessee->is_served);
        conn->lessee = NULL;
        conn->state = PL_UPSTREAM_LENT;
    }
    pthread_mutex_unlock(&upstream->lock);
    /* The lessee's deadline passed in this very moment. */
    if (!is_taken)
        pl_upstream_conn_take_back(conn, true);
}

static enum pl_next wake(struct pl_slot *slot, uint32_t reasons)
{
    struct pl_upstream_conn *conn = record_of(pl_conn_of(slot));

    if (reasons & PL_TIMEOUT) {
        conn->armed_ms = PL_TIMER_NEVER;
        if (pl_upstream_conn_is_cancelled(conn))
            pl_conn_of(slot)->notices |= PL_TIMEOUT;
    }
    return pl_conn_wake(slot, reasons);
}

static enum pl_next run(struct pl_slot *slot, uint32_t stages)
{
    struct pl_upstream_conn *conn = record_of(pl_conn_of(slot));
    enum pl_next next = pl_conn_run(slot, stages);

    return next == PL_WAIT ? prepare_to_wait(conn) : next;
}

static void lend(struct pl_slot *slot)
{
    hand_over(record_of(pl_conn_of(slot)));
}

/* At rest: to be lent, to end, or to take a call and send its request. */
static bool is_brief(const struct pl_slot *slot)
{
    const struct pl_upstream_conn *conn = ((const struct pl_conn *)(const void *)slot)->state;

    return conn->call == NULL && !conn->is_connecting;
}

const struct pl_slot_kind pl_upstream_kind = { .name = "upstream",
                                               .wake = wake,
                                               .run = run,
                                               .close = close_upstream,
                                               .lend = lend,
                                               .is_brief = is_brief };

/* ---- to and from those who wait ----------------------------------------------------------------
 */

static struct pl_slot *slot_at(struct pl_upstream *upstream, struct pl_upstream_place place)
{
    return pl_slot_table_at(pl_engine_face_of(upstream->engines[0])->table, (uint32_t)place.token);
}

/* To the handle set of whoever asked: a slot there, the same descriptor. Thread: the holder. */
static void move(struct pl_upstream_conn *conn, uint32_t set)
{
    struct pl_upstream *upstream = conn->upstream;
    struct pl_slot *old = &conn->conn->slot;
    int fd = old->handle.fd;

    ops_of(old)->forget(old);
    if (pl_upstream_take_slot(conn, set, fd, false) < 0) {
        pl_slot_wake(old, PL_COMPLETION); /* no room there: it stays */
        return;
    }
    old->handle.fd = -1;
    pl_claim_close(&old->claim);
    ops_of(old)->release(old);
    pthread_mutex_lock(&upstream->lock);
    PL_UPSTREAM_COUNT(upstream, moves);
    pthread_mutex_unlock(&upstream->lock);
    pl_slot_wake(&conn->conn->slot, PL_COMPLETION);
}

/* A connection at rest that something came to: given to whom it was assigned to meanwhile, in their
 * set `set`, or a turn. Neither a lessee nor the end of a doomed one needs a thread of the engine:
 * those may all wait for a lease. Thread: the holder. */
static void see_to(struct pl_upstream_conn *conn, uint32_t reasons, uint32_t set)
{
    struct pl_upstream *upstream = conn->upstream;
    bool has_lessee, is_doomed;

    pthread_mutex_lock(&upstream->lock);
    has_lessee = conn->lessee != NULL;
    is_doomed = conn->state == PL_UPSTREAM_DOOMED;
    pthread_mutex_unlock(&upstream->lock);
    /* Whatever else came: a thread that waits looks at the socket itself. */
    if (has_lessee && (reasons & PL_TIMEOUT))
        conn->armed_ms = PL_TIMER_NEVER;
    if (has_lessee)
        hand_over(conn);
    else if (is_doomed)
        pl_upstream_conn_drop(conn);
    else if (conn->place.set != set && (reasons & ~(uint32_t)PL_WRITABLE) == PL_COMPLETION)
        move(conn, set);
    else
        pl_slot_wake(&conn->conn->slot, reasons);
}

void pl_upstream_conn_rouse(struct pl_upstream_conn *conn, struct pl_upstream_place place,
                            uint32_t set)
{
    struct pl_upstream *upstream = conn->upstream;
    struct pl_slot *slot = slot_at(upstream, place);
    bool must_warm;
    uint32_t reasons;

    pthread_mutex_lock(&upstream->lock);
    must_warm = pl_upstream_must_warm_locked(upstream);
    pthread_mutex_unlock(&upstream->lock);
    if (must_warm)
        pl_upstream_keeper_hasten(upstream, pl_clock_ms());
    /* Not won: its holder looks, before it lets go or after it has closed. */
    if (slot == NULL || pl_slot_claim(slot, place.token, PL_COMPLETION, &reasons) != PL_CLAIM_WON)
        return;
    see_to(conn, reasons, set);
}

/* Takes one of them out; false: there is none. */
static bool close_one_unfit(struct pl_upstream *upstream, const struct pl_upstream_server *server)
{
    struct pl_upstream_place place = { .token = PL_UPSTREAM_NOWHERE };
    struct pl_upstream_conn *conn = NULL;

    pthread_mutex_lock(&upstream->lock);
    if (pl_upstream_visit_locked(upstream)) {
        conn = pl_upstream_doom_one_locked(upstream, server);
        if (conn == NULL)
            pl_upstream_leave_locked(upstream);
        else
            place = conn->place;
    }
    pthread_mutex_unlock(&upstream->lock);
    if (conn == NULL)
        return false;
    pl_upstream_conn_rouse(conn, place, place.set);
    pl_upstream_leave(upstream);
    return true;
}

void pl_upstream_close_unfit(struct pl_upstream *upstream, struct pl_upstream_server *server)
{
    while (close_one_unfit(upstream, server))
        ;
}

void pl_upstream_interrupt(struct pl_upstream *upstream, struct pl_upstream_place place)
{
    struct pl_slot *slot = slot_at(upstream, place);
    uint32_t reasons;

    if (slot != NULL && pl_slot_claim(slot, place.token, PL_TIMEOUT, &reasons) == PL_CLAIM_WON)
        pl_slot_wake(slot, reasons);
}

void pl_upstream_conn_drop(struct pl_upstream_conn *conn)
{
    struct pl_slot *slot = &conn->conn->slot;

    pl_claim_close(&slot->claim);
    ops_of(slot)->release(slot);
    pl_upstream_gone(conn);
}

/* Listed as idle and held still: whoever is given it meanwhile leaves a mark that the release
 * meets.
 */
static void let_rest(struct pl_upstream_conn *conn)
{
    struct pl_slot *slot = &conn->conn->slot;
    uint32_t reasons = PL_COMPLETION;

    pl_conn_wait_for(conn->conn, PL_READABLE | PL_COMPLETION);
    slot->waits = PL_READABLE | PL_COMPLETION;
    pl_upstream_set_rest_due(conn);
    /* Nothing rests in a drain, nor without memory for a timer. */
    if (atomic_load(&pl_engine_face_of(slot->engine)->is_draining) || !set_timer(conn))
        pl_upstream_doom_idle(conn);
    else if (ops_of(slot)->let_go(slot, &reasons))
        return;
    see_to(conn, reasons, conn->place.set);
}

static void hand_on(struct pl_upstream_conn *conn, bool is_reusable)
{
    struct pl_slot *slot = &conn->conn->slot;

    switch (pl_upstream_pass_on(conn, is_reusable)) {
    case PL_UPSTREAM_PASSED_TO_LESSEE:
        hand_over(conn);
        return;
    case PL_UPSTREAM_PASSED_TO_NOBODY:
        pl_upstream_conn_drop(conn);
        return;
    case PL_UPSTREAM_PASSED_TO_CALL:
        slot->is_lent = false;
        slot->next = PL_RUN_PROCESS;
        ops_of(slot)->ready(slot);
        return;
    case PL_UPSTREAM_PASSED_TO_REST:
        slot->is_lent = false;
        let_rest(conn);
        return;
    }
}

void pl_upstream_conn_take_back(struct pl_upstream_conn *conn, bool is_reusable)
{
    struct pl_upstream *upstream = conn->upstream;
    bool is_visiting;

    pthread_mutex_lock(&upstream->lock);
    is_visiting = pl_upstream_visit_locked(upstream);
    pthread_mutex_unlock(&upstream->lock);
    if (!is_visiting)
        return;
    hand_on(conn, is_reusable);
    pl_upstream_leave(upstream);
}
