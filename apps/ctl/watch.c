/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live view: what the server does, and each thread with its role.
 *
 *     [ ask status, rates, threads ─▶ one frame ─▶ wait ] …
 */
#include "ctl.h"

#include "screen.h"
#include "text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct look {
    json_t *status, *rates, *threads; /* owned */
};

/* ---- asking ---------------------------------------------------------------------------------- */

static void drop(struct look *look)
{
    json_decref(look->status);
    json_decref(look->rates);
    json_decref(look->threads);
    *look = (struct look){ .status = NULL };
}

static int ask_all(struct ctl_link *link, bool is_json, struct look *look)
{
    int code = ctl_demand(link, "status", is_json, &look->status);

    if (code == 0)
        code = ctl_demand(link, "rates", is_json, &look->rates);
    if (code == 0)
        code = ctl_demand(link, "threads", is_json, &look->threads);
    return code;
}

/* ---- a frame --------------------------------------------------------------------------------- */

static void put_head(FILE *out, const struct look *look)
{
    char up[CTL_FIGURE_BYTES], over[CTL_FIGURE_BYTES];
    const json_t *engine;
    size_t i;

    fprintf(out, "%s (paceline %s), process %lld, up %s: %s; figures over %s\n",
            ctl_text_of(look->status, "name"), ctl_text_of(look->status, "version"),
            (long long)ctl_number_of(look->status, "pid"),
            ctl_text_duration(ctl_number_of(look->status, "uptime_ms") * 1000, up),
            ctl_text_of(look->status, "state"),
            ctl_text_duration(ctl_number_of(look->rates, "over_ms") * 1000, over));
    json_array_foreach(json_object_get(look->status, "engines"), i, engine)
        fprintf(out, "engine %s: model %s, %lld threads, arming %s\n", ctl_text_of(engine, "name"),
                ctl_text_of(engine, "model"), (long long)ctl_number_of(engine, "threads"),
                ctl_text_of(engine, "arming"));
}

static void put_figures(FILE *out, const json_t *rates)
{
    char p50[CTL_FIGURE_BYTES], p99[CTL_FIGURE_BYTES], received[CTL_FIGURE_BYTES],
        sent[CTL_FIGURE_BYTES], wait[CTL_FIGURE_BYTES];

    fprintf(out, "\nrequests/s %-10lld turns: p50 %s, p99 %s\n",
            (long long)ctl_number_of(rates, "requests_per_s"),
            ctl_text_duration(ctl_number_of(rates, "turn_p50_us"), p50),
            ctl_text_duration(ctl_number_of(rates, "turn_p99_us"), p99));
    fprintf(out, "connections %-9lld received %s/s, sent %s/s\n",
            (long long)ctl_number_of(rates, "connections"),
            ctl_text_bytes((uint64_t)ctl_number_of(rates, "bytes_received_per_s"), received),
            ctl_text_bytes((uint64_t)ctl_number_of(rates, "bytes_sent_per_s"), sent));
    fprintf(out, "queue depth %-9lld p99 of waiting in it %s; hand-overs/s %lld\n",
            (long long)ctl_number_of(rates, "queue_depth"),
            ctl_text_duration(ctl_number_of(rates, "wait_p99_us"), wait),
            (long long)ctl_number_of(rates, "handovers_per_s"));
}

static const char *colour_of(const char *role)
{
    if (strcmp(role, "leader") == 0)
        return "\033[33m";
    return strcmp(role, "processing") == 0 ? "\033[32m" : "\033[2m";
}

static void put_threads(FILE *out, const json_t *threads, bool has_colour)
{
    const json_t *thread;
    size_t i;

    fprintf(out, "\n%-16s %-16s %-10s %12s  %s\n", "engine", "thread", "role", "for", "handler");
    json_array_foreach(json_object_get(threads, "threads"), i, thread)
    {
        const char *role = ctl_text_of(thread, "role");
        char in_role[CTL_FIGURE_BYTES];

        fprintf(out, "%s%-16s %-16s %-10s %12s  %s%s%s\n", has_colour ? colour_of(role) : "",
                ctl_text_of(thread, "engine"), ctl_text_of(thread, "name"), role,
                ctl_text_duration(ctl_number_of(thread, "role_us"), in_role),
                ctl_text_of(thread, "handler"),
                json_is_true(json_object_get(thread, "old")) ? " (of the model before)" : "",
                has_colour ? "\033[0m" : "");
    }
}

static int show_frame(const struct ctl_screen *screen, const struct look *look)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return EX_OSERR;
    put_head(out, look);
    put_figures(out, look->rates);
    put_threads(out, look->threads, screen->has_colour);
    if (fclose(out) != 0) {
        free(text);
        return EX_OSERR;
    }
    ctl_screen_show(screen, text);
    free(text);
    return 0;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static int watch(struct ctl_link *link, const struct ctl_options *options,
                 const struct ctl_screen *screen)
{
    for (uint64_t frames = 0;;) {
        struct look look = { .status = NULL };
        int code = ask_all(link, options->is_json, &look);

        if (code == 0 && !options->is_json)
            code = show_frame(screen, &look);
        if (options->is_json)
            (void)fflush(stdout);
        drop(&look);
        if (ferror(stdout))
            return EX_IOERR;
        if (code != 0 || ++frames == options->frames_max)
            return code;
        if (ctl_screen_wait(options->interval_ms, -1))
            return EX_OK;
    }
}

int ctl_watch(struct ctl_link *link, const struct ctl_options *options)
{
    struct ctl_screen screen = { .is_terminal = false };
    int code;

    ctl_screen_catch_signals();
    /* One frame is there to be read, not to vanish. */
    if (!options->is_json && options->frames_max != 1)
        ctl_screen_enter(&screen);
    code = watch(link, options, &screen);
    ctl_screen_leave(&screen);
    return code;
}
