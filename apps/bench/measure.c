/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"

#include "bench.h"

#include <math.h>
#include <stdio.h>

#define EXTENSION_NS_MAX UINT64_C(3000000000)
#define EXTENSION_STEP_S 0.005

struct reading {
    uint64_t time_ns, replies, cpu_ns, switches;
};

/* The CPU clock last at the begin and first at the end would favour nobody: the order is the same,
 * and the microseconds in between cancel out. */
static struct reading read_now(const struct server *server, const struct load *load)
{
    struct reading reading = { .switches = server == NULL ? 0 : server_switches(server),
                               .cpu_ns = server == NULL ? 0 : server_cpu_ns(server),
                               .replies = load_replies(load),
                               .time_ns = clock_ns() };

    return reading;
}

static void take(struct measured *measured, const struct reading *begin, const struct reading *end)
{
    double requests = (double)(end->replies - begin->replies);

    measured->requests = end->replies - begin->replies;
    measured->seconds = (double)(end->time_ns - begin->time_ns) / 1e9;
    measured->cpu_us = (double)(end->cpu_ns - begin->cpu_ns) / 1e3 / requests;
    measured->switches = (double)(end->switches - begin->switches) / requests;
    measured->rate = requests / measured->seconds;
}

static void take_latency(struct measured *measured)
{
    const struct histogram *latency = &measured->load.polite.latency;

    measured->p50_us = (double)histogram_percentile(latency, 50) / 1e3;
    measured->p99_us = (double)histogram_percentile(latency, 99) / 1e3;
    measured->p999_us = (double)histogram_percentile(latency, 99.9) / 1e3;
}

static bool judge(const struct measured *measured, bool is_whole, char *note, size_t note_size)
{
    if (load_errors(&measured->load) > 0)
        snprintf(note, note_size, "%llu errors, the first: %s",
                 (unsigned long long)load_errors(&measured->load), measured->load.first_error);
    else if (is_interrupted())
        snprintf(note, note_size, "interrupted");
    else if (!is_whole)
        snprintf(note, note_size, "the load ended too early");
    else if (measured->requests == 0)
        snprintf(note, note_size, "no reply within %.2f s", measured->seconds);
    else
        return true;
    return false;
}

/* On a busy machine a short run may see nothing at all: it goes on until as many replies came as
 * requests can be outstanding, but not for ever. */
static bool wait_measured(struct load *load, const struct load_plan *plan, double seconds,
                          uint64_t replies_before)
{
    uint64_t enough = replies_before + plan->conns * plan->depth;
    uint64_t end_ns;

    if (!load_wait(load, seconds))
        return false;
    end_ns = clock_ns() + EXTENSION_NS_MAX;
    while (plan->rate == 0 && load_replies(load) < enough && clock_ns() < end_ns)
        if (!load_wait(load, EXTENSION_STEP_S))
            return false;
    return true;
}

bool measure(struct server *server, const struct load_plan *plan, const cpu_set_t *load_cpus,
             double warm_up_s, double seconds, struct measured *ret_measured, char *note,
             size_t note_size)
{
    struct load load;
    struct reading begin = { .time_ns = 0 }, end = { .time_ns = 0 };
    bool is_whole = false;

    if (!load_start(&load, plan, load_cpus, note, note_size))
        return false;
    if (load_ready(&load) && load_wait(&load, warm_up_s)) {
        if (server != NULL)
            server_find_tree(server);
        begin = read_now(server, &load);
        load_measure(&load);
        is_whole = wait_measured(&load, plan, seconds, begin.replies);
        end = read_now(server, &load);
    }
    ret_measured->pss_bytes = server == NULL ? (double)NAN : server_pss_bytes(server);
    load_stop(&load, &ret_measured->load);
    take(ret_measured, &begin, &end);
    take_latency(ret_measured);
    return judge(ret_measured, is_whole, note, note_size);
}
