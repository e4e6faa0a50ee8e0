/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads case files, line by line: the first word of a line is a key, the rest belongs to it.
 *
 * Invariant: a case is in the list only when it was checked whole.
 */
#include "case_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes that one step may send: 20 MB of back-pressure, and room. */
#define STEP_BYTES_MAX (64UL * 1024 * 1024)

/* The pause of `cut`: long enough for the other side to have seen what came before. */
#define CUT_MS 15

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

typedef int read_key(struct case_reader *reader, struct line_text *line);

#define FAIL(reader, ...)                                                                          \
    (case_error_set((reader)->error, __VA_ARGS__), fail_at(reader, (reader)->line))

static int fail_at(struct case_reader *reader, size_t line)
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

/* ---- keys ------------------------------------------------------------------------------------ */

static struct step *add_step(struct case_reader *reader, enum step_kind kind)
{
    struct conform_case *current = &reader->current;
    struct step *step;

    current->steps =
        must_grow(current->steps, (current->steps_count + 1) * sizeof(*current->steps));
    step = &current->steps[current->steps_count++];
    *step = (struct step){ .kind = kind, .piece_bytes = reader->piece_bytes };
    return step;
}

static int take_count(struct case_reader *reader, struct line_text *line, unsigned long max,
                      const char *what, unsigned long *ret_count)
{
    char word[32];

    if (!line_take_word(line, word, sizeof(word)) || !read_number(word, max, ret_count))
        return FAIL(reader, "expected %s, from 0 to %lu", what, max);
    return 0;
}

static int add_send(struct case_reader *reader, struct line_text *line, unsigned long count)
{
    struct step *step = add_step(reader, STEP_SEND);
    long length;

    step->text = line_take_rest(line);
    length = decode_escapes(step->text);
    if (length < 0)
        return FAIL(reader, "unknown escape, expected \\r \\n \\t \\0 \\\\ or \\xHH");
    step->text_length = (size_t)length;
    step->count = count;
    if (step->text_length * count > STEP_BYTES_MAX)
        return FAIL(reader, "too many bytes, expected at most %lu", STEP_BYTES_MAX);
    return 0;
}

static int key_send(struct case_reader *reader, struct line_text *line)
{
    return add_send(reader, line, 1);
}

static int key_send_repeat(struct case_reader *reader, struct line_text *line)
{
    unsigned long count;
    int err = take_count(reader, line, STEP_BYTES_MAX, "a number of repetitions", &count);

    return err < 0 ? err : add_send(reader, line, count);
}

static int key_send_pattern(struct case_reader *reader, struct line_text *line)
{
    return take_count(reader, line, STEP_BYTES_MAX, "a number of bytes",
                      &add_step(reader, STEP_PATTERN)->count);
}

static int key_fence(struct case_reader *reader, struct line_text *line)
{
    (void)line;
    add_step(reader, STEP_FENCE);
    return 0;
}

static int key_pause(struct case_reader *reader, struct line_text *line)
{
    return take_count(reader, line, 5000, "milliseconds", &add_step(reader, STEP_PAUSE)->count);
}

static int key_cut(struct case_reader *reader, struct line_text *line)
{
    (void)line;
    add_step(reader, STEP_PAUSE)->count = CUT_MS;
    return 0;
}

static int key_half_close(struct case_reader *reader, struct line_text *line)
{
    (void)line;
    add_step(reader, STEP_HALF_CLOSE);
    return 0;
}

static int key_reset(struct case_reader *reader, struct line_text *line)
{
    (void)line;
    add_step(reader, STEP_RESET);
    return 0;
}

static int key_read_late(struct case_reader *reader, struct line_text *line)
{
    return take_count(reader, line, 5000, "milliseconds", &add_step(reader, STEP_READ_LATE)->count);
}

static int key_await(struct case_reader *reader, struct line_text *line)
{
    char what[32] = "";

    line_take_word(line, what, sizeof(what));
    if (strcmp(what, "echo") == 0 && reader->suite == SUITE_LINE)
        add_step(reader, STEP_AWAIT_ECHO);
    else if (strcmp(what, "interim") == 0 && reader->suite == SUITE_HTTP)
        add_step(reader, STEP_AWAIT_INTERIM);
    else if (strcmp(what, "all") == 0)
        add_step(reader, STEP_AWAIT_ALL);
    else if (strcmp(what, "responses") == 0 && reader->suite == SUITE_HTTP)
        return take_count(reader, line, HTTP_MESSAGES_MAX, "a number of responses",
                          &add_step(reader, STEP_AWAIT_RESPONSES)->count);
    else
        return FAIL(reader,
                    "unknown 'await %s', expected echo (line), interim or responses N "
                    "(http), or all",
                    what);
    return 0;
}

static int key_split(struct case_reader *reader, struct line_text *line)
{
    char word[32] = "";

    line_take_word(line, word, sizeof(word));
    if (strcmp(word, "each") == 0) {
        reader->current.is_split_each = true;
        return 0;
    }
    if (strcmp(word, "every") == 0)
        return take_count(reader, line, STEP_BYTES_MAX, "bytes per segment", &reader->piece_bytes);
    return FAIL(reader, "unknown 'split %s', expected each or every N", word);
}

static int key_clients(struct case_reader *reader, struct line_text *line)
{
    int err =
        take_count(reader, line, 10000, "a number of clients", &reader->current.clients_count);

    if (err == 0 && reader->current.clients_count == 0)
        return FAIL(reader, "expected at least one client");
    return err;
}

static int key_timeout(struct case_reader *reader, struct line_text *line)
{
    return take_count(reader, line, 600000, "milliseconds", &reader->current.timeout_ms);
}

static int key_alone(struct case_reader *reader, struct line_text *line)
{
    (void)line;
    reader->current.is_alone = true;
    return 0;
}

static int key_transport(struct case_reader *reader, struct line_text *line)
{
    char word[32] = "";

    line_take_word(line, word, sizeof(word));
    if (strcmp(word, "udp") == 0)
        reader->current.transport = TRANSPORT_UDP;
    else if (strcmp(word, "unix") == 0)
        reader->current.transport = TRANSPORT_UNIX;
    else
        return FAIL(reader, "unknown transport '%s', expected udp or unix", word);
    return 0;
}

static int key_head(struct case_reader *reader, struct line_text *line)
{
    unsigned long number;

    do {
        int err = take_count(reader, line, HTTP_MESSAGES_MAX, "the number of a response", &number);

        if (err < 0 || number == 0)
            return err < 0 ? err : FAIL(reader, "expected the number of a response, from 1");
        reader->current.is_head[number - 1] = true;
    } while (*line->at != '\0');
    return 0;
}

static int key_level(struct case_reader *reader, struct line_text *line)
{
    char word[32] = "";

    line_take_word(line, word, sizeof(word));
    for (enum level level = LEVEL_MUST; level < LEVELS_COUNT; level++)
        if (strcmp(word, level_name(level)) == 0) {
            reader->current.level = level;
            return 0;
        }
    return FAIL(reader, "unknown level '%s', expected must, should or choice", word);
}

static int set_text(char **field, struct line_text *line)
{
    free(*field);
    *field = line_take_rest(line);
    return 0;
}

static int key_rule(struct case_reader *reader, struct line_text *line)
{
    return set_text(&reader->current.rule, line);
}

static int key_why(struct case_reader *reader, struct line_text *line)
{
    return set_text(&reader->current.why, line);
}

static int key_known(struct case_reader *reader, struct line_text *line)
{
    if (strstr(line->at, ": ") == NULL)
        return FAIL(reader, "expected 'known SERVER: what it does and why that fails the rule'");
    return set_text(&reader->current.known, line);
}

static int add_predicate(struct case_reader *reader, const char *text, bool is_alternative)
{
    struct conform_case *current = &reader->current;
    struct predicate *predicate;

    current->predicates = must_grow(current->predicates,
                                    (current->predicates_count + 1) * sizeof(*current->predicates));
    predicate = &current->predicates[current->predicates_count++];
    *predicate = (struct predicate){ .is_alternative = is_alternative, .source = must_copy(text) };
    if (predicate_read(predicate, reader->suite, text, reader->error) < 0)
        return fail_at(reader, reader->line);
    return 0;
}

static int key_expect(struct case_reader *reader, struct line_text *line)
{
    char *rest = line_take_rest(line), *at = rest;
    int err = 0;

    while (err == 0 && at != NULL) {
        char *bar = strstr(at, " | ");

        if (bar != NULL)
            *bar = '\0';
        err = add_predicate(reader, at, bar != NULL);
        at = bar == NULL ? NULL : bar + 3;
    }
    free(rest);
    return err;
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
        return fail_at(reader, current->line);
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
        return FAIL(reader, "expected 'case' and one word that names it");
    for (size_t i = 0; i < reader->list->count; i++)
        if (strcmp(reader->list->cases[i].id, id) == 0)
            return FAIL(reader, "case '%s' stands twice, expected another name", id);
    reader->piece_bytes = 0;
    reader->current = (struct conform_case){ .id = must_copy(id),
                                             .group = must_copy(reader->group),
                                             .suite = reader->suite,
                                             .clients_count = 1,
                                             .line = reader->line };
    return 0;
}

static const struct {
    const char *name;
    read_key *read;
} keys[] = {
    { "case", begin_case },
    { "rule", key_rule },
    { "level", key_level },
    { "why", key_why },
    { "known", key_known },
    { "send", key_send },
    { "send-repeat", key_send_repeat },
    { "send-pattern", key_send_pattern },
    { "fence", key_fence },
    { "pause", key_pause },
    { "cut", key_cut },
    { "half-close", key_half_close },
    { "reset", key_reset },
    { "read-late", key_read_late },
    { "await", key_await },
    { "split", key_split },
    { "clients", key_clients },
    { "timeout", key_timeout },
    { "alone", key_alone },
    { "transport", key_transport },
    { "head", key_head },
    { "expect", key_expect },
};

static int read_line(struct case_reader *reader, const char *text)
{
    struct line_text line = { .at = text };
    char key[32];

    if (*text == '\0' || *text == '#')
        return 0;
    if (!line_take_word(&line, key, sizeof(key)))
        return FAIL(reader, "no key at the beginning of the line");
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i].name, key) != 0)
            continue;
        if (reader->current.id == NULL && keys[i].read != begin_case)
            return FAIL(reader, "'%s' outside of a case, expected 'case ID' before it", key);
        return keys[i].read(reader, &line);
    }
    return FAIL(reader,
                "unknown key '%s', expected case, rule, level, why, known, send, "
                "send-repeat, send-pattern, fence, pause, cut, half-close, reset, "
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
