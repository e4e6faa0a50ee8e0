/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of a server, word by word, and whether an application takes it. */
#ifndef BENCH_COMMAND_H
#define BENCH_COMMAND_H

#include <stddef.h>

#define COMMAND_WORDS_MAX 96
#define COMMAND_SET_BYTES 160

struct command {
    char *argv[COMMAND_WORDS_MAX];
    size_t count;
    char texts[COMMAND_WORDS_MAX][COMMAND_SET_BYTES];
};

/* Both on a zeroed one. `word` is borrowed. */
void command_add(struct command *command, const char *word);
/* --set and a KEY=VALUE. */
__attribute__((format(printf, 2, 3))) void command_add_set(struct command *command,
                                                           const char *format, ...);
void command_add_sets(struct command *command, const char *const *sets, size_t count);

/*
 * Lets an application of Paceline print its configuration into the file `path`, and end. Where it
 * refuses what it was told, this program ends too, with `code`, the words `what` and those of the
 * application; with 66 where it lacks a file, and with 69 when it fails otherwise.
 */
__attribute__((format(printf, 4, 5))) void command_check(struct command *command, const char *path,
                                                         int code, const char *what, ...);

#endif
