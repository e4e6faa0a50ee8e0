/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The places of threads in an engine: what they count, and what others may see of them. A place
 * outlives its thread and goes to another one, so that figures only grow and swaps take no memory.
 */
#include "engine.h"

#include "alloc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* With a timeline the name stands on it. */
static struct pl_thread_place *find_free_locked(struct pl_engine *engine, const char *name)
{
    bool has_timeline = engine->settings.timeline_entries > 0;
    struct pl_thread_place *place = atomic_load(&engine->places);

    while (place != NULL &&
           (place->thread != NULL || (has_timeline && strcmp(place->name, name) != 0)))
        place = place->next;
    return place;
}

static struct pl_thread_place *new_place_locked(struct pl_engine *engine, const char *name)
{
    struct pl_thread_place *place = pl_alloc(sizeof(*place));

    if (place == NULL)
        return NULL;
    if (pl_timelines_add(&engine->timelines, name, engine->settings.timeline_entries,
                         &place->timeline) < 0) {
        pl_free(place);
        return NULL;
    }
    atomic_store(&place->stats.role, PL_ROLES_COUNT);
    place->next = atomic_load(&engine->places);
    atomic_store(&engine->places, place);
    return place;
}

int pl_engine_enter_thread(struct pl_engine *engine, struct pl_thread *thread)
{
    struct pl_thread_place *place;

    pthread_mutex_lock(&engine->places_lock);
    place = find_free_locked(engine, thread->name);
    if (place == NULL)
        place = new_place_locked(engine, thread->name);
    if (place != NULL) {
        snprintf(place->name, sizeof(place->name), "%s", thread->name);
        place->thread = thread;
    }
    pthread_mutex_unlock(&engine->places_lock);
    if (place == NULL)
        return -ENOMEM;
    thread->engine = engine;
    thread->bell = engine->bell;
    thread->place = place;
    thread->stats = &place->stats;
    thread->timeline = thread->model == NULL ? NULL : place->timeline;
    pl_thread_tick(thread);
    pl_buffer_cache_init(&thread->cache, engine->pool, thread->stats);
    return 0;
}

void pl_engine_leave_thread(struct pl_thread *thread)
{
    pl_buffer_cache_deinit(&thread->cache);
    pl_splice_pipe_close(&thread->splice_pipe);
    pthread_mutex_lock(&thread->engine->places_lock);
    thread->place->thread = NULL;
    pthread_mutex_unlock(&thread->engine->places_lock);
}

void pl_engine_stats(struct pl_engine *engine, struct pl_stats *stats)
{
    for (struct pl_thread_place *place = atomic_load(&engine->places); place != NULL;
         place = place->next) {
        uint32_t role = atomic_load(&place->stats.role);

        pl_stats_merge(stats, &place->stats);
        if (role < PL_ROLES_COUNT)
            stats->threads[role]++;
    }
    for (uint32_t i = 0; i < pl_engine_shards_count(engine); i++)
        stats->conns_open += atomic_load(&engine->shards[i]->conns_open);
    stats->queue_depth += pl_ready_ring_count(&engine->ring);
}

void pl_engine_free_places(struct pl_engine *engine)
{
    struct pl_thread_place *place = atomic_load(&engine->places);

    while (place != NULL) {
        struct pl_thread_place *next = place->next;

        pl_free(place);
        place = next;
    }
    atomic_store(&engine->places, NULL);
    pl_timelines_free(&engine->timelines);
}
