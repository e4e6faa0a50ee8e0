/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include "bench.h"
#include "server.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sysexits.h>

#define CHECK_NS_MAX UINT64_C(10000000000)
#define LOOK_NS      UINT64_C(1000000)

void command_add(struct command *command, const char *word)
{
    if (command->count + 1 == COMMAND_WORDS_MAX)
        die(EX_USAGE, "more than %d words for %s", COMMAND_WORDS_MAX - 1, command->argv[0]);
    command->argv[command->count++] = (char *)(uintptr_t)word;
}

void command_add_set(struct command *command, const char *format, ...)
{
    char *text = command->texts[command->count];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, COMMAND_SET_BYTES, format, arguments);
    va_end(arguments);
    command_add(command, "--set");
    command_add(command, text);
}

void command_add_sets(struct command *command, const char *const *sets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        command_add(command, "--set");
        command_add(command, sets[i]);
    }
}

void command_check(struct command *command, const char *path, int code, const char *what, ...)
{
    const char *program = command->argv[0];
    uint64_t end_ns = clock_ns() + CHECK_NS_MAX;
    struct server server;
    char words[1024], told[256];
    va_list arguments;
    int ended;

    command_add(command, "--print-config");
    if (!server_start(&server, command->argv, ".", path, NULL))
        die(EX_OSERR, "no process for %s", program);
    while (!server_has_ended(&server) && clock_ns() < end_ns && wait_ns(LOOK_NS, -1))
        ;
    ended = server_exit_code(&server);
    server_words(&server, words, sizeof(words));
    server_stop(&server);
    if (is_interrupted())
        die(EXIT_INTERRUPTED, "interrupted");
    va_start(arguments, what);
    vsnprintf(told, sizeof(told), what, arguments);
    va_end(arguments);
    if (ended == EX_USAGE || ended == EX_CONFIG)
        die(code, "%s: %s", told, words);
    if (ended == EX_NOINPUT)
        die(EX_NOINPUT, "%s: %s", told, words);
    if (ended < 0)
        die(EX_UNAVAILABLE, "%s --print-config does not end", program);
    if (ended != 0)
        die(EX_UNAVAILABLE, "%s --print-config ended with %d: %s", program, ended, words);
}
