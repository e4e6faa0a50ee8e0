/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines that name a token, never a pointer to what they end. Two forms behind one interface:
 *
 *     wheel  hierarchical, coarse, O(1) to arm and to cancel: one deadline per connection
 *     heap   exact to the millisecond, O(log n): timers of the application
 *
 * Both fire never early and in the order of their due times, equal ones in the order of arming.
 * Thread: whoever holds the lock beside the timers.
 */
#ifndef PL_IO_TIMERS_H
#define PL_IO_TIMERS_H

#include "list.h"

#include <paceline/attributes.h>

#include <stdbool.h>
#include <stdint.h>

#define PL_TIMER_NEVER INT64_MAX

struct pl_timers;

/* One deadline; embedded in what it belongs to, whose memory outlives it. */
struct pl_timer {
    union {
        struct pl_link link; /* wheel: its bucket */
        struct {
            uint64_t order;      /* heap: equal due times fire in this order */
            uint64_t heap_index; /* heap: place + 1; 0 while not armed */
        };
    };
    int64_t due_ms;
    uint64_t token; /* whom it names */
};

struct pl_timers_ops {
    int (*arm)(struct pl_timers *timers, struct pl_timer *timer, int64_t due_ms);
    void (*cancel)(struct pl_timers *timers, struct pl_timer *timer);
    int64_t (*next_due)(struct pl_timers *timers);
    struct pl_timer *(*take_expired)(struct pl_timers *timers, int64_t now_ms);
};

struct pl_timers {
    const struct pl_timers_ops *ops;
};

/* Arms a timer that is not armed. Errors: -ENOMEM (heap only). */
PL_MUST_CHECK static inline int pl_timers_arm(struct pl_timers *timers, struct pl_timer *timer,
                                              int64_t due_ms)
{
    return timers->ops->arm(timers, timer, due_ms);
}

/* Does nothing with one that is not armed. */
static inline void pl_timers_cancel(struct pl_timers *timers, struct pl_timer *timer)
{
    timers->ops->cancel(timers, timer);
}

/* When to look again: never later than the earliest deadline that can expire by then; may be
 * earlier. PL_TIMER_NEVER when none is armed. */
static inline int64_t pl_timers_next_due(struct pl_timers *timers)
{
    return timers->ops->next_due(timers);
}

/* The next expired timer, now disarmed, or NULL. */
static inline struct pl_timer *pl_timers_take_expired(struct pl_timers *timers, int64_t now_ms)
{
    return timers->ops->take_expired(timers, now_ms);
}

#define PL_WHEEL_LEVELS  5
#define PL_WHEEL_BUCKETS 64

struct pl_timer_wheel {
    struct pl_timers base;
    int64_t tick_ms;
    int64_t start_ms;
    uint64_t tick;                      /* the last one that was handled */
    uint64_t occupied[PL_WHEEL_LEVELS]; /* a bit per bucket that is not empty */
    struct pl_link buckets[PL_WHEEL_LEVELS][PL_WHEEL_BUCKETS];
    struct pl_link expired;
    struct pl_link beyond; /* behind the last tick the buckets can say, in the order of arming */
};

void pl_timer_wheel_init(struct pl_timer_wheel *wheel, int64_t now_ms, int64_t tick_ms);

struct pl_timer_heap {
    struct pl_timers base;
    struct pl_timer **timers; /* owned array of borrowed timers */
    uint32_t count;
    uint32_t capacity;
    uint64_t orders; /* how many were ever armed */
};

void pl_timer_heap_init(struct pl_timer_heap *heap);
void pl_timer_heap_deinit(struct pl_timer_heap *heap);

#endif
