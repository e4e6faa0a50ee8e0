/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"
#include "models.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const char usage_text[] =
    "Usage: paceline-bench models [OPTION]...\n"
    "\n"
    "One application of Paceline under every model: which fits it, and by how much.\n"
    "\n"
    "      --app PROGRAM        the application (work, the one beside this program)\n"
    "  -c, --config FILE        its configuration, used as it is but for dispatch.model, and for "
    "an\n"
    "                           address whose port is taken (the application's own default)\n"
    "      --set KEY=VALUE      a setting on top of it; may be given again\n"
    "      --models LIST        of leader_followers, half_sync_half_async, reactor, proactor,\n"
    "                           per_core; +N behind one sets dispatch.threads: reactor+0 (all)\n"
    "      --target TEXT        a path from / on is asked for; anything else is a line (/)\n"
    "      --connections N      how many (64)\n"
    "      --depth N            requests a connection has outstanding (1)\n"
    "      --rate N             open loop: N requests a second, latency from when each was due\n"
    "      --seconds SECONDS    how long a round measures each model (1)\n"
    "      --rounds N           how often each is measured, in rotating order (9)\n"
    "      --load wrk           let wrk be the load instead: http, closed loop, whole seconds\n"
    "      --quick              two short rounds: to see that it works, not what it says\n"
    "      --json FILE          every value for machines; - is the standard output\n"
    "      --page FILE          one HTML page with plots\n"
    "      --quiet              say nothing meanwhile\n"
    "  -h, --help               print this, and end\n"
    "\n"
    "Exit code: 0, 1 a reply was wrong or none came, 64 wrong use, 69 no such program, 78 it has\n"
    "no service to load, 130 interrupted, after what was found so far.\n";

static const char default_models[] = "leader_followers,half_sync_half_async,reactor,reactor+0,"
                                     "proactor,per_core";

enum {
    OPT_APP = 256,
    OPT_SET,
    OPT_MODELS,
    OPT_TARGET,
    OPT_CONNECTIONS,
    OPT_DEPTH,
    OPT_RATE,
    OPT_SECONDS,
    OPT_ROUNDS,
    OPT_LOAD,
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
    { "target", required_argument, NULL, OPT_TARGET },
    { "connections", required_argument, NULL, OPT_CONNECTIONS },
    { "depth", required_argument, NULL, OPT_DEPTH },
    { "rate", required_argument, NULL, OPT_RATE },
    { "seconds", required_argument, NULL, OPT_SECONDS },
    { "rounds", required_argument, NULL, OPT_ROUNDS },
    { "load", required_argument, NULL, OPT_LOAD },
    { "quick", no_argument, NULL, OPT_QUICK },
    { "json", required_argument, NULL, OPT_JSON },
    { "page", required_argument, NULL, OPT_PAGE },
    { "quiet", no_argument, NULL, OPT_QUIET },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

/* Kept until all options are read. */
struct texts {
    const char *app, *config, *models;
    bool is_quick;
};

/* ---- rows ----------------------------------------------------------------------------------- */

void model_choice_read(struct model_choice *choice, const char *text)
{
    size_t length = strcspn(text, "+");

    if (length == 0 || length >= sizeof(choice->model) || strlen(text) >= sizeof(choice->name) ||
        strspn(text, "abcdefghijklmnopqrstuvwxyz_") != length ||
        strlen(text) - length > sizeof(choice->threads) ||
        (text[length] == '+' &&
         (text[length + 1] == '\0' ||
          strspn(text + length + 1, "0123456789") != strlen(text + length + 1))))
        die(EX_USAGE, "--models: '%s' is no model, nor one with +THREADS behind it", text);
    snprintf(choice->name, sizeof(choice->name), "%s", text);
    snprintf(choice->model, sizeof(choice->model), "%.*s", (int)length, text);
    if (text[length] == '+')
        snprintf(choice->threads, sizeof(choice->threads), "%s", text + length + 1);
}

/* The first one stands in the table twice: what differs between the two rows is chance. */
static void read_choices(struct models *models, const char *list)
{
    char *copy = strdup(list == NULL ? default_models : list);
    struct model_choice *again;

    for (char *rest = copy, *one = strsep(&rest, ","); one != NULL; one = strsep(&rest, ",")) {
        if (models->choices_count + 2 > MODELS_MAX)
            die(EX_USAGE, "--models: more than %d", MODELS_MAX - 1);
        model_choice_read(&models->choices[models->choices_count++], one);
    }
    free(copy);
    again = &models->choices[models->choices_count++];
    *again = models->choices[0];
    snprintf(again->name, sizeof(again->name), "%.38s (again)", models->choices[0].name);
}

/* ---- options -------------------------------------------------------------------------------- */

static void add_set(struct app *app, const char *text)
{
    if (strchr(text, '=') == NULL)
        die(EX_USAGE, "--set: expected KEY=VALUE, not '%s'", text);
    if (app->sets_count == APP_SETS_MAX)
        die(EX_USAGE, "--set: more than %d", APP_SETS_MAX);
    app->sets[app->sets_count++] = text;
}

/* What is done with the replies; false for any other option. */
static bool take_output_option(struct models *models, int option)
{
    switch (option) {
    case OPT_JSON:
        models->json_path = optarg;
        return true;
    case OPT_PAGE:
        models->page_path = optarg;
        return true;
    case OPT_QUIET:
        models->is_quiet = true;
        return true;
    default:
        return false;
    }
}

static bool take_load_option(struct models *models, int option)
{
    switch (option) {
    case OPT_TARGET:
        models->target = optarg;
        return true;
    case OPT_CONNECTIONS:
        models->plan.conns = argument_count("connections", optarg, 1, LOAD_CONNS_MAX);
        return true;
    case OPT_DEPTH:
        models->plan.depth = argument_count("depth", optarg, 1, LOAD_DEPTH_MAX);
        return true;
    case OPT_RATE:
        models->plan.rate = argument_number("rate", optarg, 0.1, 1e8);
        return true;
    case OPT_SECONDS:
        models->seconds = argument_number("seconds", optarg, 0.01, 3600);
        return true;
    case OPT_ROUNDS:
        models->rounds = argument_count("rounds", optarg, 1, SERIES_VALUES_MAX);
        return true;
    case OPT_LOAD:
        if (strcmp(optarg, "wrk") != 0)
            die(EX_USAGE, "--load: expected wrk, not '%s'", optarg);
        models->is_wrk = true;
        return true;
    default:
        return false;
    }
}

static void take_option(struct models *models, struct texts *texts, int option)
{
    switch (option) {
    case OPT_APP:
        texts->app = optarg;
        return;
    case 'c':
        texts->config = optarg;
        return;
    case OPT_SET:
        add_set(&models->app, optarg);
        return;
    case OPT_MODELS:
        texts->models = optarg;
        return;
    case OPT_QUICK:
        texts->is_quick = true;
        return;
    case 'h':
        fputs(usage_text, stdout);
        exit(EX_OK);
    default:
        argument_unknown("models");
    }
}

static void check_options(const struct models *models, int argc)
{
    if (optind != argc)
        die(EX_USAGE, "models: only options are expected; try --help");
    if (models->is_wrk && (models->plan.rate > 0 || models->plan.depth > 1 ||
                           models->target[0] != '/' || models->seconds < 1))
        die(EX_USAGE, "--load wrk: http paths, no --rate, no --depth, whole seconds");
    if (models->target[0] == '\0' || strpbrk(models->target, "\r\n") != NULL ||
        (models->target[0] == '/' && strchr(models->target, ' ') != NULL))
        die(EX_USAGE, "--target: expected a path from / on without spaces, or a line");
}

void models_read_options(struct models *models, int argc, char **argv)
{
    struct texts texts = { .app = NULL };
    int option;

    *models = (struct models){ .plan = { .conns = 64, .depth = 1 },
                               .target = "/",
                               .rounds = 9,
                               .warm_up_s = 0.2,
                               .seconds = 1 };
    while ((option = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1)
        if (!take_output_option(models, option) && !take_load_option(models, option))
            take_option(models, &texts, option);
    if (texts.is_quick) {
        models->rounds = 2;
        models->warm_up_s = 0.03;
        models->seconds = models->is_wrk ? 1 : 0.06;
    }
    check_options(models, argc);
    read_choices(models, texts.models);
    models->plan.protocol = models->target[0] == '/' ? LOAD_HTTP : LOAD_LINE;
    app_open(&models->app, texts.app, texts.config, models->plan.protocol == LOAD_HTTP);
}
