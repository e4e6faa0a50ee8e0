/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads case files, line by line: the first word of a line is a key, the rest belongs to it.
 *
 * Invariant: a case is in the list only when it was checked whole.
 */
#include "case_reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int case_fail_at(struct case_reader *reader, size_t line)
{
    struct case_error whole;

    snprintf(whole.text, sizeof(whole.text), "%.100s:%zu: %.280s", reader->name, line,
             reader->error->text);
    *reader->error = whole;
    return -EINVAL;
}

const char *level_name(enum level level)
{
    static const char *const names[] = { "must", "should", "choice" };

    return names[level];
}

void case_fill_heads(const struct conform_case *one, size_t in_front,
                     bool ret_is_head[HTTP_MESSAGES_MAX])
{
    for (size_t i = 0; i < HTTP_MESSAGES_MAX; i++)
        ret_is_head[i] = i >= in_front && one->is_head[i - in_front];
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void free_predicate(struct predicate *predicate)
{
    free(predicate->source);
    free(predicate->text);
}

static void case_deinit(struct conform_case *one)
{
    for (size_t i = 0; i < one->steps_count; i++)
        free(one->steps[i].text);
    for (size_t i = 0; i < one->predicates_count; i++)
        free_predicate(&one->predicates[i]);
    free(one->steps);
    free(one->predicates);
    free(one->id);
    free(one->group);
    free(one->rule);
    free(one->why);
    free(one->known);
    *one = (struct conform_case){ .id = NULL };
}

void case_list_deinit(struct case_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        case_deinit(&list->cases[i]);
    free(list->cases);
    *list = (struct case_list){ .count = 0 };
}

/* The open case is complete: it goes to the list, or the reader says what it lacks. */
static int finish_case(struct case_reader *reader)
{
    struct conform_case *current = &reader->current;
    struct case_list *list = reader->list;
    const char *lacks = current->rule == NULL            ? "rule"
                        : current->steps_count == 0      ? "send"
                        : current->predicates_count == 0 ? "expect"
                                                         : NULL;

    if (current->id == NULL)
        return 0;
    if (lacks != NULL) {
        case_error_set(reader->error, "case '%s' has no '%s', expected at least one", current->id,
                       lacks);
        return case_fail_at(reader, current->line);
    }
    list->cases = must_grow(list->cases, (list->count + 1) * sizeof(*list->cases));
    list->cases[list->count++] = *current;
    *current = (struct conform_case){ .id = NULL };
    return 0;
}

static int begin_case(struct case_reader *reader, struct line_text *line)
{
    char id[80];
    int err = finish_case(reader);

    if (err < 0)
        return err;
    if (!line_take_word(line, id, sizeof(id)) || *line->at != '\0')
        return CASE_FAIL(reader, "expected 'case' and one word that names it");
    for (size_t i = 0; i < reader->list->count; i++)
        if (strcmp(reader->list->cases[i].id, id) == 0)
            return CASE_FAIL(reader, "case '%s' stands twice, expected another name", id);
    reader->piece_bytes = 0;
    reader->current = (struct conform_case){ .id = must_copy(id),
                                             .group = must_copy(reader->group),
                                             .suite = reader->suite,
                                             .clients_count = 1,
                                             .line = reader->line };
    return 0;
}

static int read_line(struct case_reader *reader, const char *text)
{
    struct line_text line = { .at = text };
    case_read_key *read;
    char key[32];

    if (*text == '\0' || *text == '#')
        return 0;
    if (!line_take_word(&line, key, sizeof(key)))
        return CASE_FAIL(reader, "no key at the beginning of the line");
    if (strcmp(key, "case") == 0)
        return begin_case(reader, &line);
    read = case_key_find(key);
    if (read != NULL && reader->current.id == NULL)
        return CASE_FAIL(reader, "'%s' outside of a case, expected 'case ID' before it", key);
    if (read != NULL)
        return read(reader, &line);
    return CASE_FAIL(reader,
                     "unknown key '%s', expected case, rule, level, why, known, send, "
                     "send-repeat, send-pattern, fence, pause, cut, half-close, reset, leave, "
                     "read-late, await, split, clients, timeout, alone, transport, head or "
                     "expect",
                     key);
}

int case_list_read(struct case_list *list, enum suite suite, const char *group, const char *name,
                   const char *bytes, size_t length, struct case_error *error)
{
    struct case_reader reader = {
        .list = list, .suite = suite, .group = group, .name = name, .error = error
    };
    const char *at = bytes, *end = bytes + length;
    int err = 0;

    while (err == 0 && at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        size_t bytes_count = (size_t)((lf == NULL ? end : lf) - at);
        char *text = must_alloc(bytes_count + 1);

        memcpy(text, at, bytes_count);
        reader.line++;
        err = read_line(&reader, text);
        free(text);
        at += bytes_count + 1;
    }
    if (err == 0)
        err = finish_case(&reader);
    case_deinit(&reader.current);
    return err;
}
