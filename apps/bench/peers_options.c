/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"
#include "peers.h"

#include <getopt.h>
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
    "      --pairs N            runs of each beside the floor (one thread 7, two 15)\n"
    "      --seconds SECONDS    how long each is measured (0.5)\n"
    "      --quick              one short pair: to see that it works, not what it says\n"
    "      --json FILE          every value for machines; - is the standard output\n"
    "      --page FILE          one HTML page with plots\n"
    "      --quiet              say nothing meanwhile\n"
    "  -h, --help               print this, and end\n"
    "\n"
    "Exit code: 0, 1 a reply was wrong or none came, 64 wrong use, 69 no program paceline, 130\n"
    "interrupted, after what was found so far.\n";

enum {
    OPT_ONLY = 256,
    OPT_CONTENDERS,
    OPT_SET,
    OPT_APP,
    OPT_THREADS,
    OPT_PAIRS,
    OPT_SECONDS,
    OPT_QUICK,
    OPT_JSON,
    OPT_PAGE,
    OPT_QUIET,
};

static const struct option long_options[] = {
    { "only", required_argument, NULL, OPT_ONLY },
    { "contenders", required_argument, NULL, OPT_CONTENDERS },
    { "set", required_argument, NULL, OPT_SET },
    { "app", required_argument, NULL, OPT_APP },
    { "threads", required_argument, NULL, OPT_THREADS },
    { "pairs", required_argument, NULL, OPT_PAIRS },
    { "seconds", required_argument, NULL, OPT_SECONDS },
    { "quick", no_argument, NULL, OPT_QUICK },
    { "json", required_argument, NULL, OPT_JSON },
    { "page", required_argument, NULL, OPT_PAGE },
    { "quiet", no_argument, NULL, OPT_QUIET },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

/* Kept until all options are read: the place needs some of them. */
struct texts {
    const char *contenders, *app;
    const char *sets[CONTENDER_SETS_MAX];
    size_t sets_count;
    bool is_quick;
};

static void check_only(const char *list)
{
    char word[32];

    for (const char *at = list; *at != '\0'; at += *at == ',') {
        size_t length = strcspn(at, ","), i = 0;

        snprintf(word, sizeof(word), "%.*s", (int)length, at);
        while (i < scenarios_count && strcmp(scenarios[i].key, word) != 0)
            i++;
        if (i == scenarios_count)
            die(EX_USAGE, "--only: unknown scenario '%s'; try --help", word);
        at += length;
    }
}

static void add_set(struct texts *texts, const char *text)
{
    if (strchr(text, '=') == NULL)
        die(EX_USAGE, "--set: expected KEY=VALUE, not '%s'", text);
    if (texts->sets_count == CONTENDER_SETS_MAX)
        die(EX_USAGE, "--set: more than %d", CONTENDER_SETS_MAX);
    texts->sets[texts->sets_count++] = text;
}

static void take_option(struct peers *peers, struct texts *texts, int option)
{
    switch (option) {
    case OPT_ONLY:
        check_only(optarg);
        peers->only = optarg;
        return;
    case OPT_CONTENDERS:
        texts->contenders = optarg;
        return;
    case OPT_SET:
        add_set(texts, optarg);
        return;
    case OPT_APP:
        texts->app = optarg;
        return;
    case OPT_THREADS:
        peers->threads = argument_count("threads", optarg, 1, 2);
        return;
    case OPT_PAIRS:
        peers->pairs = argument_count("pairs", optarg, 1, SERIES_VALUES_MAX);
        return;
    case OPT_SECONDS:
        peers->seconds = argument_number("seconds", optarg, 0.01, 3600);
        return;
    case OPT_QUICK:
        texts->is_quick = true;
        return;
    case OPT_JSON:
        peers->json_path = optarg;
        return;
    case OPT_PAGE:
        peers->page_path = optarg;
        return;
    case OPT_QUIET:
        peers->is_quiet = true;
        return;
    case 'h':
        fputs(usage_text, stdout);
        exit(EX_OK);
    default:
        argument_unknown("peers");
    }
}

void peers_read_options(struct peers *peers, int argc, char **argv)
{
    struct texts texts = { .app = NULL };
    int option;

    *peers = (struct peers){ .threads = 1, .warm_up_s = 0.15, .seconds = 0.5, .idle_conns = 2000 };
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
        take_option(peers, &texts, option);
    if (optind != argc)
        die(EX_USAGE, "peers: only options are expected; try --help");
    if (texts.is_quick) {
        peers->pairs = peers->pairs == 0 ? 1 : peers->pairs;
        peers->warm_up_s = 0.03;
        peers->seconds = 0.06;
        peers->idle_conns = 200;
    }
    if (peers->pairs == 0)
        peers->pairs = peers->threads == 1 ? 7 : 15;
    peers->contenders_count = contenders_read(texts.contenders, peers->contenders);
    contender_place_open(&peers->place, peers->threads, texts.app);
    memcpy(peers->place.sets, texts.sets, sizeof(texts.sets));
    peers->place.sets_count = texts.sets_count;
}
