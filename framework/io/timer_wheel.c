/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hierarchical timing wheel (Varghese and Lauck, 1987, scheme 7).
 *
 *     level 0: a bucket per tick        [0 .. 63]
 *     level 1: a bucket per 64 ticks    when the wheel's hand enters a bucket of a higher level,
 *     level 2: a bucket per 4096 ticks  its timers fall to the level below
 *
 * A timer's level is the highest base-64 digit in which its tick differs from the hand. All timers
 * of one tick are therefore always in the same bucket, which keeps the order of arming. Those that
 * differ in a digit above the highest level stand in a list of their own until the hand enters a
 * new round; then all of them are placed again, before any other of that round.
 */
#include "timers.h"

#include "assert.h"

#define DIGIT_BITS 6
#define DIGIT_MASK (PL_WHEEL_BUCKETS - 1)
#define TICKS_MAX  (1ull << (DIGIT_BITS * PL_WHEEL_LEVELS))

static struct pl_timer_wheel *wheel_of(struct pl_timers *timers)
{
    return PL_CONTAINER_OF(timers, struct pl_timer_wheel, base);
}

static uint32_t digit(uint64_t tick, uint32_t level)
{
    return (uint32_t)(tick >> (level * DIGIT_BITS)) & DIGIT_MASK;
}

/* Rounded up, so that nothing fires early. */
static uint64_t tick_of(const struct pl_timer_wheel *wheel, int64_t due_ms)
{
    if (due_ms <= wheel->start_ms)
        return 0;
    return ((uint64_t)(due_ms - wheel->start_ms) + (uint64_t)wheel->tick_ms - 1) /
           (uint64_t)wheel->tick_ms;
}

/* The first tick of the round after the hand's. */
static uint64_t next_round(const struct pl_timer_wheel *wheel)
{
    return (wheel->tick | (TICKS_MAX - 1)) + 1;
}

static void place(struct pl_timer_wheel *wheel, struct pl_timer *timer)
{
    uint64_t tick = tick_of(wheel, timer->due_ms);
    uint32_t level;

    if (tick <= wheel->tick) {
        pl_list_append(&wheel->expired, &timer->link);
        return;
    }
    if (tick >= next_round(wheel)) {
        pl_list_append(&wheel->beyond, &timer->link);
        return;
    }
    level = (63 - (uint32_t)__builtin_clzll(tick ^ wheel->tick)) / DIGIT_BITS;
    PL_ASSERT(level < PL_WHEEL_LEVELS);
    pl_list_append(&wheel->buckets[level][digit(tick, level)], &timer->link);
    wheel->occupied[level] |= 1ull << digit(tick, level);
}

static int arm(struct pl_timers *timers, struct pl_timer *timer, int64_t due_ms)
{
    PL_ASSERT(!pl_link_is_linked(&timer->link));
    timer->due_ms = due_ms;
    place(wheel_of(timers), timer);
    return 0;
}

static void cancel(struct pl_timers *timers, struct pl_timer *timer)
{
    (void)timers;
    /* The bucket's bit stays until the hand comes by: clearing it would need a search. */
    if (pl_link_is_linked(&timer->link))
        pl_list_unlink(&timer->link);
}

/* The first tick after the hand at which something is to be looked at: a bucket, or at level
 * PL_WHEEL_LEVELS what stands beyond them; false when all are empty. */
static bool next_tick(const struct pl_timer_wheel *wheel, uint64_t *ret_tick, uint32_t *ret_level)
{
    for (uint32_t level = 0; level < PL_WHEEL_LEVELS; level++) {
        uint32_t here = digit(wheel->tick, level);
        uint64_t ahead = here == DIGIT_MASK ? 0 : wheel->occupied[level] & (~0ull << (here + 1));

        if (ahead != 0) {
            uint64_t above = wheel->tick >> ((level + 1) * DIGIT_BITS);

            *ret_tick = ((above << DIGIT_BITS) | (uint64_t)__builtin_ctzll(ahead))
                        << (level * DIGIT_BITS);
            *ret_level = level;
            return true;
        }
    }
    *ret_tick = next_round(wheel);
    *ret_level = PL_WHEEL_LEVELS;
    return !pl_list_is_empty(&wheel->beyond);
}

static int64_t next_due(struct pl_timers *timers)
{
    const struct pl_timer_wheel *wheel = PL_CONTAINER_OF(timers, struct pl_timer_wheel, base);
    uint64_t tick;
    uint32_t level;

    if (!pl_list_is_empty(&wheel->expired))
        return wheel->start_ms;
    if (!next_tick(wheel, &tick, &level))
        return PL_TIMER_NEVER;
    return wheel->start_ms + (int64_t)tick * wheel->tick_ms;
}

/* Moves the hand to the tick and places again what was to be looked at there. */
static void advance(struct pl_timer_wheel *wheel, uint64_t tick, uint32_t level)
{
    struct pl_link fallen;

    wheel->tick = tick;
    pl_list_init(&fallen);
    if (level == PL_WHEEL_LEVELS) {
        pl_list_move_all(&fallen, &wheel->beyond);
    } else {
        wheel->occupied[level] &= ~(1ull << digit(tick, level));
        pl_list_move_all(&fallen, &wheel->buckets[level][digit(tick, level)]);
    }
    for (struct pl_link *link; (link = pl_list_take_first(&fallen)) != NULL;)
        place(wheel, PL_CONTAINER_OF(link, struct pl_timer, link));
}

static struct pl_timer *take_expired(struct pl_timers *timers, int64_t now_ms)
{
    struct pl_timer_wheel *wheel = wheel_of(timers);
    uint64_t now_tick =
        now_ms <= wheel->start_ms ? 0 : (uint64_t)((now_ms - wheel->start_ms) / wheel->tick_ms);

    for (;;) {
        struct pl_link *link = pl_list_take_first(&wheel->expired);
        uint64_t tick;
        uint32_t level;

        if (link != NULL)
            return PL_CONTAINER_OF(link, struct pl_timer, link);
        if (!next_tick(wheel, &tick, &level) || tick > now_tick)
            break;
        advance(wheel, tick, level);
    }
    /* Nothing stands between the hand and now, so it may jump; buckets entered on the way were
     * empty, or next_tick() would have named them. */
    if (now_tick > wheel->tick)
        wheel->tick = now_tick;
    return NULL;
}

static const struct pl_timers_ops wheel_ops = {
    .arm = arm, .cancel = cancel, .next_due = next_due, .take_expired = take_expired
};

void pl_timer_wheel_init(struct pl_timer_wheel *wheel, int64_t now_ms, int64_t tick_ms)
{
    wheel->base.ops = &wheel_ops;
    wheel->tick_ms = tick_ms;
    wheel->start_ms = now_ms;
    wheel->tick = 0;
    for (uint32_t level = 0; level < PL_WHEEL_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (uint32_t i = 0; i < PL_WHEEL_BUCKETS; i++)
            pl_list_init(&wheel->buckets[level][i]);
    }
    pl_list_init(&wheel->expired);
    pl_list_init(&wheel->beyond);
}
