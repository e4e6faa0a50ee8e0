/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics: every thread of a server counts in a block of its own, without shared atomics; the
 * reader adds the blocks up. A block holds no pointer.
 */
#ifndef PACELINE_STATS_H
#define PACELINE_STATS_H

#include <paceline/attributes.h>

#include <stddef.h>
#include <stdint.h>

/* name, what it counts */
#define PL_STATS_COUNTERS(X)                                                                       \
    X(accepts, "connections accepted")                                                             \
    X(accepts_refused, "accepts put off because a limit was reached")                              \
    X(accept_failures, "accepts that failed, out of descriptors or memory")                        \
    X(closes, "connections closed")                                                                \
    X(requests, "requests, lines or datagrams answered")                                           \
    X(bytes_received, "bytes read from sockets")                                                   \
    X(bytes_sent, "bytes written to sockets")                                                      \
    X(turns, "turns run")                                                                          \
    X(turns_cut, "turns cut by the budget")                                                        \
    X(events, "events the kernel reported")                                                        \
    X(events_stale, "events for a connection that was already gone")                               \
    X(events_noted, "events remembered because the connection was held")                           \
    X(polls, "waits of the kernel's queue")                                                        \
    X(promotions, "leaderships handed on")                                                         \
    X(wakes, "sleeping threads woken")                                                             \
    X(queued, "held connections handed to another thread")                                         \
    X(queue_full, "hand-overs that found the queue full")                                          \
    X(timeouts, "deadlines that ended a wait")                                                     \
    X(posts, "items that connections took from their mailboxes")                                   \
    X(posts_stale, "items that came after their connection had gone")                              \
    X(blocking, "sections in which a handler may block")                                           \
    X(blocking_undeclared, "handlers that took over 20 ms without saying that they may block")     \
    X(handlers_stuck, "handlers that passed timeouts.handler")                                     \
    X(stalls, "handlers that stayed longer than limits.stall")                                     \
    X(datagrams_dropped, "datagrams not answered: no memory or a full socket")                     \
    X(buffers_taken, "buffers taken from the pool")                                                \
    X(buffers_given, "buffers given back to the pool")                                             \
    X(buffers_refused, "buffers refused because limits.buffers was reached")

enum pl_stat {
#define X(name, what) PL_STAT_##name,
    PL_STATS_COUNTERS(X)
#undef X
        PL_STATS_COUNT
};

/* name, unit and what it measures */
#define PL_STATS_HISTOGRAMS(X)                                                                     \
    X(turn_us, "microseconds one turn took")                                                       \
    X(queue_wait_us, "microseconds a held connection waited for a worker")

enum pl_stats_histogram_name {
#define X(name, what) PL_HISTOGRAM_##name,
    PL_STATS_HISTOGRAMS(X)
#undef X
        PL_HISTOGRAMS_COUNT
};

/* Sixteen steps per power of two: a value is known within 6.25 %. */
#define PL_HISTOGRAM_STEPS   16
#define PL_HISTOGRAM_BUCKETS (PL_HISTOGRAM_STEPS * 33)

struct pl_histogram {
    uint64_t counts[PL_HISTOGRAM_BUCKETS];
    uint64_t sum;
};

/* What threads are doing at the moment of the reading. */
enum pl_role {
    PL_ROLE_FOLLOWER,   /* sleeps, may be promoted; an idle worker */
    PL_ROLE_LEADER,     /* waits for events; an I/O thread that waits */
    PL_ROLE_PROCESSING, /* runs a turn */
    PL_ROLES_COUNT
};

/* A sum over threads, taken while they run: each figure is right, their sum may be a turn apart. */
struct pl_stats {
    uint64_t counters[PL_STATS_COUNT];
    struct pl_histogram histograms[PL_HISTOGRAMS_COUNT];
    uint32_t threads[PL_ROLES_COUNT];
    uint64_t conns_open;
    uint64_t queue_depth;
    uint64_t accepts_per_thread_min, accepts_per_thread_max; /* of threads that accepted at all */
    uint64_t buffer_bytes, buffer_bytes_high, buffer_bytes_max;
    uint64_t log_dropped, log_files_dropped; /* lines */
};

/* The names of the counters as they stand in the JSON line. Static storage. Thread: any. */
PL_API const char *pl_stats_counter_name(enum pl_stat stat);

/* The value below which `percent` of what was recorded lies, in the histogram's unit. */
PL_API uint64_t pl_histogram_percentile(const struct pl_histogram *histogram, double percent);

/* How many of the values recorded lie below `value`; exact for a power of two. */
PL_API uint64_t pl_histogram_count_below(const struct pl_histogram *histogram, uint64_t value);

/* Writes one JSON object and a final NUL; returns its length, or -ENOSPC. Thread: any. */
PL_API int pl_stats_to_json(const struct pl_stats *stats, char *text, size_t size);

#endif
