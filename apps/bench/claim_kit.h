/* SPDX-License-Identifier: Apache-2.0 */
/* What the claims measure with: clocks, connected sockets, a place on a CPU. */
#ifndef BENCH_CLAIM_KIT_H
#define BENCH_CLAIM_KIT_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* A peer that stays silent for so long is broken; a claim then fails instead of hanging. */
#define CLAIM_SILENCE_MAX_S 5

double claim_seconds(clockid_t clock);

/* What was measured between begin and end. */
struct claim_stretch {
    clockid_t cpu_clock; /* CLOCK_THREAD_CPUTIME_ID or CLOCK_PROCESS_CPUTIME_ID */
    double wall_s, cpu_s;
    double until_s; /* CLOCK_MONOTONIC at which it is to end */
};

void claim_stretch_begin(struct claim_stretch *stretch, clockid_t cpu_clock, double seconds);
bool claim_stretch_goes_on(const struct claim_stretch *stretch);
/* From then on wall_s and cpu_s are what it took. */
void claim_stretch_end(struct claim_stretch *stretch);

/* What all processes of the machine have used, in CPU seconds; NAN where nobody says. */
double claim_machine_cpu_s(void);

struct claim_cpus {
    cpu_set_t set;
    size_t count;
};

void claim_cpus_read(struct claim_cpus *cpus);
/* Puts the calling thread on the n-th of them, counted round; threads it starts inherit it. */
void claim_pin(const struct claim_cpus *cpus, size_t index);
/* Puts the calling thread back on all of them. */
void claim_unpin(const struct claim_cpus *cpus);

/* Connected stream sockets, blocking, with a bound on silence. Errors: a negative errno value. */
int claim_connect_tcp(int ret_fds[2]);
int claim_connect_unix(int ret_fds[2]);
/* A TCP connection of one socket with itself: what it sends, it receives. Not blocking. */
int claim_connect_self(int *ret_fd);
/* Closes with a reset, so that no port stays behind in TIME_WAIT. */
void claim_close(int *fd);
void claim_close_pair(int fds[2]);

/* A template for mkstemp() or mkdtemp(), in $TMPDIR or /tmp. */
int claim_temporary_path(char *path, size_t size);

/* Every byte, or a negative errno value; -EPIPE when the peer has left, -ETIMEDOUT when it is
 * silent. */
int claim_send_all(int fd, const void *bytes, size_t count);
int claim_receive_all(int fd, void *bytes, size_t count);
/* What is there; 0 when the peer has left, is silent or is broken. */
size_t claim_receive_some(int fd, void *bytes, size_t count);

#endif
