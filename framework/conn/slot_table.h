/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of slots: token → slot. All engines of a server share it, so that a slot can go from
 * one to another and its token stays good. Its memory is reserved once, touched as it fills, and
 * not unmapped before every thread has gone, so that a late event or post may always look.
 */
#ifndef PL_CONN_SLOT_TABLE_H
#define PL_CONN_SLOT_TABLE_H

#include "address.h"
#include "slot.h"

#include <paceline/attributes.h>

#include <pthread.h>

struct pl_service;

#define PL_MAILBOX_LOCKS 64

/*
 * What is known of a client's connection without holding it, for whoever looks at a running server.
 * The holder writes, each value with a release that a reader's acquire meets: a reader who finds
 * the claim's generation unchanged behind its reads has read of one connection alone.
 */
struct pl_ledger {
    _Atomic uint64_t received, sent;       /* bytes */
    _Atomic uint64_t opened;               /* when, and its descriptor; see pl_ledger_open() */
    _Atomic(const struct pl_service *) of; /* NULL: no client's connection is in the slot */
};

/* Two stand in a cache line, and none in two. */
_Static_assert(sizeof(struct pl_ledger) == 32, "half a cache line");

#define PL_LEDGER_FD_BITS 24

struct pl_slot_table {
    unsigned char *memory;     /* owned mapping of slots_max slots, and behind them: */
    struct pl_ledger *ledgers; /* one for each slot; beside the slots, which are full */
    struct pl_peer *peers; /* who is at the other end of each; beside the slots, which are full */
    uint32_t slots_max;

    pthread_mutex_t lock;      /* guards free and used_max */
    struct pl_slot *free;      /* last given first: its memory is warm */
    _Atomic uint32_t used_max; /* slots that were ever used */

    _Atomic uint32_t slots_open; /* those with a guest, acceptors among them */

    _Atomic uint64_t posts_stale; /* items refused because their connection had gone */

    /* Counts the changes of where slots belong; goes round. Whoever holds a slot that follows an
     * older one brings it home before it lets go of it or hands it on; see engine_home.c. Released
     * by the swap after all that it says has changed, acquired by holders. */
    _Atomic uint16_t placement;

    /* Guards the mailboxes of the connections whose index ends in this number; see
     * conn_mailbox.c. */
    pthread_mutex_t mailbox_locks[PL_MAILBOX_LOCKS];
};

PL_MUST_CHECK int pl_slot_table_open(struct pl_slot_table *table, uint32_t slots_max);
void pl_slot_table_close(struct pl_slot_table *table);

/* A free slot, zeroed but for its claim word and index, now held by the caller; NULL when all are
 * taken. Thread: any. */
PL_MUST_CHECK struct pl_slot *pl_slot_table_take(struct pl_slot_table *table);
/* Back to the free ones; its generation has ended. Thread: the holder. */
void pl_slot_table_give(struct pl_slot_table *table, struct pl_slot *slot);

/* The slot of a token, whatever its generation now; NULL for a number outside. Thread: any. */
struct pl_slot *pl_slot_table_at(struct pl_slot_table *table, uint32_t index);

/* Who is at the other end of a slot's connection; whoever makes one of it says so. Thread: the
 * holder. */
static inline struct pl_peer *pl_slot_table_peer(struct pl_slot_table *table,
                                                 const struct pl_slot *slot)
{
    return &table->peers[slot->index];
}

/* What others may know of a slot's connection. Thread: any. */
static inline struct pl_ledger *pl_slot_table_ledger(struct pl_slot_table *table,
                                                     const struct pl_slot *slot)
{
    return &table->ledgers[slot->index];
}

/* A client's connection begins: `now_ms` on the clock, of `service`. Thread: the holder. */
static inline void pl_ledger_open(struct pl_ledger *ledger, const struct pl_service *service,
                                  int64_t now_ms, int fd)
{
    atomic_store_explicit(&ledger->received, 0, memory_order_release);
    atomic_store_explicit(&ledger->sent, 0, memory_order_release);
    atomic_store_explicit(&ledger->opened,
                          (uint64_t)now_ms << PL_LEDGER_FD_BITS |
                              ((uint32_t)fd & ((1u << PL_LEDGER_FD_BITS) - 1)),
                          memory_order_release);
    atomic_store_explicit(&ledger->of, service, memory_order_release);
}

/* It ends, before its generation does. Thread: the holder. */
static inline void pl_ledger_close(struct pl_ledger *ledger)
{
    atomic_store_explicit(&ledger->of, NULL, memory_order_release);
}

/* Counts bytes. Thread: the holder. */
static inline void pl_ledger_add(_Atomic uint64_t *bytes, size_t count)
{
    uint64_t old = atomic_load_explicit(bytes, memory_order_relaxed);

    atomic_store_explicit(bytes, old + count, memory_order_release);
}

#endif
