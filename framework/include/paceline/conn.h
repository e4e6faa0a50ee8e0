/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection, as a protocol module sees it: unread input, output to be sent, deadlines, and the
 * door through which other threads reach it.
 *
 * Thread: unless said otherwise, the holder: the thread that is inside one of the module's
 * functions for this connection. Everybody else comes through pl_conn_post().
 */
#ifndef PACELINE_CONN_H
#define PACELINE_CONN_H

#include <paceline/attributes.h>
#include <paceline/reason.h>
#include <paceline/view.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Length of pl_conn_date(): "Sun, 06 Nov 1994 08:49:37 GMT". */
#define PL_DATE_BYTES 29

/* Room for pl_conn_peer(). */
#define PL_CONN_PEER_BYTES 48

struct pl_conn;
struct pl_output;
struct pl_slot_table;

/* ---- what stands where ------------------------------------------------------------------- */

/* A number for log lines: the slot. Not unique over time. */
PL_API uint32_t pl_conn_id(const struct pl_conn *conn);
/* Who is at the other end: a numeric address without its port, "unix:", or nothing when it is not
 * known. Returns the length; `text` has room for PL_CONN_PEER_BYTES, the final NUL among them. */
PL_API size_t pl_conn_peer(const struct pl_conn *conn, char *text);
/* The data that the module's service_open() returned. */
PL_API void *pl_conn_service_data(const struct pl_conn *conn);
/* The module's own state of this connection; NULL until set. The module frees it in closed(). */
PL_API void *pl_conn_state(const struct pl_conn *conn);
PL_API void pl_conn_set_state(struct pl_conn *conn, void *state);
/* limits.message, in bytes. */
PL_API size_t pl_conn_message_bytes_max(const struct pl_conn *conn);
/* The peer has finished sending and all it sent stands in the input. */
PL_API bool pl_conn_peer_is_done(const struct pl_conn *conn);
/* Between requests no new one should begin: the server is going down. */
PL_API bool pl_conn_is_draining(const struct pl_conn *conn);
/* Milliseconds of the monotonic clock at the beginning of the turn. */
PL_API int64_t pl_conn_now_ms(const struct pl_conn *conn);
/* Nanoseconds of the same clock at the beginning of the turn. */
PL_API int64_t pl_conn_turn_ns(const struct pl_conn *conn);
/* Nanoseconds of the same clock now, which costs a look at it. Thread: any. */
PL_API int64_t pl_conn_look_ns(void);
/* The wall clock as an IMF-fixdate (RFC 9110, 5.6.7), 29 bytes and a NUL, made anew after a
 * quarter of a second, per thread. Valid until the end of the turn. */
PL_API const char *pl_conn_date(struct pl_conn *conn);

/* ---- input ------------------------------------------------------------------------------- */

/* The unread bytes. Valid until the next call that changes the input, or the end of the turn. */
PL_API struct pl_view pl_conn_input(const struct pl_conn *conn);
/* The same, to be rewritten in place (a chunked body, say). */
PL_API char *pl_conn_input_bytes(struct pl_conn *conn);
PL_API void pl_conn_consume(struct pl_conn *conn, size_t bytes);
/* Removes `count` bytes from the middle of the input, at `offset`. */
PL_API void pl_conn_input_cut(struct pl_conn *conn, size_t offset, size_t count);
/* Says that a unit of `bytes` is coming, so that it is received into one block. Errors: -ENOBUFS.
 */
PL_MUST_CHECK PL_API int pl_conn_expect_input(struct pl_conn *conn, size_t bytes);

/* ---- output ------------------------------------------------------------------------------ */

/* The connection's queue of pieces; sent when the module's function has returned. */
PL_API struct pl_output *pl_conn_output(struct pl_conn *conn);

/* ---- memory of a running request ----------------------------------------------------------- */

/* Pooled memory of at most 16 KiB, not zeroed, aligned for anything. Owner: the module, until
 * pl_conn_give_memory(), on any thread that holds a connection. NULL: limits.buffers. */
PL_MUST_CHECK PL_API void *pl_conn_take_memory(struct pl_conn *conn, size_t bytes);
/* Does nothing with NULL. */
PL_API void pl_conn_give_memory(struct pl_conn *conn, void *memory);

/* ---- turns and deadlines ----------------------------------------------------------------- */

/* False: the turn's budget is used, return PL_AGAIN; or the output is full, return PL_RUN_SEND. */
PL_API bool pl_conn_may_continue(struct pl_conn *conn);
PL_API bool pl_conn_output_is_full(const struct pl_conn *conn);
/* What PL_WAIT waits for: a set of PL_READABLE, PL_WRITABLE, PL_COMPLETION. */
PL_API void pl_conn_wait_for(struct pl_conn *conn, uint32_t reasons);

enum pl_deadline {
    PL_DEADLINE_NONE,
    PL_DEADLINE_HEADER,  /* timeouts.header, from now */
    PL_DEADLINE_BODY,    /* timeouts.body from each progress, with limits.rate_min */
    PL_DEADLINE_IDLE,    /* timeouts.idle, from now */
    PL_DEADLINE_HANDLER, /* timeouts.handler, from now */
};

/* Replaces the deadline of the connection; when it passes, the module's timeout() is called. */
PL_API void pl_conn_start_deadline(struct pl_conn *conn, enum pl_deadline deadline);
/* PL_DEADLINE_BODY once more, for the body that another deadline has interrupted: what
 * limits.rate_min has seen of it counts on, and the time in between does not. */
PL_API void pl_conn_resume_body_deadline(struct pl_conn *conn);
PL_API enum pl_deadline pl_conn_deadline(const struct pl_conn *conn);
/* After the last byte of output, go on reading for a while before closing, so that the peer can
 * read the answer to what it is still sending (RFC 9112, 9.6). For use with PL_CLOSE. */
PL_API void pl_conn_linger(struct pl_conn *conn);

/* One for each handler: its name, for the log, and how long it takes, for the dispatch model. */
struct pl_handler_note {
    const char *name; /* borrowed; lives as long as the server */
    _Atomic bool is_named;
    _Atomic bool has_blocked;    /* the framework's: in a section that said so, at least once */
    _Atomic uint32_t average_ns; /* the framework's; 0: it has never run */
};
/*
 * To be asked before a handler is called, or a job started with it (`may_block`). False: this
 * thread waits for events and should not be away for so long; return PL_HAND_OVER with nothing
 * changed, and another thread will ask again.
 *
 * Thread: holder.
 */
PL_MUST_CHECK PL_API bool pl_conn_begin_handler(struct pl_conn *conn, struct pl_handler_note *note,
                                                bool may_block);
/* timeouts.handler has passed: counts it and names the handler in the log. */
PL_API void pl_conn_report_stuck(struct pl_conn *conn, const struct pl_handler_note *note);
/* Counts one request answered. */
PL_API void pl_conn_count_request(struct pl_conn *conn);

/* ---- the one door for other threads ------------------------------------------------------ */

/* What is posted: embedded in an object of the poster. */
struct pl_mail {
    struct pl_mail *next;
    uint32_t kind; /* the module's own number; PL_MAIL_JOB for a finished job */
    bool is_last;  /* completes the exchange: whatever is posted behind it is stale */
    /* The connection ends and has not taken the item: free it. Holder of `conn`. */
    void (*drop)(struct pl_mail *mail, struct pl_conn *conn);
};

#define PL_MAIL_JOB 0u

/* Names one exchange of one connection; safe to keep and to copy as long as the server lives. */
struct pl_conn_token {
    struct pl_slot_table *table; /* borrowed from the server */
    uint64_t slot;
    uint32_t epoch;
};

/* Opens the door for one exchange. The token is stale after pl_conn_close_door() and after the
 * connection's end. */
PL_API struct pl_conn_token pl_conn_open_door(struct pl_conn *conn);
PL_API void pl_conn_close_door(struct pl_conn *conn);
/* The oldest item, now the caller's, or NULL. */
PL_API struct pl_mail *pl_conn_take_mail(struct pl_conn *conn);

/* Could an item still be posted there? The answer may be old when it comes. Thread: any. */
PL_API bool pl_conn_is_awaited(const struct pl_conn_token *token);

/*
 * Leaves an item with the connection and wakes it with PL_COMPLETION.
 *
 * Owner:  the poster until this returns 0, then the connection; on an error still the poster.
 * Thread: any.
 * Errors: -ESTALE: the connection or the exchange has gone; -EAGAIN: PL_MAILBOX_ITEMS_MAX stand
 *         there already.
 */
PL_MUST_CHECK PL_API int pl_conn_post(const struct pl_conn_token *token, struct pl_mail *mail);

#endif
