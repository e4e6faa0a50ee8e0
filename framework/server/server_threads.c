/* SPDX-License-Identifier: Apache-2.0 */
/* What the threads of a server do just now, as others may see it. */
#include "server_internal.h"

#include "clock.h"
#include "handler_note.h"

#include <paceline/control.h>

#include <stdio.h>

static void look_at(const struct pl_engine *engine, const struct pl_thread_place *place,
                    int64_t now_ns, struct pl_thread_view *view)
{
    int64_t since_ns = atomic_load(&place->stats.role_since_ns);
    const struct pl_handler_note *note = atomic_load(&place->thread->handler_note);

    *view = (struct pl_thread_view){
        .role = (enum pl_role)atomic_load(&place->stats.role),
        .role_us = now_ns > since_ns ? (now_ns - since_ns) / 1000 : 0,
        .is_old = atomic_load(&place->thread->model->is_retired),
    };
    snprintf(view->engine, sizeof(view->engine), "%s", engine->name);
    snprintf(view->name, sizeof(view->name), "%s", place->name);
    if (view->role == PL_ROLE_PROCESSING && note != NULL) {
        int64_t began_ns = atomic_load(&place->thread->handler_began_ns);

        snprintf(view->handler, sizeof(view->handler), "%s", note->name);
        view->handler_us = now_ns > began_ns ? (now_ns - began_ns) / 1000 : 0;
    }
}

static size_t look_at_engine(struct pl_engine *engine, int64_t now_ns, struct pl_thread_view *views,
                             size_t views_max)
{
    size_t count = 0;

    pthread_mutex_lock(&engine->places_lock);
    for (struct pl_thread_place *place = atomic_load(&engine->places); place != NULL;
         place = place->next) {
        if (place->thread == NULL || place->thread->model == NULL ||
            atomic_load(&place->stats.role) >= PL_ROLES_COUNT)
            continue;
        if (count < views_max)
            look_at(engine, place, now_ns, &views[count]);
        count++;
    }
    pthread_mutex_unlock(&engine->places_lock);
    return count;
}

void pl_server_await_lookers(struct pl_server *server)
{
    for (uint32_t i = 0; i < atomic_load(&server->engines_count); i++) {
        pthread_mutex_lock(&server->engines[i].places_lock);
        pthread_mutex_unlock(&server->engines[i].places_lock);
    }
}

size_t pl_server_threads(struct pl_server *server, struct pl_thread_view *views, size_t views_max)
{
    int64_t now_ns = pl_clock_ns();
    size_t count = 0;

    for (uint32_t i = 0; i < atomic_load(&server->engines_count); i++)
        count +=
            look_at_engine(&server->engines[i], now_ns, views + (count < views_max ? count : 0),
                           count < views_max ? views_max - count : 0);
    return count;
}
