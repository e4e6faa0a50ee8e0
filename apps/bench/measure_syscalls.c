/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls per request: strace is attached to a server that is already busy, so that neither
 * its start nor its accepts count. What it says of time is not used: tracing changes that.
 */
#include "bench.h"
#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UP_S     0.05
#define ATTACH_NS_MAX UINT64_C(3000000000)

static bool is_traced(pid_t pid)
{
    char path[64], line[256];
    unsigned long tracer = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    while (fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "TracerPid:", 10) == 0)
            tracer = strtoul(line + 10, NULL, 10);
    fclose(file);
    return tracer != 0;
}

static bool wait_attached(const struct server *server, struct server *tracer)
{
    uint64_t end_ns = clock_ns() + ATTACH_NS_MAX;

    for (size_t i = 0; i < server->tree_count; i++)
        while (!is_traced(server->tree[i]))
            if (clock_ns() > end_ns || server_has_ended(tracer) || !wait_ns(2000000, -1))
                return false;
    return true;
}

static bool start_strace(struct server *tracer, const struct server *server, const char *program,
                         const char *directory, const char *counts)
{
    static char texts[SERVER_PIDS_MAX][16];
    static char *argv[SERVER_PIDS_MAX * 2 + 8];
    char output[512], log[512], flags[] = "-cfq", out[] = "-o", pid[] = "-p", path[4096];
    size_t count = 0;

    snprintf(path, sizeof(path), "%s", program);
    snprintf(output, sizeof(output), "%s", counts);
    snprintf(log, sizeof(log), "%s/strace.log", directory);
    argv[count++] = path;
    argv[count++] = flags;
    argv[count++] = out;
    argv[count++] = output;
    for (size_t i = 0; i < server->tree_count; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%d", (int)server->tree[i]);
        argv[count++] = pid;
        argv[count++] = texts[i];
    }
    argv[count] = NULL;
    return server_start(tracer, argv, directory, log, NULL);
}

/* Rows are: % time, seconds, usecs/call, calls, errors or nothing, name. */
static double sum_calls(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[256], name[64];
    double sum = 0, calls;

    if (file == NULL)
        return (double)NAN;
    while (fgets(line, sizeof(line), file) != NULL) {
        const char *last = strrchr(line, ' ');

        if (sscanf(line, "%*f %*f %*f %lf %63s", &calls, name) == 2 && last != NULL &&
            strcmp(last, " total\n") != 0)
            sum += calls;
    }
    fclose(file);
    return sum;
}

static double trace(struct server *server, struct load *load, double seconds, const char *program,
                    const char *directory, char *note, size_t note_size)
{
    struct server tracer;
    char counts[512];
    uint64_t before, requests = 0;
    bool is_attached;

    snprintf(counts, sizeof(counts), "%s/strace.txt", directory);
    server_find_tree(server);
    is_attached =
        start_strace(&tracer, server, program, directory, counts) && wait_attached(server, &tracer);
    before = load_replies(load);
    if (is_attached && load_wait(load, seconds))
        requests = load_replies(load) - before;
    server_stop(&tracer);
    if (requests > 0)
        return sum_calls(counts) / (double)requests;
    snprintf(note, note_size, "%s",
             is_attached ? "no reply under strace" : "strace could not attach");
    return (double)NAN;
}

double measure_syscalls(struct server *server, const struct load_plan *plan,
                        const cpu_set_t *load_cpus, double seconds, const char *directory,
                        char *note, size_t note_size)
{
    char program[4096];
    struct load load;
    double calls = (double)NAN;

    if (!server_find_program("strace", program, sizeof(program))) {
        snprintf(note, note_size, "system calls: strace is not installed (Debian: strace)");
        return (double)NAN;
    }
    if (!load_start(&load, plan, load_cpus, note, note_size))
        return (double)NAN;
    if (load_ready(&load) && load_wait(&load, WARM_UP_S))
        calls = trace(server, &load, seconds, program, directory, note, note_size);
    load_stop(&load, NULL);
    return calls;
}
