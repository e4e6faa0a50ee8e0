/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its reply. The connection's state pointer names the exchange that runs; between
 * requests there is none.
 *
 *     HEAD ─▶ BODY ─▶ READY ─handler─▶ done
 *                       │ may block ─▶ AWAITING_JOB ───┐
 *                       │ deferred  ─▶ AWAITING_REPLY ─┤─▶ done
 *                       └ streamed  ─▶ STREAMING ──────┘
 */
#ifndef PL_HTTP_EXCHANGE_H
#define PL_HTTP_EXCHANGE_H

#include "http_body.h"
#include "http_encode.h"
#include "http_parse.h"
#include "http_service.h"

#include <paceline/http.h>
#include <paceline/job.h>

#define HTTP_EXTRA_BYTES_MAX 1024

enum http_phase {
    HTTP_PHASE_HEAD,
    HTTP_PHASE_BODY,
    HTTP_PHASE_READY,
    HTTP_PHASE_AWAITING_JOB,
    HTTP_PHASE_AWAITING_REPLY,
    HTTP_PHASE_STREAMING,          /* by a producer */
    HTTP_PHASE_STREAMING_DEFERRED, /* by another thread */
};

struct pl_http_exchange {
    struct pl_conn *conn;         /* borrowed; NULL inside a job */
    struct http_service *service; /* borrowed */
    struct http_parser parser;
    struct http_framing framing;
    struct http_chunked chunked;
    struct http_span path, query;
    struct http_head head;
    struct pl_view message;      /* borrowed: the request's bytes, while the handler runs */
    size_t body_begin, body_end; /* in the message */
    size_t raw;                  /* chunked: bytes decoded so far */
    size_t message_bytes;        /* of input, when READY */

    struct http_route *route; /* borrowed from the service */
    struct pl_output *output; /* borrowed: where the reply's body goes */
    pl_http_producer *producer;
    void *producer_context;
    struct pl_http_deferred deferred;

    /* For the access log, if the service has one. */
    int64_t begun_ns;
    struct http_access_kept *kept; /* owned: of the request whose bytes have gone, or NULL */
    uint64_t reply_bytes;          /* of the body, without framing, as far as it was produced */
    bool is_request_gone;
    bool is_logged;

    int status;            /* of the reply; 0: none yet */
    uint8_t phase;         /* enum http_phase */
    uint8_t reply_framing; /* enum http_reply_framing */
    bool is_head_method;
    bool is_deferred;
    bool lacks_memory;  /* what was to be appended was taken back whole */
    bool is_broken;     /* the reply cannot be completed: cut the connection */
    bool has_continued; /* 100 was sent, or is not wanted */
    bool is_head_deadline_on;
    uint16_t extra_bytes;
    char type[128];
    char extra[HTTP_EXTRA_BYTES_MAX]; /* field lines the handler added */
};

_Static_assert(sizeof(struct pl_http_exchange) <= PL_JOB_STATE_BYTES_MAX,
               "an exchange can go with its job");

enum http_mail_kind {
    HTTP_MAIL_REPLY = PL_MAIL_JOB + 1, /* a whole reply */
    HTTP_MAIL_BEGIN,
    HTTP_MAIL_WRITE,
    HTTP_MAIL_END,
};

/* What other threads post for a deferred exchange. */
struct http_mail {
    struct pl_mail mail;
    int status;
    char type[128];
    size_t length;
    char bytes[];
};

/* ---- http_request.c ------------------------------------------------------------------------- */

enum http_advance { HTTP_ADVANCE_MORE, HTTP_ADVANCE_READY, HTTP_ADVANCE_REFUSE };

/* Makes the exchange ready for the next request; leaves alone what is written before it is read. */
void http_reset_exchange(struct pl_http_exchange *exchange, struct pl_conn *conn);
/* Reads on as far as the input goes; a refusal's status stands in the parser. */
enum http_advance http_advance(struct pl_http_exchange *exchange);

/* ---- http_answer.c: each returns what `process` returns ---------------------------------------
 */

/* A request that is READY. */
enum pl_next http_answer(struct pl_conn *conn, struct pl_http_exchange *exchange);
/* A job that has come home, or what other threads posted. */
enum pl_next http_take_mail(struct pl_conn *conn, struct pl_http_exchange *exchange);
/* A streamed reply's next parts. */
enum pl_next http_produce(struct pl_conn *conn, struct pl_http_exchange *exchange);
/* Answers with an error and ends the connection after a linger. */
enum pl_next http_refuse_request(struct pl_conn *conn, struct pl_http_exchange *exchange,
                                 int status);

/* ---- http_exchange.c ------------------------------------------------------------------------ */

void http_set_type(struct pl_http_exchange *exchange, const char *type);
/* The reply has a head alone: HEAD, 204, 304. */
bool http_has_no_body(const struct pl_http_exchange *exchange);
/* Begins the reply: the head goes to the connection's output. Thread: holder. */
int http_begin_reply(struct pl_http_exchange *exchange, struct pl_conn *conn, const char *type,
                     uint64_t length);
/* A whole reply of the framework's own, as text. */
void http_reply_status(struct pl_http_exchange *exchange, int status);
/* Appends a part of a streamed body, with its chunk framing. */
int http_append_part(struct pl_http_exchange *exchange, const void *bytes, size_t length);
/* Ends a streamed body. */
int http_end_parts(struct pl_http_exchange *exchange);

#endif
