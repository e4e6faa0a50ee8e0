/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request → reply: a route's handler, a fixed reply, a file, a refusal; at once, or later.
 *
 *     answer ─▶ handler ─▶ replied ─────────────────────────▶ finish
 *                 │ may block ─▶ job ─────────┐
 *                 │ defers ─▶ posted items ───┤ take_mail ─▶ finish
 *                 │ streams ─▶ produce, as long as there is room ─▶ finish
 *                 └ wants its body in parts ─▶ http_receive.c ─▶ handled
 */
#include "http_access_log.h"
#include "http_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum pl_next end_with_linger(struct pl_conn *conn)
{
    pl_conn_count_request(conn);
    pl_conn_linger(conn);
    return PL_CLOSE;
}

/* The method may have been read where the rest of the head was not: a refusal of HEAD has no body
 * either (RFC 9110, 9.3.2). */
static void remember_head_method(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    if (exchange->phase == HTTP_PHASE_HEAD && exchange->parser.state > HTTP_PARSE_METHOD)
        exchange->is_head_method =
            pl_view_equals(http_view(pl_conn_input(conn), exchange->head.method), PL_VIEW("HEAD"));
}

/* A framing error: nothing behind it can be trusted, so the connection ends, and the client is
 * given time to read why (RFC 9112, 9.6). */
enum pl_next http_refuse_request(struct pl_conn *conn, struct pl_http_exchange *exchange,
                                 int status)
{
    http_drop_consumer(exchange);
    remember_head_method(conn, exchange);
    exchange->framing.is_persistent = false;
    exchange->extra_bytes = 0;
    exchange->has_upgrade = false;
    http_reply_status(exchange, status);
    if (exchange->lacks_memory)
        exchange->status = 0; /* it was taken back: the client hears nothing but the close */
    http_access_end(conn, exchange, exchange->lacks_memory);
    return end_with_linger(conn);
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
enum pl_next http_finish(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    bool is_persistent = exchange->framing.is_persistent && !exchange->is_broken;

    if (exchange->lacks_memory)
        return refuse_for_memory(conn, exchange);

    http_access_end(conn, exchange, exchange->is_broken);
    pl_conn_consume(conn, exchange->message_bytes);
    exchange->message_bytes = 0;
    if (exchange->is_body_open) {
        http_drop_consumer(exchange);
        return is_persistent && http_may_discard(exchange) ? http_discard_body(conn, exchange)
                                                           : end_with_linger(conn);
    }
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
    exchange->reply_bytes = route->fixed_bytes;
    used = http_encode_status_and_date(exchange->status, pl_conn_date(exchange->conn), bytes);
    memcpy(bytes + used, tail.bytes, tail.length);
    pl_output_commit(exchange->output, used + tail.length);
    return true;
}

static void reply_encoded(struct pl_http_exchange *exchange,
                          const struct http_reply_settings *fixed)
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

static void reply_fixed(struct pl_http_exchange *exchange, const struct http_route *route)
{
    bool is_success = route->fixed->status < 300;

    if (is_success && http_answer_conditions(exchange))
        return;
    if (!reply_prepared(exchange, route))
        reply_encoded(exchange, route->fixed);
}

static void reply_not_allowed(struct pl_http_exchange *exchange, const char *allow)
{
    /* The methods come from the routes: tokens, far below the room there is. */
    if (pl_http_add_field(exchange, "Allow", allow) == 0)
        http_reply_status(exchange, 405);
    else
        http_reply_status(exchange, 500);
}

static void reply_options(struct pl_http_exchange *exchange, const char *allow)
{
    if (pl_http_add_field(exchange, "Allow", allow) == 0)
        pl_http_reply(exchange, 204, NULL, NULL, 0);
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

/* The path as a file's name wants it: decoded, without dot segments. */
static bool read_name(struct pl_view path, char *text, size_t size, struct pl_view *ret_name)
{
    struct pl_view rest = { .bytes = path.bytes + 1, .length = path.length - 1 };
    int length = http_path_text(rest, text + 1, size - 1);

    text[0] = '/';
    *ret_name = (struct pl_view){ .bytes = text, .length = (size_t)length + 1 };
    return length >= 0;
}

static void reply_from_files(struct pl_http_exchange *exchange, const struct http_asked *asked,
                             bool is_normal)
{
    static const char allow[] = "GET, HEAD, OPTIONS";
    char text[PL_BUFFER_BYTES];
    struct pl_view name = asked->path; /* nearly every path is its own name */

    if ((!is_normal && !read_name(asked->path, text, sizeof(text), &name)) ||
        http_find_root(exchange->service, name) == NULL)
        http_reply_status(exchange, 404);
    else if (pl_view_equals(asked->method, PL_VIEW("OPTIONS")))
        reply_options(exchange, allow);
    else if (!http_is_get_or_head(exchange))
        reply_not_allowed(exchange, allow);
    else
        http_serve_file(exchange, name);
}

/* No route answers: a file, or one of the refusals. */
static void reply_without_route(struct pl_http_exchange *exchange, const struct http_asked *asked,
                                enum http_match match, const struct http_found *found)
{
    if (!is_known_method(asked->method))
        http_reply_status(exchange, 501);
    else if (match == HTTP_MATCH_OPTIONS)
        reply_options(exchange, found->allow);
    else if (match == HTTP_MATCH_OTHER_METHOD)
        reply_not_allowed(exchange, found->allow);
    else
        reply_from_files(exchange, asked, found->is_normal);
}

static void run_job(struct pl_job *job)
{
    struct pl_http_exchange *exchange = pl_job_state(job);

    exchange->conn = NULL;
    exchange->message = pl_job_input(job);
    exchange->output = pl_job_output(job);
    exchange->route->handler(exchange, exchange->route->context);
}

void http_drop_job(struct pl_job *job)
{
    struct pl_http_exchange *exchange = pl_job_state(job);

    if (exchange->producer != NULL)
        (void)exchange->producer(NULL, exchange->producer_context);
    exchange->producer = NULL;
    http_drop_consumer(exchange);
}

/* The handler may block: what stands in front is sent first, then the handler leaves with the
 * request and the connection is parked. */
static enum pl_next start_job(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    struct pl_job *job;

    if (pl_output_length(pl_conn_output(conn)) > 0)
        return PL_RUN_SEND;
    http_access_keep(conn, exchange);
    job = pl_conn_start_job(conn, exchange->message_bytes, sizeof(*exchange), run_job,
                            http_drop_job, &exchange->route->note);
    if (job == NULL)
        return http_refuse_request(conn, exchange, 503);
    memcpy(pl_job_state(job), exchange, sizeof(*exchange));
    exchange->message_bytes = 0;
    exchange->phase = HTTP_PHASE_AWAITING_JOB;
    return PL_WAIT;
}

void http_forget_request(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    http_access_keep(conn, exchange);
    pl_conn_consume(conn, exchange->message_bytes);
    exchange->message_bytes = 0;
    exchange->message = PL_VIEW("");
    if (exchange->phase != HTTP_PHASE_RECEIVING)
        exchange->body_begin = exchange->body_end = 0; /* else they are of the part that is next */
    exchange->path = exchange->query = exchange->head.method = (struct http_span){ .offset = 0 };
    exchange->head.fields_count = 0;
}

/* A client of 1.0 knows no transfer coding (RFC 9112, 6.1). */
static uint8_t stream_framing(const struct pl_http_exchange *exchange)
{
    if (exchange->has_reply_length)
        return HTTP_REPLY_LENGTH;
    return exchange->head.minor_version >= 1 ? HTTP_REPLY_CHUNKED : HTTP_REPLY_UNTIL_CLOSE;
}

static enum pl_next begin_stream(struct pl_conn *conn, struct pl_http_exchange *exchange,
                                 enum http_phase phase)
{
    exchange->reply_framing = stream_framing(exchange);
    exchange->output = pl_conn_output(conn);
    http_forget_request(conn, exchange);
    exchange->phase = (uint8_t)phase;
    /* timeouts.handler is until the first byte; from here on the client's hang-up ends it. */
    pl_conn_start_deadline(conn, PL_DEADLINE_NONE);
    if (http_begin_reply(exchange, conn, exchange->type, exchange->reply_left) < 0)
        return refuse_for_memory(conn, exchange);
    exchange->extra_bytes = 0; /* from here on they are trailers */
    exchange->reply_bytes = 0; /* none of it is produced yet */
    return PL_RUN_PROCESS;
}

/* The head alone, and no content to produce: HEAD, or a status that has none. */
static enum pl_next skip_stream(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    (void)exchange->producer(NULL, exchange->producer_context);
    exchange->producer = NULL;
    exchange->reply_framing = stream_framing(exchange);
    if (http_begin_reply(exchange, conn, exchange->type, exchange->reply_left) < 0)
        exchange->lacks_memory = true;
    return http_finish(conn, exchange);
}

static enum pl_next await_reply(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    http_forget_request(conn, exchange);
    exchange->phase = HTTP_PHASE_AWAITING_REPLY;
    pl_conn_start_deadline(conn, PL_DEADLINE_HANDLER);
    pl_conn_wait_for(conn, PL_COMPLETION);
    return PL_WAIT;
}

enum pl_next http_handled(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    if (exchange->consumer != NULL && exchange->status == 0)
        return http_begin_receiving(conn, exchange);
    http_drop_consumer(exchange);
    if (exchange->is_deferred && exchange->status == 0)
        return await_reply(conn, exchange);
    if (exchange->is_deferred)
        pl_conn_close_door(conn);
    if (exchange->producer != NULL && !http_has_no_body(exchange))
        return begin_stream(conn, exchange, HTTP_PHASE_STREAMING);
    if (exchange->producer != NULL)
        return skip_stream(conn, exchange);
    if (exchange->status == 0)
        http_reply_status(exchange, 500);
    return http_finish(conn, exchange);
}

static enum pl_next answer_by_route(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    if (exchange->route->handler == NULL) {
        reply_fixed(exchange, exchange->route);
        return http_finish(conn, exchange);
    }
    if (!pl_conn_begin_handler(conn, &exchange->route->note, exchange->route->may_block))
        return PL_HAND_OVER;
    if (exchange->route->may_block)
        return start_job(conn, exchange);
    exchange->route->handler(exchange, exchange->route->context);
    return http_handled(conn, exchange);
}

/* Whom the request is for; empty when no route asks. */
static struct pl_view host_of(const struct pl_http_exchange *exchange)
{
    struct pl_view host = PL_VIEW("");

    if (!exchange->service->has_hosts)
        return host;
    host = http_host_of_target(http_view(exchange->message, exchange->head.target),
                               exchange->path.offset - exchange->head.target.offset);
    if (host.length == 0)
        (void)pl_http_field(exchange, "host", &host);
    return host;
}

static enum http_match find_route(struct pl_http_exchange *exchange, struct http_asked *asked,
                                  struct http_found *found)
{
    asked->method = pl_http_method(exchange);
    asked->host = host_of(exchange);
    asked->path = pl_http_path(exchange);
    if (asked->path.length == 0) /* absolute-form without a path (RFC 9110, 4.2.3) */
        asked->path = PL_VIEW("/");
    return http_find_route(exchange->service, asked, found);
}

bool http_streams_body(struct pl_http_exchange *exchange, struct pl_view input)
{
    struct http_asked asked;
    struct http_found found;

    if (!exchange->service->streams_bodies)
        return false;
    exchange->message = input;
    return find_route(exchange, &asked, &found) == HTTP_MATCH_ROUTE && found.route->streams_body;
}

enum pl_next http_answer(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    struct http_asked asked;
    struct http_found found;
    enum http_match match;

    exchange->message = pl_conn_input(conn);
    match = find_route(exchange, &asked, &found);
    if (match == HTTP_MATCH_MALFORMED)
        return http_refuse_request(conn, exchange, 400);
    if (match == HTTP_MATCH_ROUTE) {
        exchange->route = found.route;
        if (!found.route->is_literal)
            exchange->params = found.params;
        return answer_by_route(conn, exchange);
    }
    reply_without_route(exchange, &asked, match, &found);
    return http_finish(conn, exchange);
}

static enum pl_next end_stream(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    exchange->producer = NULL;
    if (exchange->is_broken || http_end_parts(exchange) < 0)
        return PL_CLOSE;
    pl_conn_close_door(conn);
    return http_finish(conn, exchange);
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
    struct pl_http_exchange *done = pl_job_state(job);
    bool is_part = done->phase == HTTP_PHASE_RECEIVING;

    exchange->consumer = done->consumer;
    done->consumer = NULL;
    exchange->consumer_context = done->consumer_context;
    exchange->consumed = done->consumed;
    exchange->reply_left = done->reply_left;
    exchange->has_reply_length = done->has_reply_length;
    exchange->accepts_trailers = done->accepts_trailers;
    exchange->status = done->status;
    exchange->producer = done->producer;
    exchange->producer_context = done->producer_context;
    exchange->lacks_memory = done->lacks_memory;
    exchange->extra_bytes = done->extra_bytes;
    exchange->has_upgrade = done->has_upgrade;
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
            mail = NULL;
        }
    }
    if (mail != NULL)
        pl_conn_finish_job(conn, mail);
    return is_part ? http_part_taken(conn, exchange) : http_handled(conn, exchange);
}

static enum pl_next take_whole_reply(struct pl_conn *conn, struct pl_http_exchange *exchange,
                                     const struct http_mail *item)
{
    pl_conn_close_door(conn);
    exchange->output = pl_conn_output(conn);
    pl_http_reply(exchange, item->status, item->type[0] != '\0' ? item->type : NULL, item->bytes,
                  item->length);
    return http_finish(conn, exchange);
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
        exchange->reply_left = item->reply_length;
        exchange->has_reply_length = item->has_reply_length;
        memcpy(exchange->type, item->type, sizeof(exchange->type));
        return begin_stream(conn, exchange, HTTP_PHASE_STREAMING_DEFERRED) == PL_CLOSE ? PL_CLOSE
                                                                                       : PL_WAIT;
    case HTTP_MAIL_WRITE:
        return is_streaming && http_append_part(exchange, item->bytes, item->length) == 0
                   ? PL_WAIT
                   : PL_CLOSE;
    case HTTP_MAIL_END:
        return is_streaming ? end_stream(conn, exchange) : PL_CLOSE;
    case HTTP_MAIL_RESUME:
        if (exchange->is_paused)
            pl_conn_resume_body_deadline(conn);
        exchange->is_paused = false;
        return PL_WAIT;
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
