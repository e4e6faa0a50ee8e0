/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

int64_t client_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void client_pause_ms(long ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static void await_event(int fd, short events)
{
    struct pollfd poll_fd = { .fd = fd, .events = events };
    int64_t until = client_now_ms() + CLIENT_DEADLINE_MS;

    while (client_now_ms() < until)
        if (poll(&poll_fd, 1, 100) > 0)
            return;
    fail_msg("descriptor %d was not ready within %d ms", fd, CLIENT_DEADLINE_MS);
}

int client_connect(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail_msg("connect to port %u: %s", port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

void client_expect_refusal(uint16_t port)
{
    const struct sockaddr_in address = { .sin_family = AF_INET,
                                         .sin_port = htons(port),
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;
    bool is_refused = false;

    while (!is_refused && client_now_ms() < until_ms) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        is_refused = connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0;
        close(fd);
        if (!is_refused)
            client_pause_ms(1);
    }
    assert_true(is_refused);
}

void client_send(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;

    while (length > 0) {
        ssize_t sent;

        await_event(fd, POLLOUT);
        sent = send(fd, at, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (sent < 0)
            fail_msg("send: %s", strerror(errno));
        at += sent;
        length -= (size_t)sent;
    }
}

void client_say(int fd, const char *text)
{
    client_send(fd, text, strlen(text));
}

void client_receive(int fd, void *bytes, size_t length)
{
    char *at = bytes;

    while (length > 0) {
        ssize_t received;

        await_event(fd, POLLIN);
        received = recv(fd, at, length, MSG_DONTWAIT);
        if (received < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (received <= 0)
            fail_msg("the connection ended with %zu bytes still expected", length);
        at += received;
        length -= (size_t)received;
    }
}

void client_expect(int fd, const char *text)
{
    char found[8192];
    size_t length = strlen(text);

    assert_true(length < sizeof(found));
    client_receive(fd, found, length);
    found[length] = '\0';
    assert_string_equal(found, text);
}

size_t client_receive_all(int fd, void *bytes, size_t size)
{
    size_t length = 0;

    for (;;) {
        char block[4096];
        ssize_t received;

        await_event(fd, POLLIN);
        received = recv(fd, block, sizeof(block), MSG_DONTWAIT);
        if (received < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (received <= 0)
            return length;
        for (ssize_t i = 0; i < received && length < size; i++)
            ((char *)bytes)[length++] = block[i];
    }
}

void client_expect_end(int fd)
{
    char byte;

    assert_int_equal(client_receive_all(fd, &byte, 1), 0);
}

void client_reset(int fd)
{
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
}

void client_close(int fd)
{
    close(fd);
}

bool client_reaches(const _Atomic uint32_t *word, uint32_t value, int64_t within_ms)
{
    int64_t until = client_now_ms() + within_ms;

    while (atomic_load(word) < value) {
        if (client_now_ms() > until)
            return false;
        client_pause_ms(1);
    }
    return true;
}

void client_await(const _Atomic uint32_t *word, uint32_t value)
{
    if (!client_reaches(word, value, CLIENT_DEADLINE_MS))
        fail_msg("a counter stands at %u, expected %u", atomic_load(word), value);
}
