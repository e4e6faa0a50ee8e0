/* SPDX-License-Identifier: Apache-2.0 */
/* What a server consists of just now, for those who look at it while it runs. */
#include "server_internal.h"

#include <stdio.h>
#include <string.h>

/* Of those that no service has left. */
static const struct pl_engine *engine_at_locked(struct pl_server *server, size_t index)
{
    for (uint32_t i = 0; i < atomic_load(&server->engines_count); i++)
        if (server->engines[i].model != NULL && index-- == 0)
            return &server->engines[i];
    return NULL;
}

bool pl_server_view_engine(struct pl_server *server, size_t index, struct pl_engine_view *ret_view)
{
    const struct pl_engine *engine;

    memset(ret_view, 0, sizeof(*ret_view));
    pthread_mutex_lock(&server->control_lock);
    engine = engine_at_locked(server, index);
    if (engine != NULL) {
        snprintf(ret_view->name, sizeof(ret_view->name), "%s", engine->name);
        ret_view->model = engine->settings.model->name;
        ret_view->arming = engine->settings.arming->name;
        ret_view->threads = engine->settings.model_settings.threads;
    }
    pthread_mutex_unlock(&server->control_lock);
    return engine != NULL;
}

static struct pl_server_seat *seat_at_locked(struct pl_server *server, size_t index)
{
    struct pl_server_seat *seat = server->services.seats;

    while (seat != NULL && (seat->base.current == NULL || index-- > 0))
        seat = seat->next;
    return seat;
}

bool pl_server_view_service(struct pl_server *server, size_t index,
                            struct pl_service_view *ret_view)
{
    struct pl_server_seat *seat;

    memset(ret_view, 0, sizeof(*ret_view));
    pthread_mutex_lock(&server->control_lock);
    seat = seat_at_locked(server, index);
    if (seat != NULL) {
        snprintf(ret_view->name, sizeof(ret_view->name), "%s", seat->name);
        ret_view->protocol = seat->base.current->protocol->name;
        snprintf(ret_view->engine, sizeof(ret_view->engine), "%s",
                 atomic_load(&seat->base.current->engine)->name);
    }
    for (size_t i = 0; i < server->listeners_count && seat != NULL; i++)
        if (server->listeners[i].seat == seat && ret_view->listen_count < PL_LISTENERS_MAX)
            snprintf(ret_view->listen[ret_view->listen_count++], PL_ADDRESS_TEXT_BYTES, "%s",
                     server->listeners[i].text);
    pthread_mutex_unlock(&server->control_lock);
    return seat != NULL;
}
