/* SPDX-License-Identifier: Apache-2.0 */
#include "case_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

void *must_grow(void *old, size_t size)
{
    void *memory = realloc(old, size == 0 ? 1 : size);

    if (memory == NULL) {
        fputs("paceline-conform: no memory\n", stderr);
        exit(EX_OSERR);
    }
    return memory;
}

void *must_alloc(size_t size)
{
    return memset(must_grow(NULL, size), 0, size);
}

char *must_copy(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(must_alloc(size), text, size);
}

int case_error_set(struct case_error *error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    return -EINVAL;
}

bool line_take_word(struct line_text *line, char *word, size_t size)
{
    size_t length;

    while (*line->at == ' ')
        line->at++;
    length = strcspn(line->at, " ");
    if (length == 0 || length >= size)
        return false;
    memcpy(word, line->at, length);
    word[length] = '\0';
    line->at += length;
    if (*line->at == ' ') /* one blank ends the word, more of them belong to what follows */
        line->at++;
    return true;
}

char *line_take_rest(struct line_text *line)
{
    char *rest = must_copy(line->at);

    line->at += strlen(line->at);
    return rest;
}

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

/* The byte that an escape stands for, and how many characters it takes behind the backslash. */
static int decode_escape(const char *escape, size_t *ret_length)
{
    static const char names[] = "rnt0\\", bytes[] = "\r\n\t\0\\";
    const char *name = *escape == '\0' ? NULL : strchr(names, *escape);

    *ret_length = 1;
    if (name != NULL)
        return (unsigned char)bytes[name - names];
    if (*escape != 'x' || hex_digit(escape[1]) < 0 || hex_digit(escape[2]) < 0)
        return -1;
    *ret_length = 3;
    return hex_digit(escape[1]) * 16 + hex_digit(escape[2]);
}

long decode_escapes(char *text)
{
    size_t from = 0, to = 0;

    while (text[from] != '\0') {
        size_t length;
        int byte = (unsigned char)text[from++];

        if (byte == '\\') {
            byte = decode_escape(text + from, &length);
            if (byte < 0)
                return -1;
            from += length;
        }
        text[to++] = (char)byte;
    }
    text[to] = '\0';
    return (long)to;
}

bool read_number(const char *word, unsigned long max, unsigned long *ret_number)
{
    char *end;
    unsigned long number;

    if (*word < '0' || *word > '9')
        return false;
    errno = 0;
    number = strtoul(word, &end, 10);
    if (*end != '\0' || errno != 0 || number > max)
        return false;
    *ret_number = number;
    return true;
}

bool read_range(const char *word, unsigned long *ret_min, unsigned long *ret_max)
{
    char *end;

    if (*word < '0' || *word > '9')
        return false;
    *ret_min = *ret_max = strtoul(word, &end, 10);
    if (strcmp(end, "+") == 0) {
        *ret_max = HTTP_MESSAGES_MAX;
        return true;
    }
    if (*end == '-' && !read_number(end + 1, HTTP_MESSAGES_MAX, ret_max))
        return false;
    return (*end == '\0' || *end == '-') && *ret_min <= *ret_max;
}

/* ---- predicates ------------------------------------------------------------------------------ */

/* What follows the name of a predicate. */
enum operand {
    OPERAND_NONE,
    OPERAND_STATUS,
    OPERAND_RANGE,
    OPERAND_INDEX,
    OPERAND_INDEX_TEXT,
    OPERAND_INDEX_BYTES,
    OPERAND_BYTES
};

struct predicate_form {
    const char *name;
    enum predicate_kind kind;
    enum operand operand;
    int suites; /* bits of 1 << enum suite */
};

enum { IN_HTTP = 1 << SUITE_HTTP, IN_LINE = 1 << SUITE_LINE };

static const struct predicate_form forms[] = {
    { "status", PREDICATE_STATUS, OPERAND_STATUS, IN_HTTP },
    { "statuses", PREDICATE_STATUSES, OPERAND_STATUS, IN_HTTP },
    { "responses", PREDICATE_RESPONSES, OPERAND_RANGE, IN_HTTP },
    { "interim", PREDICATE_INTERIM, OPERAND_RANGE, IN_HTTP },
    { "fence", PREDICATE_FENCE, OPERAND_NONE, IN_HTTP },
    { "no-fence", PREDICATE_NO_FENCE, OPERAND_NONE, IN_HTTP },
    { "body", PREDICATE_BODY, OPERAND_INDEX_BYTES, IN_HTTP },
    { "no-body", PREDICATE_NO_BODY, OPERAND_INDEX, IN_HTTP },
    { "field", PREDICATE_FIELD, OPERAND_INDEX_TEXT, IN_HTTP },
    { "no-field", PREDICATE_NO_FIELD, OPERAND_INDEX_TEXT, IN_HTTP },
    { "framing", PREDICATE_FRAMING, OPERAND_INDEX_TEXT, IN_HTTP },
    { "version", PREDICATE_VERSION, OPERAND_INDEX_TEXT, IN_HTTP },
    { "contains", PREDICATE_CONTAINS, OPERAND_BYTES, IN_HTTP | IN_LINE },
    { "absent", PREDICATE_ABSENT, OPERAND_BYTES, IN_HTTP | IN_LINE },
    { "closed", PREDICATE_CLOSED, OPERAND_NONE, IN_HTTP | IN_LINE },
    { "end", PREDICATE_END, OPERAND_NONE, IN_HTTP | IN_LINE },
    { "echo", PREDICATE_ECHO, OPERAND_NONE, IN_LINE },
    { "echo-prefix", PREDICATE_ECHO_PREFIX, OPERAND_NONE, IN_LINE },
    { "held-back", PREDICATE_HELD_BACK, OPERAND_NONE, IN_LINE },
    { "datagrams", PREDICATE_DATAGRAMS, OPERAND_NONE, IN_LINE },
    { "alive", PREDICATE_ALIVE, OPERAND_NONE, IN_HTTP | IN_LINE },
};

static bool one_status_matches(const char *pattern, size_t length, int status)
{
    if (length == 3 && memcmp(pattern, "any", 3) == 0)
        return true;
    if (length == 3 && memcmp(pattern + 1, "xx", 2) == 0)
        return status / 100 == pattern[0] - '0';
    return length == 3 && status == atoi((char[]){ pattern[0], pattern[1], pattern[2], '\0' });
}

bool status_matches(const char *patterns, size_t length, int status)
{
    for (size_t at = 0; at < length;) {
        size_t end = at;

        while (end < length && patterns[end] != ' ' && patterns[end] != '/')
            end++;
        if (one_status_matches(patterns + at, end - at, status))
            return true;
        at = end + 1;
    }
    return false;
}

/* Every pattern is three characters: a status, 4xx or any. */
static bool are_statuses(const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, " /");
        bool is_class = length == 3 && text[0] >= '1' && text[0] <= '5' &&
                        (memcmp(text + 1, "xx", 2) == 0 || (strspn(text, "0123456789") == 3));

        if (!is_class && !(length == 3 && memcmp(text, "any", 3) == 0))
            return false;
        text += length;
        if (*text != '\0')
            text++;
    }
    return true;
}

static int read_operand(struct predicate *predicate, enum operand operand, struct line_text *line,
                        struct case_error *error)
{
    char word[64] = "";
    long length;

    switch (operand) {
    case OPERAND_NONE:
        return *line->at == '\0' ? 0 : case_error_set(error, "nothing behind it");
    case OPERAND_STATUS:
        predicate->text = line_take_rest(line);
        return *predicate->text != '\0' && are_statuses(predicate->text)
                   ? 0
                   : case_error_set(error, "statuses such as 200, 4xx, 400/501 or any");
    case OPERAND_RANGE:
        if (line_take_word(line, word, sizeof(word)) && *line->at == '\0' &&
            read_range(word, &predicate->number, &predicate->number_max))
            return 0;
        return case_error_set(error, "a count: N, N-M or N+");
    case OPERAND_INDEX:
    case OPERAND_INDEX_TEXT:
    case OPERAND_INDEX_BYTES:
        if (!line_take_word(line, word, sizeof(word)) ||
            !read_number(word, HTTP_MESSAGES_MAX, &predicate->number) || predicate->number == 0)
            return case_error_set(error, "the number of a response, from 1");
        break;
    case OPERAND_BYTES:
        break;
    }
    predicate->text = line_take_rest(line);
    predicate->text_length = strlen(predicate->text);
    if (operand == OPERAND_INDEX)
        return predicate->text_length == 0 ? 0 : case_error_set(error, "nothing behind the number");
    if (operand == OPERAND_INDEX_TEXT)
        return predicate->text_length > 0 ? 0 : case_error_set(error, "a text behind the number");
    length = decode_escapes(predicate->text);
    if (length < 0)
        return case_error_set(error, "escapes \\r \\n \\t \\0 \\\\ \\xHH");
    predicate->text_length = (size_t)length;
    return 0;
}

static int unknown_predicate(enum suite suite, const char *name, struct case_error *error)
{
    char names[300] = "";

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (forms[i].suites & 1 << suite) {
            strncat(names, " ", sizeof(names) - strlen(names) - 1);
            strncat(names, forms[i].name, sizeof(names) - strlen(names) - 1);
        }
    return case_error_set(error, "unknown expectation '%s', expected one of:%s", name, names);
}

int predicate_read(struct predicate *predicate, enum suite suite, const char *text,
                   struct case_error *error)
{
    struct line_text line = { .at = text };
    char name[64] = "";

    line_take_word(&line, name, sizeof(name));
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct case_error expected;

        if (strcmp(forms[i].name, name) != 0 || (forms[i].suites & 1 << suite) == 0)
            continue;
        predicate->kind = forms[i].kind;
        if (read_operand(predicate, forms[i].operand, &line, &expected) == 0)
            return 0;
        return case_error_set(error, "wrong '%s', expected %s", name, expected.text);
    }
    return unknown_predicate(suite, name, error);
}
