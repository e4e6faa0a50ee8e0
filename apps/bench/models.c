/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paceline-bench models: one application under every model, the same load, round by round in
 * rotating order, so that what the machine does meanwhile meets all of them.
 */
#include "models.h"

#include "bench.h"
#include "output.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Starting and stopping a server. */
#define START_S 0.15

enum column { RATE, P50, P99, P999, CPU, SWITCHES, SYSCALLS, PSS, COLUMNS_COUNT };

static const struct report_column columns[COLUMNS_COUNT] = {
    [RATE] = { "requests_per_s", "requests/s", 0, BETTER_MORE },
    [P50] = { "p50_us", "p50 us", 0, BETTER_LESS },
    [P99] = { "p99_us", "p99 us", 0, BETTER_LESS },
    [P999] = { "p999_us", "p99.9 us", 0, BETTER_LESS },
    [CPU] = { "cpu_us", "CPU us/req", 2, BETTER_LESS },
    [SWITCHES] = { "switches_per_request", "switches/req", 3, BETTER_LESS },
    [SYSCALLS] = { "syscalls_per_request", "syscalls/req", 2, BETTER_NEITHER },
    [PSS] = { "pss_mib", "memory MiB", 1, BETTER_LESS },
};

static void describe_method(const struct models *models, char *text, size_t size)
{
    char load[160];

    if (models->plan.rate > 0)
        snprintf(load, sizeof(load),
                 "%.0f requests a second, whatever the server does; latency counts from when each "
                 "was due",
                 models->plan.rate);
    else
        snprintf(load, sizeof(load), "each sends as soon as it has its replies, %zu at a time",
                 models->plan.depth);
    snprintf(text, size,
             "%s, asked for \"%s\" over %zu connections by %s: %s. %zu rounds of %.2f s, in "
             "rotating order, a fresh server each time; server and load share the CPUs.%s\n"
             "\n"
             "CPU time and context switches are those of the server's whole process tree, read at "
             "the edges of the measured time while the load goes on. System calls are counted by "
             "strace in one run more. Memory is the proportional set size under load.",
             models->app.program, models->target, models->plan.conns,
             models->is_wrk ? "wrk" : "a load generator of one thread", load, models->rounds,
             models->seconds,
             models->is_wrk ? "" : " Every reply was compared, byte for byte, with the first.");
}

static void build_report(struct models *models)
{
    static char method[2048 + sizeof(models->app.program)];
    struct report *report = &models->report;

    describe_method(models, method, sizeof(method));
    report->title = "One application under every model";
    report->method = method;
    report->columns_count = COLUMNS_COUNT;
    memcpy(report->columns, columns, sizeof(columns));
    report->rows_count = models->choices_count;
    report->same_a = 0;
    report->same_b = (int)models->choices_count - 1;
    for (size_t i = 0; i < models->choices_count; i++) {
        snprintf(report->rows[i].name, sizeof(report->rows[i].name), "%s", models->choices[i].name);
        for (size_t j = 0; j < COLUMNS_COUNT; j++)
            report->rows[i].targets[j] = (double)NAN;
    }
}

static void build_plan(struct models *models, const struct address *target)
{
    models->plan.target = *target;
    if (models->plan.protocol == LOAD_HTTP)
        request_http(&models->request, target, models->target, "", false);
    else
        request_line(&models->request, models->target);
    models->plan.request = models->request.bytes;
    models->plan.request_length = models->request.length;
}

static void add_values(struct report_row *row, const struct measured *measured)
{
    const double values[COLUMNS_COUNT] = {
        [RATE] = measured->rate,
        [P50] = measured->p50_us,
        [P99] = measured->p99_us,
        [P999] = measured->p999_us,
        [CPU] = measured->cpu_us,
        [SWITCHES] = measured->switches,
        [PSS] = measured->pss_bytes / (1024 * 1024),
    };

    for (int i = 0; i < COLUMNS_COUNT; i++)
        if (i != SYSCALLS)
            series_add(&row->cells[i], values[i]);
}

/* Each failed round leaves its gap, so that the n-th values of two rows stay one round. */
static void add_gap(struct report_row *row)
{
    const struct measured nothing = { .rate = (double)NAN,
                                      .p50_us = (double)NAN,
                                      .p99_us = (double)NAN,
                                      .p999_us = (double)NAN,
                                      .cpu_us = (double)NAN,
                                      .switches = (double)NAN,
                                      .pss_bytes = (double)NAN };

    add_values(row, &nothing);
}

static bool run_load(struct models *models, struct server *server, struct report_row *row)
{
    struct measured measured;
    bool is_right =
        models->is_wrk
            ? measure_with_wrk(server, &models->plan, models->target, models->seconds,
                               models->app.directory, &measured, row->note, sizeof(row->note))
            : measure(server, &models->plan, NULL, models->warm_up_s, models->seconds, &measured,
                      row->note, sizeof(row->note));

    if (is_right)
        add_values(row, &measured);
    if (is_interrupted())
        row->note[0] = '\0'; /* what was not measured any more is no finding */
    return is_right;
}

static void count_syscalls(struct models *models, struct server *server, struct report_row *row)
{
    double calls = measure_syscalls(server, &models->plan, NULL, models->seconds,
                                    models->app.directory, row->note, sizeof(row->note));

    if (!isnan(calls))
        series_add(&row->cells[SYSCALLS], calls);
}

/* Round `rounds` is the extra one, which counts system calls. */
static void run_one(struct models *models, size_t index, size_t round)
{
    struct report_row *row = &models->report.rows[index];
    struct server server = { .pid = 0 };
    struct address target;
    char what[128];

    snprintf(what, sizeof(what), "%s, round %zu of %zu", row->name, round + 1, models->rounds);
    if (round == models->rounds)
        snprintf(what, sizeof(what), "%s, system calls", row->name);
    progress_step(&models->progress, what);
    if (models->choices[index].is_absent)
        return;
    if (!app_start(&models->app, &models->choices[index], &server, &target, row->note,
                   sizeof(row->note))) {
        models->choices[index].is_absent = round == 0;
        models->has_failed |= !is_interrupted();
        if (round > 0 && round < models->rounds)
            add_gap(row);
        return;
    }
    build_plan(models, &target);
    if (round == models->rounds) {
        count_syscalls(models, &server, row);
    } else if (!run_load(models, &server, row) && !is_interrupted()) {
        add_gap(row);
        models->has_failed = true;
    }
    server_stop(&server);
}

int models_main(int argc, char **argv)
{
    static struct models models;
    size_t rows;

    signals_catch();
    models_read_options(&models, argc, argv);
    build_report(&models);
    rows = models.choices_count;
    progress_begin(&models.progress, rows * (models.rounds + 1),
                   START_S + models.warm_up_s + models.seconds, models.common.is_quiet);
    for (size_t round = 0; round <= models.rounds; round++)
        for (size_t i = 0; i < rows && !is_interrupted(); i++)
            run_one(&models, (i + round) % rows, round);
    progress_end(&models.progress);
    app_close(&models.app);
    return output_write(&models.report, models.common.json_path, models.common.page_path,
                        models.has_failed);
}
