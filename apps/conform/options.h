/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of paceline-conform. */
#ifndef CONFORM_OPTIONS_H
#define CONFORM_OPTIONS_H

#include "run.h"

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
    bool is_mutating;
    unsigned long seed, mutation_first, mutations_count;
    struct run_options run;
};

/* Reads the command line; what is wrong in it ends the program, as do --help and --make-root. */
void options_read(struct options *options, int argc, char **argv);

/* Resolves the addresses, or ends the program. */
void options_read_target(const struct options *options, struct target *target);

/* Ends the program with a sentence on stderr; `code` is one of sysexits.h. */
__attribute__((format(printf, 2, 3), noreturn)) void die(int code, const char *format, ...);

#endif
