/* SPDX-License-Identifier: Apache-2.0 */
#include "control_parse.h"

#include "did_you_mean.h"

#include <paceline/limits.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows that `connections` shows unless told. */
#define ROWS_DEFAULT 20

struct words {
    char *list[PL_CONTROL_CHANGES_MAX + 4];
    size_t count;
};

typedef int parse_arguments(const struct words *words, struct pl_control_command *command,
                            char *problem);

static parse_arguments parse_none, parse_connections, parse_swap, parse_loglevel;

static const struct {
    const char *name;
    const char *usage;
    const char *help;
    parse_arguments *parse;
} commands[] = {
    [PL_CONTROL_STATUS] = { "status", "status", "what runs here, how, and where", parse_none },
    [PL_CONTROL_STATS] = { "stats", "stats", "all figures since the start", parse_none },
    [PL_CONTROL_RATES] = { "rates", "rates", "figures since this client asked last", parse_none },
    [PL_CONTROL_CONNECTIONS] = { "connections", "connections [age|bytes|state] [N]",
                                 "the oldest clients, the busiest, or all by state",
                                 parse_connections },
    [PL_CONTROL_THREADS] = { "threads", "threads", "each thread, its role and for how long",
                             parse_none },
    [PL_CONTROL_SWAP] = { "swap", "swap TARGET KEY=VALUE...",
                          "another concurrency model for `default` or a service", parse_swap },
    [PL_CONTROL_RELOAD] = { "reload", "reload", "reads the configuration again", parse_none },
    [PL_CONTROL_DRAIN] = { "drain", "drain", "stops gracefully", parse_none },
    [PL_CONTROL_STOP] = { "stop", "stop", "stops at once", parse_none },
    [PL_CONTROL_LOGLEVEL] = { "loglevel", "loglevel [error|warning|info|debug]",
                              "shows or sets what is logged", parse_loglevel },
    [PL_CONTROL_HELP] = { "help", "help", "lists the commands", parse_none },
};

static const char *const order_names[] = { "age", "bytes", "state", NULL };
static const char *const level_names[] = { "error", "warning", "info", "debug", NULL };

const char *pl_control_usage(enum pl_control_word word)
{
    return commands[word].usage;
}

const char *pl_control_help(enum pl_control_word word)
{
    return commands[word].help;
}

const char *pl_control_order_name(enum pl_conn_order order)
{
    return order_names[order];
}

const char *pl_control_level_name(enum pl_log_level level)
{
    return level_names[level];
}

PL_PRINTF(2, 3) static int refuse(char *problem, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(problem, PL_CONTROL_PROBLEM_BYTES, format, args);
    va_end(args);
    return -EINVAL;
}

/* -1: it is none of them. */
static int find_word(const char *const *names, const char *word)
{
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], word) == 0)
            return i;
    return -1;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static int refuse_argument(const struct words *words, size_t index,
                           const struct pl_control_command *command, char *problem)
{
    return refuse(problem, "unexpected '%.60s'; expected: %s", words->list[index],
                  commands[command->word].usage);
}

static int parse_none(const struct words *words, struct pl_control_command *command, char *problem)
{
    return words->count > 1 ? refuse_argument(words, 1, command, problem) : 0;
}

static int parse_rows(const char *text, struct pl_control_command *command, char *problem)
{
    char *end;
    unsigned long rows = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || rows < 1 || rows > PL_CONTROL_ROWS_MAX)
        return refuse(problem, "'%.60s': expected a number from 1 to %d", text,
                      PL_CONTROL_ROWS_MAX);
    command->rows = (uint32_t)rows;
    return 0;
}

static int parse_connections(const struct words *words, struct pl_control_command *command,
                             char *problem)
{
    size_t next = 1;
    int order;

    command->order = PL_CONN_ORDER_AGE;
    command->rows = ROWS_DEFAULT;
    if (next < words->count) {
        order = find_word(order_names, words->list[next]);
        if (order >= 0) {
            command->order = (enum pl_conn_order)order;
            next++;
        } else if (words->list[next][0] < '0' || words->list[next][0] > '9') {
            return refuse_argument(words, next, command, problem);
        }
    }
    if (next + 1 < words->count)
        return refuse_argument(words, next + 1, command, problem);
    return next < words->count ? parse_rows(words->list[next], command, problem) : 0;
}

static int parse_swap(const struct words *words, struct pl_control_command *command, char *problem)
{
    size_t count = 0;

    if (words->count < 3)
        return refuse(problem, "expected: %s, as in: swap default model=reactor threads=4",
                      commands[PL_CONTROL_SWAP].usage);
    command->target = words->list[1];
    for (size_t i = 2; i < words->count; i++) {
        if (strchr(words->list[i], '=') == NULL || words->list[i][0] == '=')
            return refuse(problem, "'%.60s': expected KEY=VALUE", words->list[i]);
        if (count == PL_CONTROL_CHANGES_MAX)
            return refuse(problem, "more than %d KEY=VALUE", PL_CONTROL_CHANGES_MAX);
        command->changes[count++] = words->list[i];
    }
    command->changes[count] = NULL;
    return 0;
}

static int parse_loglevel(const struct words *words, struct pl_control_command *command,
                          char *problem)
{
    int level;

    if (words->count > 2)
        return refuse_argument(words, 2, command, problem);
    command->has_level = words->count == 2;
    if (!command->has_level)
        return 0;
    level = find_word(level_names, words->list[1]);
    if (level < 0)
        return refuse(problem, "'%.60s': expected error, warning, info or debug", words->list[1]);
    command->level = (enum pl_log_level)level;
    return 0;
}

/* ---- the line -------------------------------------------------------------------------------- */

/* A line is text: what a terminal would act on is no part of a command. */
static int check_bytes(const char *line, size_t length, char *problem)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)line[i];

        if (byte < 0x20 || byte == 0x7f)
            return refuse(problem, "byte %zu of the line is 0x%02x; expected text", i + 1, byte);
    }
    return 0;
}

static int split(char *line, struct words *words, char *problem)
{
    char *rest;

    for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        if (words->count == sizeof(words->list) / sizeof(words->list[0]))
            return refuse(problem, "more than %zu words", words->count);
        words->list[words->count++] = word;
    }
    return words->count == 0 ? refuse(problem, "an empty line; expected a command, such as help")
                             : 0;
}

static int refuse_word(const char *word, char *problem)
{
    char hint[96] = "";
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < PL_CONTROL_WORDS_COUNT; i++)
        pl_did_you_mean(word, commands[i].name, &best, hint, sizeof(hint));
    return refuse(problem, "unknown command '%.60s'%s; help lists them", word, hint);
}

int pl_control_parse(char *line, size_t length, struct pl_control_command *ret_command,
                     char problem[PL_CONTROL_PROBLEM_BYTES])
{
    struct words words = { .count = 0 };
    int err = check_bytes(line, length, problem);

    if (err < 0)
        return err;
    line[length] = '\0';
    err = split(line, &words, problem);
    if (err < 0)
        return err;
    for (size_t i = 0; i < PL_CONTROL_WORDS_COUNT; i++) {
        if (strcmp(words.list[0], commands[i].name) != 0)
            continue;
        *ret_command = (struct pl_control_command){ .word = (enum pl_control_word)i };
        return commands[i].parse(&words, ret_command, problem);
    }
    return refuse_word(words.list[0], problem);
}
