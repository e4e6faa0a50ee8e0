/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One turn of a datagram socket: receive a batch, process each, send the replies. The batch stands
 * in the slot between the stages, so that each may run on another thread.
 *
 * A reply that the socket does not take is dropped and counted: that is what UDP promises.
 */
#include "datagram_slot.h"

#include "alloc.h"
#include "assert.h"
#include "output.h"
#include "socket.h"
#include "thread.h"

#include <paceline/limits.h>

#include <errno.h>

_Static_assert(sizeof(struct pl_datagram_slot) <= PL_SLOT_BYTES, "it fits its slot");

struct item {
    struct sockaddr_storage peer;
    socklen_t peer_length;
    struct pl_buffer *input; /* owned while the turn lasts */
    struct pl_output reply;
    bool has_reply;
};

struct pl_datagram_batch {
    size_t count;
    struct item items[PL_DATAGRAMS_MAX];
};

static struct pl_datagram_slot *datagrams_of(struct pl_slot *slot)
{
    return PL_CONTAINER_OF(slot, struct pl_datagram_slot, slot);
}

static enum pl_next wake(struct pl_slot *slot, uint32_t reasons)
{
    (void)slot;
    return reasons & PL_SHUTDOWN ? PL_CLOSE : PL_RUN_RECEIVE;
}

/* Reads one that cannot be kept, so that it is not announced again and again. */
static void drop_one(struct pl_datagram_slot *datagrams)
{
    struct item *item = &datagrams->batch->items[0];
    char byte;
    size_t length;

    (void)pl_socket_receive_datagram(datagrams->slot.handle.fd, &byte, 1, &item->peer,
                                     &item->peer_length, &length);
    PL_COUNT(datagrams->slot.thread->stats, datagrams_dropped);
}

static enum pl_next receive(struct pl_datagram_slot *datagrams)
{
    struct pl_datagram_batch *batch = datagrams->batch;
    struct pl_thread *thread = datagrams->slot.thread;

    for (batch->count = 0; batch->count < PL_DATAGRAMS_MAX; batch->count++) {
        struct item *item = &batch->items[batch->count];
        size_t length = 0;

        item->input = pl_buffer_take(&thread->cache, PL_DATAGRAM_BYTES_MAX);
        if (item->input == NULL) {
            if (batch->count == 0)
                drop_one(datagrams);
            break;
        }
        if (pl_socket_receive_datagram(datagrams->slot.handle.fd, item->input->data,
                                       item->input->size, &item->peer, &item->peer_length,
                                       &length) != PL_IO_DONE) {
            pl_buffer_give(&thread->cache, item->input);
            break;
        }
        item->input->write = (uint32_t)length;
        PL_COUNT_BY(thread->stats, bytes_received, length);
    }
    datagrams->slot.waits = PL_READABLE;
    if (batch->count > 0)
        return PL_RUN_PROCESS;
    return atomic_load_explicit(&datagrams->is_leaving, memory_order_relaxed) ? PL_CLOSE : PL_WAIT;
}

static enum pl_next process(struct pl_datagram_slot *datagrams)
{
    struct pl_thread *thread = datagrams->slot.thread;

    for (size_t i = 0; i < datagrams->batch->count; i++) {
        struct item *item = &datagrams->batch->items[i];
        struct pl_datagram datagram = { .service_data = datagrams->service->data,
                                        .input = pl_buffer_view(item->input),
                                        .reply = &item->reply };

        item->reply = (struct pl_output){ .cache = &thread->cache };
        datagrams->service->protocol->datagram(&datagram);
        item->has_reply = datagram.has_reply;
        PL_COUNT(thread->stats, requests);
    }
    return PL_RUN_SEND;
}

static void send_one(struct pl_datagram_slot *datagrams, struct item *item)
{
    struct pl_thread *thread = datagrams->slot.thread;
    struct iovec pieces[PL_SEND_PIECES_MAX];
    bool has_more;
    size_t count = pl_output_gather(&item->reply, pieces, PL_SEND_PIECES_MAX, &has_more);

    if (!has_more && pl_socket_send_datagram(datagrams->slot.handle.fd, pieces, count, &item->peer,
                                             item->peer_length) == PL_IO_DONE)
        PL_COUNT_BY(thread->stats, bytes_sent, item->reply.length);
    else
        PL_COUNT(thread->stats, datagrams_dropped);
}

static enum pl_next send_replies(struct pl_datagram_slot *datagrams)
{
    struct pl_buffer_cache *cache = &datagrams->slot.thread->cache;
    struct pl_datagram_batch *batch = datagrams->batch;
    size_t count = batch->count;

    for (size_t i = 0; i < count; i++) {
        struct item *item = &batch->items[i];

        if (item->has_reply)
            send_one(datagrams, item);
        item->reply.cache = cache;
        pl_output_drop(&item->reply);
        pl_buffer_give(cache, item->input);
    }
    batch->count = 0;
    datagrams->slot.next = PL_RUN_RECEIVE;
    if (atomic_load_explicit(&datagrams->is_leaving, memory_order_relaxed))
        return PL_AGAIN; /* until a look finds nothing */
    return count == PL_DATAGRAMS_MAX ? PL_AGAIN : PL_WAIT;
}

static enum pl_next run(struct pl_slot *slot, uint32_t stages)
{
    struct pl_datagram_slot *datagrams = datagrams_of(slot);
    enum pl_next next = (enum pl_next)slot->next;

    while (pl_next_is_stage(next)) {
        slot->next = (uint8_t)next;
        if ((stages & (1u << next)) == 0)
            return next;
        if (next == PL_RUN_RECEIVE) {
            pl_service_change(&datagrams->service, &datagrams->next_service);
            next = receive(datagrams);
        } else if (next == PL_RUN_PROCESS) {
            next = process(datagrams);
        } else {
            next = send_replies(datagrams);
        }
    }
    return next;
}

static void close_datagrams(struct pl_slot *slot)
{
    struct pl_datagram_slot *datagrams = datagrams_of(slot);

    for (size_t i = 0; i < datagrams->batch->count; i++)
        pl_buffer_give(&slot->thread->cache, datagrams->batch->items[i].input);
    pl_free(datagrams->batch);
    pl_service_change(&datagrams->service, &datagrams->next_service);
    pl_service_put(datagrams->service);
    pl_claim_close(&slot->claim);
    pl_engine_face_of(slot->engine)->ops->release(slot);
}

/* A batch that stands half-way was taken for the service before. */
static struct pl_engine *home(struct pl_slot *slot, uint32_t *number)
{
    struct pl_datagram_slot *datagrams = datagrams_of(slot);

    if (datagrams->batch->count == 0)
        pl_service_change(&datagrams->service, &datagrams->next_service);
    *number = datagrams->number;
    return atomic_load(&datagrams->service->engine);
}

const struct pl_slot_kind pl_datagram_kind = { .name = "datagram",
                                               .brings_work = true,
                                               .wake = wake,
                                               .run = run,
                                               .close = close_datagrams,
                                               .home = home };

int pl_datagram_slot_open(struct pl_datagram_slot *datagrams, struct pl_service *service, int fd,
                          uint32_t number)
{
    datagrams->slot.kind = &pl_datagram_kind;
    datagrams->number = number == PL_LISTENER_ALONE ? 0 : number;
    datagrams->slot.arming = &pl_arming_oneshot;
    datagrams->slot.has_own_arming = true;
    datagrams->slot.handle.fd = fd;
    datagrams->slot.next = PL_RUN_RECEIVE;
    datagrams->service = service;
    datagrams->batch = pl_alloc(sizeof(*datagrams->batch));
    if (datagrams->batch == NULL)
        return -ENOMEM;
    pl_service_take(service);
    return 0;
}
