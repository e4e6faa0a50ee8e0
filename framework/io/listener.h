/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that are bound: opened before any thread starts, accepted from within a budget. */
#ifndef PL_IO_LISTENER_H
#define PL_IO_LISTENER_H

#include "address.h"

#include <sys/types.h>

struct pl_listener_options {
    int backlog;      /* connections the kernel queues */
    mode_t unix_mode; /* of a unix socket's file */
    bool has_nodelay;
    bool has_keepalive;
    bool has_deferral; /* the client speaks first: it is accepted when it has (TCP_DEFER_ACCEPT) */
    bool is_port_shared; /* several of our sockets listen on the address (SO_REUSEPORT) */
    bool is_port_ours;   /* one of them does already */
};

/*
 * Binds, and listens unless it is a datagram socket; the address is updated to what was really
 * bound (port 0). A unix socket's file is replaced only when nobody answers on it. Options of TCP
 * connections are set here and inherited by what is accepted.
 *
 * Owner:  the caller.
 * Thread: setup.
 * Errors: a negative errno value with a sentence.
 */
PL_MUST_CHECK int pl_listener_open(struct pl_address *address,
                                   const struct pl_listener_options *options, int *ret_fd,
                                   struct pl_error *error);

/* More sockets may listen on the address of this one from now on, if is_port_shared. Errors:
 * negative errno. Thread: any. */
PL_MUST_CHECK int pl_listener_share(int fd);

/* Gives a listening socket other options and another backlog; an address is not among them. Errors:
 * a negative errno; the others are set all the same. Thread: any. */
PL_MUST_CHECK int pl_listener_change(int fd, const struct pl_address *address,
                                     const struct pl_listener_options *options);

/* Removes a unix socket's file; does nothing for other addresses. */
void pl_listener_remove(const struct pl_address *address);

enum pl_accept {
    PL_ACCEPT_DONE,
    PL_ACCEPT_EMPTY,     /* nobody waits */
    PL_ACCEPT_EXHAUSTED, /* no descriptors or memory: try again later */
};

/* Accepts one connection, non-blocking and close-on-exec, and learns who it is; one that was gone
 * before is skipped. */
enum pl_accept pl_listener_accept(int fd, int *ret_fd, struct pl_peer *ret_peer);

#endif
