/* SPDX-License-Identifier: Apache-2.0 */
/* A binary min-heap of borrowed timers, ordered by due time, then by the order of arming. */
#include "timers.h"

#include "alloc.h"

#include <errno.h>
#include <string.h>

static struct pl_timer_heap *heap_of(struct pl_timers *timers)
{
    return PL_CONTAINER_OF(timers, struct pl_timer_heap, base);
}

static bool is_before(const struct pl_timer *left, const struct pl_timer *right)
{
    return left->due_ms != right->due_ms ? left->due_ms < right->due_ms
                                         : left->order < right->order;
}

static void put(struct pl_timer_heap *heap, uint32_t place, struct pl_timer *timer)
{
    heap->timers[place] = timer;
    timer->heap_index = (uint64_t)place + 1;
}

static void sift_up(struct pl_timer_heap *heap, uint32_t place, struct pl_timer *timer)
{
    while (place > 0) {
        uint32_t parent = (place - 1) / 2;

        if (!is_before(timer, heap->timers[parent]))
            break;
        put(heap, place, heap->timers[parent]);
        place = parent;
    }
    put(heap, place, timer);
}

static void sift_down(struct pl_timer_heap *heap, uint32_t place, struct pl_timer *timer)
{
    for (;;) {
        uint32_t child = 2 * place + 1;

        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && is_before(heap->timers[child + 1], heap->timers[child]))
            child++;
        if (!is_before(heap->timers[child], timer))
            break;
        put(heap, place, heap->timers[child]);
        place = child;
    }
    put(heap, place, timer);
}

static int grow(struct pl_timer_heap *heap)
{
    uint32_t capacity = heap->capacity == 0 ? 16 : heap->capacity * 2;
    struct pl_timer **timers = pl_alloc(capacity * sizeof(*timers));

    if (timers == NULL)
        return -ENOMEM;
    if (heap->count > 0)
        memcpy(timers, heap->timers, heap->count * sizeof(*timers));
    pl_free(heap->timers);
    heap->timers = timers;
    heap->capacity = capacity;
    return 0;
}

static int arm(struct pl_timers *timers, struct pl_timer *timer, int64_t due_ms)
{
    struct pl_timer_heap *heap = heap_of(timers);

    if (heap->count == heap->capacity) {
        int err = grow(heap);

        if (err < 0)
            return err;
    }
    timer->due_ms = due_ms;
    timer->order = heap->orders++;
    sift_up(heap, heap->count++, timer);
    return 0;
}

static void cancel(struct pl_timers *timers, struct pl_timer *timer)
{
    struct pl_timer_heap *heap = heap_of(timers);
    uint32_t place;
    struct pl_timer *last;

    if (timer->heap_index == 0)
        return;
    place = (uint32_t)timer->heap_index - 1;
    timer->heap_index = 0;
    last = heap->timers[--heap->count];
    if (last == timer)
        return;
    if (place > 0 && is_before(last, heap->timers[(place - 1) / 2]))
        sift_up(heap, place, last);
    else
        sift_down(heap, place, last);
}

static int64_t next_due(struct pl_timers *timers)
{
    const struct pl_timer_heap *heap = PL_CONTAINER_OF(timers, struct pl_timer_heap, base);

    return heap->count == 0 ? PL_TIMER_NEVER : heap->timers[0]->due_ms;
}

static struct pl_timer *take_expired(struct pl_timers *timers, int64_t now_ms)
{
    struct pl_timer_heap *heap = heap_of(timers);
    struct pl_timer *first;

    if (heap->count == 0 || heap->timers[0]->due_ms > now_ms)
        return NULL;
    first = heap->timers[0];
    cancel(timers, first);
    return first;
}

static const struct pl_timers_ops heap_ops = {
    .arm = arm, .cancel = cancel, .next_due = next_due, .take_expired = take_expired
};

void pl_timer_heap_init(struct pl_timer_heap *heap)
{
    memset(heap, 0, sizeof(*heap));
    heap->base.ops = &heap_ops;
}

void pl_timer_heap_deinit(struct pl_timer_heap *heap)
{
    pl_free(heap->timers);
    heap->timers = NULL;
    heap->count = 0;
    heap->capacity = 0;
}
