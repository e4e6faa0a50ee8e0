/* SPDX-License-Identifier: Apache-2.0 */
/* The upstreams of a server: made of the settings after the engines, ended before them. */
#include "server_internal.h"

#include "alloc.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

/* Connections, and a keeper each; in a drain one may leave while the next begins. */
uint32_t pl_server_upstream_slots(const struct pl_server *server)
{
    const struct pl_upstream_settings *upstreams = server->settings.upstreams.items;
    uint32_t count = 0;

    for (uint32_t i = 0; i < server->settings.upstreams.count; i++)
        count += upstreams[i].pool.max + 2;
    return count;
}

int pl_server_open_upstreams(struct pl_server *server, struct pl_error *error)
{
    const struct pl_upstream_settings *all = server->settings.upstreams.items;
    uint32_t count = server->settings.upstreams.count;
    int err = 0;

    if (count == 0)
        return 0;
    server->upstreams = pl_alloc(count * sizeof(*server->upstreams));
    if (server->upstreams == NULL)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for the upstreams");
    for (uint32_t i = 0; i < count && err == 0; i++) {
        err = pl_upstream_open(&server->upstreams[i], &all[i], server->engines_by_number,
                               &server->pool, error);
        if (err == 0)
            server->upstreams_count++;
    }
    return err;
}

int pl_server_start_upstreams(struct pl_server *server, struct pl_error *error)
{
    int err = 0;

    for (size_t i = 0; i < server->upstreams_count && err == 0; i++)
        err = pl_upstream_start(&server->upstreams[i], error);
    return err;
}

void pl_server_end_exchanges(struct pl_server *server)
{
    for (size_t i = 0; i < server->upstreams_count; i++)
        pl_upstream_stop(&server->upstreams[i]);
    for (size_t i = 0; i < server->engines_count; i++)
        pl_engine_cut(&server->engines[i]);
}

struct pl_upstream *pl_server_upstream(struct pl_server *server, const char *name)
{
    for (size_t i = 0; i < server->upstreams_count; i++)
        if (strcmp(server->upstreams[i].settings->name, name) == 0)
            return &server->upstreams[i];
    return NULL;
}

void pl_server_close_upstreams(struct pl_server *server)
{
    for (size_t i = 0; i < server->upstreams_count; i++)
        pl_upstream_close(&server->upstreams[i]);
    pl_free(server->upstreams);
}
