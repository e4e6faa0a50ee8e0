/* SPDX-License-Identifier: Apache-2.0 */
/* What a reload does with the listeners of an engine that runs: what it wants of one that may be in
 * the middle of a turn is left in its slot, and its holder does it. */
#include "engine.h"

#include "datagram_slot.h"

static struct pl_slot *slot_of(struct pl_engine *engine, uint64_t token)
{
    return pl_slot_table_at(engine->face.table, (uint32_t)token);
}

/* One that could not be armed any more has closed itself. */
static bool is_stale(struct pl_engine *engine, uint64_t token)
{
    uint64_t word = atomic_load(&slot_of(engine, token)->claim);

    return pl_claim_generation(word) != (uint32_t)(token >> 32);
}

int pl_engine_ready_listener(struct pl_engine *engine, uint64_t token)
{
    struct pl_slot *slot = slot_of(engine, token);

    slot->waits = PL_READABLE;
    return pl_handle_set_arm(&pl_engine_shard_of(slot)->set, slot->arming, &slot->handle,
                             slot->waits);
}

void pl_engine_abandon_listener(struct pl_engine *engine, uint64_t token)
{
    struct pl_slot *slot = slot_of(engine, token);

    slot->thread = &engine->control;
    slot->kind->close(slot);
}

void pl_engine_drop_listener(struct pl_engine *engine, uint64_t token)
{
    struct pl_slot *slot = slot_of(engine, token);

    if (is_stale(engine, token))
        return;
    if (slot->kind == &pl_acceptor_kind)
        atomic_store(&((struct pl_acceptor *)(void *)slot)->is_leaving, true);
    else
        atomic_store(&((struct pl_datagram_slot *)(void *)slot)->is_leaving, true);
    (void)pl_engine_claim(engine, token, PL_TIMEOUT); /* the reason that only makes it look */
}

void pl_engine_reseat_listener(struct pl_engine *engine, uint64_t token, struct pl_service *service)
{
    struct pl_slot *slot = slot_of(engine, token);

    if (is_stale(engine, token))
        return;
    if (slot->kind == &pl_acceptor_kind)
        pl_service_leave(&((struct pl_acceptor *)(void *)slot)->next_service, service);
    else
        pl_service_leave(&((struct pl_datagram_slot *)(void *)slot)->next_service, service);
}

int pl_engine_listener_fd(struct pl_engine *engine, uint64_t token)
{
    return slot_of(engine, token)->handle.fd;
}
