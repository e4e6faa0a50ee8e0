/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the requests of an open loop are due: at a fixed rate, whatever the server does. A request
 * that could not be sent in time keeps its due time, and its latency counts from there: a server
 * that stalls is seen by every request that was due meanwhile, not by the one that met the stall.
 */
#ifndef BENCH_SCHEDULE_H
#define BENCH_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct schedule {
    uint64_t begin_ns;
    double interval_ns; /* 0: there is no schedule, the loop is closed */
    uint64_t begun;     /* requests taken so far */
};

void schedule_init(struct schedule *schedule, uint64_t begin_ns, double rate);
/* When the next one is due. */
uint64_t schedule_next_ns(const struct schedule *schedule);
/* Takes the next one if it is due. */
bool schedule_take(struct schedule *schedule, uint64_t now_ns, uint64_t *ret_due_ns);

#endif
