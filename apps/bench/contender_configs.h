/* SPDX-License-Identifier: Apache-2.0 */
/* How each server is set up. */
#ifndef BENCH_CONTENDER_CONFIGS_H
#define BENCH_CONTENDER_CONFIGS_H

#include "contender.h"

#include <stdio.h>

struct contender_kind {
    const char *name;
    const char *program;
    const char *package; /* Debian's */
    void (*write)(FILE *file, const struct contender_place *place, unsigned port);
    const char *arguments[6]; /* behind the program; "%" stands for the configuration's path */
};

extern const struct contender_kind contender_kinds[];
extern const size_t contender_kinds_count;
/* The first is Paceline. */
#define CONTENDER_PACELINE (&contender_kinds[0])

#endif
