/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded queue of fixed-size elements from one producer thread to one consumer thread. It never
 * blocks and never allocates after pl_ring_init(): a full ring refuses, and the producer counts it.
 */
#ifndef PL_BASE_RING_H
#define PL_BASE_RING_H

#include <paceline/attributes.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pl_ring {
    unsigned char *elements; /* owned */
    size_t element_bytes;
    uint32_t capacity; /* a power of two */

    /* Released by the producer in pl_ring_publish(), acquired by the consumer. */
    _Atomic uint32_t written;
    /* Released by the consumer in pl_ring_consume(), acquired by the producer. */
    _Atomic uint32_t read;
};

PL_MUST_CHECK int pl_ring_init(struct pl_ring *ring, uint32_t capacity, size_t element_bytes);
void pl_ring_deinit(struct pl_ring *ring);

/* The element to fill, or NULL when the ring is full. Thread: the producer. */
void *pl_ring_reserve(struct pl_ring *ring);
/* Hands the reserved element over. Thread: the producer. */
void pl_ring_publish(struct pl_ring *ring);

/* The oldest element, valid until pl_ring_consume(), or NULL. Thread: the consumer. */
void *pl_ring_peek(struct pl_ring *ring);
void pl_ring_consume(struct pl_ring *ring);

#endif
