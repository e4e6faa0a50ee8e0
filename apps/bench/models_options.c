/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"
#include "models.h"
#include "options.h"

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
    "Exit code: 0, 1 a reply was wrong or none came or a server did not start, 64 wrong use,\n"
    "66 no such file, 69 no such program, 73 a file cannot be written, 78 the application\n"
    "refuses its configuration or has no service to load, 130 interrupted, after what was\n"
    "found so far.\n";

static const char default_models[] = "leader_followers,half_sync_half_async,reactor,reactor+0,"
                                     "proactor,per_core";

enum {
    OPT_APP = 256,
    OPT_MODELS,
    OPT_TARGET,
    OPT_CONNECTIONS,
    OPT_DEPTH,
    OPT_RATE,
    OPT_LOAD,
};

static const struct option long_options[] = {
    { "app", required_argument, NULL, OPT_APP },
    { "config", required_argument, NULL, 'c' },
    { "set", required_argument, NULL, OPTION_SET },
    { "models", required_argument, NULL, OPT_MODELS },
    { "target", required_argument, NULL, OPT_TARGET },
    { "connections", required_argument, NULL, OPT_CONNECTIONS },
    { "depth", required_argument, NULL, OPT_DEPTH },
    { "rate", required_argument, NULL, OPT_RATE },
    { "seconds", required_argument, NULL, OPTION_SECONDS },
    { "rounds", required_argument, NULL, OPTION_ROUNDS },
    { "load", required_argument, NULL, OPT_LOAD },
    { "quick", no_argument, NULL, OPTION_QUICK },
    { "json", required_argument, NULL, OPTION_JSON },
    { "page", required_argument, NULL, OPTION_PAGE },
    { "quiet", no_argument, NULL, OPTION_QUIET },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

/* Kept until all options are read. */
struct reading {
    struct models *models;
    const char *app, *config, *models_list;
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
    char word[sizeof(models->choices[0].name)];
    struct model_choice *again;

    while (argument_word("models", &list, word, sizeof(word))) {
        if (models->choices_count + 2 > MODELS_MAX)
            die(EX_USAGE, "--models: more than %d", MODELS_MAX - 1);
        model_choice_read(&models->choices[models->choices_count++], word);
    }
    again = &models->choices[models->choices_count++];
    *again = models->choices[0];
    snprintf(again->name, sizeof(again->name), "%.38s (again)", models->choices[0].name);
}

/* ---- options -------------------------------------------------------------------------------- */

static void take_option(void *context, int option)
{
    struct reading *reading = context;
    struct models *models = reading->models;

    switch (option) {
    case OPT_APP:
        reading->app = optarg;
        return;
    case 'c':
        reading->config = optarg;
        return;
    case OPT_MODELS:
        reading->models_list = optarg;
        return;
    case OPT_TARGET:
        models->target = optarg;
        return;
    case OPT_CONNECTIONS:
        models->plan.conns = argument_count("connections", optarg, 1, LOAD_CONNS_MAX);
        return;
    case OPT_DEPTH:
        models->plan.depth = argument_count("depth", optarg, 1, LOAD_DEPTH_MAX);
        return;
    case OPT_RATE:
        models->plan.rate = argument_number("rate", optarg, 0.1, 1e8);
        return;
    case OPT_LOAD:
        if (strcmp(optarg, "wrk") != 0)
            die(EX_USAGE, "--load: expected wrk, not '%s'", optarg);
        models->is_wrk = true;
        return;
    }
}

static const struct option_reader reader = { .command = "models",
                                             .usage = usage_text,
                                             .short_options = "c:h",
                                             .options = long_options,
                                             .take = take_option };

static void check_options(const struct models *models)
{
    if (models->is_wrk && (models->plan.rate > 0 || models->plan.depth > 1 ||
                           models->target[0] != '/' || models->seconds < 1))
        die(EX_USAGE, "--load wrk: http paths, no --rate, no --depth, whole seconds");
    if (models->target[0] == '\0' || strpbrk(models->target, "\r\n") != NULL ||
        (models->target[0] == '/' && strchr(models->target, ' ') != NULL))
        die(EX_USAGE, "--target: expected a path from / on without spaces, or a line");
    options_check_output(models->common.json_path, models->common.page_path);
}

/* What the command line does not say. */
static void complete(struct models *models)
{
    const struct common_options *common = &models->common;
    double quick_s = models->is_wrk ? 1 : 0.06;

    models->rounds = common->rounds > 0 ? common->rounds : common->is_quick ? 2 : 9;
    models->seconds = common->seconds > 0 ? common->seconds : common->is_quick ? quick_s : 1;
    models->warm_up_s = common->is_quick ? 0.03 : 0.2;
    models->plan.protocol = models->target[0] == '/' ? LOAD_HTTP : LOAD_LINE;
}

static void open_app(struct models *models, const struct reading *reading)
{
    struct app *app = &models->app;

    memcpy(app->sets, models->common.sets, sizeof(models->common.sets));
    app->sets_count = models->common.sets_count;
    app_open(app, reading->app, reading->config, models->plan.protocol == LOAD_HTTP);
    for (size_t i = 0; i + 1 < models->choices_count; i++)
        app_check_choice(app, "models", &models->choices[i]);
}

void models_read_options(struct models *models, int argc, char **argv)
{
    struct reading reading = { .models = models, .models_list = default_models };

    *models = (struct models){ .plan = { .conns = 64, .depth = 1 }, .target = "/" };
    options_read(&reader, &models->common, &reading, argc, argv);
    complete(models);
    check_options(models);
    read_choices(models, reading.models_list);
    open_app(models, &reading);
}
