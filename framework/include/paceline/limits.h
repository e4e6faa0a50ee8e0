/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every static bound and its reason. Bounds that an operator may want to move are settings;
 * what stands here is their default or the wall behind them.
 */
#ifndef PACELINE_LIMITS_H
#define PACELINE_LIMITS_H

/* Input one turn may consume: enough for a batch of pipelined requests, too little for a fast
 * peer to keep its neighbours waiting. Also the size of the block a receive reads into. */
#define PL_TURN_INPUT_BYTES_MAX (16 * 1024)

/* Output one turn may leave: a slow reader then costs this much memory and no more. */
#define PL_TURN_OUTPUT_BYTES_MAX (256 * 1024)

/* Time one turn may take before the connection queues again. */
#define PL_TURN_TIME_US 150

/* Requests between two looks at the clock: a look costs about as much as a trivial request. */
#define PL_TURN_CLOCK_EVERY 8

/* Buffer size classes: a slow client's half request sits in the smallest, a receive reads into
 * the middle one, the largest bounds `limits.message`. */
#define PL_BUFFER_CLASSES   6
#define PL_BUFFER_BYTES_MIN 1024
#define PL_BUFFER_BYTES     (16 * 1024)
#define PL_BUFFER_BYTES_MAX (1024 * 1024)

/* Blocks of one class that a thread keeps for itself. */
#define PL_BUFFER_CACHE_BLOCKS 8

/* Pieces one send gathers: beyond this a second call is no longer the dear part. */
#define PL_SEND_PIECES_MAX 16

/* Items other threads may leave with one connection before they are asked to wait. */
#define PL_MAILBOX_ITEMS_MAX 64

/* Events taken from the kernel at once, connections accepted at once, pops of the ready ring
 * between two looks at the kernel: what the look finds stands behind the ring anyway. */
#define PL_EVENTS_MAX         64
#define PL_ACCEPTS_MAX        16
#define PL_READY_POPS_MAX     64
#define PL_DATAGRAMS_MAX      16
#define PL_DATAGRAM_BYTES_MAX (64 * 1024)

/* Threads of one model: above this a pool costs more in stacks than it can return. */
#define PL_THREADS_MAX 1024

/* Slots are numbered with 24 bits so that a completion token has room for its kind. */
#define PL_SLOTS_MAX (1u << 24)

/* A lingering close waits this long, and discards this much, for the peer to read the answer. */
#define PL_LINGER_MS        2000
#define PL_LINGER_BYTES_MAX (1024 * 1024)

/* A client that says nothing is accepted after this long all the same, so that the deadline of a
 * request's head can end it: one retransmission of the handshake. */
#define PL_DEFER_ACCEPT_S 1

/* A listener that ran out of descriptors tries again after this long. */
#define PL_ACCEPT_RETRY_MS 100

/* The shortest `limits.stall`: a look is a quarter of it. */
#define PL_STALL_US_MIN 10000

/* A route that stalls is named once in this time; routes that are kept apart for that, and threads
 * that one look names: each costs some lines of the log. */
#define PL_STALL_NAMED_MS   60000
#define PL_STALL_ROUTES_MAX 64
#define PL_STALLS_NAMED_MAX 8

/* Of a stack: frames that are named, and bytes that are searched for them. A thread that does not
 * answer within this time sleeps where no signal reaches it. */
#define PL_STACK_FRAMES_MAX 24
#define PL_STACK_BYTES_MAX  (16 * 1024)
#define PL_STACK_ANSWER_MS  200

/* Changes of role that are kept of one thread, 8 bytes each: seconds of a busy one. */
#define PL_TIMELINE_ENTRIES_MAX 65536

/* The window over which `limits.rate_min` is averaged. */
#define PL_RATE_WINDOW_MS 10000

/* Lines a thread may have waiting for the log's writer, and the length of one. */
#define PL_LOG_RING_LINES 128
#define PL_LOG_LINE_BYTES 512

/* Lines for log files: the longest, an access line whose target is as long as max_target allows by
 * default; and what a thread may have waiting: a tenth of a second of the smallest requests, so
 * that the writer may wait for a processor. */
#define PL_LOG_FILE_LINE_BYTES (16 * 1024)
#define PL_LOG_FILE_RING_BYTES (2 * 1024 * 1024)

/* How long they wait for the writer's look, while there are some and after a look that found none;
 * a ring that is a quarter full wakes it. */
#define PL_LOG_FILE_LOOK_MS      20
#define PL_LOG_FILE_IDLE_LOOK_MS 200

/* How long the writer waits for the reader of a FIFO before it drops what it has for it. */
#define PL_LOG_FILE_STUCK_MS 100

/* A configuration file: size, nodes after aliases are followed, nesting. */
#define PL_YAML_BYTES_MAX (1024 * 1024)
#define PL_YAML_NODES_MAX 20000
#define PL_YAML_DEPTH_MAX 32

/* Files that one configuration includes, in all, and how deep they include one another: a glob in
 * the wrong folder should not read a disk. */
#define PL_INCLUDE_FILES_MAX 64
#define PL_INCLUDE_DEPTH_MAX 8

/* The name of a service or an engine where it is copied; longer ones are cut. */
#define PL_NAME_BYTES_MAX 64

/* Services, listeners and routes of one process. */
#define PL_SERVICES_MAX  64
#define PL_LISTENERS_MAX 32
#define PL_ROUTES_MAX    256

/* Configurations of one service that may still have connections: each keeps its routes and files,
 * and a reload that would make more is refused until some have ended. */
#define PL_SERVICE_GENERATIONS_MAX 32

/* Lines one reload writes to the log; all of them stand in its report. */
#define PL_RELOAD_LINES_MAX 32

/* The admin service. Watchers of its page's events: each costs an encoding five times a second. */
#define PL_ADMIN_WATCHERS_MAX 16
/* How often the roles of threads are looked at while somebody watches, and how often an event says
 * what was seen: fine enough for the eye, and a fifth of a second is what it takes for now. */
#define PL_ADMIN_SAMPLE_MS 10
#define PL_ADMIN_EVENT_MS  200
/* Threads an event shows; the others are counted. More lanes fit no screen, and an event with so
 * many is still far below the 16 KiB that one may have. */
#define PL_ADMIN_LANES_MAX 64
/* Engines an event names: one for each service at most. */
#define PL_ADMIN_ENGINES_MAX PL_SERVICES_MAX
/* The text of /metrics: every upstream with its histogram takes 8 KiB. */
#define PL_ADMIN_METRICS_BYTES_MAX (640 * 1024)

/* After a connection that could not be made, none is made ahead of calls for this long. */
#define PL_UPSTREAM_WARM_RETRY_MS 1000

/* An application's own settings: a struct of this size at most. */
#define PL_APP_SETTINGS_BYTES_MAX 1024

/* The server for those who look after the process: clients of its socket and its page at once, a
 * few people and a few programs; the memory of what they read; addresses. */
#define PL_ADMIN_CONNS_MAX   128
#define PL_ADMIN_BUFFERS_MIB 16
#define PL_ADMIN_LISTEN_MAX  16

/* A command of the control socket, its reply, and the rows of a table in it: a swap with all keys
 * of `dispatch` fits the one, the rows of a large server the other. */
#define PL_CONTROL_LINE_BYTES_MAX  4096
#define PL_CONTROL_REPLY_BYTES_MAX (256 * 1024)
#define PL_CONTROL_ROWS_MAX        256

/* Upstreams of one process, servers behind one, addresses of one name: lists that are walked under
 * a lock. */
#define PL_UPSTREAMS_MAX          64
#define PL_UPSTREAM_SERVERS_MAX   32
#define PL_UPSTREAM_ADDRESSES_MAX 8

_Static_assert(PL_TURN_INPUT_BYTES_MAX >= PL_BUFFER_BYTES, "a turn can empty one buffer");
_Static_assert(PL_BUFFER_BYTES_MIN << (2 * (PL_BUFFER_CLASSES - 1)) == PL_BUFFER_BYTES_MAX,
               "each class is four times the one below");
_Static_assert(PL_BUFFER_BYTES_MAX >= PL_DATAGRAM_BYTES_MAX, "a datagram fits a block");
_Static_assert(PL_LOG_FILE_RING_BYTES / 8 >= PL_LOG_FILE_LINE_BYTES,
               "the longest line fits an empty ring, and more than one");
_Static_assert(PL_CONTROL_LINE_BYTES_MAX < PL_BUFFER_BYTES, "a command fits a block");
_Static_assert(PL_TURN_OUTPUT_BYTES_MAX >= PL_BUFFER_BYTES, "a turn's output fills a block");

#endif
