/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything fails once: the n-th call of each system call and of the allocator, for n = 1, 2, …
 * until a whole scenario (start, a few exchanges, stop) meets no failure any more. A server may
 * refuse to start, a connection may end; what may not happen is a crash, a wait without end, a
 * descriptor that stays open, or a server that says it started and serves nobody.
 *
 * The client works through calls that are not wrapped: poll, read, write, connect.
 */
#include "client.h"
#include "faults.h"
#include "rig.h"

#include <paceline/http.h>
#include <paceline/line.h>
#include <paceline/log.h>
#include <paceline/server.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* ---- the scenario ---------------------------------------------------------------------------- */

static void say_line(struct pl_line *line, struct pl_view text, void *context)
{
    (void)context;
    (void)!pl_line_reply(line, text.bytes, text.length);
    (void)!pl_line_reply(line, "\n", 1);
}

static const struct pl_line_handling handling = { .handler = say_line, .name = "say" };
static const struct pl_line_handling blocking = { .handler = say_line,
                                                  .name = "say slowly",
                                                  .may_block = true };

struct outcome {
    bool has_opened, has_started;
    uint32_t exchanges; /* that were answered */
    uint32_t left;
    char message[PL_ERROR_BYTES];
};

#define EXCHANGES 3

static int connect_to(const char *text)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_port = htons((uint16_t)strtoul(strrchr(text, ':') + 1, NULL, 10));
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* True when the reply came; false when the connection ended first. Fails when neither does. */
static bool exchange(const char *address, const char *text)
{
    size_t length = strlen(text), got = 0;
    int64_t until = client_now_ms() + CLIENT_DEADLINE_MS;
    char reply[64];
    int fd = connect_to(address);

    if (fd < 0)
        return false;
    if (write(fd, text, length) == (ssize_t)length)
        while (got < length) {
            struct pollfd ready = { .fd = fd, .events = POLLIN };
            ssize_t part;

            if (client_now_ms() > until)
                fail_msg("neither a reply nor an end");
            if (poll(&ready, 1, 100) <= 0)
                continue;
            part = read(fd, reply + got, sizeof(reply) - got);
            if (part <= 0)
                break;
            got += (size_t)part;
        }
    close(fd);
    return got == length && memcmp(reply, text, length) == 0;
}

static void run_scenario(const char *model, const char *threads, bool may_block,
                         struct outcome *outcome)
{
    const struct pl_binding bindings[] = { { .protocol = &pl_line_protocol,
                                             .elements = may_block ? &blocking : &handling,
                                             .element_bytes = sizeof(handling),
                                             .count = 1 } };
    const struct pl_app app = PL_APP(.name = "fault", .bindings = bindings, .bindings_count = 1);
    const char *const sets[] = {
        "services.0.listen=[127.0.0.1:0]", model, threads, "log.level=error", "timeouts.drain=5s",
        "limits.connections=64",           NULL
    };
    struct pl_error error = { .message = "" };
    struct pl_server *server = NULL;

    *outcome = (struct outcome){ .has_opened = false };
    if (pl_server_open(&app, NULL, sets, &server, &error) < 0)
        goto say_why;
    outcome->has_opened = true;
    if (pl_server_start(server, &error) == 0) {
        outcome->has_started = true;
        for (int i = 0; i < EXCHANGES; i++)
            outcome->exchanges += exchange(pl_server_address(server, 0), "hello\n");
        outcome->left = pl_server_stop(server, -1);
    }
    pl_server_close(server);
say_why:
    memcpy(outcome->message, error.message, sizeof(error.message));
}

struct scenario {
    const char *model, *threads;
    bool may_block;
};

static const struct scenario scenarios[] = {
    { "dispatch.model=leader_followers", "dispatch.threads=3", false },
    { "dispatch.model=leader_followers", "dispatch.threads=2", true },
    { "dispatch.model=reactor", "dispatch.threads=0", false },
    { "dispatch.model=reactor", "dispatch.threads=2", false },
    { "dispatch.model=half_sync_half_async", "dispatch.threads=2", false },
    { "dispatch.model=proactor", "dispatch.threads=2", true },
};

/* One failure at a time; a child per scenario would hide leaks, so all run here. */
static void fail_each_once(enum fault fault, const char *name, int number, uint32_t lost_max)
{
    for (size_t s = 0; s < sizeof(scenarios) / sizeof(scenarios[0]); s++)
        for (int n = 1;; n++) {
            int before = count_descriptors();
            bool has_failed;
            struct outcome outcome;

            alarm(60);
            fault_arm(fault, number, n);
            run_scenario(scenarios[s].model, scenarios[s].threads, scenarios[s].may_block,
                         &outcome);
            has_failed = fault_disarm();
            alarm(0);
            if (count_descriptors() != before)
                fail_msg("%s, failure %d of %s: %d descriptors are left open", scenarios[s].model,
                         n, name, count_descriptors() - before);
            assert_int_equal(outcome.left, 0);
            if (!outcome.has_started && outcome.message[0] == '\0')
                fail_msg("%s, failure %d of %s: not started, and no word why", scenarios[s].model,
                         n, name);
            if (outcome.has_started && outcome.exchanges + lost_max < EXCHANGES)
                fail_msg("%s, failure %d of %s: %u of %d exchanges were answered",
                         scenarios[s].model, n, name, outcome.exchanges, EXCHANGES);
            if (!has_failed) {
                assert_true(outcome.has_started);
                assert_int_equal(outcome.exchanges, EXCHANGES);
                break;
            }
            assert_true(n < 500);
        }
}

/* A connection may be lost by a failure of its own call, and only that one. */
#define FAILS_ONCE(name, number, lost_max)                                                         \
    static void a_failing_##name##_with_##number##_is_survived(void **state)                       \
    {                                                                                              \
        (void)state;                                                                               \
        fail_each_once(FAULT_##name, #name, number, lost_max);                                     \
    }

FAILS_ONCE(calloc, ENOMEM, 1)
FAILS_ONCE(epoll_ctl, ENOSPC, 1)
FAILS_ONCE(epoll_create1, EMFILE, 0)
FAILS_ONCE(eventfd, EMFILE, 0)
FAILS_ONCE(timerfd_create, ENFILE, 0)
FAILS_ONCE(socket, EMFILE, 0)
FAILS_ONCE(bind, EADDRINUSE, 0)
FAILS_ONCE(listen, EADDRINUSE, 0)
FAILS_ONCE(setsockopt, ENOBUFS, 0)
FAILS_ONCE(getsockname, ENOBUFS, 0)
FAILS_ONCE(accept4, EMFILE, 0)
FAILS_ONCE(accept4, ECONNABORTED, 0)
FAILS_ONCE(accept4, EINTR, 0)
FAILS_ONCE(recv, ECONNRESET, 1)
FAILS_ONCE(recv, EINTR, 0)
FAILS_ONCE(send, EPIPE, 1)
FAILS_ONCE(send, EINTR, 0)
FAILS_ONCE(sendmsg, ENOBUFS, 1)
FAILS_ONCE(pthread_create, EAGAIN, 0)
FAILS_ONCE(mmap, ENOMEM, 0)
FAILS_ONCE(open, EMFILE, 0)
FAILS_ONCE(epoll_wait, EINTR, 0)

#define CASE(name, number) cmocka_unit_test(a_failing_##name##_with_##number##_is_survived)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(calloc, ENOMEM),
        CASE(epoll_ctl, ENOSPC),
        CASE(epoll_create1, EMFILE),
        CASE(eventfd, EMFILE),
        CASE(timerfd_create, ENFILE),
        CASE(socket, EMFILE),
        CASE(bind, EADDRINUSE),
        CASE(listen, EADDRINUSE),
        CASE(setsockopt, ENOBUFS),
        CASE(getsockname, ENOBUFS),
        CASE(accept4, EMFILE),
        CASE(accept4, ECONNABORTED),
        CASE(accept4, EINTR),
        CASE(recv, ECONNRESET),
        CASE(recv, EINTR),
        CASE(send, EPIPE),
        CASE(send, EINTR),
        CASE(sendmsg, ENOBUFS),
        CASE(pthread_create, EAGAIN),
        CASE(mmap, ENOMEM),
        CASE(open, EMFILE),
        CASE(epoll_wait, EINTR),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
