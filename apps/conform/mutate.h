/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of cases, changed at random: which changes follows from a seed and a number alone, so
 * that one mutation of a long run can be made again by itself. Pure: no socket, no clock.
 */
#ifndef CONFORM_MUTATE_H
#define CONFORM_MUTATE_H

#include "script.h"

#include <stdint.h>

/* Cases with more bytes are about size, and would make the others rare. */
#define STOCK_BYTES_MAX 8192

/* What a mutation may grow to, by duplicates of duplicates. */
#define MUTATION_BYTES_MAX (64 * 1024)

#define MUTATION_CUTS_MAX 4

/* The bytes that mutations begin with: each what one case sends. */
struct stock {
    struct script *scripts;            /* owned */
    const struct conform_case **cases; /* owned; the case of each script is borrowed */
    size_t count;
};

struct mutation {
    const struct conform_case *one; /* borrowed; the case that it began with */
    char *bytes;                    /* owned */
    size_t length;
    size_t cuts[MUTATION_CUTS_MAX]; /* ascending; behind each so many bytes is a pause */
    size_t cuts_count;
};

/* The chosen cases over TCP. They name a fixed host, so that the bytes are the same for every
 * target. */
void stock_init(struct stock *stock, const struct case_list *list, const bool *is_chosen);
void stock_deinit(struct stock *stock);

/* The stock must not be empty. */
void mutation_init(struct mutation *mutation, const struct stock *stock, uint64_t seed,
                   uint64_t number);
void mutation_deinit(struct mutation *mutation);

#endif
