/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One turn of a listener:
 *
 *     readable ─▶ accept up to a batch, adopt each ─▶ wait for readable
 *                   │ limit of connections      ─▶ wait until one closes
 *                   │ no descriptor left        ─▶ wait a moment; then turn one batch away
 *
 * Only the holder of the slot accepts, so one connection wakes one thread: no thundering herd.
 */
#include "acceptor.h"

#include "assert.h"
#include "listener.h"
#include "socket.h"

#include <paceline/limits.h>
#include <paceline/log.h>

#include <errno.h>
#include <fcntl.h>

_Static_assert(sizeof(struct pl_acceptor) <= PL_SLOT_BYTES, "an acceptor fits its slot");

static struct pl_acceptor *acceptor_of(struct pl_slot *slot)
{
    return PL_CONTAINER_OF(slot, struct pl_acceptor, slot);
}

static const struct pl_engine_ops *ops_of(struct pl_acceptor *acceptor)
{
    return pl_engine_face_of(acceptor->slot.engine)->ops;
}

static enum pl_next wake(struct pl_slot *slot, uint32_t reasons)
{
    if (reasons & PL_SHUTDOWN)
        acceptor_of(slot)->is_closing = true;
    return PL_RUN_ACCEPT;
}

static int open_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Out of descriptors twice in a row: those who wait get a close instead of silence. */
static void turn_away(struct pl_acceptor *acceptor)
{
    pl_close_fd(&acceptor->reserve_fd);
    for (int i = 0; i < PL_ACCEPTS_MAX; i++) {
        int fd;

        if (pl_listener_accept(acceptor->slot.handle.fd, &fd, &acceptor->peer) != PL_ACCEPT_DONE)
            break;
        PL_COUNT(acceptor->slot.thread->stats, accepts_refused);
        pl_close_fd(&fd);
    }
    acceptor->reserve_fd = open_reserve();
}

static enum pl_next wait_for_descriptors(struct pl_acceptor *acceptor)
{
    int64_t due_ms = pl_thread_now_ms(acceptor->slot.thread) + PL_ACCEPT_RETRY_MS;

    PL_COUNT(acceptor->slot.thread->stats, accept_failures);
    PL_LOG_RATED(PL_LOG_WARNING,
                 "service %s: no descriptors or memory left to accept with (ulimit -n); trying "
                 "again in %d ms",
                 acceptor->service->name, PL_ACCEPT_RETRY_MS);
    if (acceptor->is_exhausted)
        turn_away(acceptor);
    acceptor->is_exhausted = true;
    acceptor->slot.waits = PL_COMPLETION;
    if (ops_of(acceptor)->arm_timer(&acceptor->slot, due_ms) == 0)
        return PL_WAIT;
    /* Not even that: who stands in the backlog makes no second event, so it is tried again. */
    acceptor->slot.next = PL_RUN_ACCEPT;
    return PL_AGAIN;
}

/* Some other slot's end will post a completion; looked at once more after saying so. */
static enum pl_next wait_for_room(struct pl_acceptor *acceptor)
{
    if (ops_of(acceptor)->await_place(acceptor->slot.engine))
        return PL_RUN_ACCEPT;
    PL_COUNT(acceptor->slot.thread->stats, accepts_refused);
    PL_LOG_RATED(PL_LOG_WARNING,
                 "service %s: limits.connections is reached; new ones wait in the backlog",
                 acceptor->service->name);
    acceptor->slot.waits = PL_COMPLETION;
    return PL_WAIT;
}

static enum pl_next nobody_waits(struct pl_acceptor *acceptor)
{
    if (acceptor->is_closing || atomic_load_explicit(&acceptor->is_leaving, memory_order_relaxed))
        return PL_CLOSE;
    acceptor->is_exhausted = false;
    acceptor->slot.waits = PL_READABLE;
    return PL_WAIT;
}

static enum pl_next accept_batch(struct pl_acceptor *acceptor)
{
    const struct pl_engine_ops *ops = ops_of(acceptor);

    for (int i = 0; i < PL_ACCEPTS_MAX; i++) {
        int fd;

        if (!ops->take_place(acceptor->slot.engine))
            return acceptor->is_closing ? PL_CLOSE : wait_for_room(acceptor);
        switch (pl_listener_accept(acceptor->slot.handle.fd, &fd, &acceptor->peer)) {
        case PL_ACCEPT_DONE:
            acceptor->is_exhausted = false;
            ops->adopt(acceptor->slot.engine, acceptor, fd);
            break;
        case PL_ACCEPT_EMPTY:
            ops->give_place(acceptor->slot.engine);
            return nobody_waits(acceptor);
        case PL_ACCEPT_EXHAUSTED:
            ops->give_place(acceptor->slot.engine);
            return acceptor->is_closing ? PL_CLOSE : wait_for_descriptors(acceptor);
        }
    }
    acceptor->slot.next = PL_RUN_ACCEPT;
    return PL_AGAIN;
}

static enum pl_next run(struct pl_slot *slot, uint32_t stages)
{
    enum pl_next next = (enum pl_next)slot->next;

    pl_service_change(&acceptor_of(slot)->service, &acceptor_of(slot)->next_service);
    acceptor_of(slot)->may_receive = (stages & PL_STAGE_RECEIVE) != 0;
    while (next == PL_RUN_ACCEPT && (stages & PL_STAGE_ACCEPT))
        next = accept_batch(acceptor_of(slot));
    return next;
}

static void close_acceptor(struct pl_slot *slot)
{
    struct pl_acceptor *acceptor = acceptor_of(slot);

    pl_close_fd(&acceptor->reserve_fd);
    pl_service_change(&acceptor->service, &acceptor->next_service);
    pl_service_put(acceptor->service);
    pl_claim_close(&slot->claim);
    ops_of(acceptor)->release(slot);
}

static struct pl_engine *home(struct pl_slot *slot, uint32_t *number)
{
    struct pl_acceptor *acceptor = acceptor_of(slot);

    pl_service_change(&acceptor->service, &acceptor->next_service);
    *number = acceptor->number;
    return atomic_load(&acceptor->service->engine);
}

const struct pl_slot_kind pl_acceptor_kind = { .name = "acceptor",
                                               .brings_work = true,
                                               .wake = wake,
                                               .run = run,
                                               .close = close_acceptor,
                                               .home = home };

int pl_acceptor_open(struct pl_acceptor *acceptor, struct pl_service *service, int fd,
                     uint32_t number)
{
    acceptor->slot.kind = &pl_acceptor_kind;
    acceptor->is_alone = number == PL_LISTENER_ALONE;
    acceptor->number = acceptor->is_alone ? 0 : number;
    acceptor->slot.handle.fd = fd;
    acceptor->slot.next = PL_RUN_ACCEPT;
    acceptor->service = service;
    acceptor->reserve_fd = open_reserve();
    if (acceptor->reserve_fd < 0)
        return -errno;
    pl_service_take(service);
    return 0;
}
