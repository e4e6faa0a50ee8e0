/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application under test. Its configuration is used as it is, but for the model and, where a
 * fixed port is taken already, the address of that service.
 */
#include "bench.h"
#include "command.h"
#include "models.h"
#include "place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- its command line ----------------------------------------------------------------------- */

static void begin_command(struct command *command, const struct app *app)
{
    *command = (struct command){ .count = 0 };
    command_add(command, app->program);
    if (app->config[0] != '\0') {
        command_add(command, "-c");
        command_add(command, app->config);
    }
    command_add_sets(command, app->sets, app->sets_count);
}

static void choose_model(struct command *command, const struct model_choice *choice)
{
    command_add_set(command, "dispatch.model=%s", choice->model);
    if (choice->threads[0] != '\0')
        command_add_set(command, "dispatch.threads=%s", choice->threads);
}

/* ---- what it serves ------------------------------------------------------------------------- */

static void copy_word(char *to, size_t size, const char *from)
{
    from += strspn(from, " -\"");
    snprintf(to, size, "%.*s", (int)strcspn(from, "\"\n"), from);
}

/* One line of --print-config, somewhere below "services:". */
static void read_service_line(struct app *app, const char *line, bool *is_listening)
{
    struct app_service *service = &app->services[app->services_count - 1];
    char address[128];

    if (strncmp(line, "    name:", 9) == 0)
        copy_word(service->name, sizeof(service->name), line + 9);
    if (strncmp(line, "    protocol:", 13) == 0)
        service->is_http = strstr(line, " http") != NULL;
    if (line[4] != ' ')
        *is_listening = strncmp(line, "    listen:", 11) == 0;
    if (!*is_listening || strncmp(line, "      - ", 8) != 0 || service->listen[0] != '\0')
        return;
    copy_word(address, sizeof(address), line + 8);
    if (strncmp(address, "udp:", 4) != 0 && strncmp(address, "unix:", 5) != 0)
        snprintf(service->listen, sizeof(service->listen), "%s", address);
}

static void read_services(struct app *app, const char *path)
{
    FILE *file = fopen(path, "re");
    char line[1024];
    bool is_inside = false, is_listening = false;

    if (file == NULL)
        die(EX_NOINPUT, "%s: %s", path, strerror(errno));
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] != ' ')
            is_inside = strncmp(line, "services:", 9) == 0;
        else if (is_inside && strncmp(line, "  -", 3) == 0 &&
                 app->services_count < APP_SERVICES_MAX)
            app->services_count++;
        else if (is_inside && app->services_count > 0 && strlen(line) > 4)
            read_service_line(app, line, &is_listening);
    }
    fclose(file);
}

static void print_config(struct app *app)
{
    struct command command;
    char path[512];

    snprintf(path, sizeof(path), "%s/config.txt", app->directory);
    begin_command(&command, app);
    command_check(&command, path, EX_CONFIG, "%s refuses its configuration", app->program);
    read_services(app, path);
    if (app->services_count == 0)
        die(EX_CONFIG, "%s --print-config shows no services", app->program);
}

void app_check_choice(const struct app *app, const char *option, const struct model_choice *choice)
{
    struct command command;
    char path[512];

    snprintf(path, sizeof(path), "%s/choice.txt", app->directory);
    begin_command(&command, app);
    choose_model(&command, choice);
    command_check(&command, path, EX_USAGE, "--%s: '%s'", option, choice->name);
}

static void write_own_config(struct app *app)
{
    FILE *file;

    snprintf(app->config, sizeof(app->config), "%s/app.yaml", app->directory);
    file = fopen(app->config, "we");
    if (file == NULL)
        die(EX_CANTCREAT, "%s: %s", app->config, strerror(errno));
    fputs("services:\n"
          "  - name: web\n"
          "    protocol: http\n"
          "    listen: [ \"127.0.0.1:0\" ]\n"
          "    http: { routes: [ { path: /ping, reply: { text: \"Hello, World!\\n\" } } ] }\n"
          "  - { name: echo, protocol: line, listen: [ \"127.0.0.1:0\" ] }\n",
          file);
    fclose(file);
}

static struct app *opened; /* borrowed from its owner, for an end by die() */
static pid_t opened_by;    /* children leave it alone */

static void close_opened(void)
{
    if (getpid() == opened_by)
        app_close(opened);
}

void app_open(struct app *app, const char *program, const char *config, bool is_http)
{
    place_make(app->directory, sizeof(app->directory));
    opened = app;
    opened_by = getpid();
    atexit(close_opened);
    place_find_app(program == NULL ? "work" : program, app->program, sizeof(app->program));
    if (config != NULL)
        snprintf(app->config, sizeof(app->config), "%s", config);
    else if (program == NULL)
        write_own_config(app);
    print_config(app);
    while (app->target < app->services_count && (app->services[app->target].is_http != is_http ||
                                                 app->services[app->target].listen[0] == '\0'))
        app->target++;
    if (app->target == app->services_count)
        die(EX_CONFIG, "%s has no service of the protocol %s on a TCP address", app->program,
            is_http ? "http" : "line");
}

void app_close(struct app *app)
{
    if (app->directory[0] != '\0')
        place_remove(app->directory);
    app->directory[0] = '\0';
}

/* ---- running it ----------------------------------------------------------------------------- */

/* A port of its own choice is never taken; a name is for the application to resolve. */
static bool is_taken(const char *text)
{
    const char *colon = strrchr(text, ':');
    struct address address;
    bool taken;
    int fd;

    if (colon == NULL || strtoul(colon + 1, NULL, 10) == 0)
        return false;
    address = argument_address("listen", text);
    fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    taken = bind(fd, (const struct sockaddr *)&address.storage, address.length) < 0 ||
            listen(fd, 1) < 0;
    close(fd);
    return taken;
}

static void build_command(struct command *command, const struct app *app,
                          const struct model_choice *choice)
{
    begin_command(command, app);
    choose_model(command, choice);
    for (size_t i = 0; i < app->services_count; i++)
        if (is_taken(app->services[i].listen))
            command_add_set(command, "services.%zu.listen=[127.0.0.1:0]", i);
}

bool app_start(const struct app *app, const struct model_choice *choice, struct server *server,
               struct address *ret_target, char *note, size_t note_size)
{
    const struct app_service *service = &app->services[app->target];
    struct command command;
    char log[512], who[96];
    unsigned port;

    build_command(&command, app, choice);
    snprintf(log, sizeof(log), "%s/app.log", app->directory);
    snprintf(who, sizeof(who), "service %s", service->name);
    if (server_start(server, command.argv, ".", log, app->cpus)) {
        port = server_wait_logged_port(server, who);
        *ret_target = address_loopback(port);
        if (port != 0 && server_wait_port(server, port))
            return true;
    }
    server_last_words(server, note, note_size);
    server_stop(server);
    return false;
}
