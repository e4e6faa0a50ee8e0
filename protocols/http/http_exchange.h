/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its reply. The connection's state pointer names the exchange that runs; between
 * requests there is none.
 *
 *     HEAD ─▶ BODY ─▶ READY ─handler─▶ done
 *                       │ may block ─▶ AWAITING_JOB ───┐
 *                       │ deferred  ─▶ AWAITING_REPLY ─┤─▶ done
 *                       │ streamed  ─▶ STREAMING ──────┘
 *                       └ reads its body in parts ─▶ RECEIVING ─ as READY, after the last
 */
#ifndef PL_HTTP_EXCHANGE_H
#define PL_HTTP_EXCHANGE_H

#include "http_body.h"
#include "http_chunked.h"
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
    HTTP_PHASE_RECEIVING, /* part by part, by a consumer; without one it is thrown away */
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
    struct http_span trailers;   /* whole lines, behind the body in the message */

    /* A body in parts. */
    pl_http_consumer *consumer; /* NULL: nobody wants it */
    void *consumer_context;
    uint64_t parts_bytes; /* taken so far */
    uint64_t body_left;   /* until the end, or until it is too much */
    bool is_body_open;    /* its last part has not been taken */
    bool is_part_last;    /* of a chunked body: what stands decoded is the last */
    bool is_paused;
    uint8_t consumed; /* enum pl_http_consume: what the consumer said in its job */

    struct http_route *route;  /* borrowed from the service */
    struct http_params params; /* in the path; written with a route that is no literal */
    struct pl_output *output;  /* borrowed: where the reply's body goes */
    pl_http_producer *producer;
    void *producer_context;
    struct pl_http_deferred deferred;

    uint64_t reply_left; /* of a streamed reply with a length */

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
    bool lacks_memory;     /* what was to be appended was taken back whole */
    bool is_broken;        /* the reply cannot be completed: cut the connection */
    bool has_continued;    /* 100 was sent, or is not wanted */
    bool has_reply_length; /* of a streamed reply: reply_left */
    bool accepts_trailers; /* looked at by who streams */
    bool is_head_deadline_on;
    uint16_t extra_bytes;
    bool has_upgrade; /* among them */
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
    HTTP_MAIL_RESUME,
};

/* What other threads post for a deferred exchange. */
struct http_mail {
    struct pl_mail mail;
    int status;
    char type[128];
    uint64_t reply_length; /* of a stream, if has_reply_length */
    bool has_reply_length;
    size_t length;
    char bytes[];
};

/* ---- http_request.c ------------------------------------------------------------------------- */

enum http_advance { HTTP_ADVANCE_MORE, HTTP_ADVANCE_READY, HTTP_ADVANCE_REFUSE };

/* Makes the exchange ready for the next request; leaves alone what is written before it is read. */
void http_reset_exchange(struct pl_http_exchange *exchange, struct pl_conn *conn);
/* Reads on as far as the input goes; a refusal's status stands in the parser. */
enum http_advance http_advance(struct pl_http_exchange *exchange);
/* Decodes what has come of a chunked body. What was read of the framing leaves no gap: body, kept
 * trailers and what follows them stand together. */
enum http_chunk http_decode_input(struct pl_http_exchange *exchange, uint64_t body_max);

/* ---- http_answer.c: each returns what `process` returns ---------------------------------------
 */

/* More of the request must come; a client that waits for leave gets it (RFC 9110, 10.1.1).
 * PL_CLOSE: none will come. */
enum pl_next http_want_more(struct pl_conn *conn, struct pl_http_exchange *exchange);
/* For jobs whose state is an exchange: what was to be called later lets go. */
void http_drop_job(struct pl_job *job);
/* The whole reply stands in the output, or will never be whole. */
enum pl_next http_finish(struct pl_conn *conn, struct pl_http_exchange *exchange);
/* The request's bytes go, and its views are empty from here on. */
void http_forget_request(struct pl_conn *conn, struct pl_http_exchange *exchange);
/* Does the route of this request read bodies in parts? `input` begins with its head. */
bool http_streams_body(struct pl_http_exchange *exchange, struct pl_view input);
/* A request that is READY. */
enum pl_next http_answer(struct pl_conn *conn, struct pl_http_exchange *exchange);
/* A job that has come home, or what other threads posted. */
enum pl_next http_take_mail(struct pl_conn *conn, struct pl_http_exchange *exchange);
/* A streamed reply's next parts. */
enum pl_next http_produce(struct pl_conn *conn, struct pl_http_exchange *exchange);
/* The handler has returned, or the consumer with the last part, here or in a job. */
enum pl_next http_handled(struct pl_conn *conn, struct pl_http_exchange *exchange);
/* Answers with an error and ends the connection after a linger. */
enum pl_next http_refuse_request(struct pl_conn *conn, struct pl_http_exchange *exchange,
                                 int status);

/* ---- http_receive.c: a body in parts ----------------------------------------------------------
 */

/* The handler that wanted it has returned. */
enum pl_next http_begin_receiving(struct pl_conn *conn, struct pl_http_exchange *exchange);
/* Is what nobody has taken of the body little enough to be read and thrown away? */
bool http_may_discard(const struct pl_http_exchange *exchange);
/* Does that; the exchange has been answered, and is finished behind the last byte. */
enum pl_next http_discard_body(struct pl_conn *conn, struct pl_http_exchange *exchange);
/* The next parts, as far as they have come. */
enum pl_next http_receive_parts(struct pl_conn *conn, struct pl_http_exchange *exchange);
/* The job of a part has come home. */
enum pl_next http_part_taken(struct pl_conn *conn, struct pl_http_exchange *exchange);
/* No more parts will come: the consumer lets go. */
void http_drop_consumer(struct pl_http_exchange *exchange);

/* ---- http_exchange.c ------------------------------------------------------------------------ */

void http_set_type(struct pl_http_exchange *exchange, const char *type);
/* The reply has a head alone: HEAD, 204, 205, 304. */
bool http_has_no_body(const struct pl_http_exchange *exchange);
/* Whatever the method: RFC 9110, 15.3.5, 15.3.6 and 15.4.5. */
static inline bool http_status_has_no_content(int status)
{
    return status == 204 || status == 205 || status == 304;
}
bool http_is_get_or_head(const struct pl_http_exchange *exchange);
/* For what exists and has no validators: replies 304 or 412 where the request asks for that. */
bool http_answer_conditions(struct pl_http_exchange *exchange);
/* The client has said that it keeps the trailer section. */
bool http_accepts_trailers(const struct pl_http_exchange *exchange);
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
