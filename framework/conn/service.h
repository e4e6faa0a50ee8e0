/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all connections of one service share; read by any thread, written before any of them but for
 * the engine.
 *
 * A reload does not change a service: it puts another on its seat. Listeners take the new one at
 * once, connections between two exchanges, and the old one is closed when its last user has gone.
 */
#ifndef PL_CONN_SERVICE_H
#define PL_CONN_SERVICE_H

#include <paceline/limits.h>
#include <paceline/protocol.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct pl_engine;
struct pl_service;

/* Where the service of a name is found; it outlives all of that name. */
struct pl_service_seat {
    pthread_mutex_t lock;       /* guards current */
    struct pl_service *current; /* a user of it; NULL: the configuration has it no more */
};

/* The number of a listening socket whose address can have only one. */
#define PL_LISTENER_ALONE UINT32_MAX

struct pl_service {
    const char *name; /* borrowed from whoever opened it */
    /* Where its listeners and connections belong; NULL: where they are. Written by the swap before
     * the table's placement, read by whoever brings one home. */
    _Atomic(struct pl_engine *) engine;
    const struct pl_protocol *protocol;
    void *data; /* owned by the protocol */

    size_t message_bytes_max;
    uint64_t rate_min; /* bytes per second; 0: any */
    int64_t header_ms, body_ms, idle_ms, write_ms, handler_ms;

    struct pl_service_seat *seat; /* borrowed; NULL: it is no server's, and nobody counts */
    int gone_fd;                  /* borrowed: a waker for whoever closes services */

    /* Set when it has left its seat; read by the holders of its connections. */
    _Atomic bool is_retired;

    /* The seat, listeners, connections, jobs: any thread. On a cache line of its own, for what
     * stands above is read in every turn. */
    char apart[64];
    _Atomic uint32_t users;
};

/* One more user; the caller is one, or holds the seat's lock. Thread: any. */
void pl_service_take(struct pl_service *service);
/* The caller is none any more, and `service` dead to it. Thread: any. */
void pl_service_put(struct pl_service *service);
/* The one that has its seat now, if that speaks the same protocol: the caller becomes a user of it.
 * NULL: none. Thread: any that is a user of `service`. */
struct pl_service *pl_service_take_successor(const struct pl_service *service);

/* For listeners: takes over what was left at *next, if anything was. Thread: the holder. */
void pl_service_change(struct pl_service **service, _Atomic(struct pl_service *) *next);
/* Leaves another service, of which it becomes a user, for the holder to take over. Thread: any. */
void pl_service_leave(_Atomic(struct pl_service *) *next, struct pl_service *service);

/* The shortest of the service's deadlines: nothing newer can be due before it. */
static inline int64_t pl_service_shortest_ms(const struct pl_service *service)
{
    int64_t shortest = service->header_ms;

    if (service->body_ms < shortest)
        shortest = service->body_ms;
    if (service->idle_ms < shortest)
        shortest = service->idle_ms;
    if (service->write_ms < shortest)
        shortest = service->write_ms;
    if (service->handler_ms < shortest)
        shortest = service->handler_ms;
    return shortest < PL_LINGER_MS ? shortest : PL_LINGER_MS;
}

#endif
