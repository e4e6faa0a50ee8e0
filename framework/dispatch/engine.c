/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an engine and of its listeners; its models come and go in swap.c, its threads' places
 * are in engine_threads.c. What slots ask of it stands in engine_slots.c, where they belong in
 * engine_home.c, what the kernel tells it in engine_events.c, its deadlines in engine_timers.c. */
#include "engine.h"

#include "alloc.h"
#include "assert.h"
#include "conn.h"
#include "datagram_slot.h"
#include "engine_home.h"
#include "engine_slots.h"
#include "socket.h"

#include <paceline/log.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* ---- what engines share ---------------------------------------------------------------------- */

void pl_conn_quota_init(struct pl_conn_quota *quota, uint32_t max)
{
    memset(quota, 0, sizeof(*quota));
    pthread_mutex_init(&quota->lock, NULL);
    atomic_store(&quota->max, max);
}

void pl_conn_quota_deinit(struct pl_conn_quota *quota)
{
    pl_free(quota->acceptors);
    quota->acceptors = NULL;
    pthread_mutex_destroy(&quota->lock);
}

static int find_room_locked(struct pl_conn_quota *quota)
{
    uint32_t room = quota->acceptors_room * 2 + 16;
    uint64_t *acceptors;

    if (quota->acceptors_count < quota->acceptors_room)
        return 0;
    acceptors = pl_alloc(room * sizeof(*acceptors));
    if (acceptors == NULL)
        return -ENOMEM;
    if (quota->acceptors_count > 0)
        memcpy(acceptors, quota->acceptors, quota->acceptors_count * sizeof(*acceptors));
    pl_free(quota->acceptors);
    quota->acceptors = acceptors;
    quota->acceptors_room = room;
    return 0;
}

/* Places are used again and never moved, so that whoever goes through them misses none. */
static int add_acceptor(struct pl_conn_quota *quota, uint64_t token)
{
    uint32_t at = 0;
    int err = 0;

    pthread_mutex_lock(&quota->lock);
    while (at < quota->acceptors_count && quota->acceptors[at] != PL_NO_ACCEPTOR)
        at++;
    if (at == quota->acceptors_count)
        err = find_room_locked(quota);
    if (err == 0) {
        quota->acceptors[at] = token;
        quota->acceptors_count += at == quota->acceptors_count;
    }
    pthread_mutex_unlock(&quota->lock);
    return err;
}

/* ---- life ---------------------------------------------------------------------------------- */

static void close_kernel_side(struct pl_engine *engine)
{
    for (uint32_t i = 0; i < pl_engine_shards_count(engine); i++) {
        pl_shard_close(engine->shards[i]);
        pl_free(engine->shards[i]);
    }
    pl_free(engine->shards);
    engine->shards = NULL;
    atomic_store(&engine->shards_count, 0);
}

int pl_engine_open_shards(struct pl_engine *engine, uint32_t count)
{
    PL_ASSERT(count <= PL_THREADS_MAX);
    for (uint32_t i = pl_engine_shards_count(engine); i < count; i++) {
        struct pl_shard *shard = pl_alloc(sizeof(*shard));
        int err = shard == NULL ? -ENOMEM : pl_shard_open(shard, engine);

        if (err < 0) {
            pl_free(shard);
            return err;
        }
        engine->shards[i] = shard;
        atomic_store(&engine->shards_count, i + 1);
    }
    return 0;
}

static int open_kernel_side(struct pl_engine *engine)
{
    engine->shards = pl_alloc(PL_THREADS_MAX * sizeof(struct pl_shard *));
    if (engine->shards == NULL)
        return -ENOMEM;
    return pl_engine_open_shards(engine, pl_engine_shards_wanted(&engine->settings));
}

void pl_engine_take_settings(struct pl_engine *engine, const struct pl_engine_settings *settings)
{
    engine->settings = *settings;
    engine->settings.name = engine->name;
    atomic_store(&engine->arming, settings->arming);
    atomic_store(&engine->is_balancing, settings->is_balancing);
    atomic_store(&engine->shards_active, pl_engine_shards_wanted(settings));
}

int pl_engine_open(struct pl_engine *engine, const struct pl_engine_settings *settings,
                   struct pl_slot_table *table, struct pl_buffer_pool *pool,
                   struct pl_conn_quota *quota, struct pl_error *error)
{
    int err;

    memset(engine, 0, sizeof(*engine));
    engine->face.ops = &pl_engine_slot_ops;
    engine->face.table = table;
    snprintf(engine->name, sizeof(engine->name), "%s", settings->name);
    engine->pool = pool;
    engine->quota = quota;
    atomic_store(&engine->shortest_ms, PL_LINGER_MS);
    pl_engine_take_settings(engine, settings);
    pthread_mutex_init(&engine->model_lock, NULL);
    pthread_mutex_init(&engine->places_lock, NULL);
    pl_ready_ring_init(&engine->ring);
    err = open_kernel_side(engine);
    if (err < 0)
        goto close_kernel;
    snprintf(engine->control.name, sizeof(engine->control.name), "control");
    err = pl_engine_enter_thread(engine, &engine->control);
    if (err < 0)
        goto close_kernel;
    return 0;

close_kernel:
    close_kernel_side(engine);
    pl_ready_ring_deinit(&engine->ring);
    pthread_mutex_destroy(&engine->places_lock);
    pthread_mutex_destroy(&engine->model_lock);
    return pl_error_set(error, EX_OSERR, err, "engine %s: cannot be opened: errno %d",
                        settings->name, -err);
}

/* The control thread holds what nobody else runs any more, but for what the application's threads
 * hold still. */
static void close_remaining_slots(struct pl_engine *engine)
{
    struct pl_slot_table *table = engine->face.table;
    uint32_t used_max = atomic_load(&table->used_max);

    (void)pl_engine_empty_rings(engine);
    for (uint32_t i = 0; i < used_max; i++) {
        struct pl_slot *slot = pl_slot_table_at(table, i);
        uint64_t word = atomic_load(&slot->claim);
        uint32_t reasons;

        if (slot->engine != engine || slot->is_lent)
            continue;
        if (!pl_claim_is_held(&slot->claim) &&
            pl_slot_claim(slot, pl_token_of(i, pl_claim_generation(word)), PL_SHUTDOWN, &reasons) !=
                PL_CLAIM_WON)
            continue;
        slot->thread = &engine->control;
        slot->kind->close(slot);
    }
}

void pl_engine_cut(struct pl_engine *engine)
{
    PL_ASSERT(engine->model == NULL);
    atomic_store(&engine->face.is_draining, true);
    close_remaining_slots(engine);
}

void pl_engine_close(struct pl_engine *engine)
{
    pl_engine_cut(engine);
    pl_engine_leave_thread(&engine->control);
    close_kernel_side(engine);
    pl_ready_ring_deinit(&engine->ring);
    pthread_mutex_destroy(&engine->places_lock);
    pthread_mutex_destroy(&engine->model_lock);
    pl_engine_free_places(engine);
}

/* ---- listeners ------------------------------------------------------------------------------- */

void pl_engine_note_shortest(struct pl_engine *engine, const struct pl_service *service)
{
    int64_t shortest_ms = pl_service_shortest_ms(service);

    if (shortest_ms < atomic_load(&engine->shortest_ms))
        atomic_store(&engine->shortest_ms, shortest_ms);
}

int pl_engine_listen(struct pl_engine *engine, uint32_t number, struct pl_service *service, int fd,
                     bool is_datagram, uint64_t *ret_token)
{
    struct pl_slot *slot = pl_engine_take_slot(engine, number);
    int err;

    if (slot == NULL) {
        pl_close_fd(&fd);
        return -ENOBUFS;
    }
    slot->thread = &engine->control;
    err = is_datagram
              ? pl_datagram_slot_open((struct pl_datagram_slot *)(void *)slot, service, fd, number)
              : pl_acceptor_open((struct pl_acceptor *)(void *)slot, service, fd, number);
    if (err < 0)
        goto close_socket;
    err = add_acceptor(engine->quota, slot->handle.token);
    if (err < 0) {
        slot->kind->close(slot);
        return err;
    }
    pl_engine_note_shortest(engine, service);
    *ret_token = slot->handle.token;
    return 0;

close_socket:
    pl_close_fd(&slot->handle.fd);
    pl_engine_give_unused(engine, slot);
    return err;
}

/* A settle would close one that cannot be armed, and leave a server that serves nobody. */
int pl_engine_arm_listener(struct pl_engine *engine, uint64_t token)
{
    struct pl_slot *slot = pl_slot_table_at(engine->face.table, (uint32_t)token);
    uint32_t reasons;

    slot->waits = PL_READABLE;
    switch (pl_engine_arm_and_release(slot, &reasons)) {
    case PL_LET_GO:
        return 0;
    case PL_LET_GO_MET:
        pl_slot_wake(slot, reasons);
        return 0;
    case PL_LET_GO_UNARMED:
        return -ENOMEM;
    }
    return 0;
}

/* ---- ends ------------------------------------------------------------------------------------ */

void pl_engine_drain(struct pl_engine *const *engines, size_t count)
{
    struct pl_slot_table *table = engines[0]->face.table;

    for (size_t i = 0; i < count; i++)
        atomic_store(&engines[i]->face.is_draining, true);
    for (uint32_t i = 0; i < atomic_load(&table->used_max); i++) {
        uint64_t word = atomic_load(&pl_slot_table_at(table, i)->claim);

        (void)pl_engine_claim(engines[0], pl_token_of(i, pl_claim_generation(word)), PL_SHUTDOWN);
    }
}

int pl_engine_add_watch(struct pl_engine *engine, const struct pl_watch_settings *settings,
                        uint64_t *ret_token)
{
    struct pl_slot *slot = pl_engine_take_slot(engine, 0);
    int err;

    if (slot == NULL)
        return -ENOBUFS;
    /* Looked at after the slot was taken: the drain's walk then sees it, or this sees the drain. */
    if (atomic_load(&engine->face.is_draining)) {
        pl_engine_give_unused(engine, slot);
        return -ESHUTDOWN;
    }
    err = pl_watch_open((struct pl_watch *)(void *)slot, settings);
    if (err < 0) {
        pl_engine_give_unused(engine, slot);
        return err;
    }
    *ret_token = slot->handle.token;
    pl_engine_hand_over(NULL, slot);
    return 0;
}

enum pl_claim pl_engine_claim(struct pl_engine *engine, uint64_t token, uint32_t why)
{
    struct pl_slot *slot = pl_slot_table_at(engine->face.table, (uint32_t)token);
    enum pl_claim result = PL_CLAIM_STALE;
    uint32_t reasons;

    if (slot != NULL)
        result = pl_slot_claim(slot, token, why, &reasons);
    if (result == PL_CLAIM_WON)
        pl_slot_wake(slot, reasons);
    return result;
}

bool pl_engine_is_empty(struct pl_engine *engine)
{
    return atomic_load(&engine->face.table->slots_open) == 0;
}
