/* SPDX-License-Identifier: Apache-2.0 */
/* A line of the control socket → a command. Pure. */
#ifndef PL_PROCESS_CONTROL_PARSE_H
#define PL_PROCESS_CONTROL_PARSE_H

#include <paceline/attributes.h>
#include <paceline/control.h>
#include <paceline/log.h>

/* KEY=VALUE of one swap: each key of `dispatch`, and then some. */
#define PL_CONTROL_CHANGES_MAX 32

/* Room for the sentence of an error. */
#define PL_CONTROL_PROBLEM_BYTES 256

enum pl_control_word {
    PL_CONTROL_STATUS,
    PL_CONTROL_STATS,
    PL_CONTROL_RATES,
    PL_CONTROL_CONNECTIONS,
    PL_CONTROL_THREADS,
    PL_CONTROL_SWAP,
    PL_CONTROL_RELOAD,
    PL_CONTROL_DRAIN,
    PL_CONTROL_STOP,
    PL_CONTROL_LOGLEVEL,
    PL_CONTROL_HELP,
    PL_CONTROL_WORDS_COUNT
};

struct pl_control_command {
    enum pl_control_word word;
    enum pl_conn_order order;                        /* connections */
    uint32_t rows;                                   /* connections: how many to show */
    const char *target;                              /* swap; borrowed from the line */
    const char *changes[PL_CONTROL_CHANGES_MAX + 1]; /* swap; borrowed, ended by NULL */
    bool has_level;                                  /* loglevel: one was given */
    enum pl_log_level level;
};

/* The line is split in place. `length` is without the line's end; the byte behind it is overwritten
 * with a NUL. Errors: -EINVAL, with a sentence in `problem`. */
PL_MUST_CHECK int pl_control_parse(char *line, size_t length,
                                   struct pl_control_command *ret_command,
                                   char problem[PL_CONTROL_PROBLEM_BYTES]);

/* How a command is written, and what it does; static storage. */
const char *pl_control_usage(enum pl_control_word word);
const char *pl_control_help(enum pl_control_word word);
/* The word of a state, an order or a level; static storage. */
const char *pl_control_order_name(enum pl_conn_order order);
const char *pl_control_level_name(enum pl_log_level level);

#endif
