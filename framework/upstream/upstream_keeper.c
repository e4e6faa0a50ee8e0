/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper of an upstream: a timer of its own, as a slot in the first engine. It ends waits whose
 * time is over and makes connections ahead of calls, so that pool.min_idle stand ready.
 *
 * It goes by the stage that brings connections in: the thread that waits for events runs it in
 * every model, also when all workers are stuck.
 */
#include "upstream.h"

#include "clock.h"

#include <errno.h>

/* Waits that end one after another are looked at together. */
#define LOOK_MS 5

/* In a drain it looks this often whether it is still needed. */
#define DRAIN_LOOK_MS 20

/* Connections begun in one turn. */
#define WARM_MAX 16

struct keeper {
    struct pl_slot slot;
    struct pl_upstream *upstream; /* borrowed */
};

_Static_assert(sizeof(struct keeper) <= PL_SLOT_BYTES, "a keeper fits its slot");

static struct keeper *keeper_of(struct pl_slot *slot)
{
    return PL_CONTAINER_OF(slot, struct keeper, slot);
}

static enum pl_next wake(struct pl_slot *slot, uint32_t reasons)
{
    (void)slot;
    (void)reasons; /* in a drain too: it looks, and leaves when nobody waits */
    return PL_RUN_ACCEPT;
}

static int64_t due_of(const struct pl_upstream_call_record *record)
{
    return record->wait_due_ms < record->total_due_ms ? record->wait_due_ms : record->total_due_ms;
}

/* Takes the first wait in line that is over, or NULL; *ret_due_ms: when the next will be. A lessee
 * looks at the clock itself. */
static struct pl_upstream_call_record *take_expired(struct pl_upstream *upstream, int64_t now_ms,
                                                    int64_t *ret_due_ms)
{
    struct pl_upstream_call_record *expired = NULL;
    int64_t due_ms = PL_TIMER_NEVER;
    bool is_hopeless;

    pthread_mutex_lock(&upstream->lock);
    is_hopeless = pl_upstream_is_hopeless_locked(upstream);
    for (struct pl_link *link = upstream->line.next; link != &upstream->line; link = link->next) {
        struct pl_upstream_call_record *record = (struct pl_upstream_call_record *)(void *)link;

        if (((struct pl_upstream_waiter *)(void *)link)->is_lessee)
            continue;
        if (due_of(record) <= now_ms || is_hopeless) {
            expired = record;
            break;
        }
        if (due_of(record) < due_ms)
            due_ms = due_of(record);
    }
    if (expired != NULL) {
        pl_list_unlink(&expired->waiter.link);
        upstream->waiting--;
        PL_UPSTREAM_COUNT(upstream, waits_expired);
    }
    pthread_mutex_unlock(&upstream->lock);
    *ret_due_ms = due_ms;
    return expired;
}

static bool has_address_locked(const struct pl_upstream *upstream)
{
    for (uint32_t i = 0; i < upstream->servers_count; i++)
        if (upstream->servers[i].addresses_count > 0)
            return true;
    return false;
}

/* Returns when the next wait will be over. */
static int64_t end_waits(struct pl_upstream *upstream, int64_t now_ms)
{
    struct pl_upstream_call_record *record;
    int64_t due_ms;

    while ((record = take_expired(upstream, now_ms, &due_ms)) != NULL) {
        enum pl_upstream_outcome outcome = PL_UPSTREAM_WAIT_TIMEOUT;
        bool has_address;

        pthread_mutex_lock(&upstream->lock);
        has_address = has_address_locked(upstream);
        pthread_mutex_unlock(&upstream->lock);
        if (!has_address)
            outcome = PL_UPSTREAM_UNRESOLVED;
        else if (record->total_due_ms <= now_ms)
            outcome = PL_UPSTREAM_TOTAL_TIMEOUT;
        pl_upstream_complete(record, outcome, PL_VIEW(""));
    }
    return due_ms;
}

/* Those that stand there now: what their callbacks begin may stand there again, and has to wait. */
static void tell_ended(struct pl_upstream *upstream)
{
    struct pl_upstream_call_record *record;
    uint32_t count = 0;

    pthread_mutex_lock(&upstream->lock);
    for (struct pl_link *link = upstream->ended.next; link != &upstream->ended; link = link->next)
        count++;
    pthread_mutex_unlock(&upstream->lock);
    for (; count > 0; count--) {
        pthread_mutex_lock(&upstream->lock);
        record = (struct pl_upstream_call_record *)(void *)pl_list_take_first(&upstream->ended);
        pthread_mutex_unlock(&upstream->lock);
        pl_upstream_complete(record, record->outcome, PL_VIEW(""));
    }
}

static struct pl_upstream_conn *take_one_to_warm(struct pl_upstream *upstream, int64_t now_ms,
                                                 int64_t *ret_due_ms)
{
    struct pl_upstream_conn *conn = NULL;

    *ret_due_ms = PL_TIMER_NEVER;
    pthread_mutex_lock(&upstream->lock);
    if (pl_upstream_must_warm_locked(upstream)) {
        *ret_due_ms = upstream->warm_not_before_ms;
        if (now_ms >= upstream->warm_not_before_ms) {
            *ret_due_ms = now_ms + PL_UPSTREAM_WARM_RETRY_MS;
            conn = pl_upstream_acquire_to_warm_locked(upstream);
        }
    }
    pthread_mutex_unlock(&upstream->lock);
    return conn;
}

/* Returns when it should be tried again. */
static int64_t warm(struct pl_upstream *upstream, int64_t now_ms)
{
    struct pl_upstream_conn *conn;
    int64_t due_ms;

    for (int i = 0; i < WARM_MAX; i++) {
        conn = take_one_to_warm(upstream, now_ms, &due_ms);
        if (conn == NULL)
            return due_ms;
        pl_upstream_conn_open(conn, 0);
    }
    return now_ms + LOOK_MS;
}

/* Whoever needs one from here on opens a new one. */
static void dismiss_locked(struct pl_upstream *upstream)
{
    upstream->keeper = PL_UPSTREAM_NOWHERE;
    upstream->keeper_due_ms = PL_TIMER_NEVER;
    upstream->has_keeper = false;
}

/* Connections to addresses that a name has lost close; who waited for an address is served. */
static void use_new_addresses(struct pl_upstream *upstream)
{
    bool has_some;

    pthread_mutex_lock(&upstream->lock);
    has_some = upstream->has_new_addresses;
    upstream->has_new_addresses = false;
    pthread_mutex_unlock(&upstream->lock);
    for (uint32_t i = 0; i < upstream->servers_count && has_some; i++)
        pl_upstream_close_unfit(upstream, &upstream->servers[i]);
    if (has_some)
        pl_upstream_serve_line(upstream);
}

static enum pl_next keep(struct keeper *keeper)
{
    struct pl_upstream *upstream = keeper->upstream;
    struct pl_engine *engine = keeper->slot.engine;
    int64_t now_ms = pl_clock_ms();
    int64_t due_ms, warm_due_ms;
    bool is_draining = atomic_load(&pl_engine_face_of(engine)->is_draining), is_needed;

    /* From here on whoever stands in line has the keeper look again. */
    pthread_mutex_lock(&upstream->lock);
    upstream->keeper_due_ms = PL_TIMER_NEVER;
    pthread_mutex_unlock(&upstream->lock);
    tell_ended(upstream);
    use_new_addresses(upstream);
    due_ms = end_waits(upstream, now_ms);
    warm_due_ms = is_draining ? PL_TIMER_NEVER : warm(upstream, now_ms);
    if (warm_due_ms < due_ms)
        due_ms = warm_due_ms;
    if (due_ms != PL_TIMER_NEVER && due_ms < now_ms + LOOK_MS)
        due_ms = now_ms + LOOK_MS;
    /* Nobody says when the line has become empty; a drain should not wait for that. */
    if (is_draining && due_ms > now_ms + DRAIN_LOOK_MS)
        due_ms = now_ms + DRAIN_LOOK_MS;
    pthread_mutex_lock(&upstream->lock);
    if (due_ms < upstream->keeper_due_ms)
        upstream->keeper_due_ms = due_ms;
    is_needed = !is_draining || upstream->waiting > 0 || !pl_list_is_empty(&upstream->ended);
    if (!is_needed)
        dismiss_locked(upstream);
    pthread_mutex_unlock(&upstream->lock);
    if (!is_needed)
        return PL_CLOSE;
    if (pl_engine_face_of(engine)->ops->arm_timer(&keeper->slot, due_ms) < 0)
        return PL_AGAIN; /* without memory for a timer it goes round; rarely, and not for long */
    return PL_WAIT;
}

static enum pl_next run(struct pl_slot *slot, uint32_t stages)
{
    enum pl_next next = (enum pl_next)slot->next;

    slot->waits = PL_COMPLETION;
    return next == PL_RUN_ACCEPT && (stages & PL_STAGE_ACCEPT) ? keep(keeper_of(slot)) : next;
}

static void close_keeper(struct pl_slot *slot)
{
    struct pl_upstream *upstream = keeper_of(slot)->upstream;

    pthread_mutex_lock(&upstream->lock);
    if (upstream->keeper == slot->handle.token)
        dismiss_locked(upstream);
    pthread_mutex_unlock(&upstream->lock);
    pl_claim_close(&slot->claim);
    pl_engine_face_of(slot->engine)->ops->release(slot);
}

static const struct pl_slot_kind keeper_kind = {
    .name = "keeper", .wake = wake, .run = run, .close = close_keeper
};

int pl_upstream_keeper_open(struct pl_upstream *upstream)
{
    struct pl_engine *engine = upstream->engines[0];
    struct pl_slot *slot = pl_engine_face_of(engine)->ops->take(engine, 0);

    if (slot == NULL) {
        pthread_mutex_lock(&upstream->lock);
        upstream->has_keeper = false;
        pthread_mutex_unlock(&upstream->lock);
        return -ENOBUFS;
    }
    slot->kind = &keeper_kind;
    slot->is_unwatched = true;
    slot->next = PL_RUN_ACCEPT;
    keeper_of(slot)->upstream = upstream;
    pthread_mutex_lock(&upstream->lock);
    upstream->keeper = slot->handle.token;
    upstream->has_keeper = true;
    pthread_mutex_unlock(&upstream->lock);
    pl_engine_face_of(engine)->ops->ready(slot);
    return 0;
}

void pl_upstream_keeper_hasten(struct pl_upstream *upstream, int64_t due_ms)
{
    struct pl_slot_table *table = pl_engine_face_of(upstream->engines[0])->table;
    struct pl_slot *slot;
    uint64_t token;
    uint32_t reasons;
    bool is_absent;

    pthread_mutex_lock(&upstream->lock);
    is_absent = !upstream->has_keeper;
    if ((due_ms >= upstream->keeper_due_ms && !is_absent) || !pl_upstream_visit_locked(upstream)) {
        pthread_mutex_unlock(&upstream->lock);
        return;
    }
    upstream->keeper_due_ms = due_ms;
    upstream->has_keeper = true;
    token = upstream->keeper;
    pthread_mutex_unlock(&upstream->lock);
    slot = pl_slot_table_at(table, (uint32_t)token);
    if (is_absent)
        (void)!pl_upstream_keeper_open(upstream); /* no slot: the waits end with the server */
    else if (slot != NULL && pl_slot_claim(slot, token, PL_COMPLETION, &reasons) == PL_CLAIM_WON)
        pl_slot_wake(slot, reasons);
    pl_upstream_leave(upstream);
}
