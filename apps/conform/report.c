/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <string.h>

bool is_known_failure(const struct conform_case *one, const char *server)
{
    size_t length = server == NULL ? 0 : strlen(server);

    return length > 0 && one->known != NULL && strncmp(one->known, server, length) == 0 &&
           one->known[length] == ':';
}

static void count(struct tally *tally, const struct report *report, size_t index)
{
    switch (report->verdicts[index].result) {
    case RESULT_PASS:
        tally->passed++;
        return;
    case RESULT_SKIP:
        tally->skipped++;
        return;
    case RESULT_FAIL:
        break;
    }
    if (is_known_failure(&report->list->cases[index], report->known))
        tally->known++;
    else
        tally->failed++;
}

struct tally report_tally(const struct report *report, const char *group, enum level level)
{
    struct tally tally = { .passed = 0 };

    for (size_t i = 0; i < report->list->count; i++) {
        const struct conform_case *one = &report->list->cases[i];

        if (report->is_chosen[i] && one->level == level &&
            (group == NULL || strcmp(one->group, group) == 0))
            count(&tally, report, i);
    }
    return tally;
}

/* ---- table ----------------------------------------------------------------------------------- */

static void print_failures(const struct report *report, FILE *out)
{
    bool is_first = true;

    for (size_t i = 0; i < report->list->count; i++) {
        const struct conform_case *one = &report->list->cases[i];
        const struct verdict *verdict = &report->verdicts[i];

        if (!report->is_chosen[i] || verdict->result == RESULT_PASS)
            continue;
        fprintf(out, "%s%s %s %s (%s): %s\n", is_first ? "\n" : "",
                verdict->result == RESULT_SKIP         ? "skip "
                : is_known_failure(one, report->known) ? "known"
                                                       : "FAIL ",
                level_name(one->level), one->id, one->rule, verdict->detail);
        if (verdict->result == RESULT_FAIL && one->why != NULL)
            fprintf(out, "      why: %s\n", one->why);
        is_first = false;
    }
}

static unsigned print_row(const struct report *report, const char *name, const char *group,
                          FILE *out)
{
    unsigned skipped = 0, rows = 0;

    fprintf(out, "%-24s", name);
    for (enum level level = LEVEL_MUST; level < LEVELS_COUNT; level++) {
        struct tally tally = report_tally(report, group, level);
        unsigned total = tally.passed + tally.failed + tally.known;
        char cell[32] = "-";

        if (total > 0)
            snprintf(cell, sizeof(cell), "%u/%u", tally.passed, total);
        fprintf(out, " %9s", cell);
        skipped += tally.skipped;
        rows += total + tally.skipped;
    }
    fprintf(out, " %9u\n", skipped);
    return rows;
}

static bool is_new_group(const struct report *report, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (report->is_chosen[i] &&
            strcmp(report->list->cases[i].group, report->list->cases[index].group) == 0)
            return false;
    return report->is_chosen[index];
}

void report_table(const struct report *report, FILE *out)
{
    fprintf(out, "%-24s %9s %9s %9s %9s\n", report->suite, "must", "should", "choice", "skipped");
    for (size_t i = 0; i < report->list->count; i++)
        if (is_new_group(report, i))
            print_row(report, report->list->cases[i].group, report->list->cases[i].group, out);
    print_row(report, "all", NULL, out);
    print_failures(report, out);
}

/* ---- for machines ---------------------------------------------------------------------------- */

/* Bytes outside of ASCII and controls become a question mark: a detail is for reading. */
static void print_plain(const char *text, FILE *out)
{
    for (; text != NULL && *text != '\0'; text++)
        fputc(*text >= 0x20 && *text < 0x7f && *text != '#' ? *text : '?', out);
}

void report_tap(const struct report *report, FILE *out)
{
    unsigned number = 0, total = 0;

    for (size_t i = 0; i < report->list->count; i++)
        total += report->is_chosen[i];
    fprintf(out, "TAP version 13\n1..%u\n", total);
    for (size_t i = 0; i < report->list->count; i++) {
        const struct conform_case *one = &report->list->cases[i];
        const struct verdict *verdict = &report->verdicts[i];

        if (!report->is_chosen[i])
            continue;
        fprintf(out, "%s %u - %s", verdict->result == RESULT_FAIL ? "not ok" : "ok", ++number,
                one->id);
        if (verdict->result == RESULT_SKIP)
            fputs(" # SKIP ", out), print_plain(verdict->detail, out);
        else if (verdict->result == RESULT_FAIL &&
                 (one->level != LEVEL_MUST || is_known_failure(one, report->known)))
            fprintf(out, " # TODO %s", one->level == LEVEL_MUST ? "known" : level_name(one->level));
        fputc('\n', out);
        if (verdict->result == RESULT_FAIL)
            fprintf(out, "# %s: ", one->rule), print_plain(verdict->detail, out), fputc('\n', out);
    }
}

static void print_string(const char *name, const char *text, FILE *out)
{
    fprintf(out, "\"%s\":\"", name);
    for (; text != NULL && *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;

        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < 0x20 || byte >= 0x7f)
            fprintf(out, "\\u%04x", byte);
        else
            fputc(byte, out);
    }
    fputc('"', out);
}

static void print_tallies(const struct report *report, FILE *out)
{
    for (enum level level = LEVEL_MUST; level < LEVELS_COUNT; level++) {
        struct tally tally = report_tally(report, NULL, level);

        fprintf(out, ",\n \"%s\":{\"passed\":%u,\"failed\":%u,\"known\":%u,\"skipped\":%u}",
                level_name(level), tally.passed, tally.failed, tally.known, tally.skipped);
    }
}

void report_json(const struct report *report, FILE *out)
{
    static const char *const results[] = { "pass", "fail", "skip" };
    const char *separator = "";

    fputs("{", out);
    print_string("suite", report->suite, out);
    fputs(",", out);
    print_string("target", report->target, out);
    fputs(",\n \"cases\":[", out);
    for (size_t i = 0; i < report->list->count; i++) {
        const struct conform_case *one = &report->list->cases[i];

        if (!report->is_chosen[i])
            continue;
        fprintf(out, "%s\n  {", separator);
        print_string("id", one->id, out);
        fputs(",", out), print_string("group", one->group, out);
        fputs(",", out), print_string("level", level_name(one->level), out);
        fputs(",", out), print_string("rule", one->rule, out);
        fputs(",", out), print_string("result", results[report->verdicts[i].result], out);
        fputs(",", out), print_string("detail", report->verdicts[i].detail, out);
        fputs(",", out), print_string("why", one->why, out);
        fputs(",", out), print_string("known", one->known, out);
        fputs("}", out);
        separator = ",";
    }
    fputs("]", out);
    print_tallies(report, out);
    fputs("}\n", out);
}
