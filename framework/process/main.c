/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pl_main(): command line, life cycle. The process's main thread becomes the control thread. It
 * stands above the server because it starts what watches one; see admin.h.
 */
#include <paceline/main.h>

#include "admin.h"
#include "alloc.h"
#include "clock.h"
#include "log_files.h"
#include "server_internal.h"
#include "signals.h"

#include <paceline/control.h>
#include <paceline/log.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#ifndef PL_SYSCONFDIR
#define PL_SYSCONFDIR "/etc"
#endif

#define SETS_MAX 64

enum action { ACTION_SERVE, ACTION_CHECK, ACTION_PRINT_CONFIG, ACTION_PRINT_MANUAL };

struct command_line {
    const char *config_path;
    enum action action;
    const char *sets[SETS_MAX + 1];
    size_t sets_count;
    char model[128];
    char threads[64];
    char default_path[512];
};

enum long_option {
    OPTION_MODEL = 256,
    OPTION_THREADS,
    OPTION_SET,
    OPTION_CHECK,
    OPTION_PRINT_CONFIG,
    OPTION_PRINT_MANUAL,
    OPTION_VERSION,
};

static const struct option options[] = {
    { "config", required_argument, NULL, 'c' },
    { "model", required_argument, NULL, OPTION_MODEL },
    { "threads", required_argument, NULL, OPTION_THREADS },
    { "set", required_argument, NULL, OPTION_SET },
    { "check", no_argument, NULL, OPTION_CHECK },
    { "print-config", no_argument, NULL, OPTION_PRINT_CONFIG },
    { "print-manual", no_argument, NULL, OPTION_PRINT_MANUAL },
    { "version", no_argument, NULL, OPTION_VERSION },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static void print_help(const struct pl_app *app)
{
    printf("Usage: %s [-c FILE] [OPTION]...\n"
           "\n"
           "  -c, --config FILE    read FILE; without it %s/paceline/%s.yaml if that exists,\n"
           "                       else built-in defaults\n"
           "      --model NAME     the concurrency model:",
           app->name, PL_SYSCONFDIR, app->name);
    for (size_t i = 0; pl_models[i] != NULL; i++)
        printf("%s %s", i > 0 ? "," : "", pl_models[i]->name);
    printf("\n"
           "      --threads N      threads that may run handlers, or auto\n"
           "      --set KEY=VALUE  any setting, after the file: timeouts.idle=5s,\n"
           "                       services.0.listen=[127.0.0.1:0]\n"
           "      --check          check the configuration and end: 0, or 78 with the mistake\n"
           "      --print-config   print the whole configuration, defaults included, and end\n"
           "      --print-manual   print all keys as a Markdown table, and when a change of each\n"
           "                       applies, and end\n"
           "      --version        print version and built-in features and end\n"
           "  -h, --help           print this and end\n"
           "\n"
           "Signals: TERM, INT stop gracefully (twice: at once); HUP reads the configuration\n"
           "again; USR1 logs the statistics, opens log files again, and writes the timeline\n"
           "where it is on.\n");
}

#ifdef HAVE_ZLIB
#define COMPRESSION "gzip"
#else
#define COMPRESSION "none"
#endif

static void print_version(const struct pl_app *app)
{
    printf("%s (paceline %s)\nallocator: %s\nsanitizer: %s\ncompression: %s\nmodels:", app->name,
           PACKAGE_VERSION, pl_alloc_name(), PL_SANITIZE, COMPRESSION);
    for (size_t i = 0; pl_models[i] != NULL; i++)
        printf(" %s", pl_models[i]->name);
    printf("\narming: %s %s\n", pl_arming_oneshot.name, pl_arming_edge.name);
}

static int usage_error(const struct pl_app *app, const char *what, const char *word)
{
    fprintf(stderr, "%s: %s%s; --help lists the options\n", app->name, what, word);
    return EX_USAGE;
}

static int add_set(struct command_line *line, const char *assignment)
{
    if (line->sets_count == SETS_MAX)
        return -ENOSPC;
    line->sets[line->sets_count++] = assignment;
    return 0;
}

/* Returns -1 to go on, else the exit code. */
static int parse_command_line(const struct pl_app *app, int argc, char **argv,
                              struct command_line *line)
{
    int option;

    optind = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+:c:h", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            line->config_path = optarg;
            break;
        case OPTION_MODEL:
            snprintf(line->model, sizeof(line->model), "dispatch.model=%.100s", optarg);
            break;
        case OPTION_THREADS:
            snprintf(line->threads, sizeof(line->threads), "dispatch.threads=%.40s", optarg);
            break;
        case OPTION_SET:
            if (add_set(line, optarg) < 0)
                return usage_error(app, "more --set than can be kept: ", optarg);
            break;
        case OPTION_CHECK:
            line->action = ACTION_CHECK;
            break;
        case OPTION_PRINT_CONFIG:
            line->action = ACTION_PRINT_CONFIG;
            break;
        case OPTION_PRINT_MANUAL:
            line->action = ACTION_PRINT_MANUAL;
            break;
        case OPTION_VERSION:
            print_version(app);
            return EX_OK;
        case 'h':
            print_help(app);
            return EX_OK;
        case ':':
            return usage_error(app, "a value is missing after ", argv[optind - 1]);
        default:
            return usage_error(app, "unknown option ", argv[optind - 1]);
        }
    }
    if (optind < argc)
        return usage_error(app, "unexpected argument ", argv[optind]);
    if (line->model[0] != '\0' && add_set(line, line->model) < 0)
        return usage_error(app, "more --set than can be kept", "");
    if (line->threads[0] != '\0' && add_set(line, line->threads) < 0)
        return usage_error(app, "more --set than can be kept", "");
    return -1;
}

static void find_default_config(const struct pl_app *app, struct command_line *line)
{
    if (line->config_path != NULL)
        return;
    snprintf(line->default_path, sizeof(line->default_path), "%s/paceline/%s.yaml", PL_SYSCONFDIR,
             app->name);
    if (access(line->default_path, F_OK) == 0)
        line->config_path = line->default_path;
}

static int fail(const struct pl_app *app, const struct pl_error *error)
{
    fprintf(stderr, "%s: %s\n", app->name, error->message);
    return error->exit_code;
}

static void log_stats(struct pl_server *server)
{
    static char text[64 * 1024];
    int length = pl_server_stats_to_json(server, text, sizeof(text) - 1);

    if (length <= 0)
        return;
    /* One write, so that no line of the log comes between. */
    text[length++] = '\n';
    (void)!write(STDERR_FILENO, text, (size_t)length);
}

/* What SIGUSR1 asks for. */
static void report(struct pl_server *server)
{
    pl_log_files_reopen();
    log_stats(server);
    pl_server_write_timeline(server);
}

/* What SIGHUP asks for; the log says what came of it. */
static void reload(struct pl_server *server)
{
    static struct pl_reload_report told;
    struct pl_error error;

    (void)!pl_server_reload(server, &told, &error);
}

/* A second TERM or INT while the drain is under way ends it. */
static void *hurry_on_signal(void *argument)
{
    struct pl_server *server = argument;

    for (;;) {
        int signal = pl_signals_next(server->signals);

        if (signal == SIGTERM || signal == SIGINT) {
            PL_LOG(PL_LOG_INFO, "stopping at once");
            pl_server_hurry(server);
            return NULL;
        }
        if (signal == SIGUSR1)
            report(server);
        if (signal == SIGUSR2 && atomic_load(&server->is_hurried))
            return NULL;
    }
}

static uint32_t stop_unless_hurried(struct pl_server *server)
{
    pthread_t watcher;
    bool has_watcher = pthread_create(&watcher, NULL, hurry_on_signal, server) == 0;
    uint32_t left = pl_server_stop(server, -1);

    if (has_watcher) {
        /* It waits for a signal; this one ends it and means nothing else any more. */
        pl_server_hurry(server);
        (void)pthread_kill(watcher, SIGUSR2);
        (void)pthread_join(watcher, NULL);
    }
    return left;
}

static int serve(struct pl_server *server, struct pl_admin *admin)
{
    uint32_t left;

    for (;;) {
        int signal = pl_signals_next(server->signals);

        if (signal == SIGUSR1) {
            report(server);
        } else if (signal == SIGHUP) {
            reload(server);
        } else if (signal == SIGTERM || signal == SIGINT) {
            PL_LOG(PL_LOG_INFO, "stopping");
            break;
        } else {
            PL_LOG(PL_LOG_INFO, "signal %d is reserved and does nothing yet", signal);
        }
    }
    left = stop_unless_hurried(server);
    pl_admin_stop(admin);
    if (left > 0) {
        /* Nobody can be taken out of a handler: the process ends around it. */
        PL_LOG(PL_LOG_ERROR, "handlers did not end in time; leaving without them");
        _exit(EX_SOFTWARE);
    }
    PL_LOG(PL_LOG_INFO, "stopped");
    return EX_OK;
}

static int start_and_serve(struct pl_server *server, struct pl_admin *admin, struct pl_error *error)
{
    if (pl_server_start(server, error) < 0)
        return fail(&server->app, error);
    if (pl_admin_start(admin, error) < 0) {
        int code = fail(&server->app, error);

        if (pl_server_stop(server, 0) > 0)
            _exit(code);
        return code;
    }
    return serve(server, admin);
}

static int open_and_serve(struct pl_server *server, struct pl_error *error)
{
    struct pl_admin *admin;
    int code;

    if (pl_server_open_prepared(server, error) < 0 || pl_admin_open(server, &admin, error) < 0)
        return fail(&server->app, error);
    code = start_and_serve(server, admin, error);
    pl_admin_close(admin);
    return code;
}

static int run(struct pl_server *server, const struct command_line *line)
{
    struct pl_error error = { .exit_code = EX_SOFTWARE };

    if (line->action == ACTION_PRINT_MANUAL) {
        pl_settings_manual(server->schema.rows, &server->modules, "", stdout);
        return EX_OK;
    }
    if (pl_server_read_settings(server, line->config_path, line->sets, &error) < 0)
        return fail(&server->app, &error);
    if (line->action == ACTION_PRINT_CONFIG) {
        pl_settings_print(server->schema.rows, &server->settings, &server->modules, 0, stdout);
        return EX_OK;
    }
    if (line->action == ACTION_CHECK) {
        if (pl_server_check_services(server, &error) < 0)
            return fail(&server->app, &error);
        printf("%s: the configuration is good\n",
               line->config_path == NULL ? "built-in defaults" : line->config_path);
        return EX_OK;
    }
    return open_and_serve(server, &error);
}

int pl_main(int argc, char **argv, const struct pl_app *app)
{
    struct command_line line = { .config_path = NULL };
    struct pl_signals signals;
    struct pl_server *server;
    int code = parse_command_line(app, argc, argv, &line);

    if (code >= 0)
        return code;
    find_default_config(app, &line);
    pl_signals_init(&signals);
    server = pl_server_new(app);
    if (server == NULL) {
        fprintf(stderr, "%s: no memory for a server\n", app->name);
        return EX_OSERR;
    }
    server->signals = &signals;
    code = run(server, &line);
    pl_server_close(server);
    pl_signals_deinit(&signals);
    return code;
}
