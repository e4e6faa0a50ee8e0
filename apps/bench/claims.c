/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paceline-bench claims: which claims there are, the command line, and what is printed.
 *
 *     options ─▶ for each claim: describe, run, table, verdict ─▶ JSON
 */
#include "claims.h"
#include "report_text.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>

static const struct claim *const claims[] = { &claim_unix_socket, &claim_epoll,   &claim_edge,
                                              &claim_sendfile,    &claim_threads, &claim_rwlock };
#define CLAIMS_COUNT (sizeof(claims) / sizeof(claims[0]))

/* A round is what a claim does within ROUND_S seconds; eleven of them stay below 15 s. */
#define ROUNDS_COUNT  11
#define ROUND_S       1.0
#define ROUND_QUICK_S 0.08

#define TEXT_COLUMNS 100
/* What others may use without a word. */
#define OTHERS_CPUS_TOLD 0.1

struct options {
    bool is_chosen[CLAIMS_COUNT];
    size_t chosen_count;
    size_t rounds_count;
    double round_s;
    bool is_quiet;
    const char *json, *page; /* NULL: none */
};

static const char usage_text[] =
    "Usage: paceline-bench claims\n"
    "       paceline-bench claims NAME... [OPTION]...\n"
    "       paceline-bench claims --all [OPTION]...\n"
    "\n"
    "Without a name: lists the claims.\n"
    "\n"
    "      --all           every claim\n"
    "      --rounds N      rounds of each claim (11; --quick: 8, the least that can tell)\n"
    "      --quick         short rounds: below 2 s for each claim\n"
    "      --json FILE     write what was found as JSON\n"
    "      --page FILE     write a page of HTML; with several claims, FILE-NAME for each\n"
    "      --quiet         no progress\n"
    "  -h, --help          print this, and end\n";

/* ---- command line ---------------------------------------------------------------------------- */

enum { OPT_ALL = 256, OPT_ROUNDS, OPT_QUICK, OPT_JSON, OPT_PAGE, OPT_QUIET };

static const struct option long_options[] = {
    { "all", no_argument, NULL, OPT_ALL },
    { "rounds", required_argument, NULL, OPT_ROUNDS },
    { "quick", no_argument, NULL, OPT_QUICK },
    { "json", required_argument, NULL, OPT_JSON },
    { "page", required_argument, NULL, OPT_PAGE },
    { "quiet", no_argument, NULL, OPT_QUIET },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static bool read_rounds(struct options *options, const char *text)
{
    char *end;
    unsigned long rounds = strtoul(text, &end, 10);

    if (*text < '1' || *text > '9' || *end != '\0' || rounds > SERIES_VALUES_MAX) {
        fprintf(stderr, "paceline-bench: --rounds: expected a number from 1 to %d, not '%s'\n",
                SERIES_VALUES_MAX, text);
        return false;
    }
    options->rounds_count = rounds;
    return true;
}

static bool choose(struct options *options, const char *name)
{
    for (size_t i = 0; i < CLAIMS_COUNT; i++) {
        if (strcmp(claims[i]->name, name) != 0)
            continue;
        options->chosen_count += !options->is_chosen[i];
        options->is_chosen[i] = true;
        return true;
    }
    fprintf(stderr, "paceline-bench: unknown claim '%s', expected one of:", name);
    for (size_t i = 0; i < CLAIMS_COUNT; i++)
        fprintf(stderr, " %s", claims[i]->name);
    fputc('\n', stderr);
    return false;
}

/* Errors: the exit code; EX_OK with is_help: the usage is wanted. */
static int take_option(struct options *options, int option, bool *is_help)
{
    switch (option) {
    case OPT_ALL:
        for (size_t i = 0; i < CLAIMS_COUNT; i++)
            options->is_chosen[i] = true;
        options->chosen_count = CLAIMS_COUNT;
        return EX_OK;
    case OPT_ROUNDS:
        return read_rounds(options, optarg) ? EX_OK : EX_USAGE;
    case OPT_QUICK:
        options->round_s = ROUND_QUICK_S;
        return EX_OK;
    case OPT_JSON:
        options->json = optarg;
        return EX_OK;
    case OPT_PAGE:
        options->page = optarg;
        return EX_OK;
    case OPT_QUIET:
        options->is_quiet = true;
        return EX_OK;
    case 'h':
        *is_help = true;
        return EX_OK;
    default:
        fputs("Try: paceline-bench claims --help\n", stderr);
        return EX_USAGE;
    }
}

static int read_options(struct options *options, int argc, char **argv, bool *is_help)
{
    int option, code;

    *options = (struct options){ .round_s = ROUND_S };
    optind = 0; /* the caller has read options of its own */
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        code = take_option(options, option, is_help);
        if (code != EX_OK || *is_help)
            return code;
    }
    for (; optind < argc; optind++)
        if (!choose(options, argv[optind]))
            return EX_USAGE;
    if (options->rounds_count == 0)
        options->rounds_count = options->round_s < ROUND_S ? SERIES_PAIRS_MIN : ROUNDS_COUNT;
    if (options->chosen_count == 0 && argc > 1) {
        fputs("paceline-bench: no claim, expected a name or --all\n", stderr);
        return EX_USAGE;
    }
    return EX_OK;
}

static void print_list(void)
{
    for (size_t i = 0; i < CLAIMS_COUNT; i++)
        printf("%-12s %s\n", claims[i]->name, claims[i]->sentence);
    puts("\nMeasure one: paceline-bench claims NAME; all of them: paceline-bench claims --all");
}

/* ---- what is printed ------------------------------------------------------------------------- */

/* "claims.html" becomes "claims-epoll.html" where there are several. */
static void page_path(const struct options *options, const struct claim *claim, char *path,
                      size_t size)
{
    const char *dot = strrchr(options->page, '.');
    size_t stem = dot == NULL || strchr(dot, '/') != NULL ? strlen(options->page)
                                                          : (size_t)(dot - options->page);

    if (options->chosen_count == 1)
        snprintf(path, size, "%s", options->page);
    else
        snprintf(path, size, "%.*s-%s%s", (int)stem, options->page, claim->name,
                 options->page + stem);
}

/* On the page the verdict is the last paragraph of the method. */
static int write_page(const struct options *options, const struct claim *claim,
                      struct claim_bench *bench, const struct sentence *verdict)
{
    char path[4096], method[2048];
    int err;

    page_path(options, claim, path, sizeof(path));
    snprintf(method, sizeof(method), "%s\n\n%s.\n\n%s", claim->method, claim->figures,
             verdict->text);
    bench->report.title = claim->sentence;
    bench->report.method = method;
    err = report_write_page(&bench->report, path);
    bench->report.title = claim->figures;
    bench->report.method = claim->method;
    return err;
}

static void write_json(FILE *json, const struct claim *claim, const struct claim_bench *bench,
                       const struct sentence *verdict)
{
    const char *const fields[][2] = { { "{\"name\":", claim->name },
                                      { ",\"claim\":", claim->sentence },
                                      { ",\"verdict\":", verdict->text },
                                      { ",\"left_out\":", bench->left_out } };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        fputs(fields[i][0], json);
        text_write_json(fields[i][1], json);
    }
    if (isfinite(bench->others_cpus))
        fprintf(json, ",\"others_cpus\":%.3f", bench->others_cpus);
    fputs(",\"report\":", json);
    report_write_json(&bench->report, json);
    fputc('}', json);
}

/* A word never begins beyond the last column. */
static void print_wrapped(const char *text)
{
    size_t column = 0;

    while (*text != '\0') {
        size_t length = strcspn(text, " ");

        if (column + length >= TEXT_COLUMNS) {
            fputc('\n', stdout);
            column = 0;
        }
        column += (size_t)printf("%s%.*s", column == 0 ? "" : " ", (int)length, text);
        text += length + (text[length] == ' ');
    }
    fputc('\n', stdout);
}

static void print_claim(const struct claim *claim, const struct claim_bench *bench,
                        const struct sentence *verdict)
{
    printf("%s\n\n", claim->sentence);
    print_wrapped(claim->method);
    fputc('\n', stdout);
    report_print(&bench->report, stdout);
    if (bench->left_out[0] != '\0')
        printf("Left out: %s.\n", bench->left_out);
    if (bench->others_cpus > OTHERS_CPUS_TOLD)
        printf(
            "Meanwhile other processes used %.2f CPUs; on a calm machine figures are steadier.\n",
            bench->others_cpus);
    fputc('\n', stdout);
    print_wrapped(verdict->text);
    fputs("\n\n", stdout);
    fflush(stdout);
}

/* ---- running --------------------------------------------------------------------------------- */

/* The soft limit of descriptors is raised to the hard one: connections are what is measured. */
static size_t raise_files_max(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 256;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    return (size_t)limit.rlim_cur;
}

static void block_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGPIPE); /* sendfile() has no flag that would keep it away */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

static void describe(const struct claim *claim, struct claim_bench *bench, size_t files_max)
{
    claim_cpus_read(&bench->cpus);
    bench->files_max = files_max;
    bench->report.title = claim->figures;
    bench->report.method = claim->method;
    bench->report.same_a = bench->report.same_b = -1;
    claim->describe(bench);
}

/* Errors: 1 when it could not be measured, or its page not be written. */
static int run_claim(const struct options *options, const struct claim *claim, size_t files_max,
                     struct claim_plan *plan, FILE *json, bool is_first)
{
    struct claim_bench *bench = calloc(1, sizeof(*bench));
    struct sentence verdict = { .length = 0 };
    int err;

    if (bench == NULL) {
        fputs("paceline-bench: out of memory\n", stderr);
        return 1;
    }
    describe(claim, bench, files_max);
    err = claim_run(claim, bench, plan);
    if (err < 0) {
        fprintf(stderr, "paceline-bench: claim %s: %s\n", claim->name, strerror(-err));
    } else {
        claim->judge(bench, &verdict);
        print_claim(claim, bench, &verdict);
        if (json != NULL && !is_first)
            fputs(",\n", json);
        if (json != NULL)
            write_json(json, claim, bench, &verdict);
        if (options->page != NULL)
            err = write_page(options, claim, bench, &verdict);
    }
    free(bench);
    return err < 0;
}

static int run_all(const struct options *options, FILE *json)
{
    struct progress progress;
    struct claim_plan plan = { .rounds_count = options->rounds_count,
                               .round_s = options->round_s,
                               .progress = &progress };
    size_t files_max = raise_files_max();
    bool is_first = true;
    int code = EX_OK;

    progress_begin(&progress, options->chosen_count * options->rounds_count, options->round_s,
                   options->is_quiet);
    for (size_t i = 0; i < CLAIMS_COUNT && plan.signal == 0; i++) {
        if (!options->is_chosen[i])
            continue;
        if (run_claim(options, claims[i], files_max, &plan, json, is_first) != 0)
            code = 1;
        else
            is_first = false;
    }
    progress_end(&progress);
    if (plan.signal != 0)
        return 128 + plan.signal;
    return plan.has_failure ? 1 : code;
}

int claims_main(int argc, char **argv)
{
    struct options options;
    FILE *json = NULL;
    bool is_help = false;
    int code = read_options(&options, argc, argv, &is_help);

    if (code != EX_OK)
        return code;
    if (is_help) {
        fputs(usage_text, stdout);
        return EX_OK;
    }
    if (options.chosen_count == 0) {
        print_list();
        return EX_OK;
    }
    if (options.json != NULL && (json = fopen(options.json, "we")) == NULL) {
        fprintf(stderr, "paceline-bench: %s: %s\n", options.json, strerror(errno));
        return EX_CANTCREAT;
    }
    block_signals();
    if (json != NULL)
        fputs("{\"claims\":[", json);
    code = run_all(&options, json);
    if (json != NULL)
        fputs("]}\n", json);
    if (json != NULL && fclose(json) != 0) {
        fprintf(stderr, "paceline-bench: %s: %s\n", options.json, strerror(errno));
        return EX_IOERR;
    }
    return code;
}
