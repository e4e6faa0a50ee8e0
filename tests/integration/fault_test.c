/* SPDX-License-Identifier: Apache-2.0 */
/* Everything fails once while a server answers lines. The client works through calls that are not
 * wrapped: poll, read, write, connect. */
#include "client.h"
#include "fault_life.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* ---- the scenario ---------------------------------------------------------------------------- */

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

static void exchange_all(struct pl_server *server, struct fault_outcome *outcome)
{
    for (int i = 0; i < EXCHANGES; i++)
        outcome->answered += exchange(pl_server_address(server, 0), "hello\n");
}

static void look_at_nothing(struct pl_server *server)
{
    (void)server;
}

static const struct fault_scenario scenarios[] = {
    { "dispatch.model=leader_followers", "dispatch.threads=3", false, NULL },
    { "dispatch.model=leader_followers", "dispatch.threads=2", true, NULL },
    { "dispatch.model=reactor", "dispatch.threads=0", false, NULL },
    { "dispatch.model=reactor", "dispatch.threads=2", false, NULL },
    { "dispatch.model=half_sync_half_async", "dispatch.threads=2", false, NULL },
    { "dispatch.model=proactor", "dispatch.threads=2", true, NULL },
};

static const struct fault_suite suite = { .scenarios = scenarios,
                                          .scenarios_count =
                                              sizeof(scenarios) / sizeof(scenarios[0]),
                                          .exchanges = EXCHANGES,
                                          .exchange = exchange_all,
                                          .look = look_at_nothing };

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAULT_CASE(calloc, ENOMEM),
        FAULT_CASE(epoll_ctl, ENOSPC),
        FAULT_CASE(epoll_create1, EMFILE),
        FAULT_CASE(eventfd, EMFILE),
        FAULT_CASE(timerfd_create, ENFILE),
        FAULT_CASE(socket, EMFILE),
        FAULT_CASE(bind, EADDRINUSE),
        FAULT_CASE(listen, EADDRINUSE),
        FAULT_CASE(setsockopt, ENOBUFS),
        FAULT_CASE(getsockname, ENOBUFS),
        FAULT_CASE(accept4, EMFILE),
        FAULT_CASE(accept4, ECONNABORTED),
        FAULT_CASE(accept4, EINTR),
        FAULT_CASE(recv, ECONNRESET),
        FAULT_CASE(recv, EINTR),
        FAULT_CASE(send, EPIPE),
        FAULT_CASE(send, EINTR),
        FAULT_CASE(sendmsg, ENOBUFS),
        FAULT_CASE(pthread_create, EAGAIN),
        FAULT_CASE(mmap, ENOMEM),
        FAULT_CASE(open, EMFILE),
        FAULT_CASE(epoll_wait, EINTR),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
