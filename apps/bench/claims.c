/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paceline-bench claims: which claims there are, the command line, and what is printed.
 *
 *     options ─▶ for each claim: describe, run, table, verdict ─▶ JSON
 */
#include "claims.h"

#include "arguments.h"
#include "bench.h"
#include "options.h"
#include "output_file.h"
#include "report_text.h"

#include <limits.h>
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
    struct common_options common;
    bool is_chosen[CLAIMS_COUNT];
    size_t chosen_count;
    size_t rounds_count;
    double round_s;
};

/* In memory until all is measured: the file keeps until then what it has. */
struct json {
    FILE *out;
    size_t claims_count;
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
    "      --json FILE     write what was found as JSON; - is the standard output\n"
    "      --page FILE     write a page of HTML; with several claims, FILE-NAME for each\n"
    "      --quiet         no progress\n"
    "  -h, --help          print this, and end\n";

/* ---- command line ---------------------------------------------------------------------------- */

enum { OPT_ALL = 256 };

static const struct option long_options[] = {
    { "all", no_argument, NULL, OPT_ALL },
    { "rounds", required_argument, NULL, OPTION_ROUNDS },
    { "quick", no_argument, NULL, OPTION_QUICK },
    { "json", required_argument, NULL, OPTION_JSON },
    { "page", required_argument, NULL, OPTION_PAGE },
    { "quiet", no_argument, NULL, OPTION_QUIET },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static void choose(struct options *options, size_t index)
{
    options->chosen_count += !options->is_chosen[index];
    options->is_chosen[index] = true;
}

static void choose_by_name(struct options *options, const char *name)
{
    char names[256] = "";

    for (size_t i = 0; i < CLAIMS_COUNT; i++) {
        if (strcmp(claims[i]->name, name) == 0) {
            choose(options, i);
            return;
        }
        words_add(names, sizeof(names), claims[i]->name);
    }
    die(EX_USAGE, "unknown claim '%s', expected one of:%s", name, names);
}

/* --all is the only one of its own. */
static void take_option(void *context, int option)
{
    (void)option;
    for (size_t i = 0; i < CLAIMS_COUNT; i++)
        choose(context, i);
}

static const struct option_reader reader = { .command = "claims",
                                             .usage = usage_text,
                                             .short_options = "h",
                                             .options = long_options,
                                             .take = take_option,
                                             .has_arguments = true };

/* "claims.html" becomes "claims-epoll.html" where there are several. */
static void page_path(const struct options *options, const struct claim *claim, char *path,
                      size_t size)
{
    const char *page = options->common.page_path, *dot = strrchr(page, '.');
    size_t stem = dot == NULL || strchr(dot, '/') != NULL ? strlen(page) : (size_t)(dot - page);

    if (options->chosen_count == 1)
        snprintf(path, size, "%s", page);
    else
        snprintf(path, size, "%.*s-%s%s", (int)stem, page, claim->name, page + stem);
}

static void check_output(const struct options *options)
{
    char path[PATH_MAX];

    options_check_output(options->common.json_path, NULL);
    for (size_t i = 0; i < CLAIMS_COUNT && options->common.page_path != NULL; i++) {
        if (!options->is_chosen[i])
            continue;
        page_path(options, claims[i], path, sizeof(path));
        options_check_output(NULL, path);
    }
}

static void read_options(struct options *options, int argc, char **argv)
{
    int first;

    *options = (struct options){ .chosen_count = 0 };
    first = options_read(&reader, &options->common, options, argc, argv);
    for (int i = first; i < argc; i++)
        choose_by_name(options, argv[i]);
    if (options->chosen_count == 0 && argc > 1)
        die(EX_USAGE, "no claim, expected a name or --all");
    options->round_s = options->common.is_quick ? ROUND_QUICK_S : ROUND_S;
    options->rounds_count = options->common.rounds;
    if (options->rounds_count == 0)
        options->rounds_count = options->common.is_quick ? SERIES_PAIRS_MIN : ROUNDS_COUNT;
    check_output(options);
}

static void print_list(void)
{
    for (size_t i = 0; i < CLAIMS_COUNT; i++)
        printf("%-12s %s\n", claims[i]->name, claims[i]->sentence);
    puts("\nMeasure one: paceline-bench claims NAME; all of them: paceline-bench claims --all");
}

/* ---- what is printed ------------------------------------------------------------------------- */

/* On the page the verdict is the last paragraph of the method. */
static int write_page(const struct options *options, const struct claim *claim,
                      struct claim_bench *bench, const struct sentence *verdict)
{
    char path[PATH_MAX], method[2048];
    int code;

    page_path(options, claim, path, sizeof(path));
    snprintf(method, sizeof(method), "%s\n\n%s.\n\n%s", claim->method, claim->figures,
             verdict->text);
    bench->report.title = claim->sentence;
    bench->report.method = method;
    code = report_write_page(&bench->report, path);
    bench->report.title = claim->figures;
    bench->report.method = claim->method;
    return code;
}

static bool is_json_out(const struct options *options)
{
    return options->common.json_path != NULL && strcmp(options->common.json_path, "-") == 0;
}

static void write_json(struct json *found, const struct claim *claim,
                       const struct claim_bench *bench, const struct sentence *verdict)
{
    FILE *json = found->out;
    const char *const fields[][2] = { { "{\"name\":", claim->name },
                                      { ",\"claim\":", claim->sentence },
                                      { ",\"verdict\":", verdict->text },
                                      { ",\"left_out\":", bench->left_out } };

    fputs(found->claims_count++ == 0 ? "{\"claims\":[" : ",\n", json);
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

/* Errors: the exit code, 1 when it could not be measured. */
static int run_claim(const struct options *options, const struct claim *claim, size_t files_max,
                     struct claim_plan *plan, struct json *json)
{
    struct claim_bench *bench = must_alloc(1, sizeof(*bench));
    struct sentence verdict = { .length = 0 };
    int code = 1, err;

    describe(claim, bench, files_max);
    err = claim_run(claim, bench, plan);
    if (err < 0) {
        fprintf(stderr, "paceline-bench: claim %s: %s\n", claim->name, strerror(-err));
    } else {
        code = EX_OK;
        claim->judge(bench, &verdict);
        if (!is_json_out(options))
            print_claim(claim, bench, &verdict);
        write_json(json, claim, bench, &verdict);
        if (options->common.page_path != NULL)
            code = write_page(options, claim, bench, &verdict);
    }
    free(bench);
    return code;
}

static int run_all(const struct options *options, struct json *json)
{
    struct progress progress;
    struct claim_plan plan = { .rounds_count = options->rounds_count,
                               .round_s = options->round_s,
                               .progress = &progress };
    size_t files_max = raise_files_max();
    int code = EX_OK;

    progress_begin(&progress, options->chosen_count * options->rounds_count, options->round_s,
                   options->common.is_quiet);
    for (size_t i = 0; i < CLAIMS_COUNT && plan.signal == 0; i++) {
        int err =
            options->is_chosen[i] ? run_claim(options, claims[i], files_max, &plan, json) : EX_OK;

        code = code == EX_OK ? err : code;
    }
    progress_end(&progress);
    if (plan.signal != 0)
        return 128 + plan.signal;
    return code == EX_OK && plan.has_failure ? 1 : code;
}

static int run_and_write(const struct options *options)
{
    const char *json_path = options->common.json_path;
    char *text = NULL;
    size_t length;
    struct json json = { .out = open_memstream(&text, &length) };
    int code, err;

    if (json.out == NULL)
        die(EX_OSERR, "out of memory");
    code = run_all(options, &json);
    fputs(json.claims_count == 0 ? "{\"claims\":[]}\n" : "]}\n", json.out);
    if (fclose(json.out) != 0)
        die(EX_OSERR, "out of memory");
    err = output_file_write(json_path, text, json_path == NULL ? 0 : length);
    free(text);
    return err == EX_OK ? code : err;
}

int claims_main(int argc, char **argv)
{
    struct options options;

    read_options(&options, argc, argv);
    if (options.chosen_count == 0) {
        print_list();
        return EX_OK;
    }
    block_signals();
    return run_and_write(&options);
}
