/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Common claims of server textbooks, each measured on the machine at hand. A claim compares a few
 * contenders (rows) under a few conditions; a condition fills one or more columns, its figures.
 *
 *     describe ─▶ open ─▶ measure (round by round, contender by contender) ─▶ close ─▶ judge
 *
 * Everything runs in one process over loopback or unix sockets. Nothing has a name in the file
 * system for longer than it takes to open it.
 */
#ifndef BENCH_CLAIMS_H
#define BENCH_CLAIMS_H

#include "claim_kit.h"
#include "progress.h"
#include "report.h"

/* ---- one claim ------------------------------------------------------------------------------- */

/* Where a claim is measured and what was found; zeroed by its owner. */
struct claim_bench {
    /* The machine; set before describe, so that a test may plant another one. */
    struct claim_cpus cpus; /* that this process may use */
    size_t files_max;       /* descriptors that this process may open */

    /* Filled by describe. */
    struct report report;
    size_t conditions_count;
    size_t figures_count; /* columns of one condition; its first is condition * figures_count */
    char left_out[160];   /* what this machine does not allow; empty: nothing */
    char texts[REPORT_COLUMNS_MAX][2][40]; /* keys and headings that depend on the machine */

    /* CPUs that others used while it was measured, on average; NAN: unknown. */
    double others_cpus;

    void *state; /* owned by the claim from open to close */
};

/* Negative values are errno values. */
enum claim_measured { CLAIM_MEASURED = 0, CLAIM_LEFT_OUT = 1 };

struct sentence {
    char text[768];
    size_t length;
};

struct claim {
    const char *name;     /* the word on the command line */
    const char *sentence; /* what the textbook says */
    const char *method;   /* how it is measured */
    const char *figures;  /* what the table shows */
    void (*describe)(struct claim_bench *bench);
    int (*open)(struct claim_bench *bench);
    /* One contender under one condition for about `seconds`; fills figures_count figures. */
    int (*measure)(struct claim_bench *bench, size_t row, size_t condition, double seconds,
                   double *ret_figures);
    void (*close)(struct claim_bench *bench);
    /* The verdict, from the series of the report alone. */
    void (*judge)(const struct claim_bench *bench, struct sentence *verdict);
};

extern const struct claim claim_unix_socket;
extern const struct claim claim_epoll;
extern const struct claim claim_edge;
extern const struct claim claim_sendfile;
extern const struct claim claim_threads;
extern const struct claim claim_rwlock;

/* `paceline-bench claims ...`; argv[0] is "claims". Returns the exit code: 0, 1 when a cell failed,
 * 128 + the signal that ended it, else one of sysexits.h. */
int claims_main(int argc, char **argv);

/* ---- describing ------------------------------------------------------------------------------ */

void claim_add_row(struct claim_bench *bench, const char *name);
void claim_add_column(struct claim_bench *bench, const char *key, const char *heading, int decimals,
                      enum better better);
/* The same with a key and a heading of the machine's, which are copied. */
void claim_add_column_text(struct claim_bench *bench, const char *key, const char *heading,
                           int decimals, enum better better);

/* ---- running --------------------------------------------------------------------------------- */

struct claim_plan {
    size_t rounds_count;
    double round_s; /* shared out among the cells */
    struct progress *progress;
    int signal;       /* that asked to end; 0: none */
    bool has_failure; /* a cell could not be measured */
};

/* Opens what was described, measures every round and closes. Signals that ask to end are blocked by
 * the caller and looked for between two cells; what is not measured then is NAN. Errors: a claim
 * that cannot be opened. */
int claim_run(const struct claim *claim, struct claim_bench *bench, struct claim_plan *plan);

/* ---- judging --------------------------------------------------------------------------------- */

struct comparison {
    double ratio;       /* the median of the paired ratios; NAN: no pair was measured */
    size_t pairs_count; /* rounds in which both were measured */
    bool differs;       /* series_differ() says so */
};

/* `left` as a multiple of `right`. */
struct comparison claim_compare(const struct series *left, const struct series *right);
bool claim_is_known(const struct comparison *comparison);
bool claim_is_more(const struct comparison *comparison);
bool claim_is_less(const struct comparison *comparison);

/* One figure of a verdict. Where `is_judged`, `holds` counts in the conclusion, which then names
 * `place`. */
struct claim_item {
    char label[64];
    char place[48];
    struct comparison comparison;
    bool is_judged, holds;
};

/* "Here CONCLUSION only PLACE; SUBJECT: LABEL 1.62 times, LABEL no difference that chance does not
 * explain." The conclusion holds "in every case", "in no case" or "only" in places; it is unknown
 * where one of its figures is. */
void claim_judge(struct sentence *verdict, const char *conclusion, const char *subject,
                 const struct claim_item *items, size_t count);
/* The part from the semicolon on, for a claim that begins the sentence itself. */
void claim_add_figures(struct sentence *verdict, const char *subject,
                       const struct claim_item *items, size_t count);
__attribute__((format(printf, 2, 3))) void sentence_add(struct sentence *sentence,
                                                        const char *format, ...);

#endif
