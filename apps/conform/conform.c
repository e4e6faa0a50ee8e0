/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paceline-conform: raw-socket cases against a server of HTTP/1.1 or of echoed lines.
 *
 *     options ─▶ cases (built in, or --cases) ─▶ is the target there? ─▶ run ─▶ report
 *
 * Exit codes: 0 every must holds; 1 one does not; else those of sysexits.h.
 */
#include "case_text.h"
#include "report.h"
#include "run.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* How many cases run at once unless --jobs says otherwise. */
#define JOBS_COUNT 16

enum format { FORMAT_TABLE, FORMAT_TAP, FORMAT_JSON };

struct options {
    enum suite suite;
    const char *host;
    const char *udp;
    const char *unix_path;
    const char *root;
    const char *only;
    const char *id;
    const char *cases;
    const char *known;
    enum format format;
    bool is_listing;
    unsigned long jobs_count;
    struct run_options run;
};

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

__attribute__((format(printf, 2, 3), noreturn)) static void die(int code, const char *format, ...)
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

static void read_command_line(int argc, char **argv, struct options *options)
{
    int option;

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
}

static void read_target(const struct options *options, struct target *target)
{
    if (!target_set_host(target, TRANSPORT_TCP, options->host))
        die(EX_USAGE, "--target: '%s' is no HOST:PORT, or nobody knows the host", options->host);
    if (options->udp != NULL && !target_set_host(target, TRANSPORT_UDP, options->udp))
        die(EX_USAGE, "--udp: '%s' is no HOST:PORT, or nobody knows the host", options->udp);
    if (options->unix_path != NULL && !target_set_unix(target, options->unix_path))
        die(EX_USAGE, "--unix: '%s' is empty or too long for a socket's path", options->unix_path);
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void read_cases(const struct options *options, struct case_list *list)
{
    struct case_error error;
    int err = options->cases == NULL
                  ? case_list_read_built_in(list, options->suite, &error)
                  : case_list_read_directory(list, options->suite, options->cases, &error);

    if (err < 0)
        die(EX_DATAERR, "%s", error.text);
}

__attribute__((noreturn)) static void die_of_group(const struct case_list *list, const char *name)
{
    fprintf(stderr, "paceline-conform: unknown group '%s', expected one of:", name);
    for (size_t i = 0; i < list->count; i++)
        if (i == 0 || strcmp(list->cases[i].group, list->cases[i - 1].group) != 0)
            fprintf(stderr, " %s", list->cases[i].group);
    fputc('\n', stderr);
    exit(EX_USAGE);
}

static bool *choose(const struct options *options, const struct case_list *list)
{
    bool *is_chosen = must_alloc(list->count + 1);
    size_t in_group = 0, chosen = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct conform_case *one = &list->cases[i];

        is_chosen[i] = options->only == NULL || strcmp(one->group, options->only) == 0;
        in_group += is_chosen[i];
        is_chosen[i] &= options->id == NULL || strcmp(one->id, options->id) == 0;
        chosen += is_chosen[i];
    }
    if (in_group == 0)
        die_of_group(list, options->only);
    if (chosen == 0)
        die(EX_USAGE, "unknown case '%s', expected one that --list prints", options->id);
    return is_chosen;
}

static void print_list(const struct case_list *list, const bool *is_chosen)
{
    for (size_t i = 0; i < list->count; i++)
        if (is_chosen[i])
            printf("%-44s %-7s %-18s %s\n", list->cases[i].id, level_name(list->cases[i].level),
                   list->cases[i].group, list->cases[i].rule);
}

/* ---- the target ------------------------------------------------------------------------------ */

/* No more than what makes a run meaningful: a server that does this and no more fails its cases by
 * name. */
static const char http_probe[] = "case probe\n"
                                 "rule the files of --make-root\n"
                                 "send @good@\n"
                                 "await responses 1\n"
                                 "reset\n"
                                 "expect contains paceline-conform: plain text\\n\n";
static const char line_probe[] = "case probe\n"
                                 "rule it echoes\n"
                                 "send probe\\n\n"
                                 "await echo\n"
                                 "reset\n"
                                 "expect echo\n";

static void probe_transport(const struct options *options, const struct target *target,
                            const struct conform_case *probe)
{
    struct run_options run = { .timeout_ms = options->run.timeout_ms };
    const char *names[] = { options->host, options->udp, options->unix_path };
    struct verdict verdict;

    exchange_run(probe, target, &run, &verdict);
    if (verdict.result == RESULT_PASS)
        return;
    if (strstr(verdict.detail, "no connection") != NULL)
        die(EX_UNAVAILABLE, "%s: %s", names[probe->transport], verdict.detail);
    if (probe->transport == TRANSPORT_UDP)
        return; /* somebody is there; what it does wrong is for the cases to say */
    die(EX_CONFIG, "%s %s: %s", names[probe->transport],
        options->suite == SUITE_HTTP ? "does not serve the files of --make-root as /"
                                     : "does not echo a line",
        verdict.detail);
}

/* One clear sentence now instead of a failure of every case. */
static void probe_target(const struct options *options, const struct target *target)
{
    struct case_list list = { .count = 0 };
    struct case_error error;
    const char *text = options->suite == SUITE_HTTP ? http_probe : line_probe;
    char path[4096];

    if (options->root != NULL && target_check_root(options->root, path, sizeof(path)) < 0)
        die(EX_CONFIG, "%s is not what --make-root %s writes", path, options->root);
    if (case_list_read(&list, options->suite, "probe", "probe", text, strlen(text), &error) < 0)
        die(EX_SOFTWARE, "%s", error.text);
    probe_transport(options, target, &list.cases[0]);
    list.cases[0].transport = TRANSPORT_UNIX;
    if (options->unix_path != NULL)
        probe_transport(options, target, &list.cases[0]);
    list.cases[0].transport = TRANSPORT_UDP;
    list.cases[0].steps_count = 1; /* a datagram has no end to wait for */
    list.cases[0].predicates[0].kind = PREDICATE_DATAGRAMS;
    if (options->udp != NULL)
        probe_transport(options, target, &list.cases[0]);
    case_list_deinit(&list);
}

static void print_report(const struct options *options, const struct report *report)
{
    switch (options->format) {
    case FORMAT_TABLE:
        report_table(report, stdout);
        return;
    case FORMAT_TAP:
        report_tap(report, stdout);
        return;
    case FORMAT_JSON:
        report_json(report, stdout);
        return;
    }
}

static bool is_unreachable(const struct verdict *verdicts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (verdicts[i].is_unreachable)
            return true;
    return false;
}

static int run_suite(const struct options *options, const struct case_list *list,
                     const bool *is_chosen)
{
    struct target target = { .host = "" };
    struct verdict *verdicts = must_alloc((list->count + 1) * sizeof(*verdicts));
    struct run run = { .list = list,
                       .target = &target,
                       .options = &options->run,
                       .is_chosen = is_chosen,
                       .jobs_count = (unsigned)options->jobs_count,
                       .is_showing_progress = isatty(STDERR_FILENO) && options->id == NULL };
    struct report report = { .list = list,
                             .verdicts = verdicts,
                             .is_chosen = is_chosen,
                             .suite = options->suite == SUITE_HTTP ? "http" : "line",
                             .target = options->host,
                             .known = options->known };
    bool all_hold, is_gone;

    read_target(options, &target);
    probe_target(options, &target);
    run_cases(&run, verdicts);
    print_report(options, &report);
    all_hold = report_tally(&report, NULL, LEVEL_MUST).failed == 0;
    is_gone = is_unreachable(verdicts, list->count);
    free(verdicts);
    if (is_gone)
        die(EX_UNAVAILABLE, "%s stopped to listen in the middle of the run", options->host);
    return all_hold ? EX_OK : 1;
}

int main(int argc, char **argv)
{
    struct options options = { .jobs_count = JOBS_COUNT, .run = { .timeout_ms = TIMEOUT_MS } };
    struct case_list list = { .count = 0 };
    bool *is_chosen;
    int code = EX_OK;

    read_command_line(argc, argv, &options);
    read_cases(&options, &list);
    is_chosen = choose(&options, &list);
    if (options.is_listing)
        print_list(&list, is_chosen);
    else
        code = run_suite(&options, &list, is_chosen);
    free(is_chosen);
    case_list_deinit(&list);
    return code;
}
