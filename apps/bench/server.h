/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server under test: a process tree that is started, read from outside through /proc and the CPU
 * clocks of its processes, and stopped by its id. It ends when paceline-bench does.
 */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SERVER_PIDS_MAX 256

struct server {
    pid_t pid; /* 0: none */
    char log_path[512];
    pid_t tree[SERVER_PIDS_MAX]; /* pid and its descendants, as of server_find_tree() */
    size_t tree_count;
};

/* Runs argv with both outputs in `log_path`, on `cpus` (NULL: on all). False: there is no process.
 * That the program cannot be run shows as an end in the waits below. */
bool server_start(struct server *server, char *const argv[], const char *directory,
                  const char *log_path, const cpu_set_t *cpus);

/* Until the port accepts. False: it ended, or took too long. */
bool server_wait_port(struct server *server, unsigned port);
/* The port behind the first "WHO: listening on ...:PORT" in the log; 0 when none came. */
unsigned server_wait_logged_port(struct server *server, const char *who);
bool server_has_ended(struct server *server);
/* 128 and the signal that ended it; negative while it runs. */
int server_exit_code(const struct server *server);
/* The end of the log, as much as there is room for. */
void server_words(const struct server *server, char *text, size_t size);
/* The last line of the log, for a note. */
void server_last_words(const struct server *server, char *text, size_t size);

/* Processes that were started after the last call are counted from the next one on. */
void server_find_tree(struct server *server);
/* Of the tree, since its processes began. */
uint64_t server_cpu_ns(const struct server *server);
uint64_t server_switches(const struct server *server);
/* What the tree occupies of memory, shared pages divided by their users. NAN: unknown. */
double server_pss_bytes(const struct server *server);

/* Asks, waits, and kills the whole tree at the deadline. Fine on one that never started. */
void server_stop(struct server *server);

/* A port of 127.0.0.1 that was free a moment ago; 0 when there is none. */
unsigned server_free_port(void);

/* The whole path of a program in PATH or the directories of the system's daemons; false: not there.
 */
bool server_find_program(const char *name, char *path, size_t size);

#endif
