/* SPDX-License-Identifier: Apache-2.0 */
/* One client of a case: a socket, its place in the script, and what it has received. */
#ifndef CONFORM_CLIENT_H
#define CONFORM_CLIENT_H

#include "exchange.h"

struct client {
    const struct conform_case *one; /* borrowed, like script and options */
    const struct script *script;
    const struct run_options *options;
    int fd;                   /* owned; -1 when closed */
    size_t action;            /* the next or running one */
    size_t action_bytes;      /* of it already sent */
    size_t sent_bytes;        /* in all */
    size_t cut_offset;        /* `split each`: pause here once; 0: nowhere */
    long wake_ms;             /* do nothing before; 0: no pause is running */
    long read_late_ms;        /* read nothing until the server has taken nothing for so long */
    long read_from_ms;        /* when that is, as far as it is known */
    size_t sent_unread_bytes; /* sent before the first byte was read */
    char *received;           /* owned */
    size_t received_bytes;
    size_t received_room;
    size_t *datagram_bytes; /* owned */
    size_t datagrams_count;
    size_t *sent_datagram_bytes; /* owned */
    size_t sent_datagrams_count;
    int connect_errno; /* why there is no connection */
    bool is_connecting;
    bool is_blocked;      /* wants POLLOUT */
    bool is_write_broken; /* the other side takes no more */
    bool is_ended;
    bool was_reset;
    bool has_left; /* by itself, without waiting for the end */
    bool is_traced;
};

long clock_ms(void);

/* Opens the socket and starts to connect; a failure stands in connect_errno. */
void client_open(struct client *client, const struct address *address);
void client_deinit(struct client *client);

/* Runs steps until one has to wait. `least_action`: where the slowest client of the case is. */
void client_advance(struct client *client, long now_ms, size_t least_action);

/* Takes what has come. */
void client_receive(struct client *client);

/* Nothing is left to do or to wait for. */
bool client_is_done(const struct client *client);

/* The poll(2) events it waits for; `ret_wake_ms` is lowered to when it wants to go on by itself. */
short client_events(const struct client *client, long now_ms, long *ret_wake_ms);

#endif
