/* SPDX-License-Identifier: Apache-2.0 */
/* One load run against a server, with what the server used read at the edges of the measured time.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "load.h"
#include "server.h"

struct measured {
    double seconds;                 /* between the two readings */
    uint64_t requests;              /* right replies between them */
    double cpu_us;                  /* the server's, per request */
    double switches;                /* the server's, per request */
    double pss_bytes;               /* the server's, at the end; NAN: not known */
    double rate;                    /* right replies a second */
    double p50_us, p99_us, p999_us; /* NAN: not known */
    struct load_result load;
};

/* False: no figure came out of it, and `note` says why; also when any reply was wrong. `server` may
 * be NULL where nothing of it can be read. */
bool measure(struct server *server, const struct load_plan *plan, const cpu_set_t *load_cpus,
             double warm_up_s, double seconds, struct measured *ret_measured, char *note,
             size_t note_size);

/* The same with wrk as the load: http, closed loop, whole seconds, and its word for every reply. */
bool measure_with_wrk(struct server *server, const struct load_plan *plan, const char *path,
                      double seconds, const char *directory, struct measured *ret_measured,
                      char *note, size_t note_size);

/* System calls of the server per request, counted by strace while the load goes on. NAN: `note`
 * says why not; without strace that is all it says. */
double measure_syscalls(struct server *server, const struct load_plan *plan,
                        const cpu_set_t *load_cpus, double seconds, const char *directory,
                        char *note, size_t note_size);

#endif
