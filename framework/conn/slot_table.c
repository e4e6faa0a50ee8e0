/* SPDX-License-Identifier: Apache-2.0 */
#include "slot_table.h"

#include "assert.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static size_t mapped_bytes(uint32_t slots_max)
{
    return (size_t)slots_max * (PL_SLOT_BYTES + sizeof(struct pl_ledger) + sizeof(struct pl_peer));
}

int pl_slot_table_open(struct pl_slot_table *table, uint32_t slots_max)
{
    void *memory = mmap(NULL, mapped_bytes(slots_max), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return -errno;
    memset(table, 0, sizeof(*table));
    table->memory = memory;
    table->ledgers =
        (struct pl_ledger *)(void *)(table->memory + (size_t)slots_max * PL_SLOT_BYTES);
    table->peers = (struct pl_peer *)(void *)(table->ledgers + slots_max);
    table->slots_max = slots_max;
    pthread_mutex_init(&table->lock, NULL);
    for (size_t i = 0; i < PL_MAILBOX_LOCKS; i++)
        pthread_mutex_init(&table->mailbox_locks[i], NULL);
    return 0;
}

void pl_slot_table_close(struct pl_slot_table *table)
{
    if (table->memory == NULL)
        return;
    (void)munmap(table->memory, mapped_bytes(table->slots_max));
    table->memory = NULL;
    for (size_t i = 0; i < PL_MAILBOX_LOCKS; i++)
        pthread_mutex_destroy(&table->mailbox_locks[i]);
    pthread_mutex_destroy(&table->lock);
}

struct pl_slot *pl_slot_table_at(struct pl_slot_table *table, uint32_t index)
{
    if (index >= atomic_load_explicit(&table->used_max, memory_order_acquire))
        return NULL;
    return (struct pl_slot *)(void *)(table->memory + (size_t)index * PL_SLOT_BYTES);
}

static struct pl_slot *take_unused_locked(struct pl_slot_table *table)
{
    uint32_t index = atomic_load_explicit(&table->used_max, memory_order_relaxed);
    struct pl_slot *slot;

    if (index == table->slots_max)
        return NULL;
    slot = (struct pl_slot *)(void *)(table->memory + (size_t)index * PL_SLOT_BYTES);
    slot->index = index;
    atomic_store(&table->used_max, index + 1); /* before the placement is looked at; see claim.c */
    return slot;
}

struct pl_slot *pl_slot_table_take(struct pl_slot_table *table)
{
    struct pl_slot *slot;
    uint32_t generation;

    pthread_mutex_lock(&table->lock);
    slot = table->free;
    if (slot != NULL)
        table->free = slot->ready_next;
    else
        slot = take_unused_locked(table);
    pthread_mutex_unlock(&table->lock);
    if (slot == NULL)
        return NULL;

    generation = pl_claim_open(&slot->claim);
    slot->ready_next = NULL;
    slot->handle.fd = -1;
    slot->handle.token = pl_token_of(slot->index, generation);
    slot->timer.token = slot->handle.token;
    atomic_store_explicit(&slot->due_ms, PL_TIMER_NEVER, memory_order_relaxed);
    return slot;
}

void pl_slot_table_give(struct pl_slot_table *table, struct pl_slot *slot)
{
    size_t kept = offsetof(struct pl_slot, engine);

    /* The claim word outlives the guest: it carries the generation. */
    memset((unsigned char *)slot + kept, 0, PL_SLOT_BYTES - kept);
    slot->handle.fd = -1;
    pl_slot_table_peer(table, slot)->family = AF_UNSPEC;

    pthread_mutex_lock(&table->lock);
    slot->ready_next = table->free;
    table->free = slot;
    pthread_mutex_unlock(&table->lock);
}
