/* SPDX-License-Identifier: Apache-2.0 */
/* What all connections of one service share; read by any thread, written before any starts but for
 * the engine. */
#ifndef PL_CONN_SERVICE_H
#define PL_CONN_SERVICE_H

#include <paceline/limits.h>
#include <paceline/protocol.h>

#include <stdatomic.h>

struct pl_engine;

/* The number of a listening socket whose address can have only one. */
#define PL_LISTENER_ALONE UINT32_MAX

struct pl_service {
    const char *name; /* borrowed from the settings */
    /* Where its listeners and connections belong; NULL: where they are. Written by the swap before
     * the table's placement, read by whoever brings one home. */
    _Atomic(struct pl_engine *) engine;
    const struct pl_protocol *protocol;
    void *data; /* owned by the protocol */

    size_t message_bytes_max;
    uint64_t rate_min; /* bytes per second; 0: any */
    int64_t header_ms, body_ms, idle_ms, write_ms, handler_ms;
};

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
