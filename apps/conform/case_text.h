/* SPDX-License-Identifier: Apache-2.0 */
/* Words, numbers and escapes of a line of a case file. */
#ifndef CONFORM_CASE_TEXT_H
#define CONFORM_CASE_TEXT_H

#include "case_file.h"

/* What is left of one line; ends in NUL. */
struct line_text {
    const char *at;
};

/* The next word, up to a blank, into `word`; false at the end of the line. */
bool line_take_word(struct line_text *line, char *word, size_t size);

/* The rest of the line, whole. */
char *line_take_rest(struct line_text *line);

/* \r \n \t \0 \\ \xHH in place; the new length, or -1 for an escape that is none. */
long decode_escapes(char *text);

/* The whole word as a number; false when it is none or larger than `max`. */
bool read_number(const char *word, unsigned long max, unsigned long *ret_number);

/* N, N-M or N+. */
bool read_range(const char *word, unsigned long *ret_min, unsigned long *ret_max);

/* Memory, or the end of the program: without it no case can be judged. */
void *must_alloc(size_t size);
void *must_grow(void *old, size_t size);
char *must_copy(const char *text);

__attribute__((format(printf, 2, 3))) int case_error_set(struct case_error *error,
                                                         const char *format, ...);

/* One alternative of an `expect` line; 0, or -EINVAL and what was expected in `error`. */
int predicate_read(struct predicate *predicate, enum suite suite, const char *text,
                   struct case_error *error);

/* Whether a status is one of `400 4xx any` in `patterns`, separated by blanks or slashes. */
bool status_matches(const char *patterns, size_t length, int status);

#endif
