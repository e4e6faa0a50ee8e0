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

int pl_shard_timers_open(struct pl_shard *shard)
{
    pthread_mutex_init(&shard->timers_lock, NULL);
    pl_timer_wheel_init(&shard->wheel, pl_clock_ms(), WHEEL_TICK_MS);
    pl_timer_heap_init(&shard->heap);
    shard->timer_due_ms = PL_TIMER_NEVER;
    shard->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return shard->timer_fd < 0 ? -errno : 0;
}

void pl_shard_timers_close(struct pl_shard *shard)
{
    pl_timer_heap_deinit(&shard->heap);
    pl_close_fd(&shard->timer_fd);
    pthread_mutex_destroy(&shard->timers_lock);
}

/* An earlier deadline must reach a thread that already waits, so the descriptor is set anew. */
static void set_timer_locked(struct pl_shard *shard, int64_t due_ms)
{
    /* pl_clock_ms() counts from 1; the descriptor's own time of 0 would disarm it. */
    struct itimerspec when = { .it_value = { .tv_sec = (due_ms - 1) / 1000,
                                             .tv_nsec = (due_ms - 1) % 1000 * 1000000 + 1 } };

    shard->timer_due_ms = due_ms;
    if (due_ms == PL_TIMER_NEVER)
        return;
    /* It can only fail with a bad descriptor or time. */
    (void)timerfd_settime(shard->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void hasten_locked(struct pl_shard *shard, int64_t due_ms)
{
    if (due_ms < shard->timer_due_ms)
        set_timer_locked(shard, due_ms);
}

static int64_t look_ms(struct pl_engine *engine, const struct pl_slot *slot, int64_t now_ms)
{
    int64_t due_ms = atomic_load_explicit(&slot->due_ms, memory_order_relaxed);
    int64_t later_ms = now_ms + atomic_load_explicit(&engine->shortest_ms, memory_order_relaxed);

    return due_ms < later_ms ? due_ms : later_ms;
}

void pl_engine_watch_deadline(struct pl_slot *slot)
{
    struct pl_shard *shard = pl_engine_shard_of(slot);

    pthread_mutex_lock(&shard->timers_lock);
    (void)!pl_timers_arm(&shard->wheel.base, &slot->timer,
                         look_ms(slot->engine, slot, pl_clock_ms()));
    hasten_locked(shard, pl_timers_next_due(&shard->wheel.base));
    pthread_mutex_unlock(&shard->timers_lock);
}

int pl_engine_arm_timer(struct pl_slot *slot, int64_t due_ms)
{
    struct pl_shard *shard = pl_engine_shard_of(slot);
    int err = 0;

    pthread_mutex_lock(&shard->timers_lock);
    pl_timers_cancel(&shard->heap.base, &slot->timer);
    if (due_ms != PL_TIMER_NEVER)
        err = pl_timers_arm(&shard->heap.base, &slot->timer, due_ms);
    if (err == 0)
        hasten_locked(shard, due_ms);
    pthread_mutex_unlock(&shard->timers_lock);
    return err;
}

int64_t pl_engine_cancel_timer(struct pl_slot *slot)
{
    struct pl_shard *shard = pl_engine_shard_of(slot);
    bool is_conn = slot->kind == &pl_conn_kind;
    int64_t due_ms = PL_TIMER_NEVER;

    pthread_mutex_lock(&shard->timers_lock);
    if (!is_conn && slot->timer.heap_index != 0)
        due_ms = slot->timer.due_ms;
    pl_timers_cancel(is_conn ? &shard->wheel.base : &shard->heap.base, &slot->timer);
    pthread_mutex_unlock(&shard->timers_lock);
    return due_ms;
}

void pl_engine_set_timer_again(struct pl_slot *slot, int64_t due_ms)
{
    uint32_t reasons;

    if (slot->kind == &pl_conn_kind)
        pl_engine_watch_deadline(slot);
    /* Without memory for it the deadline passes now: its holder's release meets that. */
    else if (due_ms != PL_TIMER_NEVER && pl_engine_arm_timer(slot, due_ms) < 0)
        (void)pl_slot_claim(slot, slot->handle.token, PL_TIMEOUT, &reasons);
}

static size_t collect_locked(struct pl_shard *shard, int64_t now_ms, uint64_t *tokens)
{
    struct pl_slot_table *table = shard->engine->face.table;
    struct pl_timer *timer;
    size_t count = 0;

    while (count < FIRED_MAX && (timer = pl_timers_take_expired(&shard->heap.base, now_ms)) != NULL)
        tokens[count++] = timer->token;
    while (count < FIRED_MAX &&
           (timer = pl_timers_take_expired(&shard->wheel.base, now_ms)) != NULL) {
        struct pl_slot *slot = pl_slot_table_at(table, (uint32_t)timer->token);
        int64_t due_ms = atomic_load_explicit(&slot->due_ms, memory_order_relaxed);
        int64_t next_ms = look_ms(shard->engine, slot, now_ms);

        if (due_ms <= now_ms) {
            tokens[count++] = timer->token;
            next_ms =
                now_ms + atomic_load_explicit(&shard->engine->shortest_ms, memory_order_relaxed);
        }
        (void)!pl_timers_arm(&shard->wheel.base, timer, next_ms);
    }
    return count;
}

void pl_shard_fire_timers(struct pl_shard *shard, struct pl_thread *thread,
                          struct pl_slot_queue *won)
{
    uint64_t tokens[FIRED_MAX];
    int64_t wheel_due_ms, heap_due_ms;
    size_t count;

    /* Whoever holds the lock arms the descriptor when it is done, so nothing is lost. */
    pthread_mutex_lock(&shard->timers_lock);
    count = collect_locked(shard, pl_clock_ms(), tokens);
    wheel_due_ms = pl_timers_next_due(&shard->wheel.base);
    heap_due_ms = pl_timers_next_due(&shard->heap.base);
    set_timer_locked(shard, wheel_due_ms < heap_due_ms ? wheel_due_ms : heap_due_ms);
    pthread_mutex_unlock(&shard->timers_lock);

    for (size_t i = 0; i < count; i++) {
        struct pl_slot *slot = pl_slot_table_at(shard->engine->face.table, (uint32_t)tokens[i]);
        uint32_t reasons;

        if (pl_slot_claim(slot, tokens[i], PL_TIMEOUT, &reasons) == PL_CLAIM_WON)
            pl_engine_found(thread, slot, reasons, won);
    }
}
