/* SPDX-License-Identifier: Apache-2.0 */
#include "fault_life.h"

#include "rig.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#define LIFE_S  120
#define NTH_MAX 500

static void say_line(struct pl_line *line, struct pl_view text, void *context)
{
    (void)context;
    (void)!pl_line_reply(line, text.bytes, text.length);
    (void)!pl_line_reply(line, "\n", 1);
}

static const struct pl_line_handling handling = { .handler = say_line, .name = "say" };
static const struct pl_line_handling blocking = { .handler = say_line,
                                                  .name = "say slowly",
                                                  .may_block = true };

static void live(const struct fault_suite *suite, const struct fault_scenario *scenario,
                 struct fault_outcome *outcome)
{
    const struct pl_binding bindings[] = { { .protocol = &pl_line_protocol,
                                             .elements =
                                                 scenario->may_block ? &blocking : &handling,
                                             .element_bytes = sizeof(handling),
                                             .count = 1 } };
    const struct pl_app app = PL_APP(.name = "fault", .bindings = bindings, .bindings_count = 1);
    const char *const sets[] = { "services.0.listen=[127.0.0.1:0]",
                                 scenario->model,
                                 scenario->threads,
                                 "log.level=error",
                                 "timeouts.drain=5s",
                                 "limits.connections=64",
                                 scenario->more,
                                 NULL };
    struct pl_error error = { .message = "" };
    struct pl_server *server = NULL;

    *outcome = (struct fault_outcome){ .has_started = false };
    if (pl_server_open(&app, NULL, sets, &server, &error) < 0)
        goto say_why;
    if (pl_server_start(server, &error) == 0) {
        outcome->has_started = true;
        suite->exchange(server, outcome);
        outcome->left = pl_server_stop(server, -1);
        suite->look(server);
    }
    pl_server_close(server);
say_why:
    memcpy(outcome->message, error.message, sizeof(error.message));
}

/* True when a call failed. A child for each life would hide leaks, so all run here. */
static bool live_once(const struct fault_suite *suite, const struct fault_scenario *scenario,
                      enum fault fault, const char *name, int number, int n, uint32_t lost_max)
{
    static struct descriptors before;
    struct fault_outcome outcome;
    struct descriptor left;
    bool has_failed;

    descriptors_now(&before);
    alarm(LIFE_S);
    fault_arm(fault, number, n);
    live(suite, scenario, &outcome);
    has_failed = fault_disarm();
    alarm(0);
    if (descriptors_new_since(&before, &left) > 0)
        fail_msg("%s, failure %d of %s: descriptor %d is left open: %s", scenario->model, n, name,
                 left.fd, left.target);
    assert_int_equal(outcome.left, 0);
    if (!outcome.has_started && outcome.message[0] == '\0')
        fail_msg("%s, failure %d of %s: not started, and no word why", scenario->model, n, name);
    if (!has_failed)
        lost_max = 0;
    if ((outcome.has_started || !has_failed) && outcome.answered + lost_max < suite->exchanges)
        fail_msg("%s, failure %d of %s: %u of %u exchanges were answered %s", scenario->model, n,
                 name, outcome.answered, suite->exchanges, outcome.lost);
    return has_failed;
}

void fault_each_once(const struct fault_suite *suite, enum fault fault, const char *name,
                     int number, uint32_t lost_max)
{
    for (size_t i = 0; i < suite->scenarios_count; i++)
        for (int n = 1; live_once(suite, &suite->scenarios[i], fault, name, number, n, lost_max);
             n++)
            assert_true(n < NTH_MAX);
}
