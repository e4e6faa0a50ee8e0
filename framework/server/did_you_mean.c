/* SPDX-License-Identifier: Apache-2.0 */
#include "did_you_mean.h"

#include "setting_value.h"

#include <stdio.h>
#include <string.h>

/* Edits between two words (Levenshtein), for words below 32 bytes. */
static size_t distance(const char *left, const char *right)
{
    size_t row[33];
    size_t left_length = strlen(left), right_length = strlen(right);

    if (left_length > 32 || right_length > 32)
        return 99;
    for (size_t i = 0; i <= right_length; i++)
        row[i] = i;
    for (size_t i = 1; i <= left_length; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t k = 1; k <= right_length; k++) {
            size_t changed = diagonal + (left[i - 1] != right[k - 1]);
            size_t added = row[k] + 1 < row[k - 1] + 1 ? row[k] + 1 : row[k - 1] + 1;

            diagonal = row[k];
            row[k] = changed < added ? changed : added;
        }
    }
    return row[right_length];
}

void pl_did_you_mean(const char *word, const char *candidate, size_t *best, char *text, size_t size)
{
    char name[64];
    size_t length = pl_setting_word_length(candidate);
    size_t edits;

    snprintf(name, sizeof(name), "%.*s", (int)(length < 63 ? length : 63), candidate);
    edits = distance(word, name);
    if (edits < *best && edits <= 1 + strlen(word) / 4) {
        *best = edits;
        snprintf(text, size, " (did you mean '%s'?)", name);
    }
}
