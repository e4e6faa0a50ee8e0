/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"
#include "peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const char usage_text[] =
    "Usage: paceline-bench peers [OPTION]...\n"
    "\n"
    "CPU per request of Paceline under its models and of other servers, as multiples of a bare\n"
    "epoll loop's.\n"
    "\n"
    "      --only LIST          of saturated, pipelined, connection, file, echo, thousand, one,\n"
    "                           idle, syscalls (all)\n"
    "      --contenders LIST    of nginx, h2o, lighttpd, haproxy and models of Paceline, these "
    "with\n"
    "                           words behind them: leader_followers+edge+kernel, reactor+0 (all)\n"
    "      --set KEY=VALUE      a setting of Paceline, in all its rows; may be given again\n"
    "      --app PROGRAM        the program paceline (the one beside this one)\n"
    "      --threads 1|2        threads or processes of a server; 2 share both CPUs with the load "
    "(1)\n"
    "      --pairs N            runs of each beside the floor (one thread 9, two 15; from 8 on a\n"
    "                           difference can be told from chance)\n"
    "      --seconds SECONDS    how long each is measured (0.5)\n"
    "      --quick              one short pair: to see that it works, not what it says\n"
    "      --json FILE          every value for machines; - is the standard output\n"
    "      --page FILE          one HTML page with plots\n"
    "      --quiet              say nothing meanwhile\n"
    "  -h, --help               print this, and end\n"
    "\n"
    "Exit code: 0, 1 a reply was wrong or none came or a server did not start, 64 wrong use,\n"
    "69 no program paceline, 73 a file cannot be written, 78 it refuses a setting,\n"
    "130 interrupted, after what was found so far.\n";

enum {
    OPT_ONLY = 256,
    OPT_CONTENDERS,
    OPT_APP,
    OPT_THREADS,
};

static const struct option long_options[] = {
    { "only", required_argument, NULL, OPT_ONLY },
    { "contenders", required_argument, NULL, OPT_CONTENDERS },
    { "set", required_argument, NULL, OPTION_SET },
    { "app", required_argument, NULL, OPT_APP },
    { "threads", required_argument, NULL, OPT_THREADS },
    { "pairs", required_argument, NULL, OPTION_ROUNDS },
    { "seconds", required_argument, NULL, OPTION_SECONDS },
    { "quick", no_argument, NULL, OPTION_QUICK },
    { "json", required_argument, NULL, OPTION_JSON },
    { "page", required_argument, NULL, OPTION_PAGE },
    { "quiet", no_argument, NULL, OPTION_QUIET },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

/* Kept until all options are read: the place needs some of them. */
struct reading {
    struct peers *peers;
    const char *contenders, *app;
};

static void check_word(const char *word)
{
    char names[256] = "";

    for (size_t i = 0; i < scenarios_count; i++) {
        if (strcmp(scenarios[i].key, word) == 0)
            return;
        words_add(names, sizeof(names), scenarios[i].key);
    }
    die(EX_USAGE, "--only: unknown scenario '%s', expected some of:%s", word, names);
}

static void check_only(const struct peers *peers)
{
    const char *rest = peers->only;
    char word[32];
    size_t count = 0;

    while (argument_word("only", &rest, word, sizeof(word)))
        check_word(word);
    for (size_t i = 0; i < scenarios_count; i++)
        count += scenario_is_chosen(peers, &scenarios[i]);
    if (count == 0)
        die(EX_USAGE, "--only: '%s' is measured with one thread only, expected --threads 1",
            peers->only);
}

static void take_option(void *context, int option)
{
    struct reading *reading = context;

    switch (option) {
    case OPT_ONLY:
        reading->peers->only = optarg;
        return;
    case OPT_CONTENDERS:
        reading->contenders = optarg;
        return;
    case OPT_APP:
        reading->app = optarg;
        return;
    case OPT_THREADS:
        reading->peers->threads = argument_count("threads", optarg, 1, 2);
        return;
    }
}

static const struct option_reader reader = { .command = "peers",
                                             .usage = usage_text,
                                             .short_options = "h",
                                             .options = long_options,
                                             .take = take_option };

/* What the command line does not say. An odd number of pairs has one in the middle, and fewer than
 * SERIES_PAIRS_MIN tell nothing from chance. */
static void complete(struct peers *peers)
{
    const struct common_options *common = &peers->common;
    size_t pairs = peers->threads == 1 ? 9 : 15;

    if (common->is_quick)
        pairs = 1;
    peers->pairs = common->rounds > 0 ? common->rounds : pairs;
    peers->seconds = common->seconds > 0 ? common->seconds : common->is_quick ? 0.06 : 0.5;
    peers->warm_up_s = common->is_quick ? 0.03 : 0.15;
    peers->idle_conns = common->is_quick ? 200 : 2000;
}

static void open_place(struct peers *peers, const struct reading *reading)
{
    struct contender_place *place = &peers->place;

    contender_place_open(place, peers->threads, reading->app);
    memcpy(place->sets, peers->common.sets, sizeof(peers->common.sets));
    place->sets_count = peers->common.sets_count;
    contenders_check(place, peers->contenders, peers->contenders_count);
}

void peers_read_options(struct peers *peers, int argc, char **argv)
{
    struct reading reading = { .peers = peers };

    *peers = (struct peers){ .threads = 1 };
    options_read(&reader, &peers->common, &reading, argc, argv);
    complete(peers);
    check_only(peers);
    options_check_output(peers->common.json_path, peers->common.page_path);
    peers->contenders_count = contenders_read(reading.contenders, peers->contenders);
    open_place(peers, &reading);
}
