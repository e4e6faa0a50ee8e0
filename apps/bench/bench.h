/* SPDX-License-Identifier: Apache-2.0 */
/* What every command of paceline-bench uses: how it ends, what time it is, and how it waits. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* After a signal; every other exit code is 0, 1, or one of sysexits.h. */
#define EXIT_INTERRUPTED 130

/* One row per command in main.c. argv[0] is the command's name; returns the exit code. */
typedef int bench_command(int argc, char **argv);

bench_command load_main, floor_main, models_main, peers_main, claims_main, timeline_main,
    fairness_main;

/* Ends the program with a sentence on stderr; `code` is one of sysexits.h. */
__attribute__((format(printf, 2, 3), noreturn)) void die(int code, const char *format, ...);

/* Monotonic. */
uint64_t clock_ns(void);

void *must_alloc(size_t count, size_t size);

/* SIGINT and SIGTERM no longer end the program: a wait ends early, and is_interrupted() says why.
 */
void signals_catch(void);
/* What a child does before it runs: signals as they were, and an end together with its parent. */
void signals_in_child(int parent_pid);
bool is_interrupted(void);

/* Waits until the time has come. False when a signal came first, or the other end of `hang_up_fd`
 * (-1: none) closed. */
bool wait_until(uint64_t due_ns, int hang_up_fd);
bool wait_ns(uint64_t span_ns, int hang_up_fd);

#endif
