/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a connection and the stages it goes through. */
#ifndef PL_CONN_CONN_H
#define PL_CONN_CONN_H

#include "assert.h"
#include "engine_ops.h"
#include "output.h"
#include "service.h"
#include "slot.h"
#include "thread.h"

#include <paceline/conn.h>

struct pl_transport;

struct pl_conn {
    struct pl_slot slot;

    /* Written when it is opened, then read by any thread. */
    const struct pl_transport *transport; /* borrowed */

    /* Holder only. */
    struct pl_service *service; /* it is a user of it */
    struct pl_buffer *input;    /* owned; NULL while nothing is buffered */
    struct pl_output output;    /* empty while nothing waits */
    void *state;                /* the protocol's */
    int64_t read_due_ms;        /* the deadline the protocol set; PL_DUE_AT_WAIT: from then on */
    int64_t write_due_ms;       /* while output is blocked */
    int64_t window_ms; /* since when window_bytes counts, for limits.rate_min; how long it has
                        * counted while it is stopped */
    uint32_t window_bytes;
    union {
        uint32_t unacknowledged_bytes; /* when its progress was noted last */
        uint32_t lingered_bytes;       /* once no more output comes */
    };
    bool is_window_stopped;
    uint8_t wanted;      /* what the protocol waits for; slot.waits is what is armed */
    uint8_t deadline;    /* enum pl_deadline */
    uint8_t after_send;  /* enum pl_next: what the output stood in front of */
    uint8_t notices;     /* PL_TIMEOUT, PL_SHUTDOWN, PL_HANGUP: not yet told to the protocol */
    bool is_readable;    /* the descriptor may hold bytes that no event will announce */
    bool must_read_on;   /* a hang-up or an urgent mark came: a short read is not the end */
    bool is_peer_done;   /* end of input was read */
    bool is_half_closed; /* PL_PEER_DONE was seen, whether or not the end was read */
    bool is_hung_up;     /* both directions are gone; what was received before may still stand */
    bool is_draining;
    bool is_refused; /* a full queue: the protocol answers in place of the handler */
    bool wants_linger;
    bool is_lingering;
    bool has_mail; /* a completion came that process has not seen */

    /* Guarded by the table's mailbox lock of this slot; see conn_mailbox.c. */
    bool is_door_open;
    uint16_t mail_count;
    uint32_t epoch;
    struct pl_mail *mail_first;
    struct pl_mail *mail_last;
};

_Static_assert(sizeof(struct pl_conn) <= PL_SLOT_BYTES, "a connection fits its slot");
_Static_assert(PL_MAILBOX_ITEMS_MAX <= UINT16_MAX, "mail_count can count them");

/* A deadline that was started in this turn: a handler may have taken its time since, so it is made
 * absolute only when the connection is let go. */
#define PL_DUE_AT_WAIT (-1)

static inline struct pl_conn *pl_conn_of(struct pl_slot *slot)
{
    return PL_CONTAINER_OF(slot, struct pl_conn, slot);
}

/* What others may know of it. */
static inline struct pl_ledger *pl_conn_ledger(const struct pl_conn *conn)
{
    return pl_slot_table_ledger(pl_engine_face_of(conn->slot.engine)->table, &conn->slot);
}

extern const struct pl_slot_kind pl_conn_kind;

/* What every connection begins with, accepted or made. Thread: the holder of its slot. */
void pl_conn_init(struct pl_conn *conn, const struct pl_slot_kind *kind, struct pl_service *service,
                  int fd);
/* For kinds that are connections: where the turn begins, and the end. */
enum pl_next pl_conn_wake(struct pl_slot *slot, uint32_t reasons);
void pl_conn_close(struct pl_slot *slot);

/* Makes a connection of a held slot and an accepted descriptor, which it takes over.
 * Thread: the holder. */
void pl_conn_adopt_fd(struct pl_conn *conn, struct pl_service *service, int fd,
                      struct pl_thread *thread);

/* A connection that was accepted while the server goes down: its first reply is its last, and it
 * does not wait long for a request. Thread: the holder. */
void pl_conn_begin_drain(struct pl_conn *conn);

/* The stages. Each returns what may come next. */
enum pl_next pl_conn_receive(struct pl_conn *conn);
enum pl_next pl_conn_process(struct pl_conn *conn);
enum pl_next pl_conn_send(struct pl_conn *conn);

/* One turn: stages in a loop; see conn_run.c. */
enum pl_next pl_conn_run(struct pl_slot *slot, uint32_t stages);

/* What a deadline allows, or PL_TIMER_NEVER. */
int64_t pl_conn_deadline_ms(const struct pl_service *service, enum pl_deadline deadline);

/* limits.rate_min counts from here. */
void pl_conn_start_window(struct pl_conn *conn, int64_t now_ms);

/* Bytes went in one direction: moves the deadline; false when the peer is below the rate that
 * limits.rate_min demands. */
bool pl_conn_note_progress(struct pl_conn *conn, int64_t *due_ms, int64_t allowed_ms, size_t bytes);

static inline void pl_conn_assert_held(const struct pl_conn *conn)
{
    PL_ASSERT_SLOW(pl_claim_is_held(&conn->slot.claim));
    (void)conn;
}

#endif
