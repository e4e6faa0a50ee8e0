/* SPDX-License-Identifier: Apache-2.0 */
/* One load run against a server, with what the server used read at the edges of the measured time. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "load.h"
#include "server.h"

struct measured {
    double seconds;    /* between the two readings */
    uint64_t requests; /* right replies between them */
    double cpu_us;     /* the server's, per request */
    double switches;   /* the server's, per request */
    struct load_result load;
};

/* False: no figure came out of it, and `note` says why; also when any reply was wrong. `server` may
 * be NULL where nothing of it can be read. */
bool measure(struct server *server, const struct load_plan *plan, const cpu_set_t *load_cpus,
             double warm_up_s, double seconds, struct measured *ret_measured, char *note,
             size_t note_size);

#endif
