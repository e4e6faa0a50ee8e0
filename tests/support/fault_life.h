/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a server, from its start to its stop, in which one call fails: the n-th of its kind,
 * for n = 1, 2, … until a life meets no failure any more. A server may refuse to start, an exchange
 * may be lost; what may not happen is a crash, a wait without end, a descriptor that stays open, or
 * a server that says it started and serves nobody.
 */
#ifndef PL_TESTS_FAULT_LIFE_H
#define PL_TESTS_FAULT_LIFE_H

#include "faults.h"

#include <paceline/error.h>
#include <paceline/line.h>
#include <paceline/server.h>

#include <stddef.h>
#include <stdint.h>

struct fault_outcome {
    bool has_started;
    uint32_t answered, left;
    char message[PL_ERROR_BYTES];
    char lost[64]; /* what became of the exchange that was not answered */
};

/* A server of lines on 127.0.0.1. */
struct fault_scenario {
    const char *model, *threads; /* KEY=VALUE */
    bool may_block;
    const char *more; /* KEY=VALUE; NULL: none */
};

struct fault_suite {
    const struct fault_scenario *scenarios;
    size_t scenarios_count;
    uint32_t exchanges; /* of one life */
    /* All of them; counts those that were answered. */
    void (*exchange)(struct pl_server *server, struct fault_outcome *outcome);
    void (*look)(struct pl_server *server); /* after the stop */
};

/* An exchange may be lost by a failure of its own call: `lost_max` of a life. */
void fault_each_once(const struct fault_suite *suite, enum fault fault, const char *name,
                     int number, uint32_t lost_max);

/* A test of the suite `suite`, and its row. */
#define FAILS_ONCE(name, number, lost_max)                                                         \
    static void a_failing_##name##_with_##number##_is_survived(void **state)                       \
    {                                                                                              \
        (void)state;                                                                               \
        fault_each_once(&suite, FAULT_##name, #name, number, lost_max);                            \
    }
#define FAULT_CASE(name, number) cmocka_unit_test(a_failing_##name##_with_##number##_is_survived)

#endif
