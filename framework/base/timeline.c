/* SPDX-License-Identifier: Apache-2.0 */
#include "timeline.h"

#include "alloc.h"
#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A change is one word: the time, and below it the role. The time has room for 146 years. */
#define ROLE_BITS 2
#define ROLE_MASK ((1u << ROLE_BITS) - 1)
#define ROLE_NONE UINT32_MAX

static struct pl_timeline *new_timeline(const char *name, uint32_t entries)
{
    uint32_t places = entries + 1;
    struct pl_timeline *timeline =
        pl_alloc(sizeof(*timeline) + places * sizeof(timeline->changes[0]));

    if (timeline == NULL)
        return NULL;
    snprintf(timeline->name, sizeof(timeline->name), "%s", name);
    timeline->places = places;
    timeline->role = ROLE_NONE;
    return timeline;
}

int pl_timelines_add(struct pl_timelines *timelines, const char *name, uint32_t entries,
                     struct pl_timeline **ret_timeline)
{
    struct pl_timeline **at = &timelines->first;

    *ret_timeline = NULL;
    if (entries == 0)
        return 0;
    while (*at != NULL)
        at = &(*at)->next;
    *at = new_timeline(name, entries);
    *ret_timeline = *at;
    return *at == NULL ? -ENOMEM : 0;
}

void pl_timelines_free(struct pl_timelines *timelines)
{
    while (timelines->first != NULL) {
        struct pl_timeline *timeline = timelines->first;

        timelines->first = timeline->next;
        pl_free(timeline);
    }
}

/* Both stores release: whoever sees a change overwritten then sees the count that says so. */
void pl_timeline_record(struct pl_timeline *timeline, uint32_t role)
{
    uint64_t written = atomic_load_explicit(&timeline->written, memory_order_relaxed);
    uint64_t change;

    if (role == timeline->role)
        return;
    timeline->role = role;
    change = (uint64_t)pl_clock_ns() << ROLE_BITS | (role & ROLE_MASK);
    atomic_store_explicit(&timeline->changes[timeline->place], change, memory_order_release);
    atomic_store_explicit(&timeline->written, written + 1, memory_order_release);
    timeline->place = timeline->place + 1 == timeline->places ? 0 : timeline->place + 1;
}

/* The oldest change that the writer cannot be overwriting when it has written so many. */
static uint64_t oldest_of(const struct pl_timeline *timeline, uint64_t written)
{
    return written < timeline->places ? 0 : written - timeline->places + 1;
}

uint32_t pl_timeline_read(struct pl_timeline *timeline, struct pl_timeline_change *changes)
{
    uint64_t end = atomic_load_explicit(&timeline->written, memory_order_acquire);
    uint64_t begin = oldest_of(timeline, end), oldest;
    uint32_t dropped;

    for (uint64_t i = begin; i < end; i++) {
        uint64_t change =
            atomic_load_explicit(&timeline->changes[i % timeline->places], memory_order_acquire);

        changes[i - begin].time_ns = (int64_t)(change >> ROLE_BITS);
        changes[i - begin].role = (uint32_t)change & ROLE_MASK;
    }
    oldest = oldest_of(timeline, atomic_load_explicit(&timeline->written, memory_order_acquire));
    if (oldest <= begin)
        return (uint32_t)(end - begin);
    if (oldest >= end)
        return 0;
    dropped = (uint32_t)(oldest - begin);
    memmove(changes, changes + dropped, (size_t)(end - oldest) * sizeof(*changes));
    return (uint32_t)(end - oldest);
}
