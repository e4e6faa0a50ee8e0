/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A deputy: a thread that looks, about once a millisecond while there is activity, whether what
 * should move still moves. Averages cannot see the one slow request; it can.
 *
 *     stir ─▶ look ─1 ms─▶ look ─ … ─ a hundred quiet looks ─▶ asleep until stirred
 *
 * Waking it is paid once per quiet period, never per request.
 */
#ifndef PL_DISPATCH_DEPUTY_H
#define PL_DISPATCH_DEPUTY_H

#include "thread_set.h"

/* True: nothing has moved since the last look. Thread: the deputy's. */
typedef bool pl_deputy_look(void *context);

struct pl_deputy {
    struct pl_thread_set set; /* one thread */
    pl_deputy_look *look;
    void *context;
    uint32_t seen; /* the look's own: what it saw the last time */
    _Atomic bool is_asleep;
};

/* A thread set of the model's. Errors: -ENOMEM. Thread: control. */
PL_MUST_CHECK int pl_deputy_init(struct pl_deputy *deputy, struct pl_model *model,
                                 pl_deputy_look *look, void *context);
/* Fine on a zeroed one. */
void pl_deputy_deinit(struct pl_deputy *deputy);

void pl_deputy_wake(struct pl_deputy *deputy);

/* Something begins that may get stuck: the deputy should be awake. Thread: any. */
static inline void pl_deputy_stir(struct pl_deputy *deputy)
{
    if (atomic_load(&deputy->is_asleep))
        pl_deputy_wake(deputy);
}

#endif
