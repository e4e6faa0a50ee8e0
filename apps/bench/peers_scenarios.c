/* SPDX-License-Identifier: Apache-2.0 */
#include "peers.h"

#include <math.h>
#include <string.h>

const struct scenario scenarios[] = {
    { "saturated", "saturated 64", SCENARIO_RATIO, "http", "/ping", 64, 1, false, false },
    { "pipelined", "pipelined 16", SCENARIO_RATIO, "http", "/ping", 64, 16, false, false },
    { "connection", "conn/request", SCENARIO_RATIO, "connection", "/ping", 64, 1, true, false },
    { "file", "64 KiB file", SCENARIO_RATIO, "file", "/file", 64, 1, false, false },
    { "echo", "echo", SCENARIO_RATIO, "echo", NULL, 64, 1, false, false },
    { "thousand", "1000 conns", SCENARIO_RATIO, "http", "/ping", 1000, 1, false, false },
    { "one", "one active", SCENARIO_RATIO, "http", "/ping", 1, 1, false, true },
    { "idle", "bytes/idle", SCENARIO_MEMORY, NULL, "/ping", 64, 1, false, false },
    { "syscalls", "syscalls/req", SCENARIO_SYSCALLS, NULL, "/ping", 64, 1, false, false },
};
const size_t scenarios_count = sizeof(scenarios) / sizeof(scenarios[0]);

bool scenario_is_chosen(const struct peers *peers, const struct scenario *scenario)
{
    return list_has(peers->only, scenario->key) &&
           (peers->threads == 1 || scenario->kind != SCENARIO_RATIO || !scenario->is_one_cpu);
}

void scenario_plan(const struct scenario *scenario, unsigned port, struct request *request,
                   struct load_plan *ret_plan)
{
    *ret_plan = (struct load_plan){ .protocol = scenario->path == NULL ? LOAD_LINE : LOAD_HTTP,
                                    .target = address_loopback(port),
                                    .conns = scenario->conns,
                                    .depth = scenario->depth,
                                    .is_conn_per_request = scenario->is_conn_per_request };
    if (scenario->path == NULL) {
        request_line(request, "Hello, World!");
        /* An echo is right when it is one. */
        ret_plan->body_expected = request->bytes;
        ret_plan->body_expected_length = request->length;
    } else {
        request_http(request, &ret_plan->target, scenario->path, "", scenario->is_conn_per_request);
    }
    ret_plan->request = request->bytes;
    ret_plan->request_length = request->length;
}

/* What Paceline has set itself, in the order of the scenarios above; 0: stated, not bounded. */
static const struct {
    const char *contender;
    double bounds[9];
} targets[] = {
    { "per_core", { 1.03, 1.10, 0.75, 1.08, 1.02, 1.12, 1.03, 300, 2.1 } },
    { "leader_followers", { 1.10, 1.15, 0.85, 1.15, 1.10, 1.15, 1.15, 300, 2.2 } },
    { "reactor+0", { 1.03, 1.10, 0.75, 1.08, 1.02, 1.12, 1.03, 300, 2.1 } },
    { "half_sync_half_async", { 0, 1.5, 1.1, 1.3, 0, 0, 1.2, 300, 0 } },
    { "reactor", { 0, 1.5, 1.1, 1.3, 0, 0, 1.2, 300, 0 } },
    { "proactor", { 0, 1.5, 1.1, 1.3, 0, 0, 0, 300, 0 } },
};

/* "leader_followers+edge" has the bounds of leader_followers; "reactor+0" is a row of its own. */
static bool is_row(const char *row, const char *contender)
{
    size_t length = strlen(row);

    return strncmp(row, contender, length) == 0 &&
           (contender[length] == '\0' ||
            (contender[length] == '+' && strncmp(contender, "reactor+0", 9) != 0));
}

double scenario_target(const char *scenario, const char *contender, size_t threads)
{
    if (threads > 1)
        return strcmp(scenario, "saturated") == 0 && is_row("leader_followers", contender)
                   ? 1.20
                   : (double)NAN;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        for (size_t j = 0; j < scenarios_count; j++)
            if (is_row(targets[i].contender, contender) &&
                strcmp(scenarios[j].key, scenario) == 0 && targets[i].bounds[j] > 0)
                return targets[i].bounds[j];
    return (double)NAN;
}
