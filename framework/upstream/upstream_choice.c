/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which server: in turn, or the one with the fewest leases; without those that failed too often in
 * a row. At most half of the servers are ejected at once, so that a fault of our own, or of the
 * network between, cannot empty the choice.
 */
#include "upstream.h"

#include "clock.h"

#include <paceline/log.h>

/* A server that keeps failing stays away at most this many times the base time. */
#define EJECTIONS_MAX 10

bool pl_upstream_is_ejected_locked(const struct pl_upstream_server *server)
{
    return server->ejected_until_ms != 0;
}

/* Back in the choice on probation: the next failure ejects it again. */
static void end_ejection_locked(struct pl_upstream *upstream, struct pl_upstream_server *server,
                                int64_t now_ms)
{
    if (!pl_upstream_is_ejected_locked(server) || now_ms < server->ejected_until_ms)
        return;
    server->ejected_until_ms = 0;
    server->failures = upstream->settings->eject.failures - 1;
    upstream->ejected--;
}

static bool is_better(const struct pl_upstream *upstream, const struct pl_upstream_server *server,
                      const struct pl_upstream_server *best,
                      const struct pl_upstream_server *avoided)
{
    if (best == NULL)
        return true;
    if (server == avoided || best == avoided)
        return best == avoided;
    if (pl_upstream_is_ejected_locked(server) != pl_upstream_is_ejected_locked(best))
        return pl_upstream_is_ejected_locked(best);
    return upstream->settings->policy == PL_UPSTREAM_LEAST_CONNECTIONS &&
           server->leased < best->leased;
}

struct pl_upstream_server *pl_upstream_choose_locked(struct pl_upstream *upstream,
                                                     const struct pl_upstream_server *avoided,
                                                     int64_t now_ms)
{
    struct pl_upstream_server *best = NULL;
    uint32_t count = upstream->servers_count;

    for (uint32_t i = 0; i < count; i++) {
        struct pl_upstream_server *server = &upstream->servers[(upstream->next_server + i) % count];

        end_ejection_locked(upstream, server, now_ms);
        /* An ejected one is better than none, when no other has an address. */
        if (server->addresses_count > 0 && is_better(upstream, server, best, avoided))
            best = server;
    }
    if (best != NULL)
        upstream->next_server = (uint32_t)(best - upstream->servers) + 1;
    return best;
}

void pl_upstream_note_success_locked(struct pl_upstream_server *server)
{
    server->failures = 0;
    if (!pl_upstream_is_ejected_locked(server))
        server->ejections = 0;
}

int64_t pl_upstream_note_failure_locked(struct pl_upstream *upstream,
                                        struct pl_upstream_server *server, int64_t now_ms)
{
    const struct pl_upstream_eject_settings *settings = &upstream->settings->eject;
    int64_t time_ms;

    if (settings->failures == 0 || pl_upstream_is_ejected_locked(server) ||
        ++server->failures < settings->failures)
        return 0;
    if (2 * (upstream->ejected + 1) > upstream->servers_count)
        return 0;
    if (server->ejections < EJECTIONS_MAX)
        server->ejections++;
    time_ms = settings->time_us / 1000 * server->ejections;
    server->ejected_until_ms = now_ms + time_ms;
    upstream->ejected++;
    PL_UPSTREAM_COUNT(upstream, ejections);
    return time_ms;
}

bool pl_upstream_is_hopeless_locked(const struct pl_upstream *upstream)
{
    for (uint32_t i = 0; i < upstream->servers_count; i++)
        if (upstream->servers[i].addresses_count > 0 || !upstream->servers[i].is_unresolvable)
            return false;
    return true;
}

void pl_upstream_note_failure(struct pl_upstream *upstream, struct pl_upstream_server *server)
{
    int64_t ejected_ms;

    pthread_mutex_lock(&upstream->lock);
    ejected_ms = pl_upstream_note_failure_locked(upstream, server, pl_clock_ms());
    pthread_mutex_unlock(&upstream->lock);
    if (ejected_ms == 0)
        return;
    PL_LOG(PL_LOG_WARNING, "upstream %s: %s failed %u times in a row, left alone for %lld ms",
           upstream->settings->name, server->text, upstream->settings->eject.failures,
           (long long)ejected_ms);
    pl_upstream_close_unfit(upstream, server);
}
