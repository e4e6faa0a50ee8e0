/* SPDX-License-Identifier: Apache-2.0 */
/* A temporary directory of a measurement, the programs beside this one, and the CPUs. */
#ifndef BENCH_PLACE_H
#define BENCH_PLACE_H

#include <sched.h>
#include <stddef.h>

/* One in a program, removed when it ends. Ends the program when it cannot be made. */
void place_make(char *directory, size_t size);
/* With everything in it. */
void place_remove(const char *directory);

/* A program in the directory of this one, else found in PATH; ends the program without it. */
void place_find_app(const char *name, char *path, size_t size);

/* Who runs where. */
struct placement {
    cpu_set_t server, load;
    char text[128]; /* "server on CPU 0, load on CPU 1" */
};

enum placing { PLACE_APART, PLACE_TOGETHER, PLACE_BOTH };

/* Of the CPUs this process may use: one for each, one for both, or two for both. */
struct placement place_cpus(enum placing placing);

#endif
