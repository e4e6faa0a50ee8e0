/* SPDX-License-Identifier: Apache-2.0 */
/* What came back for bytes whose meaning nobody knows: it must be HTTP all the same. Pure. */
#ifndef CONFORM_MUTATE_JUDGE_H
#define CONFORM_MUTATE_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

struct mutation_answer {
    const char *sent; /* borrowed, as is `received` */
    size_t sent_bytes;
    const char *received;
    size_t received_bytes;
    bool is_ended;  /* by the server */
    bool was_reset; /* with RST, which may have cut a response */
};

struct mutation_verdict {
    size_t responses;  /* final ones */
    char problem[200]; /* empty: nothing is wrong */
};

/* Whole and valid responses and nothing behind them, no more than the bytes hold heads and one that
 * refuses, then the end. Whether a response answers HEAD is tried where the bytes hold that word.
 */
void mutation_judge(const struct mutation_answer *answer, struct mutation_verdict *ret_verdict);

#endif
