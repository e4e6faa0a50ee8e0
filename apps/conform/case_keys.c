/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a case: what each takes from the rest of its line. */
#include "case_reader.h"

#include <stdlib.h>
#include <string.h>

/* Bytes that one step may send: 20 MB of back-pressure, and room. */
#define STEP_BYTES_MAX (64UL * 1024 * 1024)

/* The pause of `cut`: long enough for the other side to have seen what came before. */
#define CUT_MS 15

/* ---- steps ----------------------------------------------------------------------------------- */

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
        return CASE_FAIL(reader, "expected %s, from 0 to %lu", what, max);
    return 0;
}

static int add_send(struct case_reader *reader, struct line_text *line, unsigned long count)
{
    struct step *step = add_step(reader, STEP_SEND);
    long length;

    step->text = line_take_rest(line);
    length = decode_escapes(step->text);
    if (length < 0)
        return CASE_FAIL(reader, "unknown escape, expected \\r \\n \\t \\0 \\\\ or \\xHH");
    step->text_length = (size_t)length;
    step->count = count;
    if (step->text_length * count > STEP_BYTES_MAX)
        return CASE_FAIL(reader, "too many bytes, expected at most %lu", STEP_BYTES_MAX);
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

static int key_leave(struct case_reader *reader, struct line_text *line)
{
    (void)line;
    add_step(reader, STEP_LEAVE);
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
        return CASE_FAIL(reader,
                         "unknown 'await %s', expected echo (line), interim or responses N "
                         "(http), or all",
                         what);
    return 0;
}

/* ---- how the steps are run ------------------------------------------------------------------- */

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
    return CASE_FAIL(reader, "unknown 'split %s', expected each or every N", word);
}

static int key_clients(struct case_reader *reader, struct line_text *line)
{
    int err =
        take_count(reader, line, 10000, "a number of clients", &reader->current.clients_count);

    if (err == 0 && reader->current.clients_count == 0)
        return CASE_FAIL(reader, "expected at least one client");
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
        return CASE_FAIL(reader, "unknown transport '%s', expected udp or unix", word);
    return 0;
}

static int key_head(struct case_reader *reader, struct line_text *line)
{
    unsigned long number;

    do {
        int err = take_count(reader, line, HTTP_MESSAGES_MAX, "the number of a response", &number);

        if (err < 0 || number == 0)
            return err < 0 ? err : CASE_FAIL(reader, "expected the number of a response, from 1");
        reader->current.is_head[number - 1] = true;
    } while (*line->at != '\0');
    return 0;
}

/* ---- what the case is about, and what it expects --------------------------------------------- */

static int key_level(struct case_reader *reader, struct line_text *line)
{
    char word[32] = "";

    line_take_word(line, word, sizeof(word));
    for (enum level level = LEVEL_MUST; level < LEVELS_COUNT; level++)
        if (strcmp(word, level_name(level)) == 0) {
            reader->current.level = level;
            return 0;
        }
    return CASE_FAIL(reader, "unknown level '%s', expected must, should or choice", word);
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
        return CASE_FAIL(reader,
                         "expected 'known SERVER: what it does and why that fails the rule'");
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
        return case_fail_at(reader, reader->line);
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

/* ---- the table ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    case_read_key *read;
} keys[] = {
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
    { "leave", key_leave },
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

case_read_key *case_key_find(const char *name)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(keys[i].name, name) == 0)
            return keys[i].read;
    return NULL;
}
