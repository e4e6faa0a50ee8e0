/* SPDX-License-Identifier: Apache-2.0 */
/* A listening socket as a slot (POSA2's Acceptor): a turn accepts a batch and makes connections. */
#ifndef PL_CONN_ACCEPTOR_H
#define PL_CONN_ACCEPTOR_H

#include "address.h"
#include "engine_ops.h"
#include "service.h"
#include "thread.h"

struct pl_acceptor {
    struct pl_slot slot;
    struct pl_service *service;                /* it is a user of it */
    _Atomic(struct pl_service *) next_service; /* left by a reload, or NULL */
    _Atomic bool is_leaving; /* set by a reload: it closes when nobody waits any more */
    struct pl_peer peer;     /* of the connection that is being adopted */
    int reserve_fd;          /* given up for a moment to turn somebody away */
    bool is_exhausted;       /* the last turn found no descriptor */
    bool is_closing;
    bool may_receive; /* the thread that runs this turn also receives */
    uint32_t number;  /* among the sockets of its address */
    bool is_alone;    /* the only one there can be: its connections are dealt out */
};

extern const struct pl_slot_kind pl_acceptor_kind;

/* Makes an acceptor of a held slot; takes over the listening descriptor, and becomes a user of the
 * service. Errors: -EMFILE. */
PL_MUST_CHECK int pl_acceptor_open(struct pl_acceptor *acceptor, struct pl_service *service, int fd,
                                   uint32_t number);

#endif
