/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request → reply: a route's handler, a fixed reply, a file, a refusal; at once, or later.
 *
 *     answer ─▶ handler ─▶ replied ─────────────────────────▶ finish
 *                 │ may block ─▶ job ─────────┐
 *                 │ defers ─▶ posted items ───┤ take_mail ─▶ finish
 *                 └ streams ─▶ produce, as long as there is room ─▶ finish
 */
#include "http_exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A framing error: nothing behind it can be trusted, so the connection ends, and the client is
 * given time to read why (RFC 9112, 9.6). */
enum pl_next http_refuse_request(struct pl_conn *conn, struct pl_http_exchange *exchange,
                                 int status)
{
    exchange->framing.is_persistent = false;
    exchange->extra_bytes = 0;
    http_reply_status(exchange, status);
    pl_conn_count_request(conn);
    pl_conn_linger(conn);
    return PL_CLOSE;
}

/* The reply found no memory and was taken back; the last of the pool is kept for saying so. */
static enum pl_next refuse_for_memory(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    exchange->lacks_memory = false;
    exchange->status = 0;
    exchange->reply_framing = HTTP_REPLY_LENGTH;
    exchange->output = pl_conn_output(conn);
    return http_refuse_request(conn, exchange, 503);
}

/* The exchange is over: its bytes are consumed and the next one may begin. */
static enum pl_next finish(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    bool is_persistent = exchange->framing.is_persistent && !exchange->is_broken;

    if (exchange->lacks_memory)
        return refuse_for_memory(conn, exchange);

    pl_conn_consume(conn, exchange->message_bytes);
    pl_conn_count_request(conn);
    if (!is_persistent)
        return PL_CLOSE;
    http_reset_exchange(exchange, conn);
    return PL_RUN_PROCESS;
}

/* Most of a fixed reply stands ready. */
static bool reply_prepared(struct pl_http_exchange *exchange, const struct http_route *route)
{
    struct pl_view tail = route->fixed_tail;
    char *bytes;
    size_t used;

    if (tail.length == 0 || !exchange->framing.is_persistent || exchange->head.minor_version == 0 ||
        exchange->is_head_method || pl_conn_is_draining(exchange->conn))
        return false;
    bytes = pl_output_reserve(exchange->output, HTTP_REPLY_HEAD_BYTES + tail.length);
    if (bytes == NULL)
        return false;
    exchange->status = (int)route->fixed->status;
    used = http_encode_status_and_date(exchange->status, pl_conn_date(exchange->conn), bytes);
    memcpy(bytes + used, tail.bytes, tail.length);
    pl_output_commit(exchange->output, used + tail.length);
    return true;
}

static void reply_fixed(struct pl_http_exchange *exchange, const struct http_reply_settings *fixed)
{
    const char *text = fixed->text == NULL ? "" : fixed->text;
    struct pl_output_mark mark = pl_output_mark(exchange->output);
    int err;

    exchange->status = (int)fixed->status;
    err = http_begin_reply(exchange, exchange->conn, http_fixed_type(fixed), strlen(text));
    if (err == 0 && !http_has_no_body(exchange))
        err = pl_output_append_borrowed(exchange->output, text, strlen(text));
    if (err < 0) {
        pl_output_rollback(exchange->output, mark);
        exchange->lacks_memory = true;
    }
}

static void reply_not_allowed(struct pl_http_exchange *exchange, const char *allow)
{
    /* The methods come from the routes: tokens, far below the room there is. */
    if (pl_http_add_field(exchange, "Allow", allow) == 0)
        http_reply_status(exchange, 405);
    else
        http_reply_status(exchange, 500);
}

static bool is_known_method(struct pl_view method)
{
    static const char *const known[] = { "GET",    "HEAD",    "POST",  "PUT",
                                         "DELETE", "OPTIONS", "PATCH", "TRACE" };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (pl_view_equals(method, pl_view_of(known[i])))
            return true;
    return false;
}

static bool is_get_or_head(const struct pl_http_exchange *exchange)
{
    return exchange->is_head_method || pl_view_equals(pl_http_method(exchange), PL_VIEW("GET"));
}

/* No route of that path: a file, or one of the refusals. */
static void reply_without_route(struct pl_http_exchange *exchange, struct pl_view path,
                                enum http_match match, const char *allow)
{
    if (!is_known_method(pl_http_method(exchange)))
        http_reply_status(exchange, 501);
    else if (path.bytes[0] == '*')
        reply_fixed(exchange, &(struct http_reply_settings){ .status = 204 });
    else if (match == HTTP_MATCH_OTHER_METHOD)
        reply_not_allowed(exchange, allow);
    else if (http_find_root(exchange->service, path) == NULL)
        http_reply_status(exchange, 404);
    else if (!is_get_or_head(exchange))
        reply_not_allowed(exchange, "GET, HEAD");
    else
        http_serve_file(exchange, path);
}

static void run_job(struct pl_job *job)
{
    struct pl_http_exchange *exchange = pl_job_state(job);

    exchange->conn = NULL;
    exchange->message = pl_job_input(job);
    exchange->output = pl_job_output(job);
    exchange->route->handler(exchange, exchange->route->context);
}

/* A reply that was to be streamed will not be: its producer lets go. */
static void drop_job(struct pl_job *job)
{
    struct pl_http_exchange *exchange = pl_job_state(job);

    if (exchange->producer != NULL)
        (void)exchange->producer(NULL, exchange->producer_context);
    exchange->producer = NULL;
}

/* The handler may block: what stands in front is sent first, then the handler leaves with the
 * request and the connection is parked. */
static enum pl_next start_job(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    struct pl_job *job;

    if (pl_output_length(pl_conn_output(conn)) > 0)
        return PL_RUN_SEND;
    job = pl_conn_start_job(conn, exchange->message_bytes, sizeof(*exchange), run_job, drop_job,
                            &exchange->route->note);
    if (job == NULL)
        return http_refuse_request(conn, exchange, 503);
    memcpy(pl_job_state(job), exchange, sizeof(*exchange));
    exchange->message_bytes = 0;
    exchange->phase = HTTP_PHASE_AWAITING_JOB;
    return PL_WAIT;
}

/* The reply comes later: the request's bytes go, and its views are empty from here on. */
static void forget_request(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    pl_conn_consume(conn, exchange->message_bytes);
    exchange->message_bytes = 0;
    exchange->message = PL_VIEW("");
    exchange->body_begin = exchange->body_end = 0;
    exchange->path = exchange->query = exchange->head.method = (struct http_span){ .offset = 0 };
    exchange->head.fields_count = 0;
}

static enum pl_next begin_stream(struct pl_conn *conn, struct pl_http_exchange *exchange,
                                 enum http_phase phase)
{
    exchange->reply_framing =
        exchange->head.minor_version >= 1 ? HTTP_REPLY_CHUNKED : HTTP_REPLY_UNTIL_CLOSE;
    exchange->output = pl_conn_output(conn);
    exchange->phase = (uint8_t)phase;
    forget_request(conn, exchange);
    /* timeouts.handler is until the first byte; from here on the client's hang-up ends it. */
    pl_conn_start_deadline(conn, PL_DEADLINE_NONE);
    return http_begin_reply(exchange, conn, exchange->type, 0) < 0
               ? refuse_for_memory(conn, exchange)
               : PL_RUN_PROCESS;
}

/* HEAD: the head that GET would get, and no body to produce. */
static enum pl_next skip_stream(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    (void)exchange->producer(NULL, exchange->producer_context);
    exchange->producer = NULL;
    /* A client of 1.0 knows no transfer coding (RFC 9112, 6.1). */
    exchange->reply_framing =
        exchange->head.minor_version >= 1 ? HTTP_REPLY_CHUNKED : HTTP_REPLY_UNTIL_CLOSE;
    if (http_begin_reply(exchange, conn, exchange->type, 0) < 0)
        exchange->lacks_memory = true;
    return finish(conn, exchange);
}

static enum pl_next await_reply(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    forget_request(conn, exchange);
    exchange->phase = HTTP_PHASE_AWAITING_REPLY;
    pl_conn_start_deadline(conn, PL_DEADLINE_HANDLER);
    pl_conn_wait_for(conn, PL_COMPLETION);
    return PL_WAIT;
}

/* The handler has returned, here or in a job. */
static enum pl_next handled(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    if (exchange->is_deferred && exchange->status == 0)
        return await_reply(conn, exchange);
    if (exchange->is_deferred)
        pl_conn_close_door(conn);
    if (exchange->producer != NULL && !exchange->is_head_method)
        return begin_stream(conn, exchange, HTTP_PHASE_STREAMING);
    if (exchange->producer != NULL)
        return skip_stream(conn, exchange);
    if (exchange->status == 0)
        http_reply_status(exchange, 500);
    return finish(conn, exchange);
}

static enum pl_next answer_path(struct pl_conn *conn, struct pl_http_exchange *exchange,
                                struct pl_view path)
{
    char allow[128];
    enum http_match match = http_find_route(exchange->service, pl_http_method(exchange), path,
                                            &exchange->route, allow, sizeof(allow));

    if (match != HTTP_MATCH_ROUTE) {
        reply_without_route(exchange, path, match, allow);
        return finish(conn, exchange);
    }
    if (exchange->route->handler == NULL) {
        if (!reply_prepared(exchange, exchange->route))
            reply_fixed(exchange, exchange->route->fixed);
        return finish(conn, exchange);
    }
    if (!pl_conn_begin_handler(conn, &exchange->route->note, exchange->route->may_block))
        return PL_HAND_OVER;
    if (exchange->route->may_block)
        return start_job(conn, exchange);
    exchange->route->handler(exchange, exchange->route->context);
    return handled(conn, exchange);
}

/* A path that needs decoding; nearly none does. */
static enum pl_next answer_decoded(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    char path[PL_BUFFER_BYTES];
    long length = http_decode_path(pl_http_path(exchange), path, sizeof(path));

    if (length < 0)
        return http_refuse_request(conn, exchange, 400);
    return answer_path(conn, exchange, (struct pl_view){ .bytes = path, .length = (size_t)length });
}

enum pl_next http_answer(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    struct pl_view path;

    exchange->message = pl_conn_input(conn);
    path = pl_http_path(exchange);
    if (path.length == 0) /* absolute-form without a path (RFC 9110, 4.2.3) */
        path = PL_VIEW("/");
    if (http_scan((const unsigned char *)path.bytes, path.length, HTTP_CLASS_PLAIN) < path.length)
        return answer_decoded(conn, exchange);
    return answer_path(conn, exchange, path);
}

static enum pl_next end_stream(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    exchange->producer = NULL;
    if (http_end_parts(exchange) < 0 || exchange->is_broken)
        return PL_CLOSE;
    pl_conn_close_door(conn);
    return finish(conn, exchange);
}

enum pl_next http_produce(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    if (!pl_conn_begin_handler(conn, &exchange->route->note, false))
        return PL_HAND_OVER;
    while (!exchange->is_broken) {
        if (!pl_conn_may_continue(conn))
            return pl_conn_output_is_full(conn) ? PL_RUN_SEND : PL_AGAIN;
        exchange->lacks_memory = false;
        switch (exchange->producer(exchange, exchange->producer_context)) {
        case PL_HTTP_MORE:
            /* What was refused comes again when what stands has been sent. */
            if (exchange->lacks_memory && pl_output_length(exchange->output) > 0)
                return PL_RUN_SEND;
            exchange->is_broken = exchange->lacks_memory;
            break;
        case PL_HTTP_DONE:
            exchange->is_broken = exchange->lacks_memory;
            return end_stream(conn, exchange);
        case PL_HTTP_ABORT:
            exchange->producer = NULL;
            exchange->is_broken = true;
            break;
        }
    }
    return PL_CLOSE;
}

/* The job's exchange comes home: its reply becomes that of the connection's own. */
static enum pl_next take_job(struct pl_conn *conn, struct pl_http_exchange *exchange,
                             struct pl_mail *mail)
{
    struct pl_job *job = pl_job_of_mail(mail);
    const struct pl_http_exchange *done = pl_job_state(job);

    exchange->status = done->status;
    exchange->producer = done->producer;
    exchange->producer_context = done->producer_context;
    exchange->lacks_memory = done->lacks_memory;
    exchange->extra_bytes = done->extra_bytes;
    memcpy(exchange->type, done->type, sizeof(exchange->type));
    memcpy(exchange->extra, done->extra, done->extra_bytes);
    exchange->output = pl_conn_output(conn);
    pl_conn_close_door(conn);
    if (exchange->status != 0 && exchange->producer == NULL) {
        uint64_t length = pl_output_length(pl_job_output(job));

        if (!exchange->lacks_memory && http_begin_reply(exchange, conn, exchange->type, length) < 0)
            exchange->lacks_memory = true;
        if (exchange->lacks_memory || http_has_no_body(exchange)) {
            mail->drop(mail, conn);
            return handled(conn, exchange);
        }
    }
    pl_conn_finish_job(conn, mail);
    return handled(conn, exchange);
}

static enum pl_next take_whole_reply(struct pl_conn *conn, struct pl_http_exchange *exchange,
                                     const struct http_mail *item)
{
    pl_conn_close_door(conn);
    exchange->output = pl_conn_output(conn);
    pl_http_reply(exchange, item->status, item->type[0] != '\0' ? item->type : NULL, item->bytes,
                  item->length);
    return finish(conn, exchange);
}

/* One item from another thread; PL_WAIT: there may be more. */
static enum pl_next take_item(struct pl_conn *conn, struct pl_http_exchange *exchange,
                              const struct http_mail *item)
{
    bool is_streaming = exchange->phase == HTTP_PHASE_STREAMING_DEFERRED;

    switch ((enum http_mail_kind)item->mail.kind) {
    case HTTP_MAIL_REPLY:
        return is_streaming ? PL_CLOSE : take_whole_reply(conn, exchange, item);
    case HTTP_MAIL_BEGIN:
        if (is_streaming)
            return PL_CLOSE;
        exchange->status = item->status;
        memcpy(exchange->type, item->type, sizeof(exchange->type));
        return begin_stream(conn, exchange, HTTP_PHASE_STREAMING_DEFERRED) == PL_CLOSE ? PL_CLOSE
                                                                                       : PL_WAIT;
    case HTTP_MAIL_WRITE:
        return is_streaming && http_append_part(exchange, item->bytes, item->length) == 0
                   ? PL_WAIT
                   : PL_CLOSE;
    case HTTP_MAIL_END:
        return is_streaming ? end_stream(conn, exchange) : PL_CLOSE;
    }
    return PL_CLOSE;
}

enum pl_next http_take_mail(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    enum pl_next next = PL_WAIT;

    while (next == PL_WAIT) {
        struct pl_mail *mail;

        if (pl_conn_output_is_full(conn))
            return PL_RUN_SEND;
        mail = pl_conn_take_mail(conn);
        if (mail == NULL) {
            pl_conn_wait_for(conn, PL_COMPLETION);
            return PL_WAIT;
        }
        if (mail->kind == PL_MAIL_JOB)
            return take_job(conn, exchange, mail);
        next = take_item(conn, exchange, (struct http_mail *)(void *)mail);
        free(mail);
    }
    return next;
}
