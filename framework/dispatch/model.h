/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strategy: who waits, who runs a ready slot, where stages cross threads. A model brings
 * threads and a loop and owns nothing that outlives it, nor any slot that one of its threads might
 * keep from the others: what is ready stands in the engine's rings.
 *
 *     open ─▶ start: its threads stand at the gate ─▶ let go ─▶ stop ─▶ join ─▶ close
 *                                                       └ retired by a swap ┘
 */
#ifndef PL_DISPATCH_MODEL_H
#define PL_DISPATCH_MODEL_H

#include "slot.h"

#include <paceline/attributes.h>
#include <paceline/error.h>

struct pl_engine;
struct pl_model;
struct pl_thread_set;

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

    /* control; no thread yet: a record that begins with a struct pl_model, its thread sets in it.
     * -ENOMEM; nothing is left behind */
    int (*open)(struct pl_engine *engine, const struct pl_model_settings *settings,
                struct pl_model **ret_model);
    /* any; takes over a held slot. `thread` is the caller where it is one of the model's own and
     * will look for work next, else NULL */
    void (*ready)(struct pl_model *model, struct pl_thread *thread, struct pl_slot *slot);
    /* one of the model's own; it will be away for a while: somebody else should wait for events
     * and take what stands in the ready ring */
    void (*away)(struct pl_model *model, struct pl_thread *thread);
    /* control; no thread runs any more */
    void (*close)(struct pl_model *model);
};

struct pl_model {
    const struct pl_model_ops *ops;
    struct pl_engine *engine; /* borrowed */
    uint32_t shards_count;    /* handle sets that its threads wait in */
    struct pl_thread_set *sets;
    int stop_fd;            /* ends every wait of its threads */
    struct pl_model *older; /* owned: the next of those that a swap has retired */

    /* Set by the swap after the engine has its successor; whoever has put a slot into a ring looks
     * at it afterwards, since the swap may have emptied that ring before. */
    _Atomic bool is_retired;
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

/* ---- life; thread: control ------------------------------------------------------------------ */

struct pl_engine_settings;

/* Opens a model with all its threads, which stand at the gate: nothing has begun. Errors: -ENOMEM,
 * -EAGAIN, -EMFILE; nothing is left behind. */
PL_MUST_CHECK int pl_model_open(struct pl_engine *engine, const struct pl_engine_settings *settings,
                                struct pl_model **ret_model);
/* Opens the gate. */
void pl_model_let_go(struct pl_model *model);
/* Asks every thread to leave after its turn, and waits until none of them waits in a handle set any
 * more; who is in a handler leaves after it. */
void pl_model_stop(struct pl_model *model);
/* Waits until the last thread has left or the deadline (of pl_clock_ms()) passes; returns how many
 * have not. */
PL_MUST_CHECK uint32_t pl_model_join(struct pl_model *model, int64_t deadline_ms);
/* After a join that returned 0. */
void pl_model_close(struct pl_model *model);

#endif
