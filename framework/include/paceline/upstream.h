/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upstreams: pooled connections to the machines behind this server, for any protocol. The pool and
 * its bounds stand in the configuration under `upstreams:`; see docs/upstream.md.
 *
 * One pool, two ways to use it:
 *
 *     pl_upstream_call()    event-driven: bytes out, a framer says where the reply ends, a callback
 *                           gets it. Nobody waits; for handlers that answer later
 *     pl_upstream_lease()   blocking: the caller gets a connected descriptor until it returns it;
 *                           for handlers that may block and for threads of the application
 */
#ifndef PACELINE_UPSTREAM_H
#define PACELINE_UPSTREAM_H

#include <paceline/attributes.h>
#include <paceline/conn.h>
#include <paceline/stats.h>
#include <paceline/view.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pl_server;
struct pl_upstream;

/* The upstream of that name in the configuration, or NULL. Lives as long as the server. Thread:
 * any, from a pl_app's start() on. */
PL_API struct pl_upstream *pl_server_upstream(struct pl_server *server, const char *name);

/* How an exchange ended. */
enum pl_upstream_outcome {
    PL_UPSTREAM_REPLIED,
    PL_UPSTREAM_UNRESOLVED,         /* no server's name has an address */
    PL_UPSTREAM_CONNECT_FAILED,     /* refused, unreachable */
    PL_UPSTREAM_CONNECT_TIMEOUT,    /* timeouts.connect */
    PL_UPSTREAM_WAIT_TIMEOUT,       /* timeouts.wait: all connections stayed leased */
    PL_UPSTREAM_FIRST_BYTE_TIMEOUT, /* timeouts.first_byte: sent, and nothing came back */
    PL_UPSTREAM_TOTAL_TIMEOUT,      /* timeouts.total, waiting and connecting included */
    PL_UPSTREAM_CLOSED,             /* the peer closed before the reply was whole */
    PL_UPSTREAM_BROKEN,             /* the framer refused the reply */
    PL_UPSTREAM_TOO_LONG,           /* the reply is longer than the upstream's `message` */
    PL_UPSTREAM_NO_MEMORY,          /* limits.buffers, or slots */
    PL_UPSTREAM_CANCELLED,          /* pl_upstream_cancel(), or the client has gone */
    PL_UPSTREAM_STOPPED,            /* the server has stopped */
    PL_UPSTREAM_OUTCOMES_COUNT
};

/* "first_byte_timeout" and the like, for logs and replies. Static storage. Thread: any. */
PL_API const char *pl_upstream_outcome_name(enum pl_upstream_outcome outcome);

/* ---- event-driven ------------------------------------------------------------------------------
 */

enum pl_upstream_frame {
    PL_UPSTREAM_MORE,      /* the reply is not whole yet */
    PL_UPSTREAM_WHOLE,     /* *ret_bytes of the input are the reply */
    PL_UPSTREAM_WHOLE_END, /* the same, but this connection cannot carry another exchange */
    PL_UPSTREAM_REFUSED,   /* this is no reply: the connection is discarded */
};

/*
 * Looks where the reply ends. Called with all bytes received so far, from the first; again with the
 * same or more of them. `scratch` is zeroed at the beginning of the exchange and keeps what the
 * framer likes to remember between calls. `is_ended`: the peer has finished sending; a framer whose
 * replies end so says PL_UPSTREAM_WHOLE_END.
 *
 * Thread: any, one at a time. Must not block.
 */
typedef enum pl_upstream_frame pl_upstream_framer(struct pl_view input, bool is_ended,
                                                  uint64_t scratch[4], size_t *ret_bytes);

struct pl_upstream_result {
    enum pl_upstream_outcome outcome;
    struct pl_view reply; /* borrowed until the callback returns; empty unless REPLIED */
    int64_t took_us;      /* from the call on */
    bool was_reused;      /* over a connection that had carried an exchange before */
};

/* Called exactly once for each call that returned 0. Must not block. Thread: any; possibly before
 * pl_upstream_call() has returned. */
typedef void pl_upstream_done(const struct pl_upstream_result *result, void *context);

struct pl_upstream_call {
    struct pl_view request; /* copied; at most 1 MiB */
    pl_upstream_framer *framer;
    pl_upstream_done *done;
    void *context; /* for `done` */
    /* Whose exchange waits for this, if any (pl_http_deferred's token, say): a call that still
     * queues when its client has gone is cancelled. `.client.table` NULL: nobody's. */
    struct pl_conn_token client;
    int64_t total_ms; /* 0: the upstream's timeouts.total; else the shorter of both */
    /* The request may be sent a second time when a pooled connection turns out to be closed. */
    bool is_idempotent;
};

/* Names one call; safe to keep and to copy while the server lives. */
struct pl_upstream_ticket {
    struct pl_upstream *upstream;
    uint32_t index;
    uint32_t generation;
};

/*
 * Sends the request over a pooled connection and calls `done` with the reply or with what went
 * wrong. A request that could not be sent at all is tried with the next server.
 *
 * Owner:  the pool, until `done` is called. `ret_ticket` may be NULL.
 * Thread: any; never blocks.
 * Errors: -EAGAIN: pool.max_waiters wait already; -ENOBUFS: limits.buffers; -EMSGSIZE: a request
 *         beyond 1 MiB; -ESHUTDOWN. `done` is not called then.
 */
PL_MUST_CHECK PL_API int pl_upstream_call(struct pl_upstream *upstream,
                                          const struct pl_upstream_call *call,
                                          struct pl_upstream_ticket *ret_ticket);
/* Ends the call with PL_UPSTREAM_CANCELLED unless it is done, or just about to be; its connection
 * is discarded. Thread: any. */
PL_API void pl_upstream_cancel(const struct pl_upstream_ticket *ticket);

/* ---- blocking ----------------------------------------------------------------------------------
 */

/* A leased connection. Its fields are the pool's. */
struct pl_upstream_lease {
    struct pl_upstream *upstream;
    uint32_t index;
    int fd;
    int64_t until_ms; /* on the framework's clock */
    int64_t begun_ns;
    bool was_reused;
};

/*
 * Leases a connection for one exchange: an idle one that proves alive, else a new one, else the
 * next that becomes free. Waits and connects for at most `deadline_ms`, which governs everything
 * done with the lease.
 *
 * Owner:  the caller, until pl_upstream_return() or pl_upstream_discard().
 * Thread: any that may block. On the thread of an event loop (`reactor` with `threads: 0`) it
 * works, is counted as blocking_on_loop and named in the log. Errors: -ETIMEDOUT; -EAGAIN:
 * pool.max_waiters wait already; -ECONNREFUSED and the like: no server can be reached;
 * -EADDRNOTAVAIL: no server's name has an address; -ENOBUFS; -ESHUTDOWN.
 */
PL_MUST_CHECK PL_API int pl_upstream_lease(struct pl_upstream *upstream, int64_t deadline_ms,
                                           struct pl_upstream_lease *ret_lease);
/* The connected descriptor; non-blocking, the pool's. */
PL_API int pl_upstream_lease_fd(const struct pl_upstream_lease *lease);
/* Sends all bytes. Errors: -ETIMEDOUT, -EPIPE and the like; discard the lease then. */
PL_MUST_CHECK PL_API int pl_upstream_write(const struct pl_upstream_lease *lease, const void *bytes,
                                           size_t length);
/* Receives at least one byte; *ret_length 0: the peer has finished sending. Errors: -ETIMEDOUT,
 * -ECONNRESET and the like; discard the lease then. */
PL_MUST_CHECK PL_API int pl_upstream_read(const struct pl_upstream_lease *lease, void *bytes,
                                          size_t size, size_t *ret_length);
/* The exchange is complete and nothing of its reply is left unread: others may have it. */
PL_API void pl_upstream_return(struct pl_upstream_lease *lease);
/* It cannot carry another exchange: closed. `has_failed`: the server did not do what it should,
 * which counts towards its ejection. */
PL_API void pl_upstream_discard(struct pl_upstream_lease *lease, bool has_failed);

/* ---- figures -----------------------------------------------------------------------------------
 */

/* Counters since the start, in the order of the JSON line: name and what it counts. */
#define PL_UPSTREAM_COUNTERS(X)                                                                    \
    X(leases, "exchanges that got a connection")                                                   \
    X(reuses, "leases of a connection that had been used before")                                  \
    X(waits, "exchanges that found all connections leased")                                        \
    X(waits_expired, "waits that ended at timeouts.wait, timeouts.total or the lease's deadline")  \
    X(refusals, "exchanges refused because pool.max_waiters waited already")                       \
    X(connects, "connections made")                                                                \
    X(connects_failed, "connections that could not be made")                                       \
    X(discards, "idle connections that were closed, or spoke, when nobody had asked")              \
    X(retires, "connections closed at max_idle_time, max_lifetime or max_requests")                \
    X(moves, "connections that went to another handle set")                                        \
    X(retries, "requests sent a second time")                                                      \
    X(failures, "exchanges that failed after they had a connection")                               \
    X(timeouts, "exchanges that ended at a time-out")                                              \
    X(cancels, "exchanges cancelled")                                                              \
    X(ejections, "servers taken out of the choice for a while")                                    \
    X(blocking_on_loop, "blocking leases on an event loop's own thread")

enum pl_upstream_counter {
#define X(name, what) PL_UPSTREAM_COUNT_##name,
    PL_UPSTREAM_COUNTERS(X)
#undef X
        PL_UPSTREAM_COUNTERS_COUNT
};

struct pl_upstream_stats {
    const char *name; /* lives as long as the server */
    uint64_t counters[PL_UPSTREAM_COUNTERS_COUNT];
    uint32_t open, idle, leased, waiting; /* now */
    uint32_t ejected;                     /* servers, now */
    struct pl_histogram latency_us;       /* of replies, from the call or lease on */
};

/* Thread: any. */
PL_API void pl_upstream_stats(struct pl_upstream *upstream, struct pl_upstream_stats *ret_stats);
/* Writes one JSON object and a final NUL; returns its length, or -ENOSPC. Thread: any. */
PL_API int pl_upstream_stats_to_json(const struct pl_upstream_stats *stats, char *text,
                                     size_t size);

#endif
