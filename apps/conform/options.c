/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "case_text.h"

#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* How many cases run at once unless --jobs says otherwise. */
#define JOBS_COUNT 16

/* Mutations unless --count says otherwise: a few seconds. */
#define MUTATIONS_COUNT 1000

static const char usage_text[] =
    "Usage: paceline-conform http|line --target HOST:PORT [OPTION]...\n"
    "       paceline-conform http|line --list\n"
    "       paceline-conform --make-root DIR\n"
    "\n"
    "      --target HOST:PORT  the server under test\n"
    "      --udp HOST:PORT     line: where it takes datagrams\n"
    "      --unix PATH         line: its unix socket\n"
    "      --make-root DIR     write the files that an HTTP server has to serve, and end\n"
    "      --root DIR          check first that DIR, which the server serves, holds them\n"
    "      --only GROUP        only the cases of one group\n"
    "      --case ID           only one case, and show the bytes of both directions\n"
    "      --behind            http: send each case behind a pipelined good request\n"
    "      --split             send each byte in a segment of its own\n"
    "      --mutate SEED[:N]   http: send the cases changed at random, from the N-th mutation on "
    "(0)\n"
    "      --count N           mutations (1000)\n"
    "      --timeout MS        the deadline of a case (5000)\n"
    "      --jobs N            cases that run at once (16)\n"
    "      --cases DIR         read the cases from DIR/http or DIR/line, not the built-in ones\n"
    "      --known SERVER      what a case says of SERVER does not count as a failure\n"
    "      --list              print id, level and rule of every case, and end\n"
    "      --tap, --json       print the result for machines\n"
    "      --version           print the version, and end\n"
    "  -h, --help              print this, and end\n"
    "\n"
    "Exit code: 0 every must holds, 1 one does not, 64 wrong use, 65 a wrong case file,\n"
    "69 the target is not there, 78 it does not serve the files of --make-root, or does not "
    "echo.\n";

void die(int code, const char *format, ...)
{
    va_list arguments;

    fputs("paceline-conform: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(code);
}

/* ---- command line ---------------------------------------------------------------------------- */

enum {
    OPT_TARGET = 256,
    OPT_UDP,
    OPT_UNIX,
    OPT_MAKE_ROOT,
    OPT_ROOT,
    OPT_ONLY,
    OPT_CASE,
    OPT_BEHIND,
    OPT_SPLIT,
    OPT_MUTATE,
    OPT_COUNT,
    OPT_TIMEOUT,
    OPT_JOBS,
    OPT_CASES,
    OPT_KNOWN,
    OPT_LIST,
    OPT_TAP,
    OPT_JSON,
    OPT_VERSION
};

static const struct option long_options[] = {
    { "target", required_argument, NULL, OPT_TARGET },
    { "udp", required_argument, NULL, OPT_UDP },
    { "unix", required_argument, NULL, OPT_UNIX },
    { "make-root", required_argument, NULL, OPT_MAKE_ROOT },
    { "root", required_argument, NULL, OPT_ROOT },
    { "only", required_argument, NULL, OPT_ONLY },
    { "case", required_argument, NULL, OPT_CASE },
    { "behind", no_argument, NULL, OPT_BEHIND },
    { "split", no_argument, NULL, OPT_SPLIT },
    { "mutate", required_argument, NULL, OPT_MUTATE },
    { "count", required_argument, NULL, OPT_COUNT },
    { "timeout", required_argument, NULL, OPT_TIMEOUT },
    { "jobs", required_argument, NULL, OPT_JOBS },
    { "cases", required_argument, NULL, OPT_CASES },
    { "known", required_argument, NULL, OPT_KNOWN },
    { "list", no_argument, NULL, OPT_LIST },
    { "tap", no_argument, NULL, OPT_TAP },
    { "json", no_argument, NULL, OPT_JSON },
    { "version", no_argument, NULL, OPT_VERSION },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

__attribute__((noreturn)) static void make_root(const char *directory)
{
    char path[4096];
    int err = target_make_root(directory, path, sizeof(path));

    if (err < 0)
        die(EX_CANTCREAT, "%s: %s", path, strerror(-err));
    printf("%s holds what paceline-conform http asks for; let your server serve it as /.\n",
           directory);
    exit(EX_OK);
}

static unsigned long number_of(const char *name, const char *text, unsigned long max)
{
    unsigned long number;

    if (!read_number(text, max, &number) || number == 0)
        die(EX_USAGE, "--%s: expected a number from 1 to %lu, not '%s'", name, max, text);
    return number;
}

/* SEED or SEED:NUMBER. */
static void take_seed(struct options *options, char *text)
{
    char *colon = strchr(text, ':');

    if (colon != NULL)
        *colon++ = '\0';
    if (!read_number(text, ULONG_MAX, &options->seed) ||
        (colon != NULL && !read_number(colon, ULONG_MAX, &options->mutation_first)))
        die(EX_USAGE, "--mutate: expected SEED or SEED:NUMBER, numbers from 0");
    options->is_mutating = true;
}

static void take_option(struct options *options, int option)
{
    switch (option) {
    case OPT_TARGET:
        options->host = optarg;
        return;
    case OPT_UDP:
        options->udp = optarg;
        return;
    case OPT_UNIX:
        options->unix_path = optarg;
        return;
    case OPT_MAKE_ROOT:
        make_root(optarg);
    case OPT_ROOT:
        options->root = optarg;
        return;
    case OPT_ONLY:
        options->only = optarg;
        return;
    case OPT_CASE:
        options->id = optarg;
        return;
    case OPT_BEHIND:
        options->run.script.is_behind = true;
        return;
    case OPT_SPLIT:
        options->run.script.is_split = true;
        return;
    case OPT_MUTATE:
        take_seed(options, optarg);
        return;
    case OPT_COUNT:
        options->mutations_count = number_of("count", optarg, 1000000000);
        return;
    case OPT_TIMEOUT:
        options->run.timeout_ms = number_of("timeout", optarg, 600000);
        return;
    case OPT_JOBS:
        options->jobs_count = number_of("jobs", optarg, 64);
        return;
    case OPT_CASES:
        options->cases = optarg;
        return;
    case OPT_KNOWN:
        options->known = optarg;
        return;
    case OPT_LIST:
        options->is_listing = true;
        return;
    case OPT_TAP:
        options->format = FORMAT_TAP;
        return;
    case OPT_JSON:
        options->format = FORMAT_JSON;
        return;
    case OPT_VERSION:
        puts("paceline-conform " PACKAGE_VERSION);
        exit(EX_OK);
    case 'h':
        fputs(usage_text, stdout);
        exit(EX_OK);
    default:
        fputs("Try: paceline-conform --help\n", stderr);
        exit(EX_USAGE);
    }
}

void options_read(struct options *options, int argc, char **argv)
{
    int option;

    *options = (struct options){ .jobs_count = JOBS_COUNT,
                                 .mutations_count = MUTATIONS_COUNT,
                                 .run = { .timeout_ms = TIMEOUT_MS } };
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
        take_option(options, option);
    options->run.is_tracing = options->id != NULL && options->format == FORMAT_TABLE;
    if (optind + 1 != argc)
        die(EX_USAGE, "expected one suite, http or line; try --help");
    if (strcmp(argv[optind], "http") == 0)
        options->suite = SUITE_HTTP;
    else if (strcmp(argv[optind], "line") == 0)
        options->suite = SUITE_LINE;
    else
        die(EX_USAGE, "unknown suite '%s', expected http or line", argv[optind]);
    if (options->host == NULL && !options->is_listing)
        die(EX_USAGE, "no target, expected --target HOST:PORT");
    if (options->suite == SUITE_HTTP && (options->udp != NULL || options->unix_path != NULL))
        die(EX_USAGE, "--udp and --unix belong to the suite line");
    if (options->is_mutating && options->suite != SUITE_HTTP)
        die(EX_USAGE, "--mutate belongs to the suite http");
    if (options->is_mutating && (options->format != FORMAT_TABLE || options->run.script.is_behind ||
                                 options->run.script.is_split))
        die(EX_USAGE, "--mutate goes with none of --behind, --split, --tap and --json");
}

void options_read_target(const struct options *options, struct target *target)
{
    if (!target_set_host(target, TRANSPORT_TCP, options->host))
        die(EX_USAGE, "--target: '%s' is no HOST:PORT, or nobody knows the host", options->host);
    if (options->udp != NULL && !target_set_host(target, TRANSPORT_UDP, options->udp))
        die(EX_USAGE, "--udp: '%s' is no HOST:PORT, or nobody knows the host", options->udp);
    if (options->unix_path != NULL && !target_set_unix(target, options->unix_path))
        die(EX_USAGE, "--unix: '%s' is empty or too long for a socket's path", options->unix_path);
}
