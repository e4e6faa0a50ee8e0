/* SPDX-License-Identifier: Apache-2.0 */
/* The comparison with other servers: its scenarios, its options, and one cell of its table. */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include "contender.h"
#include "floor.h"
#include "load.h"
#include "options.h"
#include "place.h"
#include "progress.h"
#include "report.h"
#include "request.h"

enum scenario_kind {
    SCENARIO_RATIO,    /* CPU per request, as a multiple of the floor's in the same pair */
    SCENARIO_MEMORY,   /* growth of PSS per idle connection */
    SCENARIO_SYSCALLS, /* system calls per request */
};

struct scenario {
    const char *key;
    const char *heading;
    enum scenario_kind kind;
    const char *floor; /* the kind that `paceline-bench floor` takes */
    const char *path;  /* NULL: a line is echoed */
    size_t conns, depth;
    bool is_conn_per_request, is_one_cpu;
};

extern const struct scenario scenarios[];
extern const size_t scenarios_count;

/* What its load does to a server at `port`; `request` is borrowed by the plan. */
void scenario_plan(const struct scenario *scenario, unsigned port, struct request *request,
                   struct load_plan *ret_plan);

/* The bound of a row in a scenario, one server thread; NAN: none is set. */
double scenario_target(const char *scenario, const char *contender, size_t threads);

struct peers {
    struct common_options common;
    struct contender_place place;
    struct contender contenders[CONTENDERS_MAX];
    size_t contenders_count;
    const char *only; /* borrowed; NULL: all scenarios */
    size_t pairs, threads;
    double warm_up_s, seconds;
    size_t idle_conns; /* of the memory scenario */
    struct progress progress;
    struct report report;
    bool has_failed; /* a load run was wrong, or a server did not start: exit code 1 */
};

/* Reads the command line; what is wrong in it ends the program. */
void peers_read_options(struct peers *peers, int argc, char **argv);

bool scenario_is_chosen(const struct peers *peers, const struct scenario *scenario);

/* Starts a contender. False: `note` says why not. */
bool peers_start(struct peers *peers, const struct contender *contender, const cpu_set_t *cpus,
                 struct server *server, struct contender_ports *ret_ports, char *note,
                 size_t note_size);

/* One scenario of a contender; what it found goes into `cell`, what went wrong into `note`. */
void peers_measure_ratio(struct peers *peers, const struct contender *contender,
                         const struct scenario *scenario, struct series *cell, char *note,
                         size_t note_size);
void peers_measure_memory(struct peers *peers, const struct contender *contender,
                          const struct scenario *scenario, struct series *cell, char *note,
                          size_t note_size);
void peers_measure_syscalls(struct peers *peers, const struct contender *contender,
                            const struct scenario *scenario, struct series *cell, char *note,
                            size_t note_size);

#endif
