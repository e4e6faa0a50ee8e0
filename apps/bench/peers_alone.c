/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of a contender without a floor beside it: the growth of the tree's proportional
 * set size by idle connections, and system calls. */
#include "bench.h"
#include "measure.h"
#include "peers.h"

#include <math.h>

struct alone {
    struct placement placement;
    struct server server;
    struct request request;
    struct load_plan plan;
};

static bool start_alone(struct peers *peers, const struct contender *contender,
                        const struct scenario *scenario, struct alone *alone, char *note,
                        size_t note_size)
{
    struct contender_ports ports;

    alone->placement = place_cpus(peers->threads > 1 ? PLACE_BOTH : PLACE_APART);
    if (!peers_start(peers, contender, &alone->placement.server, &alone->server, &ports, note,
                     note_size))
        return false;
    scenario_plan(scenario, ports.http, &alone->request, &alone->plan);
    return true;
}

static bool measure_growth(struct peers *peers, struct alone *alone, double *ret_bytes, char *note,
                           size_t note_size)
{
    const cpu_set_t *cpus = &alone->placement.load;
    struct measured measured;
    struct load load;
    double before;

    /* The pools are touched first: what they hold is not the price of a connection. */
    if (!measure(&alone->server, &alone->plan, cpus, peers->warm_up_s, peers->seconds, &measured,
                 note, note_size))
        return false;
    server_find_tree(&alone->server);
    before = server_pss_bytes(&alone->server);
    alone->plan.idle = peers->idle_conns;
    alone->plan.conns = 1;
    alone->plan.rate = 10; /* the generator has to have something to do */
    if (!load_start(&load, &alone->plan, cpus, note, note_size))
        return false;
    *ret_bytes = (server_pss_bytes(&alone->server) - before) / (double)peers->idle_conns;
    load_stop(&load, NULL);
    return true;
}

void peers_measure_memory(struct peers *peers, const struct contender *contender,
                          const struct scenario *scenario, struct series *cell, char *note,
                          size_t note_size)
{
    struct alone alone;
    double bytes;

    if (!start_alone(peers, contender, scenario, &alone, note, note_size))
        return;
    if (measure_growth(peers, &alone, &bytes, note, note_size))
        series_add(cell, bytes);
    else
        peers->has_failed |= !is_interrupted();
    server_stop(&alone.server);
}

void peers_measure_syscalls(struct peers *peers, const struct contender *contender,
                            const struct scenario *scenario, struct series *cell, char *note,
                            size_t note_size)
{
    struct alone alone;
    double calls;

    if (!start_alone(peers, contender, scenario, &alone, note, note_size))
        return;
    calls = measure_syscalls(&alone.server, &alone.plan, &alone.placement.load, peers->seconds,
                             peers->place.directory, note, note_size);
    if (!isnan(calls))
        series_add(cell, calls);
    server_stop(&alone.server);
}
