/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel answers from a script: a list of results, the last one repeated. */
#include "handle_set.h"
#include "listener.h"
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const int *script; /* negative: an errno value */
static int calls;
static int flags_seen;

static ssize_t next_result(void)
{
    int result = script[calls];

    calls++;
    if (result < 0) {
        errno = -result;
        return -1;
    }
    return result;
}

static void play(const int *results)
{
    script = results;
    calls = 0;
}

ssize_t __real_pl_kernel_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap_pl_kernel_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __real_recvfrom(int fd, void *bytes, size_t size, int flags, struct sockaddr *peer,
                        socklen_t *length);
ssize_t __wrap_recvfrom(int fd, void *bytes, size_t size, int flags, struct sockaddr *peer,
                        socklen_t *length);
ssize_t __real_pl_kernel_send(int fd, const void *bytes, size_t length, int flags);
ssize_t __wrap_pl_kernel_send(int fd, const void *bytes, size_t length, int flags);
ssize_t __real_pl_kernel_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_pl_kernel_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __real_sendfile(int fd, int file_fd, off_t *offset, size_t length);
ssize_t __wrap_sendfile(int fd, int file_fd, off_t *offset, size_t length);
int __real_pl_kernel_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int __wrap_pl_kernel_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int __real_pl_kernel_epoll_wait(int set, struct epoll_event *events, int count, int timeout_ms);
int __wrap_pl_kernel_epoll_wait(int set, struct epoll_event *events, int count, int timeout_ms);

ssize_t __wrap_pl_kernel_recv(int fd, void *bytes, size_t size, int flags)
{
    (void)fd, (void)bytes, (void)size, (void)flags;
    return next_result();
}

ssize_t __wrap_recvfrom(int fd, void *bytes, size_t size, int flags, struct sockaddr *peer,
                        socklen_t *length)
{
    (void)fd, (void)bytes, (void)size, (void)flags, (void)peer;
    assert_int_equal(*length, sizeof(struct sockaddr_storage));
    *length = 16;
    return next_result();
}

ssize_t __wrap_pl_kernel_send(int fd, const void *bytes, size_t length, int flags)
{
    (void)fd, (void)bytes, (void)length;
    flags_seen = flags;
    return next_result();
}

ssize_t __wrap_pl_kernel_sendmsg(int fd, const struct msghdr *message, int flags)
{
    (void)fd, (void)message;
    flags_seen = flags;
    return next_result();
}

ssize_t __wrap_sendfile(int fd, int file_fd, off_t *offset, size_t length)
{
    (void)fd, (void)file_fd, (void)offset, (void)length;
    return next_result();
}

int __wrap_pl_kernel_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    (void)fd, (void)address, (void)length;
    flags_seen = flags;
    return (int)next_result();
}

static struct epoll_event told;

int __wrap_pl_kernel_epoll_wait(int set, struct epoll_event *events, int count, int timeout_ms)
{
    (void)set, (void)count, (void)timeout_ms;
    events[0] = told;
    return (int)next_result();
}

struct row {
    int results[4];
    enum pl_io outcome;
    int calls;
};

static const struct row rows[] = {
    { { 5 }, PL_IO_DONE, 1 },
    { { -EINTR, 5 }, PL_IO_DONE, 2 },
    { { -EINTR, -EINTR, -EINTR, 5 }, PL_IO_DONE, 4 },
    { { -EAGAIN }, PL_IO_WOULD_BLOCK, 1 },
    { { -EWOULDBLOCK }, PL_IO_WOULD_BLOCK, 1 },
    { { -EINTR, -EAGAIN }, PL_IO_WOULD_BLOCK, 2 },
    { { -ECONNRESET }, PL_IO_FAILED, 1 },
    { { -EPIPE }, PL_IO_FAILED, 1 },
    { { -ETIMEDOUT }, PL_IO_FAILED, 1 },
    { { -ENOMEM }, PL_IO_FAILED, 1 },
    { { -EBADF }, PL_IO_FAILED, 1 },
};

static enum pl_io do_receive(size_t *length)
{
    char bytes[8];

    return pl_socket_receive(9, bytes, sizeof(bytes), length);
}

static enum pl_io do_send_one(size_t *length)
{
    char text[] = "12345";
    struct iovec piece = { .iov_base = text, .iov_len = 5 };

    return pl_socket_send(9, &piece, 1, false, length);
}

static enum pl_io do_send_two(size_t *length)
{
    char text[] = "12345";
    struct iovec pieces[2] = { { .iov_base = text, .iov_len = 5 },
                               { .iov_base = text, .iov_len = 5 } };

    return pl_socket_send(9, pieces, 2, true, length);
}

static enum pl_io do_send_file(size_t *length)
{
    off_t offset = 0;

    return pl_socket_send_file(9, 8, &offset, 5, length);
}

static enum pl_io do_receive_datagram(size_t *length)
{
    struct sockaddr_storage peer;
    socklen_t peer_length = 1;
    char bytes[8];

    return pl_socket_receive_datagram(9, bytes, sizeof(bytes), &peer, &peer_length, length);
}

static enum pl_io do_send_datagram(size_t *length)
{
    struct sockaddr_storage peer = { .ss_family = AF_INET };
    struct iovec piece = { .iov_base = NULL, .iov_len = 0 };

    *length = 5;
    return pl_socket_send_datagram(9, &piece, 1, &peer, 16);
}

static enum pl_io (*const calls_of_socket[])(size_t *length) = {
    do_receive, do_send_one, do_send_two, do_send_file, do_receive_datagram, do_send_datagram
};

static void interrupts_are_repeated_and_errors_folded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(calls_of_socket) / sizeof(calls_of_socket[0]); i++)
        for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
            size_t length = 77;

            play(rows[k].results);
            assert_int_equal(calls_of_socket[i](&length), rows[k].outcome);
            assert_int_equal(calls, rows[k].calls);
            if (rows[k].outcome == PL_IO_DONE)
                assert_int_equal(length, 5);
        }
}

static void nothing_received_is_the_end_but_an_empty_datagram_is_one(void **state)
{
    static const int nothing[] = { 0 };
    size_t length = 77;

    (void)state;
    play(nothing);
    assert_int_equal(do_receive(&length), PL_IO_END);
    assert_int_equal(length, 77);
    play(nothing);
    assert_int_equal(do_send_file(&length), PL_IO_END);
    play(nothing);
    assert_int_equal(do_receive_datagram(&length), PL_IO_DONE);
    assert_int_equal(length, 0);
}

static void a_send_raises_no_signal_and_says_when_more_comes(void **state)
{
    static const int five[] = { 5 };
    size_t length;

    (void)state;
    play(five);
    (void)do_send_one(&length);
    assert_int_equal(flags_seen, MSG_NOSIGNAL);
    play(five);
    (void)do_send_two(&length);
    assert_int_equal(flags_seen, MSG_NOSIGNAL | MSG_MORE);
}

static void closing_forgets_and_does_it_once(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), number = fd;

    (void)state;
    pl_close_fd(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(fcntl(number, F_GETFD), -1);
    pl_close_fd(&fd);
    assert_int_equal(fd, -1);
}

static void every_error_of_accept_has_its_outcome(void **state)
{
    static const struct {
        int error;
        enum pl_accept outcome;
        int calls;
    } table[] = {
        { EMFILE, PL_ACCEPT_EXHAUSTED, 1 }, { ENFILE, PL_ACCEPT_EXHAUSTED, 1 },
        { ENOMEM, PL_ACCEPT_EXHAUSTED, 1 }, { ENOBUFS, PL_ACCEPT_EXHAUSTED, 1 },
        { EAGAIN, PL_ACCEPT_EMPTY, 1 },     { EINVAL, PL_ACCEPT_EMPTY, 1 },
        { EINTR, PL_ACCEPT_DONE, 2 },       { ECONNABORTED, PL_ACCEPT_DONE, 2 },
        { ENETDOWN, PL_ACCEPT_DONE, 2 },    { EPROTO, PL_ACCEPT_DONE, 2 },
        { ENOPROTOOPT, PL_ACCEPT_DONE, 2 }, { EHOSTDOWN, PL_ACCEPT_DONE, 2 },
        { ENONET, PL_ACCEPT_DONE, 2 },      { EHOSTUNREACH, PL_ACCEPT_DONE, 2 },
        { EOPNOTSUPP, PL_ACCEPT_DONE, 2 },  { ENETUNREACH, PL_ACCEPT_DONE, 2 },
        { EPERM, PL_ACCEPT_EXHAUSTED, 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        int results[] = { -table[i].error, 33 };
        struct pl_peer peer;
        int fd = -1;

        play(results);
        assert_int_equal(pl_listener_accept(9, &fd, &peer), table[i].outcome);
        assert_int_equal(calls, table[i].calls);
        assert_int_equal(fd, table[i].outcome == PL_ACCEPT_DONE ? 33 : -1);
        assert_int_equal(flags_seen, SOCK_NONBLOCK | SOCK_CLOEXEC);
    }
}

static void an_interrupted_wait_has_no_events(void **state)
{
    static const int interrupted[] = { -EINTR };
    struct pl_handle_set set = { .epoll_fd = 9 };
    struct pl_event events[4];

    (void)state;
    play(interrupted);
    assert_int_equal(pl_handle_set_wait(&set, events, 4, -1), 0);
    assert_int_equal(calls, 1);
}

static void events_become_reasons(void **state)
{
    static const struct {
        uint32_t events, reasons;
    } table[] = {
        { EPOLLIN, PL_READABLE },
        { EPOLLOUT, PL_WRITABLE },
        { EPOLLIN | EPOLLOUT, PL_READABLE | PL_WRITABLE },
        { EPOLLPRI, PL_READABLE | PL_URGENT },
        { EPOLLRDHUP, PL_READABLE | PL_PEER_DONE },
        { EPOLLHUP, PL_READABLE | PL_WRITABLE | PL_HANGUP },
        { EPOLLERR, PL_READABLE | PL_WRITABLE | PL_HANGUP },
    };
    static const int one[] = { 1 };
    struct pl_handle_set set = { .epoll_fd = 9 };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct pl_event event;

        told = (struct epoll_event){ .events = table[i].events, .data.u64 = 1ull << 40 | 5 };
        play(one);
        assert_int_equal(pl_handle_set_wait(&set, &event, 1, 0), 1);
        assert_int_equal(event.reasons, table[i].reasons);
        assert_true(event.token == (1ull << 40 | 5));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interrupts_are_repeated_and_errors_folded),
        cmocka_unit_test(nothing_received_is_the_end_but_an_empty_datagram_is_one),
        cmocka_unit_test(a_send_raises_no_signal_and_says_when_more_comes),
        cmocka_unit_test(closing_forgets_and_does_it_once),
        cmocka_unit_test(every_error_of_accept_has_its_outcome),
        cmocka_unit_test(an_interrupted_wait_has_no_events),
        cmocka_unit_test(events_become_reasons),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
