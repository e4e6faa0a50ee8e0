/* SPDX-License-Identifier: Apache-2.0 */
/* What case_file.c and case_keys.c share while a file is read: the open case and where it stands.
 */
#ifndef CONFORM_CASE_READER_H
#define CONFORM_CASE_READER_H

#include "case_text.h"

struct case_reader {
    struct case_list *list;
    struct conform_case current; /* id NULL: no case is open */
    enum suite suite;
    const char *group;
    const char *name;
    size_t line;
    unsigned long piece_bytes; /* of the sends that follow */
    struct case_error *error;
};

/* Puts file and line in front of the sentence in `error`; -EINVAL. */
int case_fail_at(struct case_reader *reader, size_t line);

#define CASE_FAIL(reader, ...)                                                                     \
    (case_error_set((reader)->error, __VA_ARGS__), case_fail_at(reader, (reader)->line))

/* Takes what follows a key into the open case; 0, or -EINVAL and the sentence in `error`. */
typedef int case_read_key(struct case_reader *reader, struct line_text *line);

/* The reader of a key other than `case`; NULL when nobody knows it. */
case_read_key *case_key_find(const char *name);

#endif
