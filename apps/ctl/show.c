/* SPDX-License-Identifier: Apache-2.0 */
#include "show.h"

#include "text.h"

#include <string.h>

typedef void show(const json_t *reply, FILE *out);

/* ---- status ---------------------------------------------------------------------------------- */

static void show_state(const json_t *reply, FILE *out)
{
    char left[CTL_FIGURE_BYTES];

    fprintf(out, "%s", ctl_text_of(reply, "state"));
    if (json_object_get(reply, "drain_left_ms") != NULL)
        fprintf(out, ", at most %s more",
                ctl_text_duration(ctl_number_of(reply, "drain_left_ms") * 1000, left));
    fprintf(out, "\n");
}

static void show_services(const json_t *reply, FILE *out)
{
    const json_t *service, *address;
    size_t i, k;

    json_array_foreach(json_object_get(reply, "services"), i, service)
    {
        fprintf(out, "service %s (%s):", ctl_text_of(service, "name"),
                ctl_text_of(service, "protocol"));
        json_array_foreach(json_object_get(service, "listen"), k, address)
            fprintf(out, "%s %s", k > 0 ? "," : "", ctl_text_in(address));
        fprintf(out, "\n");
    }
}

static void show_status(const json_t *reply, FILE *out)
{
    char uptime[CTL_FIGURE_BYTES];
    const json_t *engine;
    size_t i;

    fprintf(out, "%s (paceline %s), process %lld, up %s: ", ctl_text_of(reply, "name"),
            ctl_text_of(reply, "version"), (long long)ctl_number_of(reply, "pid"),
            ctl_text_duration(ctl_number_of(reply, "uptime_ms") * 1000, uptime));
    show_state(reply, out);
    fprintf(out, "connections: %lld of at most %lld\n",
            (long long)ctl_number_of(reply, "connections"),
            (long long)ctl_number_of(reply, "connections_max"));
    json_array_foreach(json_object_get(reply, "engines"), i, engine)
        fprintf(out, "engine %s: model %s, %lld threads, arming %s\n", ctl_text_of(engine, "name"),
                ctl_text_of(engine, "model"), (long long)ctl_number_of(engine, "threads"),
                ctl_text_of(engine, "arming"));
    show_services(reply, out);
}

/* ---- figures --------------------------------------------------------------------------------- */

/* `name value`, a line each; what is nested has its names joined with dots. */
static void show_figures(const char *prefix, const json_t *object, FILE *out)
{
    void *at = json_object_iter((json_t *)(size_t)object);

    for (; at != NULL; at = json_object_iter_next((json_t *)(size_t)object, at)) {
        const char *name = json_object_iter_key(at);
        const json_t *value = json_object_iter_value(at);
        char path[256];

        snprintf(path, sizeof(path), "%.180s%s%.60s", prefix, prefix[0] != '\0' ? "." : "", name);
        if (strcmp(path, "ok") == 0)
            continue;
        if (json_is_integer(value))
            fprintf(out, "%-32s %lld\n", path, (long long)json_integer_value(value));
        else if (json_is_string(value))
            fprintf(out, "%-32s %s\n", path, ctl_text_in(value));
        else if (json_is_object(value))
            show_figures(path, value, out);
    }
}

static void show_stats(const json_t *reply, FILE *out)
{
    const json_t *stats = json_object_get(reply, "stats"), *upstream;
    size_t i;

    show_figures("", stats, out);
    json_array_foreach(json_object_get(stats, "upstreams"), i, upstream)
    {
        char prefix[128];

        snprintf(prefix, sizeof(prefix), "upstream.%.100s", ctl_text_of(upstream, "name"));
        show_figures(prefix, upstream, out);
    }
}

static void show_all(const json_t *reply, FILE *out)
{
    show_figures("", reply, out);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void show_connections(const json_t *reply, FILE *out)
{
    const json_t *connection;
    size_t i;

    fprintf(out, "%-16s %-28s %-8s %14s %12s %12s\n", "service", "peer", "state", "age", "received",
            "sent");
    json_array_foreach(json_object_get(reply, "connections"), i, connection)
    {
        char age[CTL_FIGURE_BYTES], received[CTL_FIGURE_BYTES], sent[CTL_FIGURE_BYTES];

        fprintf(out, "%-16s %-28s %-8s %14s %12s %12s\n", ctl_text_of(connection, "service"),
                ctl_text_of(connection, "peer"), ctl_text_of(connection, "state"),
                ctl_text_duration(ctl_number_of(connection, "age_ms") * 1000, age),
                ctl_text_bytes((uint64_t)ctl_number_of(connection, "bytes_received"), received),
                ctl_text_bytes((uint64_t)ctl_number_of(connection, "bytes_sent"), sent));
    }
    fprintf(out, "%zu of %lld open, by %s\n",
            json_array_size(json_object_get(reply, "connections")),
            (long long)ctl_number_of(reply, "open"), ctl_text_of(reply, "order"));
}

static void show_threads(const json_t *reply, FILE *out)
{
    const json_t *thread;
    size_t i;

    fprintf(out, "%-16s %-16s %-10s %12s  %s\n", "engine", "thread", "role", "for", "handler");
    json_array_foreach(json_object_get(reply, "threads"), i, thread)
    {
        char in_role[CTL_FIGURE_BYTES];

        fprintf(out, "%-16s %-16s %-10s %12s  %s%s\n", ctl_text_of(thread, "engine"),
                ctl_text_of(thread, "name"), ctl_text_of(thread, "role"),
                ctl_text_duration(ctl_number_of(thread, "role_us"), in_role),
                ctl_text_of(thread, "handler"),
                json_is_true(json_object_get(thread, "old")) ? " (of the model before)" : "");
    }
    fprintf(out, "%zu of %lld threads\n", json_array_size(json_object_get(reply, "threads")),
            (long long)ctl_number_of(reply, "running"));
}

/* ---- changes --------------------------------------------------------------------------------- */

static void show_swap(const json_t *reply, FILE *out)
{
    char took[CTL_FIGURE_BYTES];

    fprintf(out, "engine %s: %s -> %s, %lld threads, in %s\n", ctl_text_of(reply, "engine"),
            ctl_text_of(reply, "from"), ctl_text_of(reply, "to"),
            (long long)ctl_number_of(reply, "threads"),
            ctl_text_duration(ctl_number_of(reply, "took_us"), took));
    fprintf(out,
            "connections: %lld stayed open, %lld of them moved, %lld will when they are let "
            "go\n",
            (long long)ctl_number_of(reply, "connections"),
            (long long)ctl_number_of(reply, "connections_moved"),
            (long long)ctl_number_of(reply, "connections_held"));
    if (ctl_number_of(reply, "threads_left_behind") > 0)
        fprintf(out, "%lld threads of the old model finish their handlers first\n",
                (long long)ctl_number_of(reply, "threads_left_behind"));
}

/* Its text has a line per setting. */
static void show_reload(const json_t *reply, FILE *out)
{
    const char *text = json_string_value(json_object_get(reply, "text"));
    char took[CTL_FIGURE_BYTES];

    for (; text != NULL && *text != '\0'; text++)
        fputc((unsigned char)*text >= 0x20 || *text == '\n' ? *text : '?', out);
    fprintf(out,
            "%lld settings changed, %lld need a restart; listeners: %lld added, %lld kept, %lld "
            "dropped; %lld models swapped; in %s\n",
            (long long)ctl_number_of(reply, "changed"),
            (long long)ctl_number_of(reply, "needs_restart"),
            (long long)ctl_number_of(reply, "listeners_added"),
            (long long)ctl_number_of(reply, "listeners_kept"),
            (long long)ctl_number_of(reply, "listeners_dropped"),
            (long long)ctl_number_of(reply, "swaps"),
            ctl_text_duration(ctl_number_of(reply, "took_us"), took));
}

static void show_level(const json_t *reply, FILE *out)
{
    fprintf(out, "%s\n", ctl_text_of(reply, "level"));
}

static void show_help(const json_t *reply, FILE *out)
{
    const json_t *command;
    size_t i;

    json_array_foreach(json_object_get(reply, "commands"), i, command)
        fprintf(out, "%-36s %s\n", ctl_text_of(command, "usage"), ctl_text_of(command, "help"));
}

static const struct {
    const char *command;
    show *show;
} shows[] = {
    { "status", show_status },   { "stats", show_stats }, { "connections", show_connections },
    { "threads", show_threads }, { "swap", show_swap },   { "reload", show_reload },
    { "loglevel", show_level },  { "help", show_help },   { "rates", show_all },
};

void ctl_show(const char *command, const json_t *reply, FILE *out)
{
    for (size_t i = 0; i < sizeof(shows) / sizeof(shows[0]); i++)
        if (strcmp(shows[i].command, command) == 0) {
            shows[i].show(reply, out);
            return;
        }
}
