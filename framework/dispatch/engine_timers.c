/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines of connections are looked at lazily. A request only stores its deadline in the slot;
 * the wheel looks at each connection once per shortest time-out and asks what is due now. No
 * deadline that is set later can be due before the next look, so none is ever moved.
 *
 * An expired deadline goes through the claim like an event: a held connection gets the bit and
 * its holder decides.
 */
#include "engine_timers.h"

#include "clock.h"
#include "conn.h"
#include "socket.h"

#include <errno.h>
#include <sys/timerfd.h>

#define WHEEL_TICK_MS 32

/* Claims are made outside the lock; so many at a time. */
#define FIRED_MAX 128

int pl_engine_timers_open(struct pl_engine *engine)
{
    pthread_mutex_init(&engine->timers_lock, NULL);
    pl_timer_wheel_init(&engine->wheel, pl_clock_ms(), WHEEL_TICK_MS);
    pl_timer_heap_init(&engine->heap);
    engine->timer_due_ms = PL_TIMER_NEVER;
    engine->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return engine->timer_fd < 0 ? -errno : 0;
}

void pl_engine_timers_close(struct pl_engine *engine)
{
    pl_timer_heap_deinit(&engine->heap);
    pl_close_fd(&engine->timer_fd);
    pthread_mutex_destroy(&engine->timers_lock);
}

/* An earlier deadline must reach a thread that already waits, so the descriptor is set anew. */
static void set_timer_locked(struct pl_engine *engine, int64_t due_ms)
{
    /* pl_clock_ms() counts from 1; the descriptor's own time of 0 would disarm it. */
    struct itimerspec when = { .it_value = { .tv_sec = (due_ms - 1) / 1000,
                                             .tv_nsec = (due_ms - 1) % 1000 * 1000000 + 1 } };

    engine->timer_due_ms = due_ms;
    if (due_ms == PL_TIMER_NEVER)
        return;
    /* It can only fail with a bad descriptor or time. */
    (void)timerfd_settime(engine->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void hasten_locked(struct pl_engine *engine, int64_t due_ms)
{
    if (due_ms < engine->timer_due_ms)
        set_timer_locked(engine, due_ms);
}

void pl_engine_watch_deadline(struct pl_engine *engine, struct pl_slot *slot)
{
    pthread_mutex_lock(&engine->timers_lock);
    (void)!pl_timers_arm(&engine->wheel.base, &slot->timer, pl_clock_ms() + engine->shortest_ms);
    hasten_locked(engine, pl_timers_next_due(&engine->wheel.base));
    pthread_mutex_unlock(&engine->timers_lock);
}

int pl_engine_arm_timer(struct pl_engine *engine, struct pl_slot *slot, int64_t due_ms)
{
    int err = 0;

    pthread_mutex_lock(&engine->timers_lock);
    pl_timers_cancel(&engine->heap.base, &slot->timer);
    if (due_ms != PL_TIMER_NEVER)
        err = pl_timers_arm(&engine->heap.base, &slot->timer, due_ms);
    if (err == 0)
        hasten_locked(engine, due_ms);
    pthread_mutex_unlock(&engine->timers_lock);
    return err;
}

void pl_engine_cancel_timer(struct pl_engine *engine, struct pl_slot *slot)
{
    bool is_conn = slot->kind == &pl_conn_kind;

    pthread_mutex_lock(&engine->timers_lock);
    pl_timers_cancel(is_conn ? &engine->wheel.base : &engine->heap.base, &slot->timer);
    pthread_mutex_unlock(&engine->timers_lock);
}

static size_t collect_locked(struct pl_engine *engine, int64_t now_ms, uint64_t *tokens)
{
    struct pl_slot_table *table = &engine->face.table;
    struct pl_timer *timer;
    size_t count = 0;

    while (count < FIRED_MAX &&
           (timer = pl_timers_take_expired(&engine->heap.base, now_ms)) != NULL)
        tokens[count++] = timer->token;
    while (count < FIRED_MAX &&
           (timer = pl_timers_take_expired(&engine->wheel.base, now_ms)) != NULL) {
        struct pl_slot *slot = pl_slot_table_at(table, (uint32_t)timer->token);
        int64_t due_ms = atomic_load_explicit(&slot->due_ms, memory_order_relaxed);
        int64_t look_ms = now_ms + engine->shortest_ms;

        if (due_ms <= now_ms)
            tokens[count++] = timer->token;
        else if (due_ms < look_ms)
            look_ms = due_ms;
        (void)!pl_timers_arm(&engine->wheel.base, timer, look_ms);
    }
    return count;
}

void pl_engine_fire_timers(struct pl_engine *engine, struct pl_slot_queue *won)
{
    uint64_t tokens[FIRED_MAX];
    int64_t wheel_due_ms, heap_due_ms;
    size_t count;

    /* Whoever holds the lock arms the descriptor when it is done, so nothing is lost. */
    pthread_mutex_lock(&engine->timers_lock);
    count = collect_locked(engine, pl_clock_ms(), tokens);
    wheel_due_ms = pl_timers_next_due(&engine->wheel.base);
    heap_due_ms = pl_timers_next_due(&engine->heap.base);
    set_timer_locked(engine, wheel_due_ms < heap_due_ms ? wheel_due_ms : heap_due_ms);
    pthread_mutex_unlock(&engine->timers_lock);

    for (size_t i = 0; i < count; i++) {
        struct pl_slot *slot = pl_slot_table_at(&engine->face.table, (uint32_t)tokens[i]);
        uint32_t reasons;

        if (pl_slot_claim(slot, tokens[i], PL_TIMEOUT, &reasons) != PL_CLAIM_WON)
            continue;
        slot->next = (uint8_t)slot->kind->wake(slot, reasons);
        pl_slot_queue_append(won, slot);
    }
}
