/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paceline-bench: loads servers, floors to compare them with, one application under every model,
 * and other servers under the same load.
 */
#include "bench.h"
#include "claims.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const struct {
    const char *name;
    bench_command *run;
    const char *what;
} commands[] = {
    { "load", load_main, "load a server, and check every byte of its replies" },
    { "models", models_main, "one application under every model" },
    { "peers", peers_main, "Paceline and other servers beside that floor" },
    { "fairness", fairness_main, "what polite clients get beside greedy ones, in every model" },
    { "timeline", timeline_main, "what each thread of an application does, as a picture" },
    { "claims", claims_main, "what textbooks claim, measured on this machine" },
    { "floor", floor_main, "serve with the least that a server can do" },
};

#define COMMANDS_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *out)
{
    fputs("Usage: paceline-bench COMMAND [OPTION]...\n\n", out);
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].what);
    fputs("\n  --version  print the version, and end\n"
          "  --help     print this, and end; behind a command, what it takes\n\n"
          "Exit code: 0, 1 a measurement failed or a reply was wrong, else those of sysexits.h:\n"
          "64 wrong use, 66 no such file, 69 a server is not there, 73 a file cannot be written,\n"
          "78 the application refuses its configuration.\n",
          out);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        die(EX_USAGE, "expected a command; try --help");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return EX_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("paceline-bench " PACKAGE_VERSION);
        return EX_OK;
    }
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    die(EX_USAGE, "unknown command '%s'; try --help", argv[1]);
}
