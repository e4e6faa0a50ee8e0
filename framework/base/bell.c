/* SPDX-License-Identifier: Apache-2.0 */
#include "bell.h"

#include "clock.h"

#include <errno.h>
#include <time.h>

void pl_bell_init(struct pl_bell *bell)
{
    atomic_store(&bell->is_asleep, false);
    (void)sem_init(&bell->wake, 0, 0);
}

void pl_bell_deinit(struct pl_bell *bell)
{
    (void)sem_destroy(&bell->wake);
}

void pl_bell_ring(struct pl_bell *bell)
{
    (void)sem_post(&bell->wake);
}

void pl_bell_wait(struct pl_bell *bell, int64_t for_ns)
{
    int64_t until_ns = pl_clock_ns() + for_ns;
    struct timespec until = { .tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000 };

    if (for_ns < 0)
        while (sem_wait(&bell->wake) < 0 && errno == EINTR)
            ;
    else
        while (sem_clockwait(&bell->wake, CLOCK_MONOTONIC, &until) < 0 && errno == EINTR)
            ;
}
