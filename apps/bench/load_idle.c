/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that keep connections open without using them: one descriptor limit each. */
#include "bench.h"
#include "load.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BYTES (64 * 1024)

/* Every connection has been served once: what it costs afterwards is what idling costs. */
static bool use_once(const struct load_plan *plan, const struct reply_template *template, int fd)
{
    static char received[RECEIVE_BYTES];
    struct reply_fault fault;
    size_t at = 0, completed = 0;

    if (send(fd, plan->request, plan->request_length, MSG_NOSIGNAL) !=
        (ssize_t)plan->request_length)
        return false;
    while (completed == 0) {
        ssize_t got = recv(fd, received, sizeof(received), 0);

        if (got <= 0 || !reply_check(template, &at, received, (size_t)got, &completed, &fault))
            return false;
    }
    return completed == 1 && at == 0;
}

void load_hold_idle(const struct load_plan *plan, const struct reply_template *template,
                    struct load_share *share, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int fd = load_connect(&plan->target);

        if (fd >= 0 && use_once(plan, template, fd))
            atomic_fetch_add_explicit(&share->idle_open, 1, memory_order_relaxed);
        else
            atomic_fetch_add_explicit(&share->idle_failed, 1, memory_order_relaxed);
    }
    while (atomic_load_explicit(&share->phase, memory_order_acquire) != LOAD_STOPPED)
        (void)wait_ns(10000000, -1);
    _exit(0);
}
