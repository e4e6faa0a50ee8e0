/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded queue of records of any length from one producer thread to one consumer thread. It
 * never blocks and never allocates after pl_record_ring_init(): a full ring refuses, and the
 * producer counts it.
 */
#ifndef PL_BASE_RECORD_RING_H
#define PL_BASE_RECORD_RING_H

#include <paceline/attributes.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pl_record_ring {
    unsigned char *memory; /* owned; NULL: never initialised */
    uint32_t capacity;     /* in bytes, a power of two */

    /* Released by the producer in pl_record_ring_publish(), acquired by the consumer in
     * pl_record_ring_look(). Both count bytes and run over. */
    _Atomic uint32_t written;
    /* Released by the consumer in pl_record_ring_consume(), acquired by the producer. */
    _Atomic uint32_t read;

    uint32_t reserved_end; /* the producer's: where the reserved record ends */
    uint32_t seen;         /* the consumer's: what pl_record_ring_look() found written */
};

PL_MUST_CHECK int pl_record_ring_init(struct pl_record_ring *ring, uint32_t capacity);
void pl_record_ring_deinit(struct pl_record_ring *ring);

/* Room for a record of `bytes` (at least 1), aligned for a pointer, or NULL when the ring is full.
 * In an empty ring half its capacity has room, wherever it begins. Thread: the producer. */
void *pl_record_ring_reserve(struct pl_record_ring *ring, uint32_t bytes);
/* Hands the reserved record over. Returns how much of the ring is in use, in bytes. Thread: the
 * producer. */
uint32_t pl_record_ring_publish(struct pl_record_ring *ring);

/* Looks at what was written up to now; true if something stands there. Thread: the consumer. */
bool pl_record_ring_look(struct pl_record_ring *ring);
/* The oldest record that the last look found, valid until pl_record_ring_consume(), or NULL. */
void *pl_record_ring_peek(struct pl_record_ring *ring);
void pl_record_ring_consume(struct pl_record_ring *ring);

#endif
