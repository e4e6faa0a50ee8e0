/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a thread changed its role: a bounded ring per thread that its own thread writes and any
 * thread reads, without a lock. The newest overwrite the oldest.
 *
 * Invariant: what is read is in the order of time. A reader that was overtaken while it copied
 * drops what the writer may have touched meanwhile.
 */
#ifndef PL_BASE_TIMELINE_H
#define PL_BASE_TIMELINE_H

#include <paceline/attributes.h>

#include <stdatomic.h>
#include <stdint.h>

#define PL_TIMELINE_NAME_BYTES 16

struct pl_timeline {
    /* Written in setup, then read by any thread. */
    char name[PL_TIMELINE_NAME_BYTES];
    struct pl_timeline *next; /* owned by the list; NULL: the last */
    uint32_t places;          /* of `changes`; one more than is read: it may be in the writing */

    /* Its own thread only. */
    uint32_t place; /* where the next change goes: `written` modulo `places` */
    uint32_t role;  /* the last one that was written */

    /* Released by its own thread after the change, acquired by readers before and after copying. */
    _Atomic uint64_t written;
    _Atomic uint64_t changes[]; /* one word each, so that none is ever torn; see timeline.c */
};

/* One change as it is read. */
struct pl_timeline_change {
    int64_t time_ns; /* of pl_clock_ns() */
    uint32_t role;
};

/* The threads of one engine, in the order of their preparation. */
struct pl_timelines {
    struct pl_timeline *first; /* owned */
};

/*
 * Adds a ring for the thread `name`, with room for `entries` changes. 0 entries: none,
 * *ret_timeline is NULL, and nothing is allocated.
 *
 * Owner:  the list, until pl_timelines_free(). Thread: control.
 * Errors: -ENOMEM.
 */
PL_MUST_CHECK int pl_timelines_add(struct pl_timelines *timelines, const char *name,
                                   uint32_t entries, struct pl_timeline **ret_timeline);
/* Fine on a zeroed list. Thread: setup. */
void pl_timelines_free(struct pl_timelines *timelines);

/* Records the role from now on, unless it is the last one recorded. Thread: the ring's own. */
void pl_timeline_record(struct pl_timeline *timeline, uint32_t role);

/* How many changes pl_timeline_read() may return. Thread: any. */
static inline uint32_t pl_timeline_entries(const struct pl_timeline *timeline)
{
    return timeline->places - 1;
}

/* Copies the newest changes, oldest first, into room for pl_timeline_entries(); returns how many.
 * Thread: any. */
uint32_t pl_timeline_read(struct pl_timeline *timeline, struct pl_timeline_change *changes);

#endif
