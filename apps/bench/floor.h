/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that a server of one thread can do: wait for a batch of events, and per request one
 * recv and one send, without looking at a byte. Nothing that answers over TCP with epoll can be
 * much cheaper, so it is the unit in which the cost of servers is given.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include "arguments.h"

enum floor_kind {
    FLOOR_HTTP,       /* as many canned replies as requests of the known length came */
    FLOOR_CONNECTION, /* one canned reply per connection, then close */
    FLOOR_FILE,       /* a canned head with MSG_MORE, then sendfile() */
    FLOOR_ECHO,       /* what came goes back */
};

struct floor_plan {
    enum floor_kind kind;
    const char *reply; /* borrowed; the whole reply, for a file its head only */
    size_t reply_length;
    size_t request_length;
    int file_fd; /* borrowed; FLOOR_FILE */
    size_t file_length;
};

/* Serves what `listen_fd` accepts, without end. */
__attribute__((noreturn)) void floor_serve(const struct floor_plan *plan, int listen_fd);

#endif
