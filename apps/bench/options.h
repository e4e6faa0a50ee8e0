/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a command reads its options, and those that several commands have. What is wrong ends the
 * program before anything is started: 64 and a sentence, 69 without gnuplot for a page, 73 for a
 * file that cannot be written.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#define OPTION_SETS_MAX 16

/* Zeroed by its owner; what is not said stays so, and the command has defaults of its own. */
struct common_options {
    size_t rounds;
    double seconds;
    bool is_quick, is_quiet;
    const char *json_path, *page_path; /* borrowed; NULL: none */
    const char *sets[OPTION_SETS_MAX]; /* borrowed: KEY=VALUE */
    size_t sets_count;
};

/* What their rows in a command's table end with; a sentence names an option as its row does. */
enum {
    OPTION_ROUNDS = 1024,
    OPTION_SECONDS,
    OPTION_SET,
    OPTION_QUICK,
    OPTION_JSON,
    OPTION_PAGE,
    OPTION_QUIET,
};

struct option_reader {
    const char *command;       /* as on the command line */
    const char *usage;         /* what --help prints */
    const char *short_options; /* as getopt_long() takes both */
    const struct option *options;
    void (*take)(void *context, int option); /* one that the command alone has; see optarg */
    bool has_arguments;                      /* what is no option is expected too */
};

/* Returns the index of the first argument that is no option. `common` may be NULL where the table
 * has no row of the above. */
int options_read(const struct option_reader *reader, struct common_options *common, void *context,
                 int argc, char **argv);

/* Ends the program when what was measured could not be written. */
void options_check_output(const char *json_path, const char *page_path);

#endif
