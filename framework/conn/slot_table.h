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

#define PL_MAILBOX_LOCKS 64

struct pl_slot_table {
    unsigned char *memory; /* owned mapping of slots_max slots, and behind them: */
    struct pl_peer *peers; /* who is at the other end of each; beside the slots, which are full */
    uint32_t slots_max;

    pthread_mutex_t lock;      /* guards free and used_max */
    struct pl_slot *free;      /* last given first: its memory is warm */
    _Atomic uint32_t used_max; /* slots that were ever used */

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

#endif
