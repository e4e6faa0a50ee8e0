/* SPDX-License-Identifier: Apache-2.0 */
/* A whole server on a free port of loopback, under any model and arming. */
#ifndef PL_TESTS_SERVER_RIG_H
#define PL_TESTS_SERVER_RIG_H

#include "descriptors.h"

#include <paceline/server.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server_combination {
    const char *model;
    const char *arming;
    uint32_t threads;
    bool is_in_short; /* each model once, each arming in some */
};

extern const struct server_combination server_combinations[];
extern const size_t server_combinations_count;
/* The one that the cases run under now. */
extern const struct server_combination *server_current;

/* While one thread blocks in a handler, another serves its connections. */
bool server_has_pool(void);

struct server_rig {
    struct pl_server *server;
    uint16_t port; /* of the first listener */
    struct descriptors descriptors_before;
    char folder[64];         /* temporary; empty until asked for */
    const char *config_path; /* borrowed: of a file that says where to listen; NULL: none */
};

/* `sets`: more KEY=VALUE lines, ended by NULL, or NULL. */
void server_rig_start(struct server_rig *rig, const struct pl_app *app, const char *const *sets);
/* Drains and closes; fails on threads or descriptors that are left, and removes the folder. */
void server_rig_stop(struct server_rig *rig);
/* Begins to stop without closing; for what a drain does. */
uint16_t server_rig_port(const struct server_rig *rig, size_t listener);
/* A temporary folder, removed by the stop. Before the start. */
const char *server_rig_folder(struct server_rig *rig);

struct CMUnitTest;
/* Runs the cases under each combination (with PL_TEST_SHORT in the environment: each model), or
 * under argv's MODEL ARMING THREADS [CASE]. */
int server_run_cases(int argc, char **argv, const struct CMUnitTest *cases, size_t count);

#endif
