/* SPDX-License-Identifier: Apache-2.0 */
/* paceline-ctl: asks a running server, and prints what it answers. */
#include "config.h"
#include "ctl.h"
#include "show.h"
#include "text.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* A command is at most this long (docs/control.md). */
#define LINE_BYTES_MAX 4096

#define INTERVAL_S_MIN 0.1
#define INTERVAL_S_MAX 3600.0

static const char default_config[] = PL_SYSCONFDIR "/paceline/paceline.yaml";

enum long_option { OPTION_JSON = 256, OPTION_INTERVAL, OPTION_COUNT, OPTION_ONCE, OPTION_VERSION };

static const struct option long_options[] = {
    { "socket", required_argument, NULL, 's' },
    { "config", required_argument, NULL, 'c' },
    { "json", no_argument, NULL, OPTION_JSON },
    { "quiet", no_argument, NULL, 'q' },
    { "interval", required_argument, NULL, OPTION_INTERVAL },
    { "count", required_argument, NULL, OPTION_COUNT },
    { "once", no_argument, NULL, OPTION_ONCE },
    { "version", no_argument, NULL, OPTION_VERSION },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

/* What the server understands, and `watch`, which is ours. */
static const char *const commands[] = { "status",  "stats",    "rates",  "connections",
                                        "threads", "swap",     "reload", "drain",
                                        "stop",    "loglevel", "watch",  "help" };

static void print_help(void)
{
    printf("Usage: paceline-ctl [-s SOCKET] [-c FILE] [OPTION]... COMMAND [ARGUMENT]...\n"
           "\n"
           "  status                        what runs there, how, and where\n"
           "  stats                         all figures since the start\n"
           "  connections [age|bytes|state] [N]\n"
           "                                the oldest clients, the busiest, or all by state\n"
           "  threads                       each thread, its role and for how long\n"
           "  swap TARGET KEY=VALUE...      another concurrency model: swap default model=reactor\n"
           "  reload                        reads the configuration again\n"
           "  drain                         stops gracefully; shows how far it is\n"
           "  stop                          stops at once\n"
           "  loglevel [LEVEL]              error, warning, info or debug\n"
           "  watch                         a live view of the threads; Ctrl-C ends it\n"
           "  help                          asks the server for its commands\n"
           "\n"
           "  -s, --socket SOCKET  the server's control.socket; else $PACELINE_CONTROL, else what\n"
           "  -c, --config FILE    its configuration says, %s unless told\n"
           "      --json           print the replies as they come, a line each\n"
           "  -q, --quiet          drain, stop: no progress\n"
           "      --interval S     watch: seconds between two looks, 1 unless told\n"
           "      --count N        watch: end after N looks; --once: after the first\n"
           "      --version        print the version and end\n"
           "  -h, --help           print this and end\n",
           default_config);
}

static int usage_error(const char *what, const char *word)
{
    fprintf(stderr, "paceline-ctl: %s%s; --help lists what there is\n", what, word);
    return EX_USAGE;
}

/* ---- the command line ------------------------------------------------------------------------ */

static bool parse_interval(const char *text, struct ctl_options *options)
{
    char *end;
    double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !(seconds >= INTERVAL_S_MIN && seconds <= INTERVAL_S_MAX))
        return false;
    options->interval_ms = (int64_t)(seconds * 1000);
    return true;
}

static bool parse_count(const char *text, struct ctl_options *options)
{
    char *end;

    errno = 0;
    options->frames_max = strtoull(text, &end, 10);
    return text[0] >= '1' && text[0] <= '9' && *end == '\0' && errno == 0;
}

/* Returns -1 to go on, else the exit code. */
static int parse_options(int argc, char **argv, struct ctl_options *options)
{
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":s:c:qh", long_options, NULL)) != -1) {
        switch (option) {
        case 's':
            options->socket = optarg;
            break;
        case 'c':
            options->config = optarg;
            break;
        case 'q':
            options->is_quiet = true;
            break;
        case OPTION_JSON:
            options->is_json = true;
            break;
        case OPTION_INTERVAL:
            if (!parse_interval(optarg, options))
                return usage_error("--interval: expected 0.1 to 3600 seconds, not ", optarg);
            break;
        case OPTION_COUNT:
            if (!parse_count(optarg, options))
                return usage_error("--count: expected a number from 1 on, not ", optarg);
            break;
        case OPTION_ONCE:
            options->frames_max = 1;
            break;
        case OPTION_VERSION:
            printf("paceline-ctl %s\n", PACKAGE_VERSION);
            return EX_OK;
        case 'h':
            print_help();
            return EX_OK;
        case ':':
            return usage_error("a value is missing after ", argv[optind - 1]);
        default:
            return usage_error("unknown option ", argv[optind - 1]);
        }
    }
    return -1;
}

static bool is_command(const char *word)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i], word) == 0)
            return true;
    return false;
}

/* The words, with a space between; a line's end in one would make two commands of it. */
static int join_words(char *const *words, char line[LINE_BYTES_MAX + 1])
{
    size_t used = 0;

    for (size_t i = 0; words[i] != NULL; i++) {
        int length;

        for (const char *at = words[i]; *at != '\0'; at++)
            if ((unsigned char)*at < 0x20 || *at == 0x7f)
                return usage_error("a control byte in argument ", i == 0 ? "1" : "2 or behind it");
        length =
            snprintf(line + used, LINE_BYTES_MAX + 1 - used, "%s%s", i > 0 ? " " : "", words[i]);
        used += (size_t)length;
        if (used > LINE_BYTES_MAX)
            return usage_error("the command is longer than 4096 bytes", "");
    }
    return EX_OK;
}

/* Owner of *ret_path: the caller. */
static int find_socket(const struct ctl_options *options, char **ret_path)
{
    const char *path = options->socket;

    if (path == NULL && options->config == NULL)
        path = getenv("PACELINE_CONTROL");
    if (path != NULL && path[0] != '\0') {
        *ret_path = strdup(path);
        return *ret_path == NULL ? EX_OSERR : EX_OK;
    }
    if (options->config != NULL)
        return ctl_config_socket(options->config, ret_path);
    if (access(default_config, F_OK) == 0)
        return ctl_config_socket(default_config, ret_path);
    return usage_error("which server? name its socket with -s or PACELINE_CONTROL, or its file "
                       "with -c",
                       "");
}

/* ---- one question ---------------------------------------------------------------------------- */

static int ask_once(struct ctl_link *link, const char *command, const struct ctl_options *options)
{
    json_t *reply = NULL;
    int code = ctl_demand(link, options->line, options->is_json, &reply);

    if (code == 0 && !options->is_json)
        ctl_show(command, reply, stdout);
    json_decref(reply);
    if (fflush(stdout) != 0 && code == 0)
        code = EX_IOERR;
    return code;
}

static int run(struct ctl_link *link, char *const *words, const struct ctl_options *options)
{
    if (strcmp(words[0], "watch") == 0)
        return ctl_watch(link, options);
    if (strcmp(words[0], "drain") == 0 || strcmp(words[0], "stop") == 0)
        return ctl_follow(link, options);
    return ask_once(link, words[0], options);
}

int main(int argc, char **argv)
{
    struct ctl_options options = { .interval_ms = 1000 };
    static char line[LINE_BYTES_MAX + 1];
    struct ctl_link link;
    char *path = NULL;
    int code = parse_options(argc, argv, &options);

    if (code >= 0)
        return code;
    if (optind == argc)
        return usage_error("a command is missing", "");
    if (!is_command(argv[optind]))
        return usage_error("unknown command ", argv[optind]);
    if (strcmp(argv[optind], "watch") == 0 && argv[optind + 1] != NULL)
        return usage_error("watch takes no argument such as ", argv[optind + 1]);
    code = join_words(argv + optind, line);
    if (code == EX_OK)
        code = find_socket(&options, &path);
    if (code != EX_OK)
        return code;
    options.line = line;
    code = ctl_link_open(&link, path);
    if (code == EX_OK) {
        code = run(&link, argv + optind, &options);
        ctl_link_close(&link);
    }
    free(path);
    return code;
}
