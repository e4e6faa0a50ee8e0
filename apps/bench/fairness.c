/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paceline-bench fairness: what polite clients get of a server beside others that pipeline without
 * end.
 *
 *     capacity, per model:  the polite alone, closed loop          ─▶ the rate: half of it
 *     each round and model: budget on:  alone, beside 1, beside 4    at that rate, open loop
 *                           budget off:        beside 1, beside 4
 *
 * Models rotate from round to round and the budget alternates, so that what the machine does
 * meanwhile meets all of them. Each of the two phases has a fresh server.
 */
#include "fairness.h"

#include "bench.h"
#include "fairness_bound.h"
#include "fairness_table.h"
#include "output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Beside a run: its share of starting and stopping a server, and of opening connections. */
#define START_S 0.1

/* One run of the load. */
struct found {
    double offered, served_percent, p50_us, p99_us;
    double greedy, busy_percent; /* requests a second; of the generator */
};

static const struct found found_nothing = { .offered = (double)NAN,
                                            .served_percent = (double)NAN,
                                            .p50_us = (double)NAN,
                                            .p99_us = (double)NAN,
                                            .greedy = (double)NAN,
                                            .busy_percent = (double)NAN };

static struct report_row *row_of(struct fairness *fairness, size_t model, size_t greedy)
{
    return &fairness->report.rows[model * fairness->greedy_count + greedy];
}

/* ---- a run ----------------------------------------------------------------------------------- */

static void build_request(struct fairness *fairness, const struct address *target)
{
    fairness->plan.target = *target;
    if (fairness->plan.protocol == LOAD_HTTP)
        request_http(&fairness->request, target, fairness->target, "", false);
    else
        request_line(&fairness->request, fairness->target);
    fairness->plan.request = fairness->request.bytes;
    fairness->plan.request_length = fairness->request.length;
}

/* What was not measured any more is no finding. */
static void forget_interrupted(struct report_row *row)
{
    if (is_interrupted())
        row->note[0] = '\0';
}

static bool start(struct fairness *fairness, size_t model, const struct app *app,
                  struct server *server)
{
    struct report_row *row = row_of(fairness, model, 0);
    struct address target;

    *server = (struct server){ .pid = 0 };
    if (fairness->choices[model].is_absent || is_interrupted())
        return false;
    if (!app_start(app, &fairness->choices[model], server, &target, row->note, sizeof(row->note))) {
        forget_interrupted(row);
        return false;
    }
    build_request(fairness, &target);
    return true;
}

/* False: `row` says why not. */
static bool run_load(struct fairness *fairness, struct server *server, double rate, size_t greedy,
                     struct report_row *row, struct measured *ret_measured)
{
    struct load_plan plan = fairness->plan;

    plan.rate = rate;
    plan.greedy = greedy;
    if (measure(server, &plan, &fairness->placement.load, fairness->warm_up_s, fairness->seconds,
                ret_measured, row->note, sizeof(row->note)))
        return true;
    fairness->has_failed |= !is_interrupted();
    forget_interrupted(row);
    return false;
}

static struct found take(const struct measured *measured)
{
    const struct load_result *load = &measured->load;
    const struct load_role *polite = &load->polite;

    return (struct found){
        .offered = (double)polite->offered / load->seconds,
        .served_percent = 100 * (double)polite->requests / (double)polite->offered,
        .p50_us = measured->p50_us,
        .p99_us = measured->p99_us,
        .greedy = (double)load->greedy.requests / load->seconds,
        .busy_percent = 100 * load->cpu_s / load->seconds,
    };
}

/* At the model's rate; nothing is found where no server stands. */
static struct found run(struct fairness *fairness, struct server *server, size_t model,
                        size_t greedy, struct report_row *row)
{
    double rate = series_summary(&fairness->capacities[model]).median / 2;
    struct measured measured;

    if (server->pid == 0 || !run_load(fairness, server, rate, greedy, row, &measured))
        return found_nothing;
    return take(&measured);
}

/* ---- capacity -------------------------------------------------------------------------------- */

static void measure_capacity(struct fairness *fairness, size_t model, size_t round)
{
    struct report_row *row = row_of(fairness, model, 0);
    struct server server;
    struct measured measured;
    char what[128];

    snprintf(what, sizeof(what), "%s, the polite alone without a rate, %zu of %zu",
             fairness->choices[model].name, round + 1, fairness->capacity_rounds);
    progress_step(&fairness->progress, what);
    if (start(fairness, model, &fairness->app, &server) &&
        run_load(fairness, &server, 0, 0, row, &measured))
        series_add(&fairness->capacities[model], measured.rate);
    server_stop(&server);
}

/* A model that gave nothing has no rate, and is left out of the rounds. */
static void measure_capacities(struct fairness *fairness)
{
    size_t models = fairness->choices_count;

    for (size_t round = 0; round < fairness->capacity_rounds; round++)
        for (size_t i = 0; i < models && !is_interrupted(); i++)
            measure_capacity(fairness, (i + round) % models, round);
    for (size_t i = 0; i < models; i++)
        fairness->choices[i].is_absent = fairness->capacities[i].count == 0;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static void step(struct fairness *fairness, size_t model, size_t greedy, const char *budget,
                 size_t round)
{
    char what[128], beside[32] = "alone";

    if (greedy > 0)
        snprintf(beside, sizeof(beside), "%zu greedy", greedy);
    snprintf(what, sizeof(what), "%s, %s, budget %s, round %zu of %zu",
             fairness->choices[model].name, beside, budget, round + 1, fairness->rounds);
    progress_step(&fairness->progress, what);
}

static void add_bounded(struct report_row *row, const struct found *alone,
                        const struct found *beside)
{
    series_add(&row->cells[FAIRNESS_OFFERED], beside->offered);
    series_add(&row->cells[FAIRNESS_SERVED], beside->served_percent);
    series_add(&row->cells[FAIRNESS_ALONE_P50], alone->p50_us);
    series_add(&row->cells[FAIRNESS_ALONE_P99], alone->p99_us);
    series_add(&row->cells[FAIRNESS_ALONE_SERVED], alone->served_percent);
    series_add(&row->cells[FAIRNESS_ON_P50], beside->p50_us);
    series_add(&row->cells[FAIRNESS_ON_P99], beside->p99_us);
    series_add(&row->cells[FAIRNESS_GROWTH], beside->p50_us - alone->p50_us);
    series_add(&row->cells[FAIRNESS_GREEDY_ON], beside->greedy);
    series_add(&row->cells[FAIRNESS_BUSY_ON], fmax(alone->busy_percent, beside->busy_percent));
}

static void add_unbounded(struct report_row *row, const struct found *beside)
{
    series_add(&row->cells[FAIRNESS_OFF_P50], beside->p50_us);
    series_add(&row->cells[FAIRNESS_OFF_P99], beside->p99_us);
    series_add(&row->cells[FAIRNESS_OFF_SERVED], beside->served_percent);
    series_add(&row->cells[FAIRNESS_GREEDY_OFF], beside->greedy);
    series_add(&row->cells[FAIRNESS_BUSY_OFF], beside->busy_percent);
}

/* What failed leaves its gap, so that the n-th values of a row stay one round. */
static void run_bounded(struct fairness *fairness, size_t model, size_t round)
{
    struct server server;
    struct found alone, beside;

    (void)start(fairness, model, &fairness->app, &server);
    step(fairness, model, 0, "on", round);
    alone = run(fairness, &server, model, 0, row_of(fairness, model, 0));
    for (size_t i = 0; i < fairness->greedy_count && !is_interrupted(); i++) {
        struct report_row *row = row_of(fairness, model, i);

        step(fairness, model, fairness->greedy[i], "on", round);
        beside = run(fairness, &server, model, fairness->greedy[i], row);
        if (!is_interrupted())
            add_bounded(row, &alone, &beside);
    }
    server_stop(&server);
}

static void run_unbounded(struct fairness *fairness, size_t model, size_t round)
{
    struct server server;
    struct found beside;

    (void)start(fairness, model, &fairness->app_unbounded, &server);
    for (size_t i = 0; i < fairness->greedy_count && !is_interrupted(); i++) {
        struct report_row *row = row_of(fairness, model, i);

        step(fairness, model, fairness->greedy[i], "off", round);
        beside = run(fairness, &server, model, fairness->greedy[i], row);
        if (!is_interrupted())
            add_unbounded(row, &beside);
    }
    server_stop(&server);
}

static void run_round(struct fairness *fairness, size_t model, size_t round)
{
    if (round % 2 == 0)
        run_bounded(fairness, model, round);
    if (!is_interrupted())
        run_unbounded(fairness, model, round);
    if (round % 2 == 1 && !is_interrupted())
        run_bounded(fairness, model, round);
}

/* ---- the command ----------------------------------------------------------------------------- */

static void describe_method(const struct fairness *fairness, char *text, size_t size)
{
    snprintf(text, size,
             "%s, asked for \"%s\" by %zu polite clients at a fixed rate, half of what the server "
             "gives them alone in a closed loop, and by greedy ones that have %zu requests "
             "outstanding each all the time. A wait counts from when its request was due. %zu "
             "rounds of %.2f s in rotating order, with the budget of a turn and without "
             "(dispatch.turn.time=0, dispatch.turn.bytes=0B); %s; %zu threads where the row does "
             "not say. Every reply was compared, byte for byte, with the first.\n"
             "\n"
             "Growth: the median wait with the budget, less the one without greedy clients in the "
             "same round; its bound is 2 x greedy clients x %.0f us / threads.",
             fairness->app.program, fairness->target, fairness->plan.conns,
             fairness->plan.greedy_depth, fairness->rounds, fairness->seconds,
             fairness->placement.text, fairness->threads, fairness->turn_us);
}

static void build_report(struct fairness *fairness)
{
    static char method[2048 + sizeof(fairness->app.program)];

    describe_method(fairness, method, sizeof(method));
    fairness_table_init(&fairness->report);
    fairness->report.method = method;
    for (size_t i = 0; i < fairness->choices_count; i++)
        for (size_t j = 0; j < fairness->greedy_count; j++)
            fairness_table_add_row(
                &fairness->report, fairness->choices[i].name, fairness->greedy[j],
                fairness_bound_us(fairness->greedy[j], fairness->turn_us,
                                  strtoul(fairness->choices[i].threads, NULL, 10)));
}

int fairness_main(int argc, char **argv)
{
    static struct fairness fairness;
    size_t models, runs;

    signals_catch();
    fairness_read_options(&fairness, argc, argv);
    build_report(&fairness);
    models = fairness.choices_count;
    runs = fairness.capacity_rounds + fairness.rounds * (1 + 2 * fairness.greedy_count);
    progress_begin(&fairness.progress, models * runs,
                   START_S + fairness.warm_up_s + fairness.seconds, fairness.common.is_quiet);
    measure_capacities(&fairness);
    for (size_t round = 0; round < fairness.rounds; round++)
        for (size_t i = 0; i < models && !is_interrupted(); i++)
            run_round(&fairness, (i + round) % models, round);
    progress_end(&fairness.progress);
    app_close(&fairness.app);
    return output_write_as(&fairness.report, fairness_table_print, fairness.common.json_path,
                           fairness.common.page_path,
                           fairness.has_failed || !fairness_table_has_figures(&fairness.report));
}
