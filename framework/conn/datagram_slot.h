/* SPDX-License-Identifier: Apache-2.0 */
/* A datagram socket as a slot: one claim, a batch of datagrams per turn. */
#ifndef PL_CONN_DATAGRAM_SLOT_H
#define PL_CONN_DATAGRAM_SLOT_H

#include "engine_ops.h"
#include "service.h"

struct pl_datagram_batch;

struct pl_datagram_slot {
    struct pl_slot slot;
    struct pl_service *service;                /* it is a user of it */
    _Atomic(struct pl_service *) next_service; /* left by a reload, or NULL */
    _Atomic bool is_leaving;         /* set by a reload: it closes when nothing has come */
    struct pl_datagram_batch *batch; /* owned */
    uint32_t number;                 /* among the sockets of its address */
};

extern const struct pl_slot_kind pl_datagram_kind;

/* Makes a datagram socket of a held slot; takes over the descriptor, and becomes a user of the
 * service. Errors: -ENOMEM. */
PL_MUST_CHECK int pl_datagram_slot_open(struct pl_datagram_slot *datagrams,
                                        struct pl_service *service, int fd, uint32_t number);

#endif
