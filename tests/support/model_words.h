/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a test names a model with what changes its way of working: "leader_followers",
 * "leader_followers+always", "leader_followers+kernel", "reactor+handed" (no handler in passing).
 */
#ifndef PL_TESTS_MODEL_WORDS_H
#define PL_TESTS_MODEL_WORDS_H

#include <stdbool.h>

struct model_words {
    char model[32];
    const char *promotion;
    bool is_inlining;
};

/* Fails the test on a word it does not know. */
struct model_words model_words_of(const char *text);

#endif
