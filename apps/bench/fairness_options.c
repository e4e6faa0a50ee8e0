/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"
#include "fairness.h"
#include "fairness_bound.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define GREEDY_MAX  1000
#define THREADS_MAX 1024

static const char usage_text[] =
    "Usage: paceline-bench fairness [OPTION]...\n"
    "\n"
    "How long polite clients wait beside greedy ones that pipeline without end, in every model, "
    "with\n"
    "the budget of a turn (dispatch.turn) and without it. The polite send half of what the server\n"
    "gives them alone, whatever it does. The server has one CPU, the load another.\n"
    "\n"
    "      --app PROGRAM        the application (work, the one beside this program)\n"
    "  -c, --config FILE        its configuration, used as it is but for dispatch.model,\n"
    "                           dispatch.threads, and an address whose port is taken\n"
    "      --set KEY=VALUE      a setting on top of it; may be given again\n"
    "      --models LIST        of leader_followers, half_sync_half_async, reactor, proactor,\n"
    "                           per_core; +N behind one sets dispatch.threads: reactor+0 (all)\n"
    "      --threads N          dispatch.threads of a model without +N (1)\n"
    "      --target TEXT        a path from / on is asked for; anything else is a line (/)\n"
    "      --connections N      polite clients (63)\n"
    "      --greedy LIST        how many greedy ones stand beside them, a row each (1,4)\n"
    "      --seconds SECONDS    how long each run is measured (1)\n"
    "      --rounds N           how often each is measured, in rotating order (5)\n"
    "      --quick              two short rounds: to see that it works, not what it says\n"
    "      --json FILE          every value for machines; - is the standard output\n"
    "      --page FILE          one HTML page with plots\n"
    "      --quiet              say nothing meanwhile\n"
    "  -h, --help               print this, and end\n"
    "\n"
    "Exit code: 0, also when a bound is missed, which the table marks; 1 a reply was wrong or "
    "none\n"
    "came, 64 wrong use, 66 or 69 the application cannot be used, 69 no gnuplot for --page, 73 a "
    "file\n"
    "cannot be written, 78 it refuses its configuration or has no service to load, 130 "
    "interrupted,\n"
    "after what was found so far.\n";

static const char default_models[] = "leader_followers,half_sync_half_async,reactor,reactor+0,"
                                     "proactor,per_core";

enum {
    OPT_APP = 256,
    OPT_MODELS,
    OPT_THREADS,
    OPT_TARGET,
    OPT_CONNECTIONS,
    OPT_GREEDY,
};

static const struct option long_options[] = {
    { "app", required_argument, NULL, OPT_APP },
    { "config", required_argument, NULL, 'c' },
    { "set", required_argument, NULL, OPTION_SET },
    { "models", required_argument, NULL, OPT_MODELS },
    { "threads", required_argument, NULL, OPT_THREADS },
    { "target", required_argument, NULL, OPT_TARGET },
    { "connections", required_argument, NULL, OPT_CONNECTIONS },
    { "greedy", required_argument, NULL, OPT_GREEDY },
    { "seconds", required_argument, NULL, OPTION_SECONDS },
    { "rounds", required_argument, NULL, OPTION_ROUNDS },
    { "quick", no_argument, NULL, OPTION_QUICK },
    { "json", required_argument, NULL, OPTION_JSON },
    { "page", required_argument, NULL, OPTION_PAGE },
    { "quiet", no_argument, NULL, OPTION_QUIET },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

/* Kept until all options are read. */
struct reading {
    struct fairness *fairness;
    const char *app, *config, *models, *greedy;
};

/* ---- lists ----------------------------------------------------------------------------------- */

static void read_choices(struct fairness *fairness, const char *list)
{
    char word[sizeof(fairness->choices[0].name)];

    while (argument_word("models", &list, word, sizeof(word))) {
        struct model_choice *choice = &fairness->choices[fairness->choices_count];

        if (fairness->choices_count == REPORT_ROWS_MAX)
            die(EX_USAGE, "--models: more than %d", REPORT_ROWS_MAX);
        model_choice_read(choice, word);
        if (choice->threads[0] == '\0')
            snprintf(choice->threads, sizeof(choice->threads), "%zu", fairness->threads);
        fairness->choices_count++;
    }
}

static void read_greedy(struct fairness *fairness, const char *list)
{
    char word[16];

    while (argument_word("greedy", &list, word, sizeof(word))) {
        if (fairness->greedy_count == FAIRNESS_GREEDY_COUNTS_MAX)
            die(EX_USAGE, "--greedy: more than %d counts", FAIRNESS_GREEDY_COUNTS_MAX);
        fairness->greedy[fairness->greedy_count++] = argument_count("greedy", word, 1, GREEDY_MAX);
    }
}

/* ---- options --------------------------------------------------------------------------------- */

static void take_option(void *context, int option)
{
    struct reading *reading = context;
    struct fairness *fairness = reading->fairness;

    switch (option) {
    case OPT_APP:
        reading->app = optarg;
        return;
    case 'c':
        reading->config = optarg;
        return;
    case OPT_MODELS:
        reading->models = optarg;
        return;
    case OPT_THREADS:
        fairness->threads = argument_count("threads", optarg, 0, THREADS_MAX);
        return;
    case OPT_TARGET:
        fairness->target = optarg;
        return;
    case OPT_CONNECTIONS:
        fairness->plan.conns = argument_count("connections", optarg, 1, LOAD_CONNS_MAX);
        return;
    case OPT_GREEDY:
        reading->greedy = optarg;
        return;
    }
}

static const struct option_reader reader = { .command = "fairness",
                                             .usage = usage_text,
                                             .short_options = "c:h",
                                             .options = long_options,
                                             .take = take_option };

static void check_options(const struct fairness *fairness)
{
    const char *target = fairness->target;

    if (target[0] == '\0' || strpbrk(target, "\r\n") != NULL ||
        (target[0] == '/' && strchr(target, ' ') != NULL))
        die(EX_USAGE, "--target: expected a path from / on without spaces, or a line");
    if (fairness->choices_count * fairness->greedy_count > REPORT_ROWS_MAX)
        die(EX_USAGE, "--models, --greedy: %zu models and %zu counts are more than %d rows",
            fairness->choices_count, fairness->greedy_count, REPORT_ROWS_MAX);
    options_check_output(fairness->common.json_path, fairness->common.page_path);
}

/* What the command line does not say. */
static void complete(struct fairness *fairness)
{
    const struct common_options *common = &fairness->common;

    fairness->rounds = common->rounds > 0 ? common->rounds : common->is_quick ? 2 : 5;
    fairness->seconds = common->seconds > 0 ? common->seconds : common->is_quick ? 0.15 : 1;
    fairness->capacity_rounds = common->is_quick ? 1 : 3;
    fairness->warm_up_s = common->is_quick ? 0.05 : 0.2;
    fairness->plan.protocol = fairness->target[0] == '/' ? LOAD_HTTP : LOAD_LINE;
    fairness->placement = place_cpus(PLACE_APART);
}

/* app_open() left there what --print-config said. */
static double read_turn_us(const struct app *app)
{
    char path[sizeof(app->directory) + sizeof("/config.txt")];
    FILE *file;
    double turn_us;

    snprintf(path, sizeof(path), "%s/config.txt", app->directory);
    file = fopen(path, "re");
    if (file == NULL)
        die(EX_NOINPUT, "%s: %s", path, strerror(errno));
    turn_us = fairness_read_turn_us(file);
    fclose(file);
    return turn_us;
}

static void open_app(struct fairness *fairness, const struct reading *reading)
{
    struct app *app = &fairness->app, *unbounded = &fairness->app_unbounded;

    memcpy(app->sets, fairness->common.sets, sizeof(fairness->common.sets));
    app->sets_count = fairness->common.sets_count;
    app_open(app, reading->app, reading->config, fairness->plan.protocol == LOAD_HTTP);
    fairness->turn_us = read_turn_us(app);
    for (size_t i = 0; i < fairness->choices_count; i++)
        app_check_choice(app, "models", &fairness->choices[i]);
    app->cpus = &fairness->placement.server;
    *unbounded = *app;
    unbounded->sets[unbounded->sets_count++] = "dispatch.turn.time=0";
    unbounded->sets[unbounded->sets_count++] = "dispatch.turn.bytes=0B";
}

void fairness_read_options(struct fairness *fairness, int argc, char **argv)
{
    struct reading reading = { .fairness = fairness, .models = default_models, .greedy = "1,4" };

    *fairness =
        (struct fairness){ .plan = { .conns = 63, .depth = 1, .greedy_depth = LOAD_DEPTH_MAX },
                           .target = "/",
                           .threads = 1 };
    options_read(&reader, &fairness->common, &reading, argc, argv);
    complete(fairness);
    read_choices(fairness, reading.models);
    read_greedy(fairness, reading.greedy);
    check_options(fairness);
    open_app(fairness, &reading);
}
