/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The servers that are compared, each set up as one who knows it well would: Paceline under a
 * model, nginx, h2o, lighttpd, haproxy. All of them answer the same:
 *
 *     /ping   "Hello, World!\n", a fixed reply     /file   64 KiB
 */
#ifndef BENCH_CONTENDER_H
#define BENCH_CONTENDER_H

#include "options.h"
#include "server.h"

#define CONTENDERS_MAX       24
#define CONTENDER_FILE_BYTES ((size_t)64 * 1024)

struct contender_kind;

struct contender {
    const struct contender_kind *kind;
    char name[48];                               /* "leader_followers+edge" */
    char model[32];                              /* Paceline's; else empty */
    char threads[16], arming[16], promotion[16]; /* empty: the server's own default */
};

/* Where the servers' configurations and files stand, and what all of them are given. */
struct contender_place {
    char directory[256];
    char app[4096];                    /* the program paceline */
    size_t threads;                    /* one or two */
    const char *sets[OPTION_SETS_MAX]; /* borrowed: KEY=VALUE for Paceline */
    size_t sets_count;
};

/* `app`: the program paceline; NULL: the one beside this one. Makes the directory and the files
 * that are served; ends the program when it cannot. */
void contender_place_open(struct contender_place *place, size_t threads, const char *app);
void contender_place_close(struct contender_place *place);

/* All that are known, or those of a comma-separated list: nginx, h2o, lighttpd, haproxy, or a model
 * of Paceline with words behind it: leader_followers+edge+kernel, reactor+0. Returns the number;
 * ends the program with 64 at an unknown name. */
size_t contenders_read(const char *list, struct contender *contenders);

/* Ends the program with 78 when Paceline refuses the settings of the place, and with 64 when it
 * knows no such model or refuses a contender's words. */
void contenders_check(const struct contender_place *place, const struct contender *contenders,
                      size_t count);

/* The ports that a started contender serves; 0: it has no such service. */
struct contender_ports {
    unsigned http, echo;
};

/* Starts it and waits until it serves. False: `note` says why not. */
bool contender_start(const struct contender_place *place, const struct contender *contender,
                     const cpu_set_t *cpus, struct server *server,
                     struct contender_ports *ret_ports, char *note, size_t note_size);

bool contender_is_installed(const struct contender *contender);
bool contender_is_paceline(const struct contender *contender);

#endif
