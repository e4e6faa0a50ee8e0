/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of an upstream: what the pool counts and lists, its connections and its calls.
 *
 *     call ──┐  acquire: idle of my set ─ idle of another set ─ a new one ─ wait in line
 *     lease ─┘     │
 *                  ▼
 *     connection: connecting ─▶ leased ─reply─▶ next in line, or idle ─▶ … ─▶ closed
 *
 * An upstream connection is a slot with a claim like any other. Who it belongs to beyond that, its
 * place in the pool, changes under the upstream's lock alone, which is never held across a system
 * call, a callback or another lock.
 */
#ifndef PL_UPSTREAM_UPSTREAM_H
#define PL_UPSTREAM_UPSTREAM_H

#include "address.h"
#include "conn.h"
#include "list.h"
#include "resolver.h"

#include <paceline/settings.h>
#include <paceline/upstream.h>

#include <pthread.h>

/* ---- settings: filled by the server's tables ---------------------------------------------------
 */

enum pl_upstream_policy { PL_UPSTREAM_ROUND_ROBIN, PL_UPSTREAM_LEAST_CONNECTIONS };

struct pl_upstream_pool_settings {
    uint32_t min_idle, max, max_waiters, max_requests;
    int64_t max_idle_us, max_lifetime_us;
};

struct pl_upstream_timeouts_settings {
    int64_t connect_us, wait_us, first_byte_us, total_us;
};

struct pl_upstream_eject_settings {
    uint32_t failures;
    int64_t time_us;
};

struct pl_upstream_settings {
    char *name;
    struct pl_setting_place place;
    struct pl_setting_list servers; /* of char * */
    int policy;
    struct pl_upstream_pool_settings pool;
    struct pl_upstream_timeouts_settings timeouts;
    struct pl_upstream_eject_settings eject;
    uint64_t message_bytes_max;
    int64_t refresh_us;
};

/* ---- records -----------------------------------------------------------------------------------
 */

/* A server behind the upstream. Guarded by the upstream's lock. */
struct pl_upstream_server {
    const char *text; /* borrowed from the settings */
    struct pl_address addresses[PL_UPSTREAM_ADDRESSES_MAX];
    uint32_t addresses_count; /* 0: its name is not resolved yet, or cannot be */
    bool is_unresolvable;     /* the last answer was that it has no address */
    uint32_t next_address;
    uint32_t leased;
    uint32_t failures;        /* in a row */
    uint32_t ejections;       /* in a row: the next one lasts longer */
    int64_t ejected_until_ms; /* 0: it is in the choice */
};

/* What stands in line for a connection: a call, or a thread that wants a lease. */
struct pl_upstream_waiter {
    struct pl_link link; /* guarded by the upstream's lock */
    bool is_lessee;
    uint32_t set;                           /* PL_UPSTREAM_SET, in which it would like to have it */
    const struct pl_upstream_server *avoid; /* could not be reached just now; NULL: none */
};

struct pl_upstream_call_record {
    struct pl_upstream_waiter waiter; /* first; its link also among the free records */
    struct pl_upstream *upstream;     /* borrowed; never changes */
    uint32_t index;

    /* Guarded by the upstream's lock. */
    uint32_t generation;           /* odd while in use */
    struct pl_upstream_conn *conn; /* assigned or under way; NULL while it waits */

    /* Set by pl_upstream_cancel() on any thread, read by whoever has the call. */
    _Atomic bool is_cancelled;

    /* Whoever has it: the caller, the line, or the connection's holder. */
    struct pl_upstream_call call;
    struct pl_buffer *request; /* owned */
    uint64_t scratch[4];
    int64_t begun_ns;
    int64_t wait_due_ms, total_due_ms, first_byte_due_ms;
    uint32_t tries_left; /* of connections that cannot be made */
    bool was_retried;
    bool was_reused;
    bool is_ended; /* stands among the ended, to be told `outcome`; guarded by the lock */
    enum pl_upstream_outcome outcome;
};

/* Stands on the thread's own stack. Guarded by the upstream's lock. */
struct pl_upstream_lessee {
    struct pl_upstream_waiter waiter; /* first */
    pthread_cond_t is_served;
    struct pl_upstream_conn *conn; /* on its way to this thread, handed over, or to be connected */
    bool is_handed;                /* its slot is held in this thread's name */
    bool must_connect;
};

/* A handle set: of which engine, and which of its own, in one number. It is where a thread would
 * like its connections; a swap may leave fewer sets than it names, and the engine then chooses. */
#define PL_UPSTREAM_SET(engine_number, shard) ((engine_number)*PL_THREADS_MAX + (shard))

/* Idle connections stand in so many lists for each server, those of a handle set in one of them. */
#define PL_UPSTREAM_LISTS 16

/* Which slot of which engine it is; kept by whoever it was given to, because the connection may
 * close at once. */
struct pl_upstream_place {
    uint32_t set;   /* that it was made in, or last asked for from */
    uint64_t token; /* of the slot */
};

/* The token of no slot. */
#define PL_UPSTREAM_NOWHERE UINT64_MAX

enum pl_upstream_state {
    PL_UPSTREAM_FREE,   /* a record without a connection */
    PL_UPSTREAM_IDLE,   /* listed; armed, so that its end is noticed */
    PL_UPSTREAM_LEASED, /* assigned to a call or a lessee; or on its way to be idle */
    PL_UPSTREAM_LENT,   /* held by a lessee's thread; not in the handle set */
    PL_UPSTREAM_DOOMED, /* its next turn closes it */
};

struct pl_upstream_conn {
    struct pl_upstream *upstream; /* borrowed; never changes */

    /* Guarded by the upstream's lock. */
    struct pl_link link; /* among the idle of its server and set, or the free */
    enum pl_upstream_state state;
    bool is_warming; /* made ahead of any call */
    struct pl_upstream_place place;
    struct pl_upstream_server *server;
    struct pl_upstream_call_record *assigned; /* to be taken by the holder */
    struct pl_upstream_lessee *lessee;        /* to be handed over to */

    /* The holder of the slot only. */
    struct pl_conn *conn;                 /* NULL while FREE */
    struct pl_upstream_call_record *call; /* under way */
    struct pl_address address;
    int64_t born_ms;
    int64_t due_ms;   /* of connecting, or of resting */
    int64_t armed_ms; /* what its timer is set to */
    uint32_t exchanges;
    enum pl_upstream_outcome failure; /* what ended it; REPLIED: nothing has */
    int connect_err;                  /* why it could not be made; negative errno, or 0 */
    bool is_connecting;
    bool is_sent;       /* the call's request */
    bool has_got_bytes; /* of its reply, when it ended */
};

/* Threads that are not the server's have no cache of buffers; they share this one. */
struct pl_upstream_strangers {
    pthread_mutex_t lock;
    struct pl_buffer_cache cache;
    struct pl_stats_block *stats; /* owned */
};

struct pl_upstream {
    const struct pl_upstream_settings *settings; /* borrowed */
    struct pl_engine *const *engines;            /* borrowed: the server's, by their number */
    struct pl_service service;                   /* what its connections share */
    struct pl_upstream_conn *conns;              /* owned: pool.max of them */
    struct pl_upstream_call_record *calls;       /* owned: calls_count of them */
    uint32_t calls_count;
    struct pl_resolver *resolver; /* owned; NULL when every server is a numeric address */
    struct pl_upstream_strangers strangers;

    pthread_mutex_t lock; /* guards all below and what is said above */
    struct pl_upstream_server servers[PL_UPSTREAM_SERVERS_MAX];
    uint32_t servers_count;
    uint32_t next_server;
    uint32_t ejected;
    struct pl_link *idle; /* owned: PL_UPSTREAM_LISTS per server, last used first */
    struct pl_link free_conns;
    struct pl_link free_calls;
    struct pl_link line;  /* of waiters, the first to be served first */
    struct pl_link ended; /* calls that the keeper tells their end */
    uint32_t open, idle_count, warming, waiting;
    uint64_t keeper; /* token, in engines[0] */
    bool has_keeper; /* also while its slot is being taken */
    int64_t keeper_due_ms;
    bool has_new_addresses; /* the keeper has not looked at them */
    int64_t warm_not_before_ms;
    bool is_stopped;         /* no thread begins to touch a slot any more */
    uint32_t visitors;       /* threads that are not an engine's and may touch slots just now */
    pthread_cond_t is_empty; /* of visitors, after the stop */
    bool is_serving;         /* a thread is serving the line */
    bool must_serve;         /* and should look once more */
    uint64_t counters[PL_UPSTREAM_COUNTERS_COUNT];
    struct pl_histogram latency_us;
};

#define PL_UPSTREAM_COUNT(upstream, name) ((upstream)->counters[PL_UPSTREAM_COUNT_##name]++)

/* ---- upstream.c: life -------------------------------------------------------------------------
 */

/*
 * Makes the pool of checked settings, which it borrows. `upstream` is zeroed and never moves.
 *
 * Errors: -ENOMEM, -EINVAL with a sentence; nothing is left behind. Thread: setup.
 */
PL_MUST_CHECK int pl_upstream_open(struct pl_upstream *upstream,
                                   const struct pl_upstream_settings *settings,
                                   struct pl_engine *const *engines, struct pl_buffer_pool *buffers,
                                   struct pl_error *error);
/* Warms up, resolves names. The engines run. Thread: control. */
PL_MUST_CHECK int pl_upstream_start(struct pl_upstream *upstream, struct pl_error *error);
/* Ends every call that waits, and takes no more; when it returns no thread of the application is
 * inside the pool, nor comes in. What is leased stays so, and may be returned until the close. The
 * engines' threads have left. Thread: control. */
void pl_upstream_stop(struct pl_upstream *upstream);
/* Before the engines are. Every lease was returned; fine on a zeroed one. Thread: control. */
void pl_upstream_close(struct pl_upstream *upstream);

/* A thread that is not an engine's says so before it touches slots outside the lock, unless the
 * pool has stopped; the stop waits until it has left. Thread: any. */
static inline bool pl_upstream_visit_locked(struct pl_upstream *upstream)
{
    if (!upstream->is_stopped)
        upstream->visitors++;
    return !upstream->is_stopped;
}
void pl_upstream_leave_locked(struct pl_upstream *upstream);
void pl_upstream_leave(struct pl_upstream *upstream);

/* ---- upstream_choice.c: which server; all with the lock held
 * ------------------------------------- */

/* The server for the next exchange, `avoided` (or NULL) only if there is no other; NULL while none
 * has an address. */
struct pl_upstream_server *pl_upstream_choose_locked(struct pl_upstream *upstream,
                                                     const struct pl_upstream_server *avoided,
                                                     int64_t now_ms);
/* No server has an address, and no name is still being asked for. */
bool pl_upstream_is_hopeless_locked(const struct pl_upstream *upstream);
void pl_upstream_note_success_locked(struct pl_upstream_server *server);
/* For how many milliseconds it is ejected from now on; 0: it is not. */
int64_t pl_upstream_note_failure_locked(struct pl_upstream *upstream,
                                        struct pl_upstream_server *server, int64_t now_ms);
bool pl_upstream_is_ejected_locked(const struct pl_upstream_server *server);

/* ---- upstream_pool.c: who gets which connection
 * --------------------------------------------------- */

enum pl_upstream_grant {
    PL_UPSTREAM_GRANT_IDLE, /* *ret_conn: a connection that was idle, now leased */
    PL_UPSTREAM_GRANT_NEW,  /* *ret_conn: a record for one that is to be made */
    PL_UPSTREAM_GRANT_NONE, /* stand in line */
};

enum pl_upstream_grant pl_upstream_acquire_locked(struct pl_upstream *upstream,
                                                  const struct pl_upstream_waiter *waiter,
                                                  struct pl_upstream_conn **ret_conn);
/* A record for a connection that nobody has asked for yet, or NULL. */
struct pl_upstream_conn *pl_upstream_acquire_to_warm_locked(struct pl_upstream *upstream);
/* Fewer stand ready than pool.min_idle, and another may be made. */
bool pl_upstream_must_warm_locked(const struct pl_upstream *upstream);
void pl_upstream_assign_locked(struct pl_upstream_conn *conn, struct pl_upstream_waiter *waiter);

/* Takes an idle connection of that server out of its list which no call should have any more: its
 * server is ejected, or its address is not the server's. NULL: there is none. */
struct pl_upstream_conn *pl_upstream_doom_one_locked(struct pl_upstream *upstream,
                                                     const struct pl_upstream_server *server);

/* It is not to rest, unless somebody was given it meanwhile. Thread: the holder. */
void pl_upstream_doom_idle(struct pl_upstream_conn *conn);

enum pl_upstream_passed {
    PL_UPSTREAM_PASSED_TO_CALL,   /* the first in line */
    PL_UPSTREAM_PASSED_TO_LESSEE, /* the first in line: to be handed over */
    PL_UPSTREAM_PASSED_TO_REST,   /* idle, and perhaps assigned again when this returns */
    PL_UPSTREAM_PASSED_TO_NOBODY, /* doomed: to be closed */
};

/* At the end of the line. Errors: -EAGAIN: pool.max_waiters stand there. */
PL_MUST_CHECK int pl_upstream_stand_in_line_locked(struct pl_upstream *upstream,
                                                   struct pl_upstream_waiter *waiter);
/* The lease is over. Thread: the holder, who holds it still afterwards. */
enum pl_upstream_passed pl_upstream_pass_on(struct pl_upstream_conn *conn, bool is_reusable);
/* The connection has been closed, or was never made; its record is free again and whoever it was
 * meant for is served otherwise. Thread: the former holder. */
void pl_upstream_gone(struct pl_upstream_conn *conn);
/* Serves the line as far as there is something to give. Thread: any. */
void pl_upstream_serve_line(struct pl_upstream *upstream);
/* The handle set of the calling thread. */
uint32_t pl_upstream_own_set(void);

/* ---- upstream_connect.c: a new connection
 * --------------------------------------------------------- */

/* Makes a slot of that set the connection's; slot and descriptor belong to the caller then. Errors:
 * -ENOBUFS. Thread: any. */
PL_MUST_CHECK int pl_upstream_take_slot(struct pl_upstream_conn *conn, uint32_t set, int fd,
                                        bool is_lent);
/* It could not be made: what it was made for is tried elsewhere, or told. Thread: whoever has it.
 */
void pl_upstream_fail_to_connect(struct pl_upstream_conn *conn, enum pl_upstream_outcome outcome,
                                 int err);

/* ---- upstream_exchange.c: the stages; thread: the holder
 * ------------------------------------------- */

/* What all upstream connections speak. */
extern const struct pl_protocol pl_upstream_protocol;
/* Nothing that stands in the connection is of use any more. Returns PL_CLOSE. */
enum pl_next pl_upstream_end_as(struct pl_upstream_conn *conn, enum pl_upstream_outcome failure);
/* The call that it is connecting for, or that is under way. */
bool pl_upstream_conn_is_cancelled(struct pl_upstream_conn *conn);
/* What a deadline that has passed means in the phase it is in; REPLIED: the end of a rest. */
enum pl_upstream_outcome pl_upstream_name_timeout(struct pl_upstream_conn *conn);
void pl_upstream_set_rest_due(struct pl_upstream_conn *conn);

/* ---- upstream_conn.c: the slot
 * --------------------------------------------------------------------- */

/* Begins to connect in that set, and goes on in turns of its own; what it was made for stands in
 * the record. Thread: any. */
void pl_upstream_conn_open(struct pl_upstream_conn *conn, uint32_t set);
/* The same by a thread that waits until it is connected and holds it then, lent. On an error the
 * record is gone. Errors: negative errno. */
PL_MUST_CHECK int pl_upstream_conn_open_lent(struct pl_upstream_conn *conn, int64_t until_ms);
/* Wins an idle connection for whom it was assigned to, and brings it to that set if nobody else is
 * at it. Thread: any. */
void pl_upstream_conn_rouse(struct pl_upstream_conn *conn, struct pl_upstream_place place,
                            uint32_t set);
/* Gives the connection there a turn, in which it asks whether its call was cancelled.
 * Thread: any. */
void pl_upstream_interrupt(struct pl_upstream *upstream, struct pl_upstream_place place);
/* A lent connection goes to whom it was passed on, or to rest, or is closed; after the stop it is
 * left to the close. Thread: the lessee. */
void pl_upstream_conn_take_back(struct pl_upstream_conn *conn, bool is_reusable);
/* Closes one outside a turn that carries nothing: lent, or doomed. Thread: the holder; after the
 * stop control. */
void pl_upstream_conn_drop(struct pl_upstream_conn *conn);
/* May it carry another exchange, as far as its age goes? Thread: the holder. */
bool pl_upstream_conn_is_young(const struct pl_upstream_conn *conn);
/* Closes the idle connections of that server that no call should have any more: others may need
 * their places. Thread: any. */
void pl_upstream_close_unfit(struct pl_upstream *upstream, struct pl_upstream_server *server);
/* The server failed: one more towards its ejection. Thread: any. */
void pl_upstream_note_failure(struct pl_upstream *upstream, struct pl_upstream_server *server);

extern const struct pl_slot_kind pl_upstream_kind;

/* ---- upstream_call.c: the event-driven way
 * ----------------------------------------------------------- */

/* The same by the keeper, soon: for who may be inside a callback already. Thread: whoever has it.
 */
void pl_upstream_complete_later(struct pl_upstream_call_record *record,
                                enum pl_upstream_outcome outcome);
/* Ends it: `done` is called. Thread: whoever has it. */
void pl_upstream_complete(struct pl_upstream_call_record *record, enum pl_upstream_outcome outcome,
                          struct pl_view reply);
/* Nobody wants its reply any more. Thread: whoever has it. */
bool pl_upstream_is_unwanted(const struct pl_upstream_call_record *record);

/* ---- upstream_keeper.c
 * ---------------------------------------------------------------------------------- */

PL_MUST_CHECK int pl_upstream_keeper_open(struct pl_upstream *upstream);
/* Lets the keeper look, if it would sleep beyond `due_ms`. Thread: any. */
void pl_upstream_keeper_hasten(struct pl_upstream *upstream, int64_t due_ms);

#endif
