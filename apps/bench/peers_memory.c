/* SPDX-License-Identifier: Apache-2.0 */
/* What an idle connection costs: growth of the tree's proportional set size. */
#include "bench.h"
#include "measure.h"
#include "peers.h"
#include "request.h"

#include <stdio.h>

static bool measure_growth(struct peers *peers, struct server *server, struct load_plan *plan,
                           const cpu_set_t *cpus, double *ret_bytes, char *note, size_t note_size)
{
    struct measured measured;
    struct load load;
    double before;

    /* The pools are touched first: what they hold is not the price of a connection. */
    if (!measure(server, plan, cpus, peers->warm_up_s, peers->seconds, &measured, note, note_size))
        return false;
    server_find_tree(server);
    before = server_pss_bytes(server);
    plan->idle = peers->idle_conns;
    plan->conns = 1;
    plan->rate = 10; /* the generator has to have something to do */
    if (!load_start(&load, plan, cpus, note, note_size))
        return false;
    *ret_bytes = (server_pss_bytes(server) - before) / (double)peers->idle_conns;
    load_stop(&load, NULL);
    return true;
}

void peers_measure_memory(struct peers *peers, const struct contender *contender,
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
    double bytes;

    if (!contender_start(&peers->place, contender, &placement.server, &server, &ports, note,
                         note_size))
        return;
    plan.target = address_loopback(ports.http);
    request_http(&request, &plan.target, scenario->path, "", false);
    plan.request = request.bytes;
    plan.request_length = request.length;
    if (measure_growth(peers, &server, &plan, &placement.load, &bytes, note, note_size))
        series_add(cell, bytes);
    else
        peers->has_failed |= !is_interrupted();
    server_stop(&server);
}
