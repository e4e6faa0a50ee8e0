/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server for those who look after another: an application against the same public interface,
 * with built-in settings in place of a file.
 *
 *     open ─▶ [the watched server starts] ─▶ start ─▶ … ─▶ [it drains and stops] ─▶ stop ─▶ close
 */
#include "admin.h"

#include "admin_http.h"
#include "alloc.h"
#include "control.h"
#include "server_internal.h"

#include <paceline/http.h>
#include <paceline/limits.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

/* Its clients hang on a process that is about to end: they get a moment to read the last reply. */
#define LAST_REPLY_MS 500

#define BINDINGS_MAX 2

struct pl_admin {
    struct pl_server *watched;  /* borrowed */
    struct pl_server *serving;  /* owned */
    struct pl_admin_http *http; /* owned; NULL without admin.listen */
    struct pl_control_handling handling;
    struct pl_app app;
    struct pl_binding bindings[BINDINGS_MAX];
};

/* ---- the application ------------------------------------------------------------------------- */

static int start_app(struct pl_server *serving, void *context)
{
    struct pl_admin *admin = context;

    return admin->http == NULL ? 0 : pl_admin_http_start(admin->http, serving);
}

static int bind_handlers(struct pl_admin *admin, struct pl_error *error)
{
    const struct pl_settings *settings = &admin->watched->settings;
    size_t count = 0;
    int err;

    if (settings->control.socket != NULL && settings->control.socket[0] != '\0')
        admin->bindings[count++] = (struct pl_binding){ .protocol = &pl_control_protocol,
                                                        .elements = &admin->handling,
                                                        .element_bytes = sizeof(admin->handling),
                                                        .count = 1 };
    if (settings->admin.listen.count > 0) {
        err = pl_admin_http_new(admin->watched, &admin->http, error);
        if (err < 0)
            return err;
        admin->bindings[count++] = pl_admin_http_binding(admin->http);
    }
    admin->app = PL_APP(.name = "admin", .bindings = admin->bindings, .bindings_count = count,
                        .context = admin, .start = start_app);
    return 0;
}

/* ---- its settings ---------------------------------------------------------------------------- */

/* A text in single quotes as YAML reads it back. */
static void put_quoted(FILE *out, const char *prefix, const char *text)
{
    fprintf(out, "'%s", prefix);
    for (; *text != '\0'; text++)
        fprintf(out, *text == '\'' ? "''" : "%c", *text);
    fputc('\'', out);
}

static void put_services(FILE *out, const struct pl_settings *settings)
{
    char *const *listen = settings->admin.listen.items;

    fprintf(out, "services=[");
    if (settings->control.socket != NULL && settings->control.socket[0] != '\0') {
        fprintf(out, "{ name: control, protocol: control, unix_mode: 0600, listen: [ ");
        put_quoted(out, "unix:", settings->control.socket);
        fprintf(out, " ] }, ");
    }
    if (settings->admin.listen.count > 0) {
        fprintf(out, "{ name: admin, protocol: http, unix_mode: 0600, listen: [ ");
        for (uint32_t i = 0; i < settings->admin.listen.count; i++) {
            put_quoted(out, "", listen[i]);
            fprintf(out, ", ");
        }
        fprintf(out, "] }");
    }
    fprintf(out, "]");
}

/* Owner of the text: the caller. NULL: no memory. */
static char *make_services(const struct pl_settings *settings)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    put_services(out, settings);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static int read_settings(struct pl_admin *admin, struct pl_error *error)
{
    const struct pl_settings *settings = &admin->watched->settings;
    char connections[48], buffers[48], level[32], format[32];
    char *services = make_services(settings);
    const char *sets[] = { "dispatch.model=reactor",
                           "dispatch.threads=0",
                           "timeouts.header=2s", /* half a request keeps a place no longer */
                           connections,
                           buffers,
                           level,
                           format,
                           services,
                           NULL };
    static const char *const levels[] = { "error", "warning", "info", "debug" };
    int err;

    if (services == NULL)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for the admin server");
    snprintf(connections, sizeof(connections), "limits.connections=%d", PL_ADMIN_CONNS_MAX);
    snprintf(buffers, sizeof(buffers), "limits.buffers=%dMiB", PL_ADMIN_BUFFERS_MIB);
    /* The log is the process's: opening a second server must not change it. */
    snprintf(level, sizeof(level), "log.level=%s", levels[settings->log.level]);
    snprintf(format, sizeof(format), "log.format=%s", settings->log.format == 0 ? "text" : "json");
    err = pl_server_read_settings(admin->serving, NULL, sets, error);
    free(services);
    return err;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int open_serving(struct pl_admin *admin, struct pl_error *error)
{
    int err = bind_handlers(admin, error);

    if (err < 0)
        return err;
    admin->serving = pl_server_new(&admin->app);
    if (admin->serving == NULL)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for the admin server");
    admin->serving->is_inner = true;
    err = read_settings(admin, error);
    return err < 0 ? err : pl_server_open_prepared(admin->serving, error);
}

int pl_admin_open(struct pl_server *watched, struct pl_admin **ret_admin, struct pl_error *error)
{
    struct pl_admin *admin;
    int err;

    *ret_admin = NULL;
    if (!pl_settings_have_admin(&watched->settings))
        return 0;
    admin = pl_alloc(sizeof(*admin));
    if (admin == NULL)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for the admin server");
    admin->watched = watched;
    admin->handling.watched = watched;
    err = open_serving(admin, error);
    if (err < 0) {
        pl_admin_close(admin);
        return err;
    }
    *ret_admin = admin;
    return 0;
}

int pl_admin_start(struct pl_admin *admin, struct pl_error *error)
{
    return admin == NULL ? 0 : pl_server_start(admin->serving, error);
}

void pl_admin_stop(struct pl_admin *admin)
{
    if (admin == NULL)
        return;
    if (admin->http != NULL)
        pl_admin_http_stop(admin->http);
    /* Its handlers wait for nobody, so no thread is left behind. */
    (void)pl_server_stop(admin->serving, LAST_REPLY_MS);
}

void pl_admin_close(struct pl_admin *admin)
{
    if (admin == NULL)
        return;
    pl_server_close(admin->serving);
    pl_admin_http_free(admin->http);
    pl_free(admin);
}
