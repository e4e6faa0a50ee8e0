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

/* What all engines of a server share: how many connections may be open, and who waits when there
 * are so many. Zeroed with its maximum it is good; pl_conn_quota_deinit() after the engines. */
struct pl_conn_quota {
    _Atomic uint32_t max;
    _Atomic uint32_t used;
    _Atomic bool is_awaited; /* an acceptor waits for room */

    pthread_mutex_t lock; /* guards the three below */
    uint64_t *acceptors;  /* owned; tokens, PL_NO_ACCEPTOR where one has gone */
    uint32_t acceptors_count;
    uint32_t acceptors_room;
};

#define PL_NO_ACCEPTOR UINT64_MAX

void pl_conn_quota_init(struct pl_conn_quota *quota, uint32_t max);
void pl_conn_quota_deinit(struct pl_conn_quota *quota);
struct pl_engine;
/* The maximum may have been raised: who waits for room looks again. `engine`: one of those that
 * share it. Thread: any. */
void pl_conn_quota_look_again(struct pl_engine *engine);

/* What `dispatch` says of an engine; a swap changes all but the first two. */
struct pl_engine_settings {
    const char *name;          /* borrowed; an engine keeps its own copy */
    uint32_t timeline_entries; /* changes of role that are kept of each thread; 0: none */
    const struct pl_arming *arming;
    int64_t turn_ns;   /* 0: no bound in time */
    size_t turn_bytes; /* 0: no bound in bytes */
    bool is_balancing; /* a new connection goes to the loop that has the fewest */
    const struct pl_model_ops *model;
    struct pl_model_settings model_settings;
};

/* How many handle sets the model needs. */
static inline uint32_t pl_engine_shards_wanted(const struct pl_engine_settings *settings)
{
    return settings->model->has_loops ? settings->model_settings.threads : 1;
}

/* What a thread has counted, and who it is just now; goes on to another one. */
struct pl_thread_place {
    struct pl_stats_block stats;
    struct pl_timeline *timeline; /* owned by the engine's list; NULL: none is kept */
    struct pl_thread_place *next; /* never changes */

    /* Guarded by the engine's places_lock. */
    char name[16];
    struct pl_thread *thread; /* borrowed; NULL: free */
};

struct pl_engine {
    struct pl_engine_face face;         /* first */
    char name[PL_NAME_BYTES_MAX];       /* never changes */
    struct pl_engine_settings settings; /* as of the last start or swap; control alone */
    struct pl_buffer_pool *pool;        /* borrowed from the server */
    struct pl_conn_quota *quota;        /* borrowed from the server */
    struct pl_bell *bell;               /* borrowed from the server; NULL: nobody watches */
    pthread_mutex_t model_lock;         /* guards model against threads that are not its own */
    struct pl_model *model;             /* owned; NULL before start and after stop */
    struct pl_model
        *retired; /* owned list: swapped away, with threads in handlers; control alone */

    /* What a swap changes, read by any thread; see engine_home.h. */
    _Atomic(const struct pl_arming *) arming;
    _Atomic bool is_balancing;
    _Atomic uint32_t shards_active;     /* handle sets that the model's threads wait in */
    _Atomic uint16_t dealt;             /* the table's placement when that last changed */
    _Atomic(struct pl_engine *) refuge; /* where its slots go, while it rests; NULL: it does not */

    struct pl_shard **shards;      /* owned array of PL_THREADS_MAX; opened as they are needed */
    _Atomic uint32_t shards_count; /* that are open; they stay */
    struct pl_ready_ring ring;
    /* Of all services: no new deadline is due sooner. */
    _Atomic int64_t shortest_ms;

    _Atomic(struct pl_thread_place *) places; /* owned list; entries are never taken out */
    pthread_mutex_t places_lock;              /* guards who has which */
    struct pl_timelines timelines;            /* of the model's threads, kept beyond them */
    struct pl_thread control;                 /* for turns run by the control thread */
};

static inline uint32_t pl_engine_shards_count(const struct pl_engine *engine)
{
    return atomic_load(&engine->shards_count);
}

/* Where slots of `engine` are while it rests: the refuge may rest by now, and have one itself. The
 * last of them has a model. Thread: any. */
static inline struct pl_engine *pl_engine_awake(struct pl_engine *engine)
{
    struct pl_engine *refuge;

    while ((refuge = atomic_load(&engine->refuge)) != NULL)
        engine = refuge;
    return engine;
}

/* The handle set a slot is armed in, with what belongs to it. Thread: the holder. */
static inline struct pl_shard *pl_engine_shard_of(const struct pl_slot *slot)
{
    return slot->engine->shards[slot->shard];
}

/* `table` is shared by all engines of a server. Errors: negative errno with a sentence; nothing is
 * left behind. Thread: control. */
PL_MUST_CHECK int pl_engine_open(struct pl_engine *engine,
                                 const struct pl_engine_settings *settings,
                                 struct pl_slot_table *table, struct pl_buffer_pool *pool,
                                 struct pl_conn_quota *quota, struct pl_error *error);
/* Closes what is left of this engine's slots but for those that the application's threads hold; no
 * model of any engine may run. Thread: control. */
void pl_engine_cut(struct pl_engine *engine);
/* The same, and then the engine itself; nobody may hold a slot any more. */
void pl_engine_close(struct pl_engine *engine);

/* Makes a listening or datagram socket a slot of the service's engine, held until it is armed:
 * `number` of those of its address. Takes the descriptor over also on failure. Errors: -ENOBUFS,
 * -EMFILE, -ENOMEM. Thread: control. */
PL_MUST_CHECK int pl_engine_listen(struct pl_engine *engine, uint32_t number,
                                   struct pl_service *service, int fd, bool is_datagram,
                                   uint64_t *ret_token);
/* The listener begins to accept. After an error it is held still. Thread: control. */
PL_MUST_CHECK int pl_engine_arm_listener(struct pl_engine *engine, uint64_t token);
/* Registers it in its handle set, so that the arming of a later pl_engine_arm_listener() finds
 * nothing left to fail; it is held still. Errors: a negative errno. Thread: control. */
PL_MUST_CHECK int pl_engine_ready_listener(struct pl_engine *engine, uint64_t token);
/* Closes one that was never armed: who has connected meanwhile is cut off. Thread: control. */
void pl_engine_abandon_listener(struct pl_engine *engine, uint64_t token);
/* Accepts who waits already, and closes then. Connections are left alone. Thread: control. */
void pl_engine_drop_listener(struct pl_engine *engine, uint64_t token);
/* What it accepts from its next turn on is the service's, and where that belongs it goes when it is
 * sent home. Thread: control. */
void pl_engine_reseat_listener(struct pl_engine *engine, uint64_t token,
                               struct pl_service *service);
/* Its descriptor, which the slot owns. Thread: control. */
int pl_engine_listener_fd(struct pl_engine *engine, uint64_t token);
/* A service's deadlines are no shorter than this. Thread: control. */
void pl_engine_note_shortest(struct pl_engine *engine, const struct pl_service *service);

/* Opens the settings' model and starts its threads. Thread: control. */
PL_MUST_CHECK int pl_engine_start(struct pl_engine *engine, struct pl_error *error);

struct pl_swap_figures {
    uint32_t moved; /* connections that went to another handle set, arming or engine */
    uint32_t held;  /* slots that somebody held: they go when they are let go */
};

/* The model of `settings`, its threads at the gate: nothing has changed yet. Errors: -ENOMEM,
 * -EAGAIN, -EMFILE with a sentence. Thread: control. */
PL_MUST_CHECK int pl_engine_prepare_swap(struct pl_engine *engine,
                                         const struct pl_engine_settings *settings,
                                         struct pl_model **ret_successor, struct pl_error *error);
/* It is not wanted after all. */
void pl_engine_abandon_swap(struct pl_model *successor);
/* Gives the engine that model while everything goes on; see swap.c. Threads of the old one that are
 * inside a handler leave after it. Thread: control. */
void pl_engine_swap(struct pl_engine *engine, struct pl_model *successor,
                    const struct pl_engine_settings *settings, struct pl_swap_figures *ret_figures);
/* It has no service any more: its model goes, and all its slots go to `refuge`, until a swap gives
 * it a model again. Thread: control. */
void pl_engine_rest(struct pl_engine *engine, struct pl_engine *refuge);
/* Slots of services whose engine is another one now go there. Thread: control. */
void pl_engine_send_home(struct pl_engine *engine, struct pl_swap_figures *ret_figures);
/* Frees retired models whose threads have left, or do so within that time; returns how many threads
 * have not. Thread: control. */
uint32_t pl_engine_reap(struct pl_engine *engine, int64_t within_ms);

/* Adds an application's event source; its token goes to pl_engine_claim(). Errors: -ENOBUFS,
 * -ESHUTDOWN. Thread: any, while a model runs. */
PL_MUST_CHECK int pl_engine_add_watch(struct pl_engine *engine,
                                      const struct pl_watch_settings *settings,
                                      uint64_t *ret_token);
/* Claims the slot of a token for `why`, if it still has that guest. Thread: any. */
enum pl_claim pl_engine_claim(struct pl_engine *engine, uint64_t token, uint32_t why);
/* Asks every slot of every engine of the table to come to its end: listeners close, idle
 * connections too, others after their exchange. Thread: control. */
void pl_engine_drain(struct pl_engine *const *engines, size_t count);
/* True when no slot is left in any engine of its server. Thread: any. */
bool pl_engine_is_empty(struct pl_engine *engine);
/* Ends the threads of its models; returns how many have not left by the deadline, and names them in
 * the log. Thread: control. */
uint32_t pl_engine_stop(struct pl_engine *engine, int64_t deadline_ms);

/* Adds this engine's figures to `stats`. Thread: any. */
void pl_engine_stats(struct pl_engine *engine, struct pl_stats *stats);

/* ---- for models ---------------------------------------------------------------------------- */

/* A place, statistics and buffers for one thread. Errors: -ENOMEM. Thread: control. */
PL_MUST_CHECK int pl_engine_enter_thread(struct pl_engine *engine, struct pl_thread *thread);
void pl_engine_leave_thread(struct pl_thread *thread);
/* What all threads have counted is gone. */
void pl_engine_free_places(struct pl_engine *engine);

/* Hands a held slot that has something to do to the model of its engine. `thread`: the caller,
 * where it is a thread of any engine that looks for work next, else NULL. Thread: any. */
void pl_engine_hand_over(struct pl_thread *thread, struct pl_slot *slot);
/* Puts slots that the thread holds into a ring of its engine. Thread: one of a model's own. */
void pl_engine_append_all(struct pl_thread *thread, struct pl_ready_ring *ring,
                          struct pl_slot_queue *slots, int64_t now_ns);
/* Everything that stands in the engine's rings goes to the model it has now. Thread: any. */
void pl_engine_sort_anew(struct pl_engine *engine);

/*
 * Waits for the kernel in the thread's own handle set: at most `events_max` events, at most
 * `timeout_ms` (-1: without end). Every slot that was won stands in *won, held by the caller, whose
 * clock is fresh; those whose turn is brief have had it. One that is to stop takes nothing.
 * Thread: the one that waits.
 */
void pl_engine_poll(struct pl_thread *thread, size_t events_max, int timeout_ms,
                    struct pl_slot_queue *won);
/* The same for a thread that pl_shard_wake() is to find: without end, unless something stands in
 * `ring`, or `is_awaited`. */
void pl_engine_sleep(struct pl_thread *thread, struct pl_ready_ring *ring, size_t events_max,
                     bool is_awaited, struct pl_slot_queue *won);
/*
 * For the only thread that waits in a handle set: a round of what came from the kernel and stands
 * in the shard's ring. Waits unless there is something, or `is_awaited`. Returns the first slot or
 * NULL; *ret_left: how many it may take from the ring before it looks here again.
 * Thread: the one that waits.
 */
struct pl_slot *pl_engine_wait(struct pl_thread *thread, bool is_awaited, uint32_t *ret_left);
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
