/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"
#include "fairness.h"
#include "fairness_bound.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
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
    "came, 64 wrong use, 69 no such program, 78 it has no service to load, 130 interrupted, after\n"
    "what was found so far.\n";

static const char default_models[] = "leader_followers,half_sync_half_async,reactor,reactor+0,"
                                     "proactor,per_core";

enum {
    OPT_APP = 256,
    OPT_SET,
    OPT_MODELS,
    OPT_THREADS,
    OPT_TARGET,
    OPT_CONNECTIONS,
    OPT_GREEDY,
    OPT_SECONDS,
    OPT_ROUNDS,
    OPT_QUICK,
    OPT_JSON,
    OPT_PAGE,
    OPT_QUIET,
};

static const struct option long_options[] = {
    { "app", required_argument, NULL, OPT_APP },
    { "config", required_argument, NULL, 'c' },
    { "set", required_argument, NULL, OPT_SET },
    { "models", required_argument, NULL, OPT_MODELS },
    { "threads", required_argument, NULL, OPT_THREADS },
    { "target", required_argument, NULL, OPT_TARGET },
    { "connections", required_argument, NULL, OPT_CONNECTIONS },
    { "greedy", required_argument, NULL, OPT_GREEDY },
    { "seconds", required_argument, NULL, OPT_SECONDS },
    { "rounds", required_argument, NULL, OPT_ROUNDS },
    { "quick", no_argument, NULL, OPT_QUICK },
    { "json", required_argument, NULL, OPT_JSON },
    { "page", required_argument, NULL, OPT_PAGE },
    { "quiet", no_argument, NULL, OPT_QUIET },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

/* Kept until all options are read. */
struct texts {
    const char *app, *config, *models, *greedy;
    bool is_quick;
};

/* ---- lists ----------------------------------------------------------------------------------- */

static void read_choices(struct fairness *fairness, const char *list)
{
    char *copy = strdup(list);

    for (char *rest = copy, *one = strsep(&rest, ","); one != NULL; one = strsep(&rest, ",")) {
        struct model_choice *choice = &fairness->choices[fairness->choices_count];

        if (fairness->choices_count == REPORT_ROWS_MAX)
            die(EX_USAGE, "--models: more than %d", REPORT_ROWS_MAX);
        model_choice_read(choice, one);
        if (choice->threads[0] == '\0')
            snprintf(choice->threads, sizeof(choice->threads), "%zu", fairness->threads);
        fairness->choices_count++;
    }
    free(copy);
}

static void read_greedy(struct fairness *fairness, const char *list)
{
    char *copy = strdup(list);

    for (char *rest = copy, *one = strsep(&rest, ","); one != NULL; one = strsep(&rest, ",")) {
        if (fairness->greedy_count == FAIRNESS_GREEDY_COUNTS_MAX)
            die(EX_USAGE, "--greedy: more than %d counts", FAIRNESS_GREEDY_COUNTS_MAX);
        fairness->greedy[fairness->greedy_count++] = argument_count("greedy", one, 1, GREEDY_MAX);
    }
    free(copy);
}

/* ---- options --------------------------------------------------------------------------------- */

static void add_set(struct app *app, const char *text)
{
    if (strchr(text, '=') == NULL)
        die(EX_USAGE, "--set: expected KEY=VALUE, not '%s'", text);
    if (app->sets_count == FAIRNESS_SETS_MAX)
        die(EX_USAGE, "--set: more than %d", FAIRNESS_SETS_MAX);
    app->sets[app->sets_count++] = text;
}

/* What is done with the figures; false for any other option. */
static bool take_output_option(struct fairness *fairness, int option)
{
    switch (option) {
    case OPT_JSON:
        fairness->json_path = optarg;
        return true;
    case OPT_PAGE:
        fairness->page_path = optarg;
        return true;
    case OPT_QUIET:
        fairness->is_quiet = true;
        return true;
    default:
        return false;
    }
}

static bool take_load_option(struct fairness *fairness, struct texts *texts, int option)
{
    switch (option) {
    case OPT_TARGET:
        fairness->target = optarg;
        return true;
    case OPT_CONNECTIONS:
        fairness->plan.conns = argument_count("connections", optarg, 1, LOAD_CONNS_MAX);
        return true;
    case OPT_GREEDY:
        texts->greedy = optarg;
        return true;
    case OPT_SECONDS:
        fairness->seconds = argument_number("seconds", optarg, 0.01, 3600);
        return true;
    case OPT_ROUNDS:
        fairness->rounds = argument_count("rounds", optarg, 1, SERIES_VALUES_MAX);
        return true;
    case OPT_QUICK:
        texts->is_quick = true;
        return true;
    default:
        return false;
    }
}

static void take_option(struct fairness *fairness, struct texts *texts, int option)
{
    switch (option) {
    case OPT_APP:
        texts->app = optarg;
        return;
    case 'c':
        texts->config = optarg;
        return;
    case OPT_SET:
        add_set(&fairness->app, optarg);
        return;
    case OPT_MODELS:
        texts->models = optarg;
        return;
    case OPT_THREADS:
        fairness->threads = argument_count("threads", optarg, 0, THREADS_MAX);
        return;
    case 'h':
        fputs(usage_text, stdout);
        exit(EX_OK);
    default:
        argument_unknown("fairness");
    }
}

static void check_options(const struct fairness *fairness, int argc)
{
    const char *target = fairness->target;

    if (optind != argc)
        die(EX_USAGE, "fairness: only options are expected; try --help");
    if (target[0] == '\0' || strpbrk(target, "\r\n") != NULL ||
        (target[0] == '/' && strchr(target, ' ') != NULL))
        die(EX_USAGE, "--target: expected a path from / on without spaces, or a line");
    if (fairness->choices_count * fairness->greedy_count > REPORT_ROWS_MAX)
        die(EX_USAGE, "--models, --greedy: %zu models and %zu counts are more than %d rows",
            fairness->choices_count, fairness->greedy_count, REPORT_ROWS_MAX);
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

static void open_app(struct fairness *fairness, const struct texts *texts)
{
    struct app *app = &fairness->app, *unbounded = &fairness->app_unbounded;

    app_open(app, texts->app, texts->config, fairness->plan.protocol == LOAD_HTTP);
    app->cpus = &fairness->placement.server;
    fairness->turn_us = read_turn_us(app);
    *unbounded = *app;
    unbounded->sets[unbounded->sets_count++] = "dispatch.turn.time=0";
    unbounded->sets[unbounded->sets_count++] = "dispatch.turn.bytes=0B";
}

void fairness_read_options(struct fairness *fairness, int argc, char **argv)
{
    struct texts texts = { .models = default_models, .greedy = "1,4" };
    int option;

    *fairness =
        (struct fairness){ .plan = { .conns = 63, .depth = 1, .greedy_depth = LOAD_DEPTH_MAX },
                           .target = "/",
                           .threads = 1,
                           .rounds = 5,
                           .capacity_rounds = 3,
                           .warm_up_s = 0.2,
                           .seconds = 1 };
    while ((option = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1)
        if (!take_output_option(fairness, option) && !take_load_option(fairness, &texts, option))
            take_option(fairness, &texts, option);
    if (texts.is_quick) {
        fairness->rounds = 2;
        fairness->capacity_rounds = 1;
        fairness->warm_up_s = 0.05;
        fairness->seconds = 0.15;
    }
    read_choices(fairness, texts.models);
    read_greedy(fairness, texts.greedy);
    check_options(fairness, argc);
    fairness->plan.protocol = fairness->target[0] == '/' ? LOAD_HTTP : LOAD_LINE;
    fairness->placement = place_cpus(PLACE_APART);
    open_app(fairness, &texts);
}
