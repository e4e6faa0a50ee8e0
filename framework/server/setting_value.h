/* SPDX-License-Identifier: Apache-2.0 */
/* One scalar setting: text → value and back. Pure. */
#ifndef PL_SERVER_SETTING_VALUE_H
#define PL_SERVER_SETTING_VALUE_H

#include <paceline/attributes.h>
#include <paceline/settings.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Writes the value of `text` to its place in `data`. Errors: -EINVAL with what was expected in
 * `problem`; -ENOMEM. */
PL_MUST_CHECK int pl_setting_parse(const struct pl_setting *row, const char *text, void *data,
                                   char *problem, size_t problem_size);
/* Writes a text as it would stand in YAML; NULL as an empty one. */
void pl_setting_print_text(const char *value, FILE *out);
/* Writes the value, which is no text, as it would stand in YAML. */
void pl_setting_format(const struct pl_setting *row, const void *data, char *text, size_t size);
/* "expected …": what the row takes, for errors and the manual. */
void pl_setting_describe(const struct pl_setting *row, char *text, size_t size);

/* The word of the first spelling. */
size_t pl_setting_word_length(const char *spellings);
bool pl_setting_is_scalar(const struct pl_setting *row);

#endif
