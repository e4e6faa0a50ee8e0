/* SPDX-License-Identifier: Apache-2.0 */
/* Sends mutations of the cases to a server, one connection each, and asks behind each of them
 * whether the server still serves others. */
#ifndef CONFORM_MUTATE_RUN_H
#define CONFORM_MUTATE_RUN_H

#include "exchange.h"

#include <stdint.h>

struct mutate_run {
    const struct case_list *list; /* borrowed, like the other pointers */
    const bool *is_chosen;
    const struct target *target;
    const struct run_options *options;
    uint64_t seed;
    uint64_t first; /* the number of the first mutation */
    uint64_t count;
    bool is_showing_progress; /* on stderr */
};

struct mutate_result {
    uint64_t passed;
    uint64_t failed;
    bool is_gone; /* nobody listens any more */
};

/* Says each failure on stdout with the bytes of both directions, and how to make it again; after
 * some of them it ends early. */
void mutate_run(const struct mutate_run *run, struct mutate_result *ret_result);

#endif
