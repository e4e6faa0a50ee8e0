/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "arguments.h"
#include "bench.h"
#include "output_file.h"
#include "series.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const char *name_of(const struct option_reader *reader, int option)
{
    const struct option *row = reader->options;

    while (row->val != option)
        row++;
    return row->name;
}

static void add_set(struct common_options *common, const char *text)
{
    if (strchr(text, '=') == NULL || text[0] == '=')
        die(EX_USAGE, "--set: expected KEY=VALUE, not '%s'", text);
    if (common->sets_count == OPTION_SETS_MAX)
        die(EX_USAGE, "--set: more than %d", OPTION_SETS_MAX);
    common->sets[common->sets_count++] = text;
}

static void take(const struct option_reader *reader, struct common_options *common, void *context,
                 int option)
{
    switch (option) {
    case OPTION_ROUNDS:
        common->rounds = argument_count(name_of(reader, option), optarg, 1, SERIES_VALUES_MAX);
        return;
    case OPTION_SECONDS:
        common->seconds = argument_number(name_of(reader, option), optarg, 0.01, 3600);
        return;
    case OPTION_SET:
        add_set(common, optarg);
        return;
    case OPTION_QUICK:
        common->is_quick = true;
        return;
    case OPTION_JSON:
        common->json_path = optarg;
        return;
    case OPTION_PAGE:
        common->page_path = optarg;
        return;
    case OPTION_QUIET:
        common->is_quiet = true;
        return;
    case 'h':
        fputs(reader->usage, stdout);
        exit(EX_OK);
    case '?':
        argument_unknown(reader->command);
    default:
        reader->take(context, option);
    }
}

int options_read(const struct option_reader *reader, struct common_options *common, void *context,
                 int argc, char **argv)
{
    int option;

    while ((option = getopt_long(argc, argv, reader->short_options, reader->options, NULL)) != -1)
        take(reader, common, context, option);
    if (optind != argc && !reader->has_arguments)
        die(EX_USAGE, "%s: only options are expected, not '%s'; try --help", reader->command,
            argv[optind]);
    return optind;
}

void options_check_output(const char *json_path, const char *page_path)
{
    char path[4096];
    int err = output_file_check(json_path);

    if (err == 0 && page_path != NULL)
        err = output_file_check(page_path);
    if (err != 0)
        exit(err);
    if (page_path != NULL && !server_find_program("gnuplot", path, sizeof(path)))
        die(EX_UNAVAILABLE, "--page: no program 'gnuplot' (Debian: gnuplot-nox)");
}
