/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a line of the control socket: what is taken says the same when it is written again
 * with single spaces, and what is refused is refused with a sentence that JSON can carry.
 */
#include "control_parse.h"
#include "json_text.h"

#include <paceline/limits.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_BYTES_MAX PL_CONTROL_LINE_BYTES_MAX

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

/* ---- what JSON allows (RFC 8259, 7) -----------------------------------------------------------
 */

static size_t escape_length(const char *at)
{
    if (at[1] == '"' || at[1] == '\\')
        return 2;
    if (at[1] != 'u' || strspn(at + 2, "0123456789abcdef") < 4)
        fail("an escape that is none");
    return 6;
}

static void check_text(const char *text)
{
    static char json_bytes[INPUT_BYTES_MAX * 6 + 3];
    struct pl_json json = { .text = json_bytes, .size = sizeof(json_bytes) };
    size_t i = 1;

    pl_json_put_text(&json, text);
    if (json.is_full || json.used < 2 || json_bytes[0] != '"' || json_bytes[json.used - 1] != '"')
        fail("a text without its quotes");
    while (i < json.used - 1) {
        if ((unsigned char)json_bytes[i] < 0x20 || json_bytes[i] == '"')
            fail("a byte that must be escaped");
        i += json_bytes[i] == '\\' ? escape_length(json_bytes + i) : 1;
    }
    if (i != json.used - 1)
        fail("an escape beyond the text");
    if (strlen(json_bytes) != json.used)
        fail("a text with another length");
}

/* Every room that is too small says so and writes nothing behind its end. */
static void check_rooms(const char *text)
{
    char room[32];

    for (size_t size = 1; size < sizeof(room); size++) {
        struct pl_json json = { .text = room, .size = size };

        memset(room, 'x', sizeof(room));
        pl_json_put_text(&json, text);
        if (json.used >= size)
            fail("more than there is room for");
        for (size_t i = size; i < sizeof(room); i++)
            if (room[i] != 'x')
                fail("a byte behind the room");
    }
}

/* ---- the line ---------------------------------------------------------------------------------
 */

/* The command as it could have been written. */
static size_t write_again(const struct pl_control_command *command, char *line, size_t size)
{
    int used = snprintf(line, size, "%s", pl_control_usage(command->word));

    used = (int)strcspn(line, " ");
    line[used] = '\0';
    if (command->word == PL_CONTROL_CONNECTIONS)
        used += snprintf(line + used, size - (size_t)used, " %s %u",
                         pl_control_order_name(command->order), command->rows);
    if (command->word == PL_CONTROL_LOGLEVEL && command->has_level)
        used += snprintf(line + used, size - (size_t)used, " %s",
                         pl_control_level_name(command->level));
    if (command->word != PL_CONTROL_SWAP)
        return (size_t)used;
    used += snprintf(line + used, size - (size_t)used, " %s", command->target);
    for (size_t i = 0; command->changes[i] != NULL; i++) {
        if (i == PL_CONTROL_CHANGES_MAX)
            fail("more changes than there may be");
        if (strchr(command->changes[i], '=') == NULL)
            fail("a change without its sign");
        used += snprintf(line + used, size - (size_t)used, " %s", command->changes[i]);
    }
    return (size_t)used;
}

static bool are_same(const struct pl_control_command *a, const struct pl_control_command *b)
{
    if (a->word != b->word || a->order != b->order || a->rows != b->rows ||
        a->has_level != b->has_level || a->level != b->level)
        return false;
    if (a->word != PL_CONTROL_SWAP)
        return true;
    if (strcmp(a->target, b->target) != 0)
        return false;
    for (size_t i = 0; a->changes[i] != NULL || b->changes[i] != NULL; i++)
        if (a->changes[i] == NULL || b->changes[i] == NULL ||
            strcmp(a->changes[i], b->changes[i]) != 0)
            return false;
    return true;
}

static void check_taken(const struct pl_control_command *command)
{
    static char again_bytes[INPUT_BYTES_MAX + 64];
    struct pl_control_command again;
    char problem[PL_CONTROL_PROBLEM_BYTES];
    size_t length;

    if (command->word >= PL_CONTROL_WORDS_COUNT)
        fail("a command that is none");
    if (command->word == PL_CONTROL_CONNECTIONS &&
        (command->rows < 1 || command->rows > PL_CONTROL_ROWS_MAX))
        fail("rows out of range");
    length = write_again(command, again_bytes, sizeof(again_bytes));
    if (pl_control_parse(again_bytes, length, &again, problem) < 0)
        fail("a command that is refused when it is written again");
    if (!are_same(command, &again))
        fail("a command that says something else when it is written again");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pl_control_command command;
    char problem[PL_CONTROL_PROBLEM_BYTES];
    char *line;

    if (size > INPUT_BYTES_MAX)
        return 0;
    /* The byte behind the line is its end, and the last that may be touched. */
    line = malloc(size + 1);
    if (line == NULL)
        return 0;
    if (size > 0)
        memcpy(line, data, size);
    line[size] = '\n';
    memset(problem, 'x', sizeof(problem));
    if (pl_control_parse(line, size, &command, problem) == 0) {
        check_taken(&command);
    } else {
        if (memchr(problem, '\0', sizeof(problem)) == NULL || problem[0] == '\0')
            fail("a refusal without a sentence");
        check_text(problem);
    }
    free(line);
    line = malloc(size + 1);
    if (line == NULL)
        return 0;
    if (size > 0)
        memcpy(line, data, size);
    line[size] = '\0';
    check_text(line);
    check_rooms(line);
    free(line);
    return 0;
}
