/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One application under one model, with its timeline on:
 *
 *     start ─▶ two loads, quick and slow ─▶ SIGUSR1 ─▶ the record is there ─▶ loads end ─▶ stop
 *
 * The record is asked for while the load goes on, and read before the stop writes it anew.
 */
#include "timeline_run.h"

#include "bench.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define LOAD_S        0.3
#define RECORD_NS_MAX UINT64_C(5000000000)
#define LOOK_NS       UINT64_C(2000000)

/* Of each thread; a picture takes TIMELINE_CHANGES_MAX in all. */
#define ENTRIES_MAX     16384
#define THREADS_UNKNOWN (TIMELINE_THREADS_MAX - 2)

/* Of so many connections and requests one is slow. */
#define SLOW_CONNS_SHARE 8
#define SLOW_RATE_SHARE  16

struct traffic {
    struct request requests[2];
    struct load loads[2];
    size_t begun;
};

static int complain(int code, const char *what, const char *why)
{
    fprintf(stderr, "paceline-bench: %s: %s\n", what, why);
    return code;
}

/* ---- load ------------------------------------------------------------------------------------ */

static bool begin_load(const struct timeline_run *run, struct traffic *traffic,
                       const struct address *target, const char *path, size_t conns, double rate,
                       char *note, size_t note_size)
{
    struct request *request = &traffic->requests[traffic->begun];
    struct load_plan plan = { .protocol = LOAD_HTTP,
                              .target = *target,
                              .conns = conns,
                              .depth = 1,
                              .rate = rate,
                              .is_any_status = run->is_any_status };

    request_http(request, target, path, "", false);
    plan.request = request->bytes;
    plan.request_length = request->length;
    if (!load_start(&traffic->loads[traffic->begun], &plan, NULL, note, note_size)) {
        size_t length = strlen(note);

        snprintf(note + length, note_size - length, " (asked for %s)", path);
        return false;
    }
    traffic->begun++;
    return true;
}

static bool begin_traffic(const struct timeline_run *run, struct traffic *traffic,
                          const struct address *target, char *note, size_t note_size)
{
    size_t slow = run->slow_path == NULL ? 0 : 1 + run->conns / SLOW_CONNS_SHARE;

    if (!begin_load(run, traffic, target, run->path, run->conns - slow, run->rate, note,
                    note_size) ||
        (slow > 0 && !begin_load(run, traffic, target, run->slow_path, slow,
                                 run->rate / SLOW_RATE_SHARE, note, note_size)))
        return false;
    snprintf(note, note_size, "the connections do not stand");
    for (size_t i = 0; i < traffic->begun; i++)
        if (!load_ready(&traffic->loads[i]))
            return false;
    return true;
}

/* Errors: 1 when a reply was wrong or did not come. */
static int end_traffic(struct traffic *traffic)
{
    int code = 0;

    for (size_t i = 0; i < traffic->begun; i++) {
        struct load_result result;

        load_stop(&traffic->loads[i], &result);
        if (load_errors(&result) > 0 && code == 0 && !is_interrupted())
            code = complain(1, "the load met an error", result.first_error);
    }
    return code;
}

/* ---- the record ------------------------------------------------------------------------------ */

/* It is renamed to its name when it is whole. */
static int ask_for_record(struct server *server, const char *path, FILE **ret_record)
{
    uint64_t end_ns = clock_ns() + RECORD_NS_MAX;
    char words[512];

    kill(server->pid, SIGUSR1);
    do {
        *ret_record = fopen(path, "re");
        if (*ret_record != NULL)
            return 0;
    } while (!server_has_ended(server) && clock_ns() < end_ns && wait_ns(LOOK_NS, -1));
    server_last_words(server, words, sizeof(words));
    return complain(EX_UNAVAILABLE, "the application wrote no timeline", words);
}

static int load_and_ask(const struct timeline_run *run, struct server *server,
                        const struct address *target, const char *path, FILE **ret_record)
{
    static struct traffic traffic;
    char note[512] = "";
    bool stands = begin_traffic(run, &traffic, target, note, sizeof(note));
    int code, load_code;

    if (!stands)
        code = complain(1, "no load", note);
    else if (!load_wait(&traffic.loads[0], fmax(LOAD_S, run->length_ms / 500)) && is_interrupted())
        code = EXIT_INTERRUPTED;
    else
        code = ask_for_record(server, path, ret_record);
    load_code = end_traffic(&traffic);
    if (code == 0 && load_code != 0) {
        fclose(*ret_record);
        code = load_code;
    }
    return is_interrupted() ? EXIT_INTERRUPTED : code;
}

int timeline_record(struct timeline_run *run, FILE **ret_record)
{
    size_t threads = run->threads == SIZE_MAX ? THREADS_UNKNOWN : run->threads;
    size_t entries = TIMELINE_CHANGES_MAX / (threads + 2); /* an I/O thread and one to spare */
    struct server server = { .pid = 0 };
    struct address target;
    char path[512], file_set[600], entries_set[64], note[512];
    int code;

    snprintf(path, sizeof(path), "%s/roles.txt", run->app.directory);
    snprintf(file_set, sizeof(file_set), "timeline.file=%s", path);
    snprintf(entries_set, sizeof(entries_set), "timeline.entries=%zu",
             entries < ENTRIES_MAX ? entries : ENTRIES_MAX);
    run->app.sets[run->app.sets_count++] = file_set;
    run->app.sets[run->app.sets_count++] = entries_set;
    if (!app_start(&run->app, &run->choice, &server, &target, note, sizeof(note)))
        return complain(is_interrupted() ? EXIT_INTERRUPTED : EX_UNAVAILABLE,
                        "the application did not start", note);
    code = load_and_ask(run, &server, &target, path, ret_record);
    server_stop(&server);
    return code;
}
