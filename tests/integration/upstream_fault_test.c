/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything fails once in a life with an upstream: the n-th call of each system call and of the
 * allocator, for n = 1, 2, … until a start, a few calls and leases and a stop meet no failure any
 * more. One exchange may be lost by it; every call ends exactly once, nothing is left behind, and
 * the exchanges after it are answered.
 *
 * The backend is a process of its own, which no failure reaches.
 */
#include "backend.h"
#include "client.h"
#include "faults.h"
#include "rig.h"

#include <paceline/line.h>
#include <paceline/server.h>
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

#define CALLS  4
#define LEASES 3

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

struct outcome {
    bool has_opened, has_started;
    uint32_t replied;
    uint32_t left;
    char message[PL_ERROR_BYTES];
    char last[64]; /* what became of the exchange that was lost */
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

static bool call_once(struct pl_upstream *upstream, struct outcome *outcome)
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
        snprintf(outcome->last, sizeof(outcome->last), "refused: %s", strerror(-err));
        return false;
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLIENT_DEADLINE_MS / 1000;
    if (sem_timedwait(&asked.is_done, &until) < 0)
        fail_msg("a call without an end");
    assert_int_equal(asked.ends, 1);
    sem_destroy(&asked.is_done);
    if (asked.outcome != PL_UPSTREAM_REPLIED)
        snprintf(outcome->last, sizeof(outcome->last), "call: %s",
                 pl_upstream_outcome_name(asked.outcome));
    return asked.outcome == PL_UPSTREAM_REPLIED;
}

static bool lease_once(struct pl_upstream *upstream, struct outcome *outcome)
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
        snprintf(outcome->last, sizeof(outcome->last), "lease: %s", strerror(-err));
    return err == 0;
}

static void expect_nothing_kept(struct pl_server *server, struct pl_upstream *upstream)
{
    static struct pl_upstream_stats figures;
    static struct pl_stats stats;

    pl_upstream_stats(upstream, &figures);
    assert_int_equal(figures.open, 0);
    assert_int_equal(figures.waiting, 0);
    pl_server_stats(server, &stats);
    assert_int_equal(stats.counters[PL_STAT_buffers_taken], stats.counters[PL_STAT_buffers_given]);
}

static void say_line(struct pl_line *line, struct pl_view text, void *context)
{
    (void)context;
    (void)!pl_line_reply(line, text.bytes, text.length);
}

struct scenario {
    const char *model, *threads, *host;
};

static const struct scenario scenarios[] = {
    { "dispatch.model=leader_followers", "dispatch.threads=2", "127.0.0.1" },
    { "dispatch.model=reactor", "dispatch.threads=0", "127.0.0.1" },
    { "dispatch.model=half_sync_half_async", "dispatch.threads=2", "127.0.0.1" },
    /* A name, for all the pool knows; and one that a machine without /etc/hosts resolves. */
    { "dispatch.model=proactor", "dispatch.threads=2", "0x7f000001" },
};

static void run_scenario(const struct scenario *scenario, struct outcome *outcome)
{
    static const struct pl_line_handling handling = { .handler = say_line, .name = "say" };
    const struct pl_binding bindings[] = { { .protocol = &pl_line_protocol,
                                             .elements = &handling,
                                             .element_bytes = sizeof(handling),
                                             .count = 1 } };
    const struct pl_app app = PL_APP(.name = "fault", .bindings = bindings, .bindings_count = 1);
    char text[160];
    const char *const sets[] = { "services.0.listen=[127.0.0.1:0]",
                                 scenario->model,
                                 scenario->threads,
                                 "log.level=error",
                                 "limits.connections=64",
                                 text,
                                 NULL };
    struct pl_error error = { .message = "" };
    struct pl_server *server = NULL;

    *outcome = (struct outcome){ .has_opened = false };
    snprintf(text, sizeof(text),
             "upstreams=[{name: back, servers: [\"%s:%u\"], pool: {max: 2, min_idle: 1}}]",
             scenario->host, backend_port);
    if (pl_server_open(&app, NULL, sets, &server, &error) < 0)
        goto say_why;
    outcome->has_opened = true;
    if (pl_server_start(server, &error) == 0) {
        struct pl_upstream *upstream = pl_server_upstream(server, "back");

        outcome->has_started = true;
        for (int i = 0; i < CALLS; i++)
            outcome->replied += call_once(upstream, outcome);
        for (int i = 0; i < LEASES; i++)
            outcome->replied += lease_once(upstream, outcome);
        outcome->replied += call_once(upstream, outcome);
        outcome->left = pl_server_stop(server, -1);
        expect_nothing_kept(server, upstream);
    }
    pl_server_close(server);
say_why:
    memcpy(outcome->message, error.message, sizeof(error.message));
}

#define EXCHANGES (CALLS + LEASES + 1)

static void fail_each_once(enum fault fault, const char *name, int number, uint32_t lost_max)
{
    for (size_t s = 0; s < sizeof(scenarios) / sizeof(scenarios[0]); s++)
        for (int n = 1;; n++) {
            int before = count_descriptors();
            struct outcome outcome;
            bool has_failed;

            alarm(120);
            fault_arm(fault, number, n);
            run_scenario(&scenarios[s], &outcome);
            has_failed = fault_disarm();
            alarm(0);
            if (count_descriptors() != before)
                fail_msg("%s, failure %d of %s: %d descriptors are left open", scenarios[s].model,
                         n, name, count_descriptors() - before);
            assert_int_equal(outcome.left, 0);
            if (!outcome.has_started && outcome.message[0] == '\0')
                fail_msg("%s, failure %d of %s: not started, and no word why", scenarios[s].model,
                         n, name);
            if (outcome.has_started && outcome.replied + lost_max < EXCHANGES)
                fail_msg("%s, failure %d of %s: %u of %d exchanges were answered (%s)",
                         scenarios[s].model, n, name, outcome.replied, EXCHANGES, outcome.last);
            if (!has_failed) {
                assert_true(outcome.has_started);
                assert_int_equal(outcome.replied, EXCHANGES);
                break;
            }
            assert_true(n < 500);
        }
}

#define FAILS_ONCE(name, number, lost_max)                                                         \
    static void a_failing_##name##_with_##number##_is_survived(void **state)                       \
    {                                                                                              \
        (void)state;                                                                               \
        fail_each_once(FAULT_##name, #name, number, lost_max);                                     \
    }

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

#define CASE(name, number) cmocka_unit_test(a_failing_##name##_with_##number##_is_survived)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(calloc, ENOMEM),       CASE(epoll_ctl, ENOSPC), CASE(socket, EMFILE),
        CASE(connect, ENETUNREACH), CASE(connect, EINTR),    CASE(setsockopt, ENOBUFS),
        CASE(recv, ECONNRESET),     CASE(recv, EINTR),       CASE(send, EPIPE),
        CASE(send, EINTR),          CASE(sendmsg, ENOBUFS),  CASE(pthread_create, EAGAIN),
        CASE(mmap, ENOMEM),
    };

    return cmocka_run_group_tests(tests, start_backend, stop_backend);
}
