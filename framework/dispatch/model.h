/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strategy: who waits, who runs a ready slot, where stages cross threads. A model brings
 * threads and a loop and owns nothing that outlives it.
 */
#ifndef PL_DISPATCH_MODEL_H
#define PL_DISPATCH_MODEL_H

#include "slot.h"

#include <paceline/attributes.h>
#include <paceline/error.h>

struct pl_engine;
struct pl_model;

enum pl_queue_full { PL_QUEUE_FULL_WAIT, PL_QUEUE_FULL_REFUSE };

/* leader_followers: when a follower is promoted. */
enum pl_promotion {
    PL_PROMOTION_ADAPTIVE, /* when more work is pending, or what was found will take its time */
    PL_PROMOTION_ALWAYS,   /* before each event is processed: the textbook's form */
    PL_PROMOTION_KERNEL,   /* never: every thread waits in the kernel's queue */
};

struct pl_model_settings {
    uint32_t threads;   /* as configured; PL_THREADS_AUTO */
    uint32_t queue_max; /* units that may wait for a worker */
    enum pl_queue_full queue_full;
    enum pl_promotion promotion;
    bool is_inlining; /* a thread that waits for events may run a quick handler in passing */
    bool is_pinning;  /* each loop on a CPU of its own */
};

#define PL_THREADS_AUTO UINT32_MAX

struct pl_model_ops {
    const char *name;      /* the word in the configuration */
    const char *spellings; /* name first, then what textbooks write, separated by '|' */
    uint32_t threads_min;  /* what `threads` must at least be */
    bool has_pool;         /* handlers may block: `threads: auto` means a pool, not a CPU each */
    bool has_loops;        /* every thread waits in a handle set of its own */

    /* control; no thread yet */
    int (*open)(struct pl_engine *engine, const struct pl_model_settings *settings,
                struct pl_model **ret_model);
    /* control; all threads or none */
    int (*start)(struct pl_model *model);
    /* any; takes over a held slot. `thread` is the caller where it is one of the model's own and
     * will look for work next, else NULL */
    void (*ready)(struct pl_model *model, struct pl_thread *thread, struct pl_slot *slot);
    /* one of the model's own; it will be away for a while: somebody else should wait for events
     * and take what stands in the ready ring */
    void (*away)(struct pl_model *model, struct pl_thread *thread);
    /* any; asks: leave after this turn */
    void (*stop)(struct pl_model *model);
    /* control; waits until the last has left or the deadline passes; returns how many have not */
    uint32_t (*join)(struct pl_model *model, int64_t deadline_ms);
    /* control; after a join that returned 0 */
    void (*close)(struct pl_model *model);
};

struct pl_model {
    const struct pl_model_ops *ops;
    struct pl_engine *engine; /* borrowed */
};

extern const struct pl_model_ops pl_leader_followers_ops;
extern const struct pl_model_ops pl_half_sync_half_async_ops;
extern const struct pl_model_ops pl_reactor_ops;
extern const struct pl_model_ops pl_proactor_ops;
extern const struct pl_model_ops pl_per_core_ops;

/* All models, ended by NULL; the first is the default. */
extern const struct pl_model_ops *const pl_models[];

/* Also by its other spellings; NULL when there is none. */
const struct pl_model_ops *pl_model_find(const char *name);

/* What `threads: auto` means for a model on this machine. */
uint32_t pl_model_threads_auto(const struct pl_model_ops *ops);

#endif
