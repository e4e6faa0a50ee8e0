/* SPDX-License-Identifier: Apache-2.0 */
/* The word that a mistyped one was probably meant to be. */
#ifndef PL_SERVER_DID_YOU_MEAN_H
#define PL_SERVER_DID_YOU_MEAN_H

#include <stddef.h>

/* Holds one candidate (the first of its spellings) against the word; where it is nearer than *best
 * edits and near enough, `text` becomes " (did you mean '…'?)". *best begins at SIZE_MAX. */
void pl_did_you_mean(const char *word, const char *candidate, size_t *best, char *text,
                     size_t size);

#endif
