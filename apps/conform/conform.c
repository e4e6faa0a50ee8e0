/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paceline-conform: raw-socket cases against a server of HTTP/1.1 or of echoed lines.
 *
 *     options ─▶ cases (built in, or --cases) ─▶ is the target there? ─┬─▶ run ─▶ report
 *                                                                      └─▶ run mutations of them
 *
 * Exit codes: 0 every must holds; 1 one does not; else those of sysexits.h.
 */
#include "case_text.h"
#include "mutate_run.h"
#include "options.h"
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

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
 * name. It leaves with FIN, so that a server that dies of a reset dies in the cases of it. */
static const char http_probe[] = "case probe\n"
                                 "rule the files of --make-root\n"
                                 "send @good@\n"
                                 "await responses 1\n"
                                 "leave\n"
                                 "expect contains paceline-conform: plain text\\n\n";
static const char line_probe[] = "case probe\n"
                                 "rule it echoes\n"
                                 "send probe\\n\n"
                                 "await echo\n"
                                 "leave\n"
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

    options_read_target(options, &target);
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

static int run_mutations(const struct options *options, const struct case_list *list,
                         const bool *is_chosen)
{
    struct target target = { .host = "" };
    struct mutate_run run = { .list = list,
                              .is_chosen = is_chosen,
                              .target = &target,
                              .options = &options->run,
                              .seed = options->seed,
                              .first = options->mutation_first,
                              .count = options->mutations_count,
                              .is_showing_progress = isatty(STDERR_FILENO) && options->id == NULL };
    struct mutate_result result;

    options_read_target(options, &target);
    probe_target(options, &target);
    mutate_run(&run, &result);
    if (result.passed + result.failed == 0)
        die(EX_USAGE, "no case that was chosen is short enough to be mutated");
    printf("mutations of seed %lu: %" PRIu64 " passed, %" PRIu64 " failed\n", options->seed,
           result.passed, result.failed);
    if (result.is_gone)
        die(EX_UNAVAILABLE, "%s stopped to listen", options->host);
    return result.failed == 0 ? EX_OK : 1;
}

int main(int argc, char **argv)
{
    struct options options;
    struct case_list list = { .count = 0 };
    bool *is_chosen;
    int code = EX_OK;

    options_read(&options, argc, argv);
    read_cases(&options, &list);
    is_chosen = choose(&options, &list);
    if (options.is_listing)
        print_list(&list, is_chosen);
    else if (options.is_mutating)
        code = run_mutations(&options, &list, is_chosen);
    else
        code = run_suite(&options, &list, is_chosen);
    free(is_chosen);
    case_list_deinit(&list);
    return code;
}
