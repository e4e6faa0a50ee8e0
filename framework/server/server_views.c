/* SPDX-License-Identifier: Apache-2.0 */
/* What others may see of a server while it runs: <paceline/control.h>. */
#include "server_internal.h"

#include <paceline/control.h>

#include <stdio.h>

const char *pl_model_name(size_t index)
{
    for (size_t i = 0; pl_models[i] != NULL; i++)
        if (i == index)
            return pl_models[i]->name;
    return NULL;
}

bool pl_server_is_serving(const struct pl_server *server)
{
    return atomic_load(&server->is_serving);
}

size_t pl_server_engines(struct pl_server *server, struct pl_engine_view *views, size_t views_max)
{
    for (size_t i = 0; i < server->engines_count && i < views_max; i++) {
        struct pl_engine *engine = &server->engines[i];

        snprintf(views[i].name, sizeof(views[i].name), "%s", engine->settings.name);
        pthread_mutex_lock(&engine->model_lock);
        snprintf(views[i].model, sizeof(views[i].model), "%s", engine->settings.model->name);
        views[i].threads = engine->settings.model_settings.threads;
        pthread_mutex_unlock(&engine->model_lock);
    }
    return server->engines_count;
}
