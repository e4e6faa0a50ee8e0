/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each record stands in one piece behind the word that says how far it goes. One that does not fit
 * before the end of the memory begins anew at its beginning, and the rest is marked as skipped.
 */
#include "record_ring.h"

#include "alloc.h"
#include "assert.h"

#include <errno.h>

struct record {
    uint32_t bytes;      /* of the whole record; all are multiples of its alignment */
    uint32_t is_skipped; /* a whole word, so that data is aligned */
    unsigned char data[];
};

_Static_assert(offsetof(struct record, data) == 8, "data is aligned for a pointer");

int pl_record_ring_init(struct pl_record_ring *ring, uint32_t capacity)
{
    PL_ASSERT(capacity >= 64 && (capacity & (capacity - 1)) == 0);

    ring->memory = pl_alloc(capacity);
    if (ring->memory == NULL)
        return -ENOMEM;
    ring->capacity = capacity;
    ring->reserved_end = ring->seen = 0;
    atomic_init(&ring->written, 0);
    atomic_init(&ring->read, 0);
    return 0;
}

void pl_record_ring_deinit(struct pl_record_ring *ring)
{
    pl_free(ring->memory);
    ring->memory = NULL;
}

static struct record *record_at(struct pl_record_ring *ring, uint32_t place)
{
    return (struct record *)(void *)(ring->memory + (place & (ring->capacity - 1)));
}

void *pl_record_ring_reserve(struct pl_record_ring *ring, uint32_t bytes)
{
    uint32_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);
    uint32_t room =
        ring->capacity - (written - atomic_load_explicit(&ring->read, memory_order_acquire));
    uint32_t to_end = ring->capacity - (written & (ring->capacity - 1));
    uint32_t needed, skipped;
    struct record *record;

    if (bytes > ring->capacity - sizeof(*record))
        return NULL;
    needed = ((uint32_t)sizeof(*record) + bytes + 7) & ~7u;
    skipped = needed > to_end ? to_end : 0;
    if (needed > room || skipped > room - needed)
        return NULL;
    if (skipped > 0) {
        record = record_at(ring, written);
        *record = (struct record){ .bytes = skipped, .is_skipped = true };
    }
    record = record_at(ring, written + skipped);
    record->bytes = needed;
    record->is_skipped = false;
    ring->reserved_end = written + skipped + needed;
    return record->data;
}

uint32_t pl_record_ring_publish(struct pl_record_ring *ring)
{
    atomic_store_explicit(&ring->written, ring->reserved_end, memory_order_release);
    return ring->reserved_end - atomic_load_explicit(&ring->read, memory_order_relaxed);
}

bool pl_record_ring_look(struct pl_record_ring *ring)
{
    ring->seen = atomic_load_explicit(&ring->written, memory_order_acquire);
    return ring->seen != atomic_load_explicit(&ring->read, memory_order_relaxed);
}

void *pl_record_ring_peek(struct pl_record_ring *ring)
{
    uint32_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
    struct record *record;

    if (read == ring->seen)
        return NULL;
    record = record_at(ring, read);
    /* What is skipped was published together with what stands behind it. */
    return record->is_skipped ? record_at(ring, read + record->bytes)->data : record->data;
}

void pl_record_ring_consume(struct pl_record_ring *ring)
{
    uint32_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
    struct record *record = record_at(ring, read);

    if (record->is_skipped) {
        read += record->bytes;
        record = record_at(ring, read);
    }
    atomic_store_explicit(&ring->read, read + record->bytes, memory_order_release);
}
