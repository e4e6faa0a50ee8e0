/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paceline-bench peers: Paceline under every model and other servers, each as a multiple of the
 * least that a server can do.
 */
#include "peers.h"

#include "bench.h"
#include "output.h"

#include <stdio.h>

/* Starting two servers, and the rests between runs. */
#define START_S 0.3

static const char method[] =
    "CPU time of the whole process tree of a server per request, divided by that of a floor in the "
    "same pair of runs. The floor is a single-threaded, level-triggered epoll loop that does one "
    "recv and one send per request and looks at no byte; its reply has the length of the "
    "server's.\n"
    "\n"
    "Pairs are interleaved in alternating order, and the CPU clocks are read at the edges of the "
    "measured time while the load goes on. A cell is the median of its pairs and half the distance "
    "between its quartiles. Every reply was compared byte for byte. One server thread has a CPU to "
    "itself, the load the other one; with two threads, server and load share both, and the floor "
    "has "
    "two loops. One active connection: client and server on the same CPU. Bytes per idle "
    "connection: "
    "growth of the proportional set size by connections that did one request each, after 64 busy "
    "ones have touched the pools. System calls are counted by strace in a run of their own.";

static void build_columns(struct peers *peers, const struct scenario **chosen)
{
    struct report *report = &peers->report;

    for (size_t i = 0; i < scenarios_count; i++) {
        if (!scenario_is_chosen(peers, &scenarios[i]))
            continue;
        chosen[report->columns_count] = &scenarios[i];
        report->columns[report->columns_count++] = (struct report_column){
            .key = scenarios[i].key,
            .heading = scenarios[i].heading,
            .decimals = scenarios[i].kind == SCENARIO_MEMORY ? 0 : 2,
            .better = BETTER_LESS,
        };
    }
}

static double seconds_of(const struct peers *peers, const struct scenario *scenario)
{
    double run_s = peers->warm_up_s + peers->seconds;

    return START_S +
           (scenario->kind == SCENARIO_RATIO ? 2 * (double)peers->pairs * run_s : 2 * run_s);
}

/* What is not installed is no failure; what is, and does not serve, is one. */
bool peers_start(struct peers *peers, const struct contender *contender, const cpu_set_t *cpus,
                 struct server *server, struct contender_ports *ret_ports, char *note,
                 size_t note_size)
{
    if (contender_start(&peers->place, contender, cpus, server, ret_ports, note, note_size))
        return true;
    peers->has_failed |= contender_is_installed(contender) && !is_interrupted();
    return false;
}

static void measure_cell(struct peers *peers, const struct contender *contender,
                         const struct scenario *scenario, struct series *cell, char *note,
                         size_t note_size)
{
    char what[128];

    snprintf(what, sizeof(what), "%s, %s", contender->name, scenario->heading);
    progress_step(&peers->progress, what);
    switch (scenario->kind) {
    case SCENARIO_RATIO:
        peers_measure_ratio(peers, contender, scenario, cell, note, note_size);
        return;
    case SCENARIO_MEMORY:
        peers_measure_memory(peers, contender, scenario, cell, note, note_size);
        return;
    case SCENARIO_SYSCALLS:
        peers_measure_syscalls(peers, contender, scenario, cell, note, note_size);
        return;
    }
}

static void measure_row(struct peers *peers, const struct contender *contender,
                        const struct scenario **chosen)
{
    struct report_row *row = &peers->report.rows[peers->report.rows_count++];

    snprintf(row->name, sizeof(row->name), "%s", contender->name);
    for (size_t i = 0; i < peers->report.columns_count; i++)
        row->targets[i] = scenario_target(chosen[i]->key, contender->name, peers->threads);
    for (size_t i = 0; i < peers->report.columns_count && !is_interrupted(); i++)
        measure_cell(peers, contender, chosen[i], &row->cells[i], row->note, sizeof(row->note));
    if (is_interrupted())
        row->note[0] = '\0'; /* what was not measured any more is no finding */
}

int peers_main(int argc, char **argv)
{
    static struct peers peers;
    const struct scenario *chosen[REPORT_COLUMNS_MAX];
    double step_s = 0;

    signals_catch();
    peers_read_options(&peers, argc, argv);
    peers.report.title = "Servers beside the floor";
    peers.report.method = method;
    peers.report.same_a = peers.report.same_b = -1;
    build_columns(&peers, chosen);
    for (size_t i = 0; i < peers.report.columns_count; i++)
        step_s += seconds_of(&peers, chosen[i]) / (double)peers.report.columns_count;
    progress_begin(&peers.progress, peers.contenders_count * peers.report.columns_count, step_s,
                   peers.common.is_quiet);
    for (size_t i = 0; i < peers.contenders_count && !is_interrupted(); i++)
        measure_row(&peers, &peers.contenders[i], chosen);
    progress_end(&peers.progress);
    contender_place_close(&peers.place);
    return output_write(&peers.report, peers.common.json_path, peers.common.page_path,
                        peers.has_failed);
}
