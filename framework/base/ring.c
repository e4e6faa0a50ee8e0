/* SPDX-License-Identifier: Apache-2.0 */
#include "ring.h"

#include "alloc.h"
#include "assert.h"

#include <errno.h>

int pl_ring_init(struct pl_ring *ring, uint32_t capacity, size_t element_bytes)
{
    PL_ASSERT(capacity != 0 && (capacity & (capacity - 1)) == 0);

    ring->elements = pl_alloc(capacity * element_bytes);
    if (ring->elements == NULL)
        return -ENOMEM;
    ring->capacity = capacity;
    ring->element_bytes = element_bytes;
    atomic_init(&ring->written, 0);
    atomic_init(&ring->read, 0);
    return 0;
}

void pl_ring_deinit(struct pl_ring *ring)
{
    pl_free(ring->elements);
    ring->elements = NULL;
}

void *pl_ring_reserve(struct pl_ring *ring)
{
    uint32_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);
    uint32_t read = atomic_load_explicit(&ring->read, memory_order_acquire);

    if (written - read == ring->capacity)
        return NULL;
    return ring->elements + (written & (ring->capacity - 1)) * ring->element_bytes;
}

void pl_ring_publish(struct pl_ring *ring)
{
    uint32_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);

    atomic_store_explicit(&ring->written, written + 1, memory_order_release);
}

void *pl_ring_peek(struct pl_ring *ring)
{
    uint32_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);

    if (read == atomic_load_explicit(&ring->written, memory_order_acquire))
        return NULL;
    return ring->elements + (read & (ring->capacity - 1)) * ring->element_bytes;
}

void pl_ring_consume(struct pl_ring *ring)
{
    uint32_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);

    atomic_store_explicit(&ring->read, read + 1, memory_order_release);
}
