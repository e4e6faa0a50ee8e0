/* SPDX-License-Identifier: Apache-2.0 */
#include "shard.h"

#include "engine_timers.h"
#include "socket.h"
#include "waker.h"

#include <string.h>

int pl_shard_open(struct pl_shard *shard, struct pl_engine *engine)
{
    int err;

    memset(shard, 0, sizeof(*shard));
    pl_ready_ring_init(&shard->ring);
    shard->engine = engine;
    shard->set.epoll_fd = shard->waker_fd = shard->timer_fd = -1;
    err = pl_handle_set_open(&shard->set);
    if (err < 0)
        goto fail;
    err = pl_waker_open(&shard->waker_fd);
    if (err < 0)
        goto close_set;
    err = pl_shard_timers_open(shard);
    if (err < 0)
        goto close_waker;
    err = pl_handle_set_watch(&shard->set, shard->waker_fd, PL_TOKEN_WAKER, true);
    if (err == 0)
        err = pl_handle_set_watch(&shard->set, shard->timer_fd, PL_TOKEN_TIMER, true);
    if (err < 0)
        goto close_timers;
    return 0;

close_timers:
    pl_shard_timers_close(shard);
close_waker:
    pl_close_fd(&shard->waker_fd);
close_set:
    pl_handle_set_close(&shard->set);
fail:
    pl_ready_ring_deinit(&shard->ring);
    shard->engine = NULL;
    return err;
}

void pl_shard_close(struct pl_shard *shard)
{
    if (shard->engine == NULL)
        return;
    pl_shard_timers_close(shard);
    pl_close_fd(&shard->waker_fd);
    pl_handle_set_close(&shard->set);
    pl_ready_ring_deinit(&shard->ring);
    shard->engine = NULL;
}

void pl_shard_wake(struct pl_shard *shard)
{
    if (atomic_load(&shard->is_asleep) && atomic_exchange(&shard->is_asleep, false))
        pl_waker_wake(shard->waker_fd);
}

void pl_shard_post(struct pl_shard *shard, struct pl_slot *slot)
{
    slot->is_cut = false; /* it has had no share of this thread's */
    pl_ready_ring_append(&shard->ring, slot, PL_READY_UNTIMED);
    pl_shard_wake(shard);
}
