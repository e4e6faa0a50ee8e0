/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: handle sets with their timers and listeners, ready ring and connections of the
 * services that share a model. It outlives every model; a model brings threads and a loop.
 *
 *                    ┌───────────── engine ──────────────┐
 *     kernel ─event─▶│ claim ─▶ [ready ring] ─▶ turn     │─▶ settle ─▶ armed, parked, ring, closed
 *     timers ───────▶│                          ▲        │
 *     other threads ▶│ post ────────────────────┘ model  │
 *                    └───────────────────────────────────┘
 */
#ifndef PL_DISPATCH_ENGINE_H
#define PL_DISPATCH_ENGINE_H

#include "acceptor.h"
#include "buffer_pool.h"
#include "engine_ops.h"
#include "handler_note.h"
#include "model.h"
#include "ready_ring.h"
#include "shard.h"
#include "watch.h"

#include <paceline/limits.h>
#include <paceline/stats.h>

/* How many connections may be open; shared by the engines of one server. */
struct pl_conn_quota {
    uint32_t max;
    _Atomic uint32_t used;
    _Atomic bool is_awaited; /* an acceptor waits for room */

    /* Written in setup: whose acceptors may wait. */
    struct pl_engine *engines[PL_SERVICES_MAX];
    uint32_t engines_count;
};

struct pl_engine_settings {
    const char *name; /* borrowed */
    const struct pl_arming *arming;
    int64_t turn_ns;   /* 0: no bound in time */
    size_t turn_bytes; /* 0: no bound in bytes */
    bool is_balancing; /* a new connection goes to the loop that has the fewest */
    uint32_t slots_max;
    uint32_t timeline_entries; /* changes of role that are kept of each thread; 0: none */
    const struct pl_model_ops *model;
    struct pl_model_settings model_settings;
};

struct pl_engine {
    struct pl_engine_face face; /* first */
    struct pl_engine_settings settings;
    struct pl_buffer_pool *pool; /* borrowed from the server */
    struct pl_conn_quota *quota; /* borrowed from the server */
    pthread_mutex_t model_lock;  /* guards model against threads that are not its own */
    struct pl_model *model;      /* owned; NULL before start and after stop */

    struct pl_shard *shards; /* owned array of face.shards_count */
    struct pl_ready_ring ring;
    int stop_fd;         /* ends every wait from its first wake on */
    int64_t shortest_ms; /* of all services: no new deadline is due sooner; written in setup */

    /* Written in setup, read by any thread. */
    struct pl_stats_block **blocks; /* owned; a block per thread, kept beyond the thread */
    uint32_t blocks_count;
    struct pl_timelines timelines; /* of the model's threads, kept beyond them */
    struct pl_thread control;      /* for turns run by the control thread */

    _Atomic uint32_t slots_open; /* slots with a guest, acceptors among them */
};

/* The handle set a slot is armed in, with what belongs to it. */
static inline struct pl_shard *pl_engine_shard_of(struct pl_engine *engine,
                                                  const struct pl_slot *slot)
{
    return &engine->shards[slot->shard];
}

/* Errors: negative errno with a sentence; nothing is left behind. Thread: setup. */
PL_MUST_CHECK int pl_engine_open(struct pl_engine *engine,
                                 const struct pl_engine_settings *settings,
                                 struct pl_buffer_pool *pool, struct pl_conn_quota *quota,
                                 struct pl_error *error);
/* Closes what is left but for slots that the application's threads hold; no model may run. Thread:
 * control. */
void pl_engine_cut(struct pl_engine *engine);
/* The same, and then the engine itself; nobody may hold a slot any more. */
void pl_engine_close(struct pl_engine *engine);

/* Adds a listening or datagram socket to handle set number `shard`, or, as the only one of its
 * address, to any: its connections are then dealt out. Takes it over also on failure.
 * Thread: setup. */
#define PL_SHARD_ANY UINT32_MAX
PL_MUST_CHECK int pl_engine_listen(struct pl_engine *engine, uint32_t shard,
                                   struct pl_service *service, int fd, bool is_datagram);

/* Opens the settings' model and starts its threads. Thread: control. */
PL_MUST_CHECK int pl_engine_start(struct pl_engine *engine, struct pl_error *error);
/* Last of a start: the first connection finds every thread, and the application, in place. After an
 * error the engine is to be stopped. Thread: control. */
PL_MUST_CHECK int pl_engine_arm_listeners(struct pl_engine *engine, struct pl_error *error);
/* Adds an application's event source; its token goes to pl_engine_claim(). Errors: -ENOBUFS,
 * -ESHUTDOWN. Thread: any, while a model runs. */
PL_MUST_CHECK int pl_engine_add_watch(struct pl_engine *engine,
                                      const struct pl_watch_settings *settings,
                                      uint64_t *ret_token);
/* Claims the slot of a token for `why`, if it still has that guest. Thread: any. */
enum pl_claim pl_engine_claim(struct pl_engine *engine, uint64_t token, uint32_t why);
/* Asks every slot to come to its end: listeners close, idle connections too, others after their
 * exchange. Thread: control. */
void pl_engine_drain(struct pl_engine *engine);
/* True when no slot is left. Thread: any. */
bool pl_engine_is_empty(struct pl_engine *engine);
/* Ends the model's threads; returns how many have not left by the deadline. Thread: control. */
uint32_t pl_engine_stop(struct pl_engine *engine, int64_t deadline_ms);

/* Adds this engine's figures to `stats`. Thread: any. */
void pl_engine_stats(struct pl_engine *engine, struct pl_stats *stats);

/* ---- for models ---------------------------------------------------------------------------- */

/* Statistics, buffers and name for one thread. Errors: -ENOMEM. Thread: control. */
PL_MUST_CHECK int pl_engine_prepare_thread(struct pl_engine *engine, struct pl_thread *thread,
                                           uint32_t block);

/*
 * Waits for the kernel in the thread's own handle set: at most `events_max` events, at most
 * `timeout_ms` (-1: without end). Every slot that was won stands in *won, held by the caller, whose
 * clock is fresh; those whose turn is brief have had it. Thread: the one that waits.
 */
void pl_engine_poll(struct pl_engine *engine, struct pl_thread *thread, size_t events_max,
                    int timeout_ms, struct pl_slot_queue *won);
/* A slot that the waiting thread has won goes to the tail of *won, unless its turn is brief: then
 * it has had it. Thread: the one that waits. */
void pl_engine_found(struct pl_thread *thread, struct pl_slot *slot, uint32_t reasons,
                     struct pl_slot_queue *won);

/* Runs one turn of a held slot, as far as `stages` allows; what it returns is either a stage for
 * another thread or goes to pl_settle(). Thread: the holder. */
enum pl_next pl_turn_run(struct pl_thread *thread, struct pl_slot *slot, uint32_t stages);
/* After the slot was let go or handed over: a handler that may block and whose connection is
 * parked runs now. */
void pl_turn_end(struct pl_thread *thread);

/* The one place that turns pl_next into arm, ready ring or close; see settle.c. The slot is dead
 * to the caller afterwards. Thread: the holder. */
void pl_settle(struct pl_thread *thread, struct pl_slot *slot, enum pl_next next);

#endif
