/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slot: what a token names and exactly one thread may hold. A connection is one, and so are a
 * listener, a datagram socket, an application's watch and its timer: whatever can be ready goes
 * the same way, through a claim, a turn and a settle.
 *
 *     armed   it belongs to the handle set; nobody runs it
 *     parked  it belongs to the completion it waits for; still watched for a hang-up
 *     held    it belongs to exactly one thread
 */
#ifndef PL_CONN_SLOT_H
#define PL_CONN_SLOT_H

#include "claim.h"
#include "handle_set.h"
#include "timers.h"

#include <paceline/next.h>

struct pl_engine;
struct pl_slot;
struct pl_thread;

/* The stages a thread may run, as a set; a dispatch model is which thread has which. */
enum pl_stages {
    PL_STAGE_ACCEPT = 1 << PL_RUN_ACCEPT,
    PL_STAGE_RECEIVE = 1 << PL_RUN_RECEIVE,
    PL_STAGE_PROCESS = 1 << PL_RUN_PROCESS,
    PL_STAGE_SEND = 1 << PL_RUN_SEND,
    /* Not a stage of its own: after a receive, ask the protocol whether a unit is there before
     * the connection is handed to another thread. */
    PL_STAGE_FRAME = 1 << 8,
    /* With PL_STAGE_FRAME: the queue is full, a unit is answered with the protocol's refusal. */
    PL_STAGE_REFUSE = 1 << 9,
    /* Deadlines and shutdowns are answered by this thread, also when it processes nothing else:
     * they must not wait for workers that are all stuck. */
    PL_STAGE_NOTICES = 1 << 10,
};

#define PL_STAGES_ALL (PL_STAGE_ACCEPT | PL_STAGE_RECEIVE | PL_STAGE_PROCESS | PL_STAGE_SEND)

static inline bool pl_next_is_stage(enum pl_next next)
{
    return next <= PL_RUN_SEND;
}

/* What differs between a connection, a listener and the rest. Thread: the holder. */
struct pl_slot_kind {
    const char *name;
    bool brings_work; /* what it receives is new work, which waits while a queue is full */
    /* Turns the reasons of a won claim into where the turn begins. */
    enum pl_next (*wake)(struct pl_slot *slot, uint32_t reasons);
    /* Runs stages as long as `stages` has the next one; returns what it cannot run itself. */
    enum pl_next (*run)(struct pl_slot *slot, uint32_t stages);
    /* Ends it: after this the slot is free for somebody else. */
    void (*close)(struct pl_slot *slot);
    /* For PL_LEND; NULL where no turn returns it. */
    void (*lend)(struct pl_slot *slot);
    /* Its next turn is short and waits for nobody: the thread that found it runs it at once, in
     * every model, so that it needs none of those that may all be blocked. NULL: no turn is. */
    bool (*is_brief)(const struct pl_slot *slot);
    /* The engine it belongs to, NULL: the one it is in; and its number when an engine deals its
     * slots out to several handle sets, the slot's own index if that is left as it is. NULL: both
     * so. */
    struct pl_engine *(*home)(struct pl_slot *slot, uint32_t *number);
};

struct pl_slot {
    /* Any thread. Released by pl_settle(), acquired by pl_slot_claim(). */
    _Atomic uint64_t claim;
    /* Any thread: when the wheel should look; written by the holder at settle, read by whoever
     * fires the timers. */
    _Atomic int64_t due_ms;
    /* Never changes, so that whoever comes too late may read it. */
    uint32_t index;

    /* Holder only. Where it is armed, and the table's placement that this follows. */
    uint16_t shard; /* number of the engine's handle set */
    uint16_t placement;
    struct pl_engine *engine; /* borrowed */
    const struct pl_arming *arming;

    /* Written when it is opened, then read by whoever holds it. */
    const struct pl_slot_kind *kind;

    /* Holder only. */
    uint8_t next;            /* enum pl_next: where the next turn begins */
    uint8_t waits;           /* what the settle waits for */
    uint8_t queued;          /* stands in a ready ring */
    bool is_unwatched : 1;   /* has no descriptor to arm */
    bool is_lent : 1;        /* held by a thread of the application, out of the handle set */
    bool is_cut : 1;         /* has had its share and has not waited since: others go first */
    bool was_queued : 1;     /* to a worker, since it waited last */
    bool has_own_arming : 1; /* its kind's, not the engine's */
    uint32_t queued_us;      /* when it entered the ring: the clock's low bits; 0: it did not */
    struct pl_handle handle;
    struct pl_thread *thread;   /* borrowed: who runs it now */
    struct pl_slot *ready_next; /* link in a ready ring, a queue or the list of free slots */

    /* Guarded by the timers_lock of its shard. */
    struct pl_timer timer;
};

/* A slot's memory; a connection's record is the largest and bounds them all. */
#define PL_SLOT_BYTES 256

static inline uint64_t pl_token_of(uint32_t index, uint32_t generation)
{
    return (uint64_t)generation << 32 | index;
}

/* An intrusive queue of held slots; each stands in at most one. */
struct pl_slot_queue {
    struct pl_slot *first;
    struct pl_slot *last;
    uint32_t count;
};

static inline void pl_slot_queue_append(struct pl_slot_queue *queue, struct pl_slot *slot)
{
    slot->ready_next = NULL;
    if (queue->first == NULL)
        queue->first = slot;
    else
        queue->last->ready_next = slot;
    queue->last = slot;
    queue->count++;
}

static inline struct pl_slot *pl_slot_queue_take(struct pl_slot_queue *queue)
{
    struct pl_slot *slot = queue->first;

    if (slot != NULL) {
        queue->first = slot->ready_next;
        queue->count--;
        slot->ready_next = NULL;
    }
    return slot;
}

/* Moves all of `from` to the tail of `to`. */
static inline void pl_slot_queue_move_all(struct pl_slot_queue *to, struct pl_slot_queue *from)
{
    if (from->first == NULL)
        return;
    if (to->first == NULL)
        to->first = from->first;
    else
        to->last->ready_next = from->first;
    to->last = from->last;
    to->count += from->count;
    *from = (struct pl_slot_queue){ .first = NULL };
}

#endif
