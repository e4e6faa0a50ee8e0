/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"
#include "measure.h"
#include "peers.h"
#include "request.h"

#include <math.h>
#include <string.h>

void peers_measure_syscalls(struct peers *peers, const struct contender *contender,
                            const struct scenario *scenario, struct series *cell, char *note,
                            size_t note_size)
{
    struct placement placement = place_cpus(peers->threads > 1 ? PLACE_BOTH : PLACE_APART);
    struct contender_ports ports;
    struct server server;
    struct request request;
    struct load_plan plan = { .protocol = LOAD_HTTP,
                              .conns = scenario->conns,
                              .depth = scenario->depth };
    double calls;

    if (!contender_start(&peers->place, contender, &placement.server, &server, &ports, note,
                         note_size))
        return;
    plan.target = address_loopback(ports.http);
    request_http(&request, &plan.target, scenario->path, "", false);
    plan.request = request.bytes;
    plan.request_length = request.length;
    calls = measure_syscalls(&server, &plan, &placement.load, peers->seconds,
                             peers->place.directory, note, note_size);
    if (!isnan(calls))
        series_add(cell, calls);
    server_stop(&server);
}
