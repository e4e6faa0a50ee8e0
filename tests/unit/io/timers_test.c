/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wheel and heap against a sorted list: random arming, cancelling and advancing from fixed seeds.
 *
 * The list knows when each timer may fire: the heap at its due time, the wheel at that time rounded
 * up to the tick, a timer that is late when it is armed at the hand.
 */
#include "timers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define TIMERS_MAX 200
#define HORIZON    (1ll << 30) /* ticks: five digits of six bits */

struct expected {
    bool is_armed;
    int64_t fires_ms; /* not before */
    uint64_t order;
};

struct subject {
    struct pl_timers *timers;
    struct pl_timer timer[TIMERS_MAX];
    struct expected expected[TIMERS_MAX];
    uint64_t orders;
    int64_t tick_ms; /* 0: exact */
    int64_t start_ms;
    uint64_t fired;
    const char *name;
};

struct fixture {
    struct pl_timer_wheel wheel;
    struct pl_timer_heap heap;
    struct subject subjects[2];
    int64_t now_ms;
    uint64_t random;
};

static struct fixture fixture;

static uint64_t next_random(struct fixture *f)
{
    f->random ^= f->random << 13;
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return f->random;
}

static int64_t below(struct fixture *f, int64_t bound)
{
    return (int64_t)(next_random(f) % (uint64_t)bound);
}

/* Spread over the magnitudes, so that every level of the wheel is met. */
static int64_t distance(struct fixture *f, int64_t tick_ms)
{
    static const int64_t ticks[] = {
        2, 64, 70, 4096, 5000, 1 << 18, 1 << 24, HORIZON, 2 * HORIZON
    };
    int64_t bound = ticks[below(f, sizeof(ticks) / sizeof(ticks[0]))] * tick_ms;

    return below(f, bound + 1);
}

static int64_t when_it_fires(const struct subject *s, int64_t due_ms, int64_t now_ms)
{
    int64_t ticks, hand;

    if (s->tick_ms == 0)
        return due_ms;
    ticks = due_ms <= s->start_ms ? 0 : (due_ms - s->start_ms + s->tick_ms - 1) / s->tick_ms;
    hand = (now_ms - s->start_ms) / s->tick_ms;
    return s->start_ms + (ticks > hand ? ticks : hand) * s->tick_ms;
}

static void arm(struct subject *s, size_t i, int64_t due_ms, int64_t now_ms)
{
    assert_int_equal(pl_timers_arm(s->timers, &s->timer[i], due_ms), 0);
    s->expected[i] = (struct expected){ .is_armed = true,
                                        .fires_ms = when_it_fires(s, due_ms, now_ms),
                                        .order = s->orders++ };
}

static bool is_before(const struct expected *left, const struct expected *right)
{
    return left->fires_ms != right->fires_ms ? left->fires_ms < right->fires_ms
                                             : left->order < right->order;
}

/* The first of the list, or TIMERS_MAX. */
static size_t first_of(const struct subject *s)
{
    size_t first = TIMERS_MAX;

    for (size_t i = 0; i < TIMERS_MAX; i++)
        if (s->expected[i].is_armed &&
            (first == TIMERS_MAX || is_before(&s->expected[i], &s->expected[first])))
            first = i;
    return first;
}

static void check_next_due(struct fixture *f, struct subject *s)
{
    size_t first = first_of(s);
    int64_t next_ms = pl_timers_next_due(s->timers);

    if (first < TIMERS_MAX && next_ms > s->expected[first].fires_ms)
        fail_msg("%s: next look at %lld, a timer fires at %lld", s->name, (long long)next_ms,
                 (long long)s->expected[first].fires_ms);
    if (first < TIMERS_MAX && s->expected[first].fires_ms > f->now_ms && next_ms <= f->now_ms)
        fail_msg("%s: at %lld the next look is at %lld: a loop would spin", s->name,
                 (long long)f->now_ms, (long long)next_ms);
}

static void drain(struct fixture *f, struct subject *s, bool may_rearm)
{
    for (;;) {
        struct pl_timer *timer = pl_timers_take_expired(s->timers, f->now_ms);
        size_t first = first_of(s);
        bool is_due = first < TIMERS_MAX && s->expected[first].fires_ms <= f->now_ms;

        if (timer == NULL) {
            if (is_due)
                fail_msg("%s: at %lld the timer of %lld was not given", s->name,
                         (long long)f->now_ms, (long long)s->expected[first].fires_ms);
            return;
        }
        if (timer->due_ms > f->now_ms)
            fail_msg("%s: fired %lld ms early", s->name, (long long)(timer->due_ms - f->now_ms));
        if (!is_due || timer != &s->timer[first])
            fail_msg("%s: at %lld timer %zd (due %lld) came, timer %zu was first", s->name,
                     (long long)f->now_ms, timer - s->timer, (long long)timer->due_ms, first);
        s->expected[first].is_armed = false;
        s->fired++;
        /* As the engine does: a look that finds nothing due is armed again at once. */
        if (may_rearm && first % 4 == 0)
            arm(s, first, f->now_ms + 1 + (int64_t)(first * 37), f->now_ms);
    }
}

static void check_all(struct fixture *f, bool may_rearm)
{
    for (size_t k = 0; k < 2; k++) {
        drain(f, &f->subjects[k], may_rearm);
        check_next_due(f, &f->subjects[k]);
    }
}

static void cancel_all(struct fixture *f)
{
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < TIMERS_MAX; i++) {
            pl_timers_cancel(f->subjects[k].timers, &f->subjects[k].timer[i]);
            f->subjects[k].expected[i].is_armed = false;
        }
}

static void step(struct fixture *f, int64_t tick_ms)
{
    size_t i = (size_t)below(f, TIMERS_MAX);
    int64_t choice = below(f, 10);
    int64_t due_ms = f->now_ms + distance(f, tick_ms) - (choice == 0 ? 3 * tick_ms : 0);

    if (choice >= 8) {
        f->now_ms += choice == 9 ? below(f, 3 * tick_ms) : distance(f, tick_ms);
        check_all(f, true);
        return;
    }
    for (size_t k = 0; k < 2; k++) {
        struct subject *s = &f->subjects[k];
        bool was_armed = s->expected[i].is_armed;

        if (was_armed || choice == 7) { /* also one that is not armed: does nothing */
            pl_timers_cancel(s->timers, &s->timer[i]);
            s->expected[i].is_armed = false;
        }
        if (choice < 7)
            arm(s, i, due_ms, f->now_ms);
        check_next_due(f, s);
    }
}

static void begin(struct fixture *f, int64_t tick_ms, int64_t start_ms, uint64_t seed)
{
    memset(f, 0, sizeof(*f));
    pl_timer_wheel_init(&f->wheel, start_ms, tick_ms);
    pl_timer_heap_init(&f->heap);
    f->now_ms = start_ms;
    f->random = seed * 0x9e3779b97f4a7c15ull;
    f->subjects[0] = (struct subject){
        .timers = &f->wheel.base, .tick_ms = tick_ms, .start_ms = start_ms, .name = "wheel"
    };
    f->subjects[1] = (struct subject){ .timers = &f->heap.base, .name = "heap" };
}

static void end(struct fixture *f)
{
    cancel_all(f);
    pl_timer_heap_deinit(&f->heap);
}

static void wheel_and_heap_agree_with_a_sorted_list(void **state)
{
    static const int64_t ticks_ms[] = { 1, 3, 32, 1000 };
    static const int64_t starts_ms[] = { 1, 123456789, 77 };

    (void)state;
    for (size_t t = 0; t < sizeof(ticks_ms) / sizeof(ticks_ms[0]); t++)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            begin(&fixture, ticks_ms[t], starts_ms[seed - 1], seed);
            for (int i = 0; i < 4000; i++)
                step(&fixture, ticks_ms[t]);
            /* Nothing is lost: behind every deadline all of them have come. */
            for (int i = 0; i < 4; i++) {
                fixture.now_ms += HORIZON * ticks_ms[t];
                check_all(&fixture, false);
            }
            assert_int_equal(first_of(&fixture.subjects[0]), TIMERS_MAX);
            assert_int_equal(first_of(&fixture.subjects[1]), TIMERS_MAX);
            assert_true(fixture.subjects[0].fired > 500);
            assert_true(fixture.subjects[1].fired > 500);
            end(&fixture);
        }
}

/* One tick before, at and behind the end of what the digits can say. */
static void the_horizon_keeps_order_and_time(void **state)
{
    static const int64_t ticks_ms[] = { 1, 32 };

    (void)state;
    for (size_t t = 0; t < 2; t++)
        for (int64_t near = -2; near <= 1; near++) {
            int64_t tick_ms = ticks_ms[t];

            begin(&fixture, tick_ms, 5, 1);
            for (size_t i = 0; i < 6; i++)
                for (size_t k = 0; k < 2; k++)
                    arm(&fixture.subjects[k], i, 5 + (HORIZON + 2 - (int64_t)i) * tick_ms,
                        fixture.now_ms);
            fixture.now_ms = 5 + (HORIZON + near) * tick_ms;
            check_all(&fixture, false);
            /* Armed while the hand stands at the horizon: two equal ones and a late one. */
            for (size_t i = 10; i < 13; i++)
                for (size_t k = 0; k < 2; k++)
                    arm(&fixture.subjects[k], i,
                        i < 12 ? fixture.now_ms + 3 * tick_ms : fixture.now_ms - tick_ms,
                        fixture.now_ms);
            check_all(&fixture, false);
            for (int i = 0; i < 6; i++) {
                fixture.now_ms += tick_ms;
                check_all(&fixture, false);
            }
            assert_int_equal(first_of(&fixture.subjects[0]), TIMERS_MAX);
            end(&fixture);
        }
}

static void never_when_nothing_is_armed(void **state)
{
    (void)state;
    begin(&fixture, 32, 1000, 1);
    for (size_t k = 0; k < 2; k++)
        assert_int_equal(pl_timers_next_due(fixture.subjects[k].timers), PL_TIMER_NEVER);
    for (size_t k = 0; k < 2; k++)
        assert_null(pl_timers_take_expired(fixture.subjects[k].timers, INT64_MAX / 4));
    end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_when_nothing_is_armed),
        cmocka_unit_test(wheel_and_heap_agree_with_a_sorted_list),
        cmocka_unit_test(the_horizon_keeps_order_and_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
