/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A contender's CPU per request beside the floor's: both servers stand all the time, and the load
 * goes to one after the other, pair by pair and in alternating order, so that what the machine does
 * meanwhile meets both.
 */
#include "bench.h"
#include "measure.h"
#include "peers.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

struct pair {
    struct server contender, floor;
    struct request contender_request, floor_request;
    struct load_plan contender_plan, floor_plan;
    struct placement placement;
};

/* What the floor sends is as long as what the contender sends: the same head, and the same body. */
static bool write_reply(const struct peers *peers, const struct load_plan *plan, bool is_file,
                        const char *path, char *note, size_t note_size)
{
    struct reply_template template;
    FILE *file;
    size_t length;

    (void)peers;
    if (!load_learn(plan, &template, note, note_size))
        return false;
    length = template.length;
    if (is_file && length > CONTENDER_FILE_BYTES)
        length -= CONTENDER_FILE_BYTES;
    file = fopen(path, "we");
    if (file == NULL || fwrite(template.bytes, 1, length, file) != length || fclose(file) != 0)
        die(EX_CANTCREAT, "%s: %s", path, strerror(errno));
    reply_template_deinit(&template);
    return true;
}

static bool run_floor(struct peers *peers, const struct scenario *scenario, struct pair *pair,
                      const char *reply, char *note, size_t note_size)
{
    const char *directory = peers->place.directory;
    char self[] = "/proc/self/exe", loops[24], bytes[24], file[512], log[512];
    char command[] = "floor", listen[] = "--listen", any[] = "127.0.0.1:0",
         loops_option[] = "--loops";
    char bytes_option[] = "--request-bytes", reply_option[] = "--reply", file_option[] = "--file";
    char kind[32], path[512];
    char *argv[] = { self,         command, kind,         listen, any,         loops_option, loops,
                     bytes_option, bytes,   reply_option, path,   file_option, file,         NULL };
    unsigned port;

    snprintf(kind, sizeof(kind), "%s", scenario->floor);
    snprintf(path, sizeof(path), "%s", reply);
    snprintf(loops, sizeof(loops), "%zu", peers->threads);
    /* The floor's port is not known yet: all of them have five digits, and so has the contender's.
     */
    snprintf(bytes, sizeof(bytes), "%zu", pair->contender_plan.request_length);
    snprintf(file, sizeof(file), "%s/www/file", directory);
    snprintf(log, sizeof(log), "%s/floor.log", directory);
    if (!server_start(&pair->floor, argv, directory, log, &pair->placement.server))
        return false;
    port = server_wait_logged_port(&pair->floor, "floor");
    if (port == 0 || !server_wait_port(&pair->floor, port)) {
        server_last_words(&pair->floor, note, note_size);
        return false;
    }
    scenario_plan(scenario, port, &pair->floor_request, &pair->floor_plan);
    if (pair->floor_plan.request_length != pair->contender_plan.request_length) {
        snprintf(note, note_size, "the floor's port is not as long as the server's");
        return false;
    }
    return true;
}

static bool start_pair(struct peers *peers, const struct contender *contender,
                       const struct scenario *scenario, struct pair *pair, char *note,
                       size_t note_size)
{
    enum placing placing = scenario->is_one_cpu ? PLACE_TOGETHER
                           : peers->threads > 1 ? PLACE_BOTH
                                                : PLACE_APART;
    struct contender_ports ports;
    char reply[512];

    *pair = (struct pair){ .placement = place_cpus(placing) };
    if (!peers_start(peers, contender, &pair->placement.server, &pair->contender, &ports, note,
                     note_size))
        return false;
    scenario_plan(scenario, scenario->path == NULL ? ports.echo : ports.http,
                  &pair->contender_request, &pair->contender_plan);
    snprintf(reply, sizeof(reply), "%s/reply", peers->place.directory);
    if (write_reply(peers, &pair->contender_plan, strcmp(scenario->floor, "file") == 0, reply, note,
                    note_size) &&
        run_floor(peers, scenario, pair, reply, note, note_size))
        return true;
    peers->has_failed = true;
    return false;
}

static double measure_one(const struct peers *peers, struct pair *pair, bool is_floor, char *note,
                          size_t note_size)
{
    struct server *server = is_floor ? &pair->floor : &pair->contender;
    struct measured measured;
    char words[96];

    if (measure(server, is_floor ? &pair->floor_plan : &pair->contender_plan, &pair->placement.load,
                peers->warm_up_s, peers->seconds, &measured, words, sizeof(words)))
        return measured.cpu_us;
    if (server_has_ended(server))
        server_last_words(server, words, sizeof(words));
    snprintf(note, note_size, "%s%s%s", is_floor ? "the floor: " : "",
             server_has_ended(server) ? "the server ended: " : "", words);
    return (double)NAN;
}

static void measure_pair(struct peers *peers, struct pair *pair, bool is_floor_first,
                         struct series *cell, char *note, size_t note_size)
{
    double cpu_us[2];

    cpu_us[is_floor_first] = measure_one(peers, pair, is_floor_first, note, note_size);
    cpu_us[!is_floor_first] = measure_one(peers, pair, !is_floor_first, note, note_size);
    if (is_interrupted())
        return;
    series_add(cell, cpu_us[0] / cpu_us[1]);
    peers->has_failed |= isnan(cpu_us[0] / cpu_us[1]) != 0;
}

void peers_measure_ratio(struct peers *peers, const struct contender *contender,
                         const struct scenario *scenario, struct series *cell, char *note,
                         size_t note_size)
{
    struct pair pair;

    if (scenario->path == NULL && !contender_is_paceline(contender))
        return;
    if (start_pair(peers, contender, scenario, &pair, note, note_size))
        for (size_t i = 0; i < peers->pairs && !is_interrupted(); i++)
            measure_pair(peers, &pair, i % 2 == 0, cell, note, note_size);
    server_stop(&pair.floor);
    server_stop(&pair.contender);
}
