/* SPDX-License-Identifier: Apache-2.0 */
#include "listener.h"

#include "kernel.h"
#include "socket.h"

#include <paceline/limits.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

static int refuse(struct pl_error *error, const struct pl_address *address, const char *what,
                  int err)
{
    char text[PL_ADDRESS_TEXT_BYTES];
    char reason[128];

    pl_address_format(address, text, sizeof(text));
    return pl_error_set(error, err == -EACCES ? EX_NOPERM : EX_UNAVAILABLE, err,
                        "cannot listen on %s: %s: %s", text, what,
                        strerror_r(-err, reason, sizeof(reason)));
}

/* A file left behind by a server that was killed is removed; one that answers is not ours. */
static int remove_dead_unix_socket(const struct pl_address *address)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->socket;
    struct stat status;
    int fd, result;

    if (lstat(un->sun_path, &status) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(status.st_mode))
        return -EEXIST;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    result = connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0 ? 0 : -errno;
    pl_close_fd(&fd);
    if (result != -ECONNREFUSED)
        return -EADDRINUSE;
    return unlink(un->sun_path) == 0 || errno == ENOENT ? 0 : -errno;
}

static int set_options(int fd, const struct pl_address *address,
                       const struct pl_listener_options *options)
{
    const int on = 1;

    if (address->socket.ss_family == AF_UNIX)
        return 0;
    /* For datagrams it would let two servers share a port without knowing. */
    if (!address->is_datagram && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return -errno;
    if (address->socket.ss_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
        return -errno;
    if (options->is_port_shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)
        return -errno;
    if (address->is_datagram)
        return 0;
    if (options->has_deferral &&
        setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &(int){ PL_DEFER_ACCEPT_S }, sizeof(int)) < 0)
        return -errno;
    if (options->has_nodelay && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
        return -errno;
    if (options->has_keepalive && setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) < 0)
        return -errno;
    return 0;
}

static int bind_and_listen(int fd, const struct pl_address *address,
                           const struct pl_listener_options *options)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->socket;

    if (bind(fd, (const struct sockaddr *)&address->socket, address->length) < 0)
        return -errno;
    if ((address->socket.ss_family == AF_UNIX && chmod(un->sun_path, options->unix_mode) < 0) ||
        (!address->is_datagram && listen(fd, options->backlog) < 0)) {
        int err = -errno;

        /* From the bind on a unix socket's file is ours. */
        pl_listener_remove(address);
        return err;
    }
    return 0;
}

/* A shared port would let a second server listen beside the first without knowing: a socket that
 * does not share finds out. */
static int check_port_is_free(const struct pl_address *address)
{
    const int on = 1;
    int fd = socket(address->socket.ss_family,
                    (address->is_datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    int err = 0;

    if (fd < 0)
        return -errno;
    if (address->socket.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (!address->is_datagram)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&address->socket, address->length) < 0)
        err = -errno;
    pl_close_fd(&fd);
    return err;
}

int pl_listener_open(struct pl_address *address, const struct pl_listener_options *options,
                     int *ret_fd, struct pl_error *error)
{
    int type = (address->is_datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
    socklen_t length = sizeof(address->socket);
    int fd, err;

    if (address->socket.ss_family == AF_UNIX) {
        err = remove_dead_unix_socket(address);
        if (err < 0)
            return refuse(error, address, "the file exists", err);
    }
    if (options->is_port_shared && !options->is_port_ours) {
        err = check_port_is_free(address);
        if (err < 0)
            return refuse(error, address, "bind", err);
    }
    fd = socket(address->socket.ss_family, type, 0);
    if (fd < 0)
        return refuse(error, address, "socket", -errno);
    err = set_options(fd, address, options);
    if (err < 0) {
        err = refuse(error, address, "setsockopt", err);
        goto close_socket;
    }
    err = bind_and_listen(fd, address, options);
    if (err < 0) {
        err = refuse(error, address, "bind", err);
        goto close_socket;
    }
    if (address->socket.ss_family != AF_UNIX &&
        getsockname(fd, (struct sockaddr *)&address->socket, &length) < 0) {
        err = refuse(error, address, "getsockname", -errno);
        goto close_socket;
    }
    *ret_fd = fd;
    return 0;

close_socket:
    pl_close_fd(&fd);
    return err;
}

int pl_listener_share(int fd)
{
    const int on = 1;

    return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ? -errno : 0;
}

static int set_int(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

int pl_listener_change(int fd, const struct pl_address *address,
                       const struct pl_listener_options *options)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->socket;
    bool is_unix = address->socket.ss_family == AF_UNIX;
    int results[5] = { 0 };
    int err = 0;

    if (is_unix && chmod(un->sun_path, options->unix_mode) < 0)
        results[0] = -errno;
    if (!address->is_datagram && listen(fd, options->backlog) < 0)
        results[1] = -errno;
    if (!is_unix && !address->is_datagram) {
        results[2] = set_int(fd, IPPROTO_TCP, TCP_NODELAY, options->has_nodelay);
        results[3] = set_int(fd, SOL_SOCKET, SO_KEEPALIVE, options->has_keepalive);
        results[4] = set_int(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT,
                             options->has_deferral ? PL_DEFER_ACCEPT_S : 0);
    }
    for (size_t i = 0; i < 5; i++)
        err = err < 0 ? err : results[i];
    return err;
}

void pl_listener_remove(const struct pl_address *address)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->socket;

    if (address->socket.ss_family == AF_UNIX)
        (void)unlink(un->sun_path);
}

enum pl_accept pl_listener_accept(int fd, int *ret_fd, struct pl_peer *ret_peer)
{
    /* Each repeat has used up a connection that was gone; the bound is for what we do not know. */
    for (int i = 0; i < PL_ACCEPTS_MAX; i++) {
        /* A unix socket's path is cut: a client's has none, and its family is all we want. */
        union {
            struct sockaddr any;
            struct sockaddr_in6 largest;
        } address = { .any = { .sa_family = AF_UNSPEC } };
        socklen_t length = sizeof(address);
        int conn_fd = pl_kernel_accept4(fd, &address.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (conn_fd >= 0) {
            pl_peer_init(ret_peer, &address.any);
            *ret_fd = conn_fd;
            return PL_ACCEPT_DONE;
        }
        switch (errno) {
        case EMFILE:
        case ENFILE:
        case ENOMEM:
        case ENOBUFS:
        case EPERM: /* a filter: the connection still waits */
            return PL_ACCEPT_EXHAUSTED;
        case EINTR:
        case ECONNABORTED:
        /* Errors already pending on the new socket: accept(2) says to treat them as a retry. */
        case ENETDOWN:
        case EPROTO:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case EOPNOTSUPP:
        case ENETUNREACH:
            continue;
        default:
            return PL_ACCEPT_EMPTY;
        }
    }
    return PL_ACCEPT_EXHAUSTED;
}
