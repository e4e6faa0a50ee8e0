/* SPDX-License-Identifier: Apache-2.0 */
#include "contender.h"

#include "bench.h"
#include "command.h"
#include "arguments.h"
#include "contender_configs.h"
#include "place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

/* The order of the rows. */
static const char default_list[] = "per_core,leader_followers,reactor+0,half_sync_half_async,"
                                   "reactor,proactor,nginx,h2o,lighttpd,haproxy";

/* ---- the list ------------------------------------------------------------------------------- */

static void take_word(struct contender *contender, const char *word)
{
    if (strcmp(word, "oneshot") == 0 || strcmp(word, "edge") == 0)
        snprintf(contender->arming, sizeof(contender->arming), "%s", word);
    else if (strcmp(word, "always") == 0 || strcmp(word, "adaptive") == 0 ||
             strcmp(word, "kernel") == 0)
        snprintf(contender->promotion, sizeof(contender->promotion), "%s", word);
    else if (word[0] != '\0' && strspn(word, "0123456789") == strlen(word))
        snprintf(contender->threads, sizeof(contender->threads), "%s", word);
    else
        die(EX_USAGE,
            "--contenders: '%s': unknown word '%s', expected oneshot, edge, always, adaptive, "
            "kernel or a number of threads",
            contender->name, word);
}

static void read_one(struct contender *contender, const char *text)
{
    char words[64];
    char *rest = words, *word;

    *contender = (struct contender){ .kind = CONTENDER_PACELINE };
    snprintf(contender->name, sizeof(contender->name), "%s", text);
    snprintf(words, sizeof(words), "%s", text);
    for (size_t i = 1; i < contender_kinds_count; i++)
        if (strcmp(text, contender_kinds[i].name) == 0) {
            contender->kind = &contender_kinds[i];
            return;
        }
    word = strsep(&rest, "+");
    if (strlen(word) >= sizeof(contender->model) ||
        strspn(word, "abcdefghijklmnopqrstuvwxyz_") != strlen(word))
        die(EX_USAGE, "--contenders: '%s' is no contender", text);
    snprintf(contender->model, sizeof(contender->model), "%s", word);
    while ((word = strsep(&rest, "+")) != NULL)
        take_word(contender, word);
}

size_t contenders_read(const char *list, struct contender *contenders)
{
    const char *rest = list == NULL ? default_list : list;
    char word[sizeof(contenders[0].name)];
    size_t count = 0;

    while (argument_word("contenders", &rest, word, sizeof(word))) {
        if (count == CONTENDERS_MAX)
            die(EX_USAGE, "--contenders: more than %d", CONTENDERS_MAX);
        read_one(&contenders[count++], word);
    }
    return count;
}

bool contender_is_paceline(const struct contender *contender)
{
    return contender->kind == CONTENDER_PACELINE;
}

/* ---- the place ------------------------------------------------------------------------------ */

static void write_file(const struct contender_place *place, const char *name, size_t length)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/www/%s", place->directory, name);
    file = fopen(path, "we");
    if (file == NULL)
        die(EX_CANTCREAT, "%s: %s", path, strerror(errno));
    if (length == 0)
        fputs("Hello, World!\n", file);
    for (size_t i = 0; i < length; i++)
        fputc((int)('a' + i * 7 % 26), file);
    fclose(file);
}

void contender_place_open(struct contender_place *place, size_t threads, const char *app)
{
    char path[512];

    *place = (struct contender_place){ .threads = threads };
    place_make(place->directory, sizeof(place->directory));
    place_find_app(app == NULL ? "paceline" : app, place->app, sizeof(place->app));
    snprintf(path, sizeof(path), "%s/www", place->directory);
    if (mkdir(path, 0755) < 0)
        die(EX_CANTCREAT, "%s: %s", path, strerror(errno));
    write_file(place, "ping", 0);
    write_file(place, "file", CONTENDER_FILE_BYTES);
}

void contender_place_close(struct contender_place *place)
{
    place_remove(place->directory);
}

/* ---- starting ------------------------------------------------------------------------------- */

static void write_config(const struct contender_place *place, const struct contender_kind *kind,
                         unsigned port, char *path, size_t size)
{
    FILE *file;

    snprintf(path, size, "%s/%s.conf", place->directory, kind->name);
    file = fopen(path, "we");
    if (file == NULL)
        die(EX_CANTCREAT, "%s: %s", path, strerror(errno));
    kind->write(file, place, port);
    fclose(file);
}

static void begin_command(struct command *command, const struct contender_kind *kind,
                          const char *program, const char *config)
{
    *command = (struct command){ .count = 0 };
    command_add(command, program);
    for (size_t i = 0; kind->arguments[i] != NULL; i++)
        command_add(command, kind->arguments[i][0] == '%' ? config : kind->arguments[i]);
}

static void add_word(struct command *command, const char *key, const char *value)
{
    if (value[0] != '\0')
        command_add_set(command, "%s=%s", key, value);
}

/* Only where it is Paceline. */
static void add_settings(struct command *command, const struct contender_place *place,
                         const struct contender *contender)
{
    char threads[16];

    snprintf(threads, sizeof(threads), "%zu", place->threads);
    add_word(command, "dispatch.model", contender->model);
    add_word(command, "dispatch.threads",
             contender->threads[0] != '\0' ? contender->threads : threads);
    add_word(command, "dispatch.arming", contender->arming);
    add_word(command, "dispatch.promotion", contender->promotion);
    command_add_sets(command, place->sets, place->sets_count);
}

void contenders_check(const struct contender_place *place, const struct contender *contenders,
                      size_t count)
{
    struct command command;
    char config[512], path[512];

    write_config(place, CONTENDER_PACELINE, 0, config, sizeof(config));
    snprintf(path, sizeof(path), "%s/check.txt", place->directory);
    begin_command(&command, CONTENDER_PACELINE, place->app, config);
    command_add_sets(&command, place->sets, place->sets_count);
    command_check(&command, path, EX_CONFIG, "%s refuses its settings", place->app);
    for (size_t i = 0; i < count; i++) {
        if (!contender_is_paceline(&contenders[i]))
            continue;
        begin_command(&command, CONTENDER_PACELINE, place->app, config);
        add_settings(&command, place, &contenders[i]);
        command_check(&command, path, EX_USAGE,
                      "--contenders: '%s' is none of nginx, h2o, lighttpd, haproxy, and Paceline "
                      "refuses it",
                      contenders[i].name);
    }
}

bool contender_is_installed(const struct contender *contender)
{
    char program[4096];

    return contender_is_paceline(contender) ||
           server_find_program(contender->kind->program, program, sizeof(program));
}

static bool wait_for_ports(const struct contender *contender, struct server *server,
                           struct contender_ports *ports)
{
    if (contender_is_paceline(contender)) {
        ports->http = server_wait_logged_port(server, "service web");
        ports->echo = ports->http == 0 ? 0 : server_wait_logged_port(server, "service echo");
        if (ports->echo == 0)
            return false;
    }
    return server_wait_port(server, ports->http);
}

bool contender_start(const struct contender_place *place, const struct contender *contender,
                     const cpu_set_t *cpus, struct server *server,
                     struct contender_ports *ret_ports, char *note, size_t note_size)
{
    const struct contender_kind *kind = contender->kind;
    struct command command;
    struct contender_ports ports = { .http = server_free_port() };
    char program[4096], config[512], log[512];

    *server = (struct server){ .pid = 0 };
    snprintf(program, sizeof(program), "%s", place->app);
    if (!contender_is_paceline(contender) &&
        !server_find_program(kind->program, program, sizeof(program))) {
        snprintf(note, note_size, "not installed (Debian: %s)", kind->package);
        return false;
    }
    write_config(place, kind, ports.http, config, sizeof(config));
    snprintf(log, sizeof(log), "%s/%s.log", place->directory, kind->name);
    begin_command(&command, kind, program, config);
    if (contender_is_paceline(contender))
        add_settings(&command, place, contender);
    if (server_start(server, command.argv, place->directory, log, cpus) &&
        wait_for_ports(contender, server, &ports)) {
        *ret_ports = ports;
        return true;
    }
    server_last_words(server, note, note_size);
    server_stop(server);
    return false;
}
