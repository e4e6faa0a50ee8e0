/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP as a protocol module: reads a request off the input, finds who answers, and takes the reply
 * to the output, one exchange after the other.
 *
 *     input ─▶ advance (head, body) ─▶ answer (route, file, refusal) ─▶ output
 *                                        │ blocks, defers, streams: the exchange stays
 *                                        └ else the next pipelined request begins
 */
#include "http_exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- the exchange's life ------------------------------------------------------------------------
 */

static struct pl_http_exchange *exchange_of(struct pl_conn *conn)
{
    return pl_conn_state(conn);
}

/* Everything but the large arrays, which are written before they are read. */
static void reset_exchange(struct pl_http_exchange *exchange, struct pl_conn *conn)
{
    struct http_service *service = pl_conn_service_data(conn);

    exchange->conn = conn;
    exchange->service = service;
    http_parser_init(&exchange->parser, service->target_bytes_max, service->head_bytes_max);
    exchange->framing = (struct http_framing){ .content_length = 0 };
    exchange->head.fields_count = 0;
    exchange->head.minor_version = 1;
    exchange->body_begin = exchange->body_end = exchange->raw = exchange->message_bytes = 0;
    exchange->route = NULL;
    exchange->output = pl_conn_output(conn);
    exchange->producer = NULL;
    exchange->status = 0;
    exchange->phase = HTTP_PHASE_HEAD;
    exchange->reply_framing = HTTP_REPLY_LENGTH;
    exchange->is_head_method = false;
    exchange->is_deferred = false;
    exchange->is_broken = false;
    exchange->has_continued = false;
    exchange->is_head_deadline_on = false;
    exchange->extra_bytes = 0;
    exchange->type[0] = '\0';
}

static struct pl_http_exchange *begin_exchange(struct pl_conn *conn)
{
    struct pl_http_exchange *exchange = exchange_of(conn);

    if (exchange != NULL)
        return exchange;
    exchange = pl_conn_take_memory(conn, sizeof(*exchange));
    if (exchange == NULL)
        return NULL;
    reset_exchange(exchange, conn);
    pl_conn_set_state(conn, exchange);
    return exchange;
}

static void drop_exchange(struct pl_conn *conn)
{
    pl_conn_give_memory(conn, exchange_of(conn));
    pl_conn_set_state(conn, NULL);
}

/* ---- reading a request
 * --------------------------------------------------------------------------- */

enum advance { ADVANCE_MORE, ADVANCE_READY, ADVANCE_REFUSE };

static enum advance refuse_with(struct pl_http_exchange *exchange, int status)
{
    exchange->parser.status = (uint16_t)status;
    return ADVANCE_REFUSE;
}

static bool has_body(const struct pl_http_exchange *exchange)
{
    return exchange->framing.is_chunked || exchange->framing.content_length > 0;
}

/* The head is complete: decide about the body, before any of it is read. */
static enum advance begin_body(struct pl_http_exchange *exchange, struct pl_view input)
{
    struct http_head *head = &exchange->head;
    size_t bytes_max = pl_conn_message_bytes_max(exchange->conn);
    int status;

    /* A refusal of HEAD has no body either (RFC 9110, 9.3.2). */
    exchange->is_head_method = pl_view_equals(http_view(input, head->method), PL_VIEW("HEAD"));
    status = http_read_framing(head, input, &exchange->framing);
    if (status == 0)
        status = http_read_target(head, input, &exchange->path, &exchange->query);
    if (status != 0)
        return refuse_with(exchange, status);
    exchange->body_begin = exchange->body_end = exchange->raw = head->length;
    exchange->message_bytes = head->length;
    if (exchange->framing.content_length > bytes_max)
        return refuse_with(exchange, 413);
    exchange->phase = has_body(exchange) ? HTTP_PHASE_BODY : HTTP_PHASE_READY;
    exchange->has_continued = !exchange->framing.expects_continue || input.length > head->length;
    if (exchange->phase == HTTP_PHASE_READY)
        return ADVANCE_READY;
    http_chunked_init(&exchange->chunked);
    pl_conn_start_deadline(exchange->conn, PL_DEADLINE_BODY);
    if (!exchange->framing.is_chunked &&
        pl_conn_expect_input(exchange->conn,
                             head->length + (size_t)exchange->framing.content_length) < 0)
        return refuse_with(exchange, 503);
    return ADVANCE_MORE;
}

static enum advance read_chunks(struct pl_http_exchange *exchange)
{
    struct pl_conn *conn = exchange->conn;
    size_t end = pl_conn_input(conn).length;
    enum http_chunk result;

    if (exchange->raw == end)
        return ADVANCE_MORE;
    result = http_chunked_decode(&exchange->chunked, pl_conn_input_bytes(conn), &exchange->raw, end,
                                 &exchange->body_end, pl_conn_message_bytes_max(conn),
                                 exchange->body_begin);
    /* The framing that was read leaves no gap between the body and what follows it. */
    pl_conn_input_cut(conn, exchange->body_end, exchange->raw - exchange->body_end);
    exchange->raw = exchange->body_end;
    switch (result) {
    case HTTP_CHUNK_MORE:
        return ADVANCE_MORE;
    case HTTP_CHUNK_DONE:
        exchange->message_bytes = exchange->body_end;
        exchange->phase = HTTP_PHASE_READY;
        return ADVANCE_READY;
    case HTTP_CHUNK_LARGE:
        return refuse_with(exchange, 413);
    case HTTP_CHUNK_ERROR:
        break;
    }
    return refuse_with(exchange, 400);
}

static enum advance read_body(struct pl_http_exchange *exchange)
{
    size_t wanted = exchange->head.length + (size_t)exchange->framing.content_length;

    if (exchange->framing.is_chunked)
        return read_chunks(exchange);
    if (pl_conn_input(exchange->conn).length < wanted)
        return ADVANCE_MORE;
    exchange->body_end = wanted;
    exchange->message_bytes = wanted;
    exchange->phase = HTTP_PHASE_READY;
    return ADVANCE_READY;
}

static enum advance advance(struct pl_http_exchange *exchange)
{
    struct pl_view input = pl_conn_input(exchange->conn);
    enum advance result = ADVANCE_READY;

    if (exchange->parser.status != 0)
        return ADVANCE_REFUSE; /* found by a thread that only frames */
    if (exchange->phase == HTTP_PHASE_HEAD) {
        switch (http_parse_head(&exchange->parser, &exchange->head, input)) {
        case HTTP_PARSE_MORE:
            if (!exchange->is_head_deadline_on)
                pl_conn_start_deadline(exchange->conn, PL_DEADLINE_HEADER);
            exchange->is_head_deadline_on = true;
            return ADVANCE_MORE;
        case HTTP_PARSE_ERROR:
            return ADVANCE_REFUSE;
        case HTTP_PARSE_HEAD:
            result = begin_body(exchange, input);
            break;
        }
    }
    if (result != ADVANCE_REFUSE && exchange->phase == HTTP_PHASE_BODY)
        result = read_body(exchange);
    return result;
}

/* ---- answering
 * ----------------------------------------------------------------------------------- */

/* A framing error: nothing behind it can be trusted, so the connection ends, and the client is
 * given time to read why (RFC 9112, 9.6). */
static enum pl_next refuse_request(struct pl_conn *conn, struct pl_http_exchange *exchange,
                                   int status)
{
    exchange->framing.is_persistent = false;
    exchange->extra_bytes = 0;
    if (status == 503 && pl_http_add_field(exchange, "Retry-After", "1") < 0)
        return PL_CLOSE;
    http_reply_status(exchange, status);
    pl_conn_count_request(conn);
    pl_conn_linger(conn);
    return PL_CLOSE;
}

/* The exchange is over: its bytes are consumed and the next one may begin. */
static enum pl_next finish(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    bool is_persistent = exchange->framing.is_persistent && !exchange->is_broken;

    pl_conn_consume(conn, exchange->message_bytes);
    pl_conn_count_request(conn);
    if (!is_persistent)
        return PL_CLOSE;
    reset_exchange(exchange, conn);
    return PL_RUN_PROCESS;
}

static void reply_fixed(struct pl_http_exchange *exchange, const struct http_reply_settings *fixed)
{
    const char *text = fixed->text == NULL ? "" : fixed->text;

    exchange->status = (int)fixed->status;
    snprintf(exchange->type, sizeof(exchange->type), "%s",
             fixed->type == NULL ? "text/plain; charset=utf-8" : fixed->type);
    if (http_begin_reply(exchange, exchange->conn, strlen(text)) == 0 &&
        !exchange->is_head_method && exchange->status != 204 && exchange->status != 304 &&
        pl_output_append_borrowed(exchange->output, text, strlen(text)) < 0)
        exchange->is_broken = true;
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
static void reply_without_route(struct pl_http_exchange *exchange, const char *path,
                                enum http_match match, const char *allow)
{
    if (!is_known_method(pl_http_method(exchange)))
        http_reply_status(exchange, 501);
    else if (path[0] == '*')
        reply_fixed(exchange, &(struct http_reply_settings){ .status = 204 });
    else if (match == HTTP_MATCH_OTHER_METHOD)
        reply_not_allowed(exchange, allow);
    else if (exchange->service->root_fd < 0)
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

/* The handler may block: what stands in front is sent first, then the handler leaves with the
 * request and the connection is parked. */
static enum pl_next start_job(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    struct pl_job *job;

    if (pl_output_length(pl_conn_output(conn)) > 0)
        return PL_RUN_SEND;
    job = pl_conn_start_job(conn, exchange->message_bytes, sizeof(*exchange), run_job,
                            &exchange->route->note);
    if (job == NULL)
        return refuse_request(conn, exchange, 503);
    memcpy(pl_job_state(job), exchange, sizeof(*exchange));
    exchange->message_bytes = 0;
    exchange->phase = HTTP_PHASE_AWAITING_JOB;
    return PL_WAIT;
}

static enum pl_next begin_stream(struct pl_conn *conn, struct pl_http_exchange *exchange,
                                 enum http_phase phase)
{
    exchange->reply_framing =
        exchange->head.minor_version >= 1 ? HTTP_REPLY_CHUNKED : HTTP_REPLY_UNTIL_CLOSE;
    exchange->output = pl_conn_output(conn);
    exchange->phase = (uint8_t)phase;
    pl_conn_consume(conn, exchange->message_bytes);
    exchange->message_bytes = 0;
    pl_conn_start_deadline(conn,
                           phase == HTTP_PHASE_STREAMING ? PL_DEADLINE_NONE : PL_DEADLINE_HANDLER);
    return http_begin_reply(exchange, conn, 0) < 0 ? PL_CLOSE : PL_RUN_PROCESS;
}

/* HEAD: the head that GET would get, and no body to produce. */
static enum pl_next skip_stream(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    (void)exchange->producer(NULL, exchange->producer_context);
    exchange->producer = NULL;
    /* A client of 1.0 knows no transfer coding (RFC 9112, 6.1). */
    exchange->reply_framing =
        exchange->head.minor_version >= 1 ? HTTP_REPLY_CHUNKED : HTTP_REPLY_UNTIL_CLOSE;
    return http_begin_reply(exchange, conn, 0) < 0 ? PL_CLOSE : finish(conn, exchange);
}

static enum pl_next await_reply(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    pl_conn_consume(conn, exchange->message_bytes);
    exchange->message_bytes = 0;
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

static enum pl_next answer(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    char path[PL_BUFFER_BYTES], allow[128];
    struct pl_view decoded = { .bytes = path };
    enum http_match match;
    long length;

    exchange->message = pl_conn_input(conn);
    length = http_decode_path(pl_http_path(exchange), path, sizeof(path));
    if (length < 0)
        return refuse_request(conn, exchange, 400);
    if (length == 0) { /* absolute-form without a path (RFC 9110, 4.2.3) */
        memcpy(path, "/", 2);
        length = 1;
    }
    decoded.length = (size_t)length;
    match = http_find_route(exchange->service, pl_http_method(exchange), decoded, &exchange->route,
                            allow, sizeof(allow));
    if (match != HTTP_MATCH_ROUTE) {
        reply_without_route(exchange, path, match, allow);
        return finish(conn, exchange);
    }
    if (exchange->route->handler == NULL) {
        reply_fixed(exchange, exchange->route->fixed);
        return finish(conn, exchange);
    }
    if (exchange->route->may_block)
        return start_job(conn, exchange);
    pl_conn_note_handler(conn, &exchange->route->note);
    exchange->route->handler(exchange, exchange->route->context);
    return handled(conn, exchange);
}

/* ---- replies that come later
 * --------------------------------------------------------------------- */

static enum pl_next end_stream(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    exchange->producer = NULL;
    if (http_end_parts(exchange) < 0 || exchange->is_broken)
        return PL_CLOSE;
    pl_conn_close_door(conn);
    return finish(conn, exchange);
}

static enum pl_next produce(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    while (!exchange->is_broken) {
        if (!pl_conn_may_continue(conn))
            return pl_conn_output_is_full(conn) ? PL_RUN_SEND : PL_AGAIN;
        switch (exchange->producer(exchange, exchange->producer_context)) {
        case PL_HTTP_MORE:
            break;
        case PL_HTTP_DONE:
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
    exchange->is_broken = done->is_broken;
    exchange->extra_bytes = done->extra_bytes;
    memcpy(exchange->type, done->type, sizeof(exchange->type));
    memcpy(exchange->extra, done->extra, done->extra_bytes);
    exchange->output = pl_conn_output(conn);
    pl_conn_close_door(conn);
    if (exchange->status != 0 && exchange->producer == NULL) {
        uint64_t length = pl_output_length(pl_job_output(job));

        if (exchange->is_broken || http_begin_reply(exchange, conn, length) < 0) {
            exchange->is_broken = true;
        } else if (exchange->is_head_method || exchange->status == 204 || exchange->status == 304) {
            mail->drop(mail, conn);
            return handled(conn, exchange);
        }
    }
    pl_conn_finish_job(conn, mail);
    return exchange->is_broken ? PL_CLOSE : handled(conn, exchange);
}

static enum pl_next take_whole_reply(struct pl_conn *conn, struct pl_http_exchange *exchange,
                                     const struct http_mail *item)
{
    pl_conn_close_door(conn);
    exchange->output = pl_conn_output(conn);
    pl_http_reply(exchange, item->status, item->type[0] != '\0' ? item->type : NULL, item->bytes,
                  item->length);
    return exchange->is_broken ? PL_CLOSE : finish(conn, exchange);
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
        pl_conn_start_deadline(conn, PL_DEADLINE_HANDLER);
        return is_streaming && http_append_part(exchange, item->bytes, item->length) == 0
                   ? PL_WAIT
                   : PL_CLOSE;
    case HTTP_MAIL_END:
        return is_streaming ? end_stream(conn, exchange) : PL_CLOSE;
    }
    return PL_CLOSE;
}

static enum pl_next take_mail(struct pl_conn *conn, struct pl_http_exchange *exchange)
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

/* ---- the module
 * ------------------------------------------------------------------------------------ */

/* The client waits for leave to send its body (RFC 9110, 10.1.1). */
static enum pl_next want_more(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";

    if (pl_conn_peer_is_done(conn))
        return PL_CLOSE;
    if (exchange->phase == HTTP_PHASE_BODY && !exchange->has_continued) {
        exchange->has_continued = true;
        if (pl_output_append(pl_conn_output(conn), interim, sizeof(interim) - 1) < 0)
            return PL_CLOSE;
    }
    return PL_RUN_RECEIVE;
}

static enum pl_next run_phase(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    switch ((enum http_phase)exchange->phase) {
    case HTTP_PHASE_HEAD:
    case HTTP_PHASE_BODY:
    case HTTP_PHASE_READY:
        break;
    case HTTP_PHASE_AWAITING_JOB:
    case HTTP_PHASE_AWAITING_REPLY:
    case HTTP_PHASE_STREAMING_DEFERRED:
        return take_mail(conn, exchange);
    case HTTP_PHASE_STREAMING:
        return produce(conn, exchange);
    }
    switch (advance(exchange)) {
    case ADVANCE_MORE:
        return want_more(conn, exchange);
    case ADVANCE_REFUSE:
        return refuse_request(conn, exchange, exchange->parser.status);
    case ADVANCE_READY:
        break;
    }
    return answer(conn, exchange);
}

static bool is_between_requests(struct pl_conn *conn)
{
    struct pl_http_exchange *exchange = exchange_of(conn);

    return (exchange == NULL || exchange->phase == HTTP_PHASE_HEAD) &&
           pl_conn_input(conn).length == 0;
}

static enum pl_next process(struct pl_conn *conn)
{
    for (;;) {
        struct pl_http_exchange *exchange;
        enum pl_next next;

        if (is_between_requests(conn)) {
            drop_exchange(conn);
            if (pl_conn_is_draining(conn) || pl_conn_peer_is_done(conn))
                return PL_CLOSE;
            pl_conn_start_deadline(conn, PL_DEADLINE_IDLE);
            return PL_RUN_RECEIVE;
        }
        exchange = begin_exchange(conn);
        if (exchange == NULL)
            return PL_CLOSE;
        next = run_phase(conn, exchange);
        if (next != PL_RUN_PROCESS)
            return next;
        if (!pl_conn_may_continue(conn))
            return pl_conn_output_is_full(conn) ? PL_RUN_SEND : PL_AGAIN;
    }
}

static enum pl_frame frame(struct pl_conn *conn)
{
    struct pl_http_exchange *exchange;

    if (is_between_requests(conn))
        return PL_FRAME_INCOMPLETE;
    exchange = begin_exchange(conn);
    if (exchange == NULL || exchange->phase > HTTP_PHASE_READY)
        return PL_FRAME_UNIT;
    if (exchange->phase == HTTP_PHASE_READY || advance(exchange) != ADVANCE_MORE)
        return PL_FRAME_UNIT;
    /* A worker must send the interim reply. */
    return exchange->phase == HTTP_PHASE_BODY && !exchange->has_continued ? PL_FRAME_UNIT
                                                                          : PL_FRAME_INCOMPLETE;
}

static enum pl_next timeout(struct pl_conn *conn)
{
    struct pl_http_exchange *exchange = exchange_of(conn);

    if (exchange == NULL || exchange->phase >= HTTP_PHASE_STREAMING)
        return PL_CLOSE;
    if (exchange->phase < HTTP_PHASE_READY)
        return refuse_request(conn, exchange, 408);
    /* The handler's reply is stale from here on. */
    pl_conn_close_door(conn);
    pl_conn_report_stuck(conn, exchange->route == NULL ? NULL : &exchange->route->note);
    exchange->conn = conn;
    exchange->output = pl_conn_output(conn);
    return refuse_request(conn, exchange, 503);
}

static enum pl_next shutdown_conn(struct pl_conn *conn)
{
    return is_between_requests(conn) ? PL_CLOSE : PL_RUN_PROCESS;
}

static enum pl_next refuse(struct pl_conn *conn)
{
    struct pl_http_exchange *exchange = begin_exchange(conn);

    return exchange == NULL ? PL_CLOSE : refuse_request(conn, exchange, 503);
}

static void opened(struct pl_conn *conn)
{
    pl_conn_start_deadline(conn, PL_DEADLINE_HEADER);
}

static void closed(struct pl_conn *conn)
{
    struct pl_http_exchange *exchange = exchange_of(conn);

    if (exchange != NULL && exchange->phase == HTTP_PHASE_STREAMING && exchange->producer != NULL)
        (void)exchange->producer(NULL, exchange->producer_context);
    drop_exchange(conn);
}

/* ---- service
 * --------------------------------------------------------------------------------------- */

static int add_route(struct http_service *service, const struct http_route *route,
                     struct pl_error *error)
{
    if (service->routes_count == PL_ROUTES_MAX)
        return pl_error_set(error, EX_CONFIG, -ENOSPC, "http: more than %d routes", PL_ROUTES_MAX);
    if (route->path == NULL || (route->path[0] != '/' && route->path[0] != '*'))
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "http: a route's path must begin with '/', not '%s'",
                            route->path == NULL ? "" : route->path);
    service->routes[service->routes_count] = *route;
    service->routes[service->routes_count].path_length = strlen(route->path);
    service->routes[service->routes_count].note.name = route->path;
    service->routes_count++;
    return 0;
}

static int add_binding(struct http_service *service, const struct pl_binding *binding,
                       struct pl_error *error)
{
    const char *element = binding->elements;

    for (size_t i = 0; i < binding->count; i++, element += binding->element_bytes) {
        struct pl_http_route route = { .method = NULL };
        int err;

        /* An application compiled against an older header has shorter elements. */
        memcpy(&route, element,
               binding->element_bytes < sizeof(route) ? binding->element_bytes : sizeof(route));
        err = add_route(service,
                        &(struct http_route){ .method = route.method == NULL ? "GET" : route.method,
                                              .path = route.path,
                                              .handler = route.handler,
                                              .context = route.context,
                                              .may_block = route.may_block },
                        error);
        if (err < 0)
            return err;
    }
    return 0;
}

static int add_fixed(struct http_service *service, const struct pl_setting_list *routes,
                     struct pl_error *error)
{
    const struct http_route_settings *fixed = routes->items;

    for (uint32_t i = 0; i < routes->count; i++) {
        int err = add_route(
            service,
            &(struct http_route){ .method = fixed[i].method == NULL ? "GET" : fixed[i].method,
                                  .path = fixed[i].path,
                                  .fixed = &fixed[i].reply },
            error);

        if (err < 0)
            return err;
    }
    return 0;
}

static void service_close(void *data)
{
    struct http_service *service = data;

    if (service->root_fd >= 0)
        (void)close(service->root_fd);
    free(service);
}

static int service_open(const void *data, const struct pl_binding *bindings, size_t bindings_count,
                        void **ret_data, struct pl_error *error)
{
    const struct http_settings *settings = data;
    struct http_service *service = calloc(1, sizeof(*service));
    int err = 0;

    if (service == NULL)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "http: no memory");
    service->root_fd = -1;
    service->head_bytes_max = (size_t)settings->head_bytes_max;
    service->target_bytes_max = (size_t)settings->target_bytes_max;
    for (size_t i = 0; i < bindings_count && err == 0; i++)
        err = add_binding(service, &bindings[i], error);
    if (err == 0)
        err = add_fixed(service, &settings->routes, error);
    if (err == 0 && settings->root != NULL) {
        service->root_fd = http_open_root(settings->root, error);
        err = service->root_fd < 0 ? service->root_fd : 0;
    }
    if (err < 0) {
        service_close(service);
        return err;
    }
    *ret_data = service;
    return 0;
}

const struct pl_protocol pl_http_protocol = { .name = "http",
                                              .default_listen = "127.0.0.1:8080",
                                              .settings = http_settings_table,
                                              .settings_bytes = sizeof(struct http_settings),
                                              .service_open = service_open,
                                              .service_close = service_close,
                                              .opened = opened,
                                              .frame = frame,
                                              .process = process,
                                              .timeout = timeout,
                                              .shutdown = shutdown_conn,
                                              .refuse = refuse,
                                              .closed = closed,
                                              .datagram = NULL };
