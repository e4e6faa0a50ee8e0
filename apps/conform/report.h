/* SPDX-License-Identifier: Apache-2.0 */
/* What the run found: a table per group, TAP, or JSON. */
#ifndef CONFORM_REPORT_H
#define CONFORM_REPORT_H

#include "expect.h"

#include <stdio.h>

struct report {
    const struct case_list *list; /* borrowed, like verdicts */
    const struct verdict *verdicts;
    const bool *is_chosen; /* cases that --only and --case leave out are not reported */
    const char *suite;
    const char *target;
    const char *known; /* a server whose known failures do not count; NULL: none */
};

struct tally {
    unsigned passed;
    unsigned failed;
    unsigned known; /* failed, and the case says that this server does */
    unsigned skipped;
};

/* The cases of one level in one group; `group` NULL: in all. */
struct tally report_tally(const struct report *report, const char *group, enum level level);

void report_table(const struct report *report, FILE *out);
void report_tap(const struct report *report, FILE *out);
void report_json(const struct report *report, FILE *out);

/* `server` in "server: why" of the key `known`. */
bool is_known_failure(const struct conform_case *one, const char *server);

#endif
