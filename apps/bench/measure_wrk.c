/* SPDX-License-Identifier: Apache-2.0 */
/* wrk as the load, for those who want to compare with figures they have. */
#include "bench.h"
#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define END_NS_MAX UINT64_C(10000000000)

/* "356.00us", "1.28ms", "2.00s" in microseconds. */
static double microseconds_of(const char *text)
{
    char *unit;
    double number = strtod(text, &unit);

    if (strncmp(unit, "us", 2) == 0)
        return number;
    if (strncmp(unit, "ms", 2) == 0)
        return number * 1e3;
    return unit[0] == 's' ? number * 1e6 : (double)NAN;
}

static bool read_wrk(const char *path, struct measured *measured, char *note, size_t note_size)
{
    FILE *file = fopen(path, "re");
    char line[256], word[64];
    unsigned long long requests;
    bool is_right = true;

    measured->requests = 0;
    measured->p50_us = measured->p99_us = measured->p999_us = (double)NAN;
    if (file == NULL)
        return false;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, " 50%% %63s", word) == 1)
            measured->p50_us = microseconds_of(word);
        else if (sscanf(line, " 99%% %63s", word) == 1)
            measured->p99_us = microseconds_of(word);
        else if (sscanf(line, " %llu requests in", &requests) == 1)
            measured->requests = requests;
        else if (strstr(line, "Socket errors") != NULL || strstr(line, "Non-2xx") != NULL) {
            snprintf(note, note_size, "wrk: %.*s", (int)strcspn(line, "\n"), line);
            is_right = false;
        }
    }
    fclose(file);
    if (is_right && measured->requests == 0)
        snprintf(note, note_size, "wrk counted no request");
    return is_right && measured->requests > 0;
}

static bool run_wrk(const struct load_plan *plan, const char *program, const char *path,
                    double seconds, const char *directory, const char *log)
{
    char file[4096], connections[24], span[24], url[4096], address[80];
    char threads[] = "-t1", latency[] = "--latency";
    char *argv[] = { file, threads, connections, span, latency, url, NULL };
    uint64_t end_ns = clock_ns() + (uint64_t)(seconds * 1e9) + END_NS_MAX;
    struct server wrk;
    bool is_over = false;

    snprintf(file, sizeof(file), "%s", program);
    address_print(&plan->target, address, sizeof(address));
    snprintf(connections, sizeof(connections), "-c%zu", plan->conns);
    snprintf(span, sizeof(span), "-d%.0f", seconds < 1 ? 1 : seconds);
    snprintf(url, sizeof(url), "http://%s%s", address, path);
    if (!server_start(&wrk, argv, directory, log, NULL))
        return false;
    while (!(is_over = server_has_ended(&wrk)) && clock_ns() < end_ns && wait_ns(2000000, -1))
        ;
    server_stop(&wrk);
    return is_over;
}

bool measure_with_wrk(struct server *server, const struct load_plan *plan, const char *path,
                      double seconds, const char *directory, struct measured *ret_measured,
                      char *note, size_t note_size)
{
    char program[4096], log[512];
    uint64_t cpu_ns, switches, begin_ns;
    double requests;

    if (!server_find_program("wrk", program, sizeof(program))) {
        snprintf(note, note_size, "wrk is not installed (Debian: wrk)");
        return false;
    }
    snprintf(log, sizeof(log), "%s/wrk.txt", directory);
    server_find_tree(server);
    cpu_ns = server_cpu_ns(server);
    switches = server_switches(server);
    begin_ns = clock_ns();
    if (!run_wrk(plan, program, path, seconds, directory, log)) {
        snprintf(note, note_size, is_interrupted() ? "interrupted" : "wrk did not end");
        return false;
    }
    ret_measured->seconds = (double)(clock_ns() - begin_ns) / 1e9;
    ret_measured->pss_bytes = server_pss_bytes(server);
    if (!read_wrk(log, ret_measured, note, note_size))
        return false;
    requests = (double)ret_measured->requests;
    ret_measured->cpu_us = (double)(server_cpu_ns(server) - cpu_ns) / 1e3 / requests;
    ret_measured->switches = (double)(server_switches(server) - switches) / requests;
    ret_measured->rate = requests / ret_measured->seconds;
    return true;
}
