/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything fails once in a life with an upstream: every call ends exactly once, nothing is kept,
 * and the exchanges after the one that is lost are answered.
 *
 * The backend is a process of its own, which no failure reaches.
 */
#include "backend.h"
#include "client.h"
#include "fault_life.h"

#include <paceline/upstream.h>

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define CALLS     4
#define LEASES    3
#define EXCHANGES (CALLS + LEASES + 1)

/* ---- the backend ---- */

static uint16_t backend_port;
static pid_t backend_pid;
static int backend_end; /* closing it ends the backend */

static void run_backend(int tell, int until)
{
    static struct backend backend;
    char byte;

    backend_start(&backend);
    (void)!write(tell, &backend.port, sizeof(backend.port));
    (void)!read(until, &byte, 1);
    _exit(0);
}

static int start_backend(void **state)
{
    int tell[2], until[2];

    (void)state;
    if (pipe(tell) < 0 || pipe(until) < 0)
        return -1;
    backend_pid = fork();
    if (backend_pid == 0) {
        close(until[1]);
        run_backend(tell[1], until[0]);
    }
    close(tell[1]);
    close(until[0]);
    backend_end = until[1];
    if (read(tell[0], &backend_port, sizeof(backend_port)) != sizeof(backend_port))
        return -1;
    close(tell[0]);
    return 0;
}

static int stop_backend(void **state)
{
    (void)state;
    close(backend_end);
    (void)waitpid(backend_pid, NULL, 0);
    return 0;
}

/* ---- the scenario ---- */

struct asked {
    sem_t is_done;
    _Atomic uint32_t ends;
    enum pl_upstream_outcome outcome;
};

static enum pl_upstream_frame frame_line(struct pl_view input, bool is_ended, uint64_t scratch[4],
                                         size_t *ret_bytes)
{
    const char *end = memchr(input.bytes, '\n', input.length);

    (void)is_ended;
    (void)scratch;
    if (end == NULL)
        return PL_UPSTREAM_MORE;
    *ret_bytes = (size_t)(end - input.bytes) + 1;
    return PL_UPSTREAM_WHOLE;
}

static void note(const struct pl_upstream_result *result, void *context)
{
    struct asked *asked = context;

    asked->outcome = result->outcome;
    if (result->outcome == PL_UPSTREAM_REPLIED &&
        (result->reply.length != 3 || memcmp(result->reply.bytes, "hi\n", 3) != 0))
        asked->outcome = PL_UPSTREAM_BROKEN;
    atomic_fetch_add(&asked->ends, 1);
    sem_post(&asked->is_done);
}

static bool call_once(struct pl_upstream *upstream, struct fault_outcome *outcome)
{
    struct asked asked = { .ends = 0 };
    const struct pl_upstream_call settings = {
        .request = PL_VIEW("echo hi\n"), .framer = frame_line, .done = note, .context = &asked
    };
    struct timespec until;
    int err;

    sem_init(&asked.is_done, 0, 0);
    err = pl_upstream_call(upstream, &settings, NULL);
    if (err < 0) {
        snprintf(outcome->lost, sizeof(outcome->lost), "refused: %s", strerror(-err));
        return false;
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLIENT_DEADLINE_MS / 1000;
    if (sem_timedwait(&asked.is_done, &until) < 0)
        fail_msg("a call without an end");
    assert_int_equal(asked.ends, 1);
    sem_destroy(&asked.is_done);
    if (asked.outcome != PL_UPSTREAM_REPLIED)
        snprintf(outcome->lost, sizeof(outcome->lost), "call: %s",
                 pl_upstream_outcome_name(asked.outcome));
    return asked.outcome == PL_UPSTREAM_REPLIED;
}

static bool lease_once(struct pl_upstream *upstream, struct fault_outcome *outcome)
{
    struct pl_upstream_lease leased;
    char reply[16];
    size_t length = 0;
    int err = pl_upstream_lease(upstream, CLIENT_DEADLINE_MS, &leased);

    if (err == 0) {
        err = pl_upstream_write(&leased, "echo hi\n", 8);
        if (err == 0)
            err = pl_upstream_read(&leased, reply, sizeof(reply), &length);
        if (err == 0 && length == 3 && memcmp(reply, "hi\n", 3) == 0)
            pl_upstream_return(&leased);
        else
            pl_upstream_discard(&leased, true);
    }
    if (err < 0)
        snprintf(outcome->lost, sizeof(outcome->lost), "lease: %s", strerror(-err));
    return err == 0;
}

static void exchange_all(struct pl_server *server, struct fault_outcome *outcome)
{
    struct pl_upstream *upstream = pl_server_upstream(server, "back");

    for (int i = 0; i < CALLS; i++)
        outcome->answered += call_once(upstream, outcome);
    for (int i = 0; i < LEASES; i++)
        outcome->answered += lease_once(upstream, outcome);
    outcome->answered += call_once(upstream, outcome);
}

static void expect_nothing_kept(struct pl_server *server)
{
    static struct pl_upstream_stats figures;
    static struct pl_stats stats;

    pl_upstream_stats(pl_server_upstream(server, "back"), &figures);
    assert_int_equal(figures.open, 0);
    assert_int_equal(figures.waiting, 0);
    pl_server_stats(server, &stats);
    assert_int_equal(stats.counters[PL_STAT_buffers_taken], stats.counters[PL_STAT_buffers_given]);
}

/* ---- the scenarios ---- */

/* An address; and a name, for all the pool knows, that a machine without /etc/hosts resolves. */
static char by_address[160], by_name[160];

static void name_upstream(char text[160], const char *host)
{
    snprintf(text, 160,
             "upstreams=[{name: back, servers: [\"%s:%u\"], pool: {max: 2, min_idle: 1}}]", host,
             backend_port);
}

static int setup(void **state)
{
    int err = start_backend(state);

    name_upstream(by_address, "127.0.0.1");
    name_upstream(by_name, "0x7f000001");
    return err;
}

static const struct fault_scenario scenarios[] = {
    { "dispatch.model=leader_followers", "dispatch.threads=2", false, by_address },
    { "dispatch.model=reactor", "dispatch.threads=0", false, by_address },
    { "dispatch.model=half_sync_half_async", "dispatch.threads=2", false, by_address },
    { "dispatch.model=proactor", "dispatch.threads=2", false, by_name },
};

static const struct fault_suite suite = { .scenarios = scenarios,
                                          .scenarios_count =
                                              sizeof(scenarios) / sizeof(scenarios[0]),
                                          .exchanges = EXCHANGES,
                                          .exchange = exchange_all,
                                          .look = expect_nothing_kept };

FAILS_ONCE(calloc, ENOMEM, 1)
FAILS_ONCE(epoll_ctl, ENOSPC, 1)
FAILS_ONCE(socket, EMFILE, 1)
FAILS_ONCE(connect, ENETUNREACH, 1)
FAILS_ONCE(connect, EINTR, 0)
FAILS_ONCE(setsockopt, ENOBUFS, 0)
FAILS_ONCE(recv, ECONNRESET, 1)
FAILS_ONCE(recv, EINTR, 0)
FAILS_ONCE(send, EPIPE, 1)
FAILS_ONCE(send, EINTR, 0)
FAILS_ONCE(sendmsg, ENOBUFS, 1)
FAILS_ONCE(pthread_create, EAGAIN, 0)
FAILS_ONCE(mmap, ENOMEM, 0)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAULT_CASE(calloc, ENOMEM),   FAULT_CASE(epoll_ctl, ENOSPC),
        FAULT_CASE(socket, EMFILE),   FAULT_CASE(connect, ENETUNREACH),
        FAULT_CASE(connect, EINTR),   FAULT_CASE(setsockopt, ENOBUFS),
        FAULT_CASE(recv, ECONNRESET), FAULT_CASE(recv, EINTR),
        FAULT_CASE(send, EPIPE),      FAULT_CASE(send, EINTR),
        FAULT_CASE(sendmsg, ENOBUFS), FAULT_CASE(pthread_create, EAGAIN),
        FAULT_CASE(mmap, ENOMEM),
    };

    return cmocka_run_group_tests(tests, setup, stop_backend);
}
