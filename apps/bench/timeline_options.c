/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"
#include "options.h"
#include "timeline_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* What the pictures of the documents show: enough threads to see who stands by. */
#define THREADS_OWN 4

static const char usage_text[] =
    "Usage: paceline-bench timeline [OPTION]...\n"
    "       paceline-bench timeline --draw RECORD [OPTION]...\n"
    "\n"
    "A few milliseconds of an application's threads under load as a picture: a row per thread,\n"
    "coloured by role, hand-overs as arrows.\n"
    "\n"
    "      --app PROGRAM        an application of Paceline with HTTP (work, the one beside this\n"
    "                           program)\n"
    "  -c, --config FILE        its configuration (the application's own default)\n"
    "      --model NAME         dispatch.model (leader_followers)\n"
    "      --threads N          dispatch.threads (4, per_core one per CPU; with --app or -c what\n"
    "                           its configuration says)\n"
    "      --ms MS              how much is drawn, where most happens (20)\n"
    "      --connections N      how many (16)\n"
    "      --rate N             requests a second (4000)\n"
    "      --path PATH          what most requests ask for (/)\n"
    "      --slow-path PATH     what one in 17 asks for (/work?block=1000; with --app none)\n"
    "      --any-status         take replies that are errors as right, too\n"
    "      --out FILE           the picture, as SVG (the standard output)\n"
    "      --record FILE        keep what was recorded: lines of thread, nanoseconds, role\n"
    "      --draw RECORD        draw what is recorded already; - is the standard input\n"
    "  -h, --help               print this, and end\n"
    "\n"
    "Exit code: 0, 1 a reply was wrong or an error or did not come, 64 wrong use, 65 a record\n"
    "that is none, 66 no such file, 69 the application is not there or does not start, 73 a\n"
    "file cannot be written, 78 it refuses its configuration or has no service to load, 130\n"
    "interrupted.\n";

enum {
    OPT_APP = 256,
    OPT_MODEL,
    OPT_THREADS,
    OPT_MS,
    OPT_CONNECTIONS,
    OPT_RATE,
    OPT_PATH,
    OPT_SLOW_PATH,
    OPT_ANY_STATUS,
    OPT_OUT,
    OPT_RECORD,
    OPT_DRAW,
};

static const struct option long_options[] = {
    { "app", required_argument, NULL, OPT_APP },
    { "config", required_argument, NULL, 'c' },
    { "model", required_argument, NULL, OPT_MODEL },
    { "threads", required_argument, NULL, OPT_THREADS },
    { "ms", required_argument, NULL, OPT_MS },
    { "connections", required_argument, NULL, OPT_CONNECTIONS },
    { "rate", required_argument, NULL, OPT_RATE },
    { "path", required_argument, NULL, OPT_PATH },
    { "slow-path", required_argument, NULL, OPT_SLOW_PATH },
    { "any-status", no_argument, NULL, OPT_ANY_STATUS },
    { "out", required_argument, NULL, OPT_OUT },
    { "record", required_argument, NULL, OPT_RECORD },
    { "draw", required_argument, NULL, OPT_DRAW },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static const char *path_of(const char *option, const char *text)
{
    if (text[0] != '/' || strpbrk(text, " \r\n") != NULL)
        die(EX_USAGE, "--%s: expected a path from / on without spaces, not '%s'", option, text);
    return text;
}

/* Which models there are, the application knows. */
static void take_model(struct timeline_run *run, const char *text)
{
    if (text[0] == '\0' || strlen(text) >= sizeof(run->choice.model))
        die(EX_USAGE, "--model: '%s' is no model", text);
    snprintf(run->choice.model, sizeof(run->choice.model), "%s", text);
    snprintf(run->choice.name, sizeof(run->choice.name), "%s", text);
}

/* Kept until all options are read. */
struct reading {
    struct timeline_run *run;
    const char *program, *config;
};

/* What goes in and comes out; false for any other option. */
static bool take_file_option(struct timeline_run *run, int option)
{
    switch (option) {
    case OPT_OUT:
        run->out_path = optarg;
        return true;
    case OPT_RECORD:
        run->record_path = optarg;
        return true;
    case OPT_DRAW:
        run->drawn_path = optarg;
        return true;
    case OPT_MS:
        run->length_ms = argument_number("ms", optarg, 0.01, 5000);
        return true;
    default:
        return false;
    }
}

static void take_option(void *context, int option)
{
    struct reading *reading = context;
    struct timeline_run *run = reading->run;

    if (take_file_option(run, option))
        return;
    switch (option) {
    case OPT_APP:
        reading->program = optarg;
        return;
    case 'c':
        reading->config = optarg;
        return;
    case OPT_MODEL:
        take_model(run, optarg);
        return;
    case OPT_THREADS:
        run->threads = argument_count("threads", optarg, 0, TIMELINE_THREADS_MAX - 1);
        return;
    case OPT_CONNECTIONS:
        run->conns = argument_count("connections", optarg, 2, 10000);
        return;
    case OPT_RATE:
        run->rate = argument_number("rate", optarg, 1, 1e6);
        return;
    case OPT_PATH:
        run->path = path_of("path", optarg);
        return;
    case OPT_SLOW_PATH:
        run->slow_path = path_of("slow-path", optarg);
        return;
    case OPT_ANY_STATUS:
        run->is_any_status = true;
        return;
    }
}

static const struct option_reader reader = { .command = "timeline",
                                             .usage = usage_text,
                                             .short_options = "c:h",
                                             .options = long_options,
                                             .take = take_option };

/* The program beside this one is known: it has a slow path, and few threads show more. */
static void complete(struct timeline_run *run, bool is_own_app, bool is_own_config)
{
    struct model_choice *choice = &run->choice;

    if (is_own_app && run->slow_path == NULL)
        run->slow_path = "/work?block=1000";
    if (run->threads == SIZE_MAX && is_own_app && is_own_config &&
        strcmp(choice->model, "per_core") != 0)
        run->threads = THREADS_OWN;
    if (run->threads == SIZE_MAX) {
        snprintf(run->title, sizeof(run->title), "%s", choice->model);
        return;
    }
    snprintf(choice->threads, sizeof(choice->threads), "%u", (unsigned)run->threads);
    snprintf(run->title, sizeof(run->title), "%s, %zu thread%s", choice->model, run->threads,
             run->threads == 1 ? "" : "s");
}

void timeline_read_options(struct timeline_run *run, const char **ret_program,
                           const char **ret_config, int argc, char **argv)
{
    struct reading reading = { .run = run };

    *run = (struct timeline_run){ .threads = SIZE_MAX,
                                  .conns = 16,
                                  .rate = 4000,
                                  .path = "/",
                                  .length_ms = 20,
                                  .choice = { .name = "leader_followers",
                                              .model = "leader_followers" } };
    options_read(&reader, NULL, &reading, argc, argv);
    options_check_output(run->out_path, NULL);
    options_check_output(run->record_path, NULL);
    complete(run, reading.program == NULL, reading.config == NULL);
    *ret_program = reading.program;
    *ret_config = reading.config;
}
