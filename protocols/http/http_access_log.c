/* SPDX-License-Identifier: Apache-2.0 */
/* An exchange → the line of the access log, and what of the request is kept for it. */
#include "http_access_log.h"

#include "http_access_format.h"

#include <paceline/log_file.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

struct http_access_log {
    struct pl_log_file *file; /* shared with services that have the same path */
    enum http_access_format format;
};

/* ---- life ------------------------------------------------------------------------------------ */

int http_access_log_open(const struct http_access_log_settings *settings,
                         struct http_access_log **ret_log, struct pl_error *error)
{
    struct pl_error detail = { .exit_code = EX_CONFIG };
    struct http_access_log *log;
    int err;

    *ret_log = NULL;
    if (settings->file == NULL)
        return 0;
    log = calloc(1, sizeof(*log));
    if (log == NULL)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "http: no memory");
    log->format = (enum http_access_format)settings->format;
    err = pl_log_file_open(settings->file, &log->file, &detail);
    if (err < 0) {
        free(log);
        return pl_error_set(error, detail.exit_code, err, "http.access_log: %.300s",
                            detail.message);
    }
    *ret_log = log;
    return 0;
}

void http_access_log_close(struct http_access_log *log)
{
    if (log == NULL)
        return;
    pl_log_file_close(log->file);
    free(log);
}

/* ---- the request ------------------------------------------------------------------------------
 */

/* What was kept of a request whose bytes have gone; in memory of the connection's pool. */
struct http_access_kept {
    struct http_access_request request; /* its views lead to the bytes behind it */
    char bytes[];
};

/* One byte more than a line has room for, so that what is cut is seen to be cut. */
_Static_assert(sizeof(struct http_access_kept) + HTTP_ACCESS_METHOD_BYTES +
                       HTTP_ACCESS_TARGET_BYTES + HTTP_ACCESS_VERSION_BYTES +
                       2 * HTTP_ACCESS_FIELD_BYTES + HTTP_ACCESS_HOST_BYTES + 6 <=
                   PL_BUFFER_BYTES,
               "every request can be kept");

/* A part of the request line: whole, or as far as it was read. */
static struct pl_view part_of_line(const struct http_parser *parser, struct pl_view input,
                                   enum http_parse_state state, struct http_span whole)
{
    struct http_span read = { .offset = parser->mark, .length = parser->offset - parser->mark };

    if (parser->state > state)
        return http_view(input, whole);
    if (parser->state < state || read.length == 0)
        return (struct pl_view){ .bytes = NULL };
    return http_view(input, read);
}

static uint64_t bytes_read(const struct pl_http_exchange *exchange, struct pl_view input)
{
    uint64_t wanted = exchange->head.length + exchange->framing.content_length;

    if (exchange->parser.state != HTTP_PARSE_DONE)
        return exchange->parser.offset;
    if (exchange->phase >= HTTP_PHASE_READY)
        return exchange->message_bytes;
    if (exchange->framing.is_chunked)
        return exchange->body_end;
    return wanted < input.length ? wanted : input.length;
}

static void read_fields(const struct pl_http_exchange *exchange, struct pl_view input,
                        struct http_access_request *request)
{
    for (uint16_t i = 0; i < exchange->head.fields_count; i++) {
        const struct http_field *field = &exchange->head.fields[i];
        struct pl_view name = http_view(input, field->name);
        struct pl_view *place = NULL;

        if (http_equals_ignoring_case(name, "host"))
            place = &request->host;
        else if (http_equals_ignoring_case(name, "referer"))
            place = &request->referer;
        else if (http_equals_ignoring_case(name, "user-agent"))
            place = &request->user_agent;
        if (place != NULL && place->bytes == NULL)
            *place = http_view(input, field->value);
    }
}

/* What stands in the input, as far as it was read. */
static void read_request(const struct pl_http_exchange *exchange, struct pl_view input,
                         struct http_access_request *ret_request)
{
    const struct http_parser *parser = &exchange->parser;
    const struct http_head *head = &exchange->head;
    struct http_span version = { .offset = head->target.offset + head->target.length + 1,
                                 .length = sizeof("HTTP/1.1") - 1 };

    *ret_request = (struct http_access_request){ .bytes = 0 };
    if (input.length == 0)
        return;
    ret_request->method = part_of_line(parser, input, HTTP_PARSE_METHOD, head->method);
    ret_request->target = part_of_line(parser, input, HTTP_PARSE_TARGET, head->target);
    ret_request->version = part_of_line(parser, input, HTTP_PARSE_VERSION, version);
    ret_request->bytes = bytes_read(exchange, input);
    read_fields(exchange, input, ret_request);
}

static size_t kept_length(struct pl_view view, size_t bytes_max)
{
    return view.length <= bytes_max ? view.length : bytes_max + 1;
}

void http_access_keep_request(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    struct http_access_request request;
    struct {
        struct pl_view *view;
        size_t bytes_max;
    } parts[] = {
        { &request.method, HTTP_ACCESS_METHOD_BYTES },
        { &request.target, HTTP_ACCESS_TARGET_BYTES },
        { &request.version, HTTP_ACCESS_VERSION_BYTES },
        { &request.referer, HTTP_ACCESS_FIELD_BYTES },
        { &request.user_agent, HTTP_ACCESS_FIELD_BYTES },
        { &request.host, HTTP_ACCESS_HOST_BYTES },
    };
    struct http_access_kept *kept;
    size_t bytes = sizeof(*kept), used = 0;

    if (exchange->is_request_gone)
        return;
    exchange->is_request_gone = true;
    read_request(exchange, pl_conn_input(conn), &request);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        bytes += kept_length(*parts[i].view, parts[i].bytes_max);
    kept = pl_conn_take_memory(conn, bytes);
    if (kept == NULL)
        return; /* the line will say that nothing is known */
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct pl_view *view = parts[i].view;

        if (view->bytes == NULL)
            continue;
        view->length = kept_length(*view, parts[i].bytes_max);
        memcpy(kept->bytes + used, view->bytes, view->length);
        view->bytes = kept->bytes + used;
        used += view->length;
    }
    kept->request = request;
    exchange->kept = kept;
}

/* ---- the line ---------------------------------------------------------------------------------
 */

static int64_t wall_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void http_access_write(struct pl_conn *conn, struct pl_http_exchange *exchange, bool is_aborted)
{
    const struct http_access_log *log = exchange->service->access_log;
    char client[PL_CONN_PEER_BYTES];
    char text[PL_LOG_FILE_LINE_BYTES];
    int64_t now_ns = pl_conn_look_ns();
    struct http_access_line line = {
        .client = { .bytes = client, .length = pl_conn_peer(conn, client) },
        .status = exchange->status,
        .reply_bytes = exchange->status == 0 ? 0 : exchange->reply_bytes,
        .duration_us = (now_ns - exchange->begun_ns) / 1000,
        .is_aborted = is_aborted,
    };

    exchange->is_logged = true;
    if (log->format == HTTP_ACCESS_JSON)
        line.wall_ms = wall_ms();
    else
        line.date = pl_conn_date(conn);
    if (exchange->kept != NULL)
        line.request = exchange->kept->request;
    else if (!exchange->is_request_gone)
        read_request(exchange, pl_conn_input(conn), &line.request);
    line.request.bytes += exchange->parts_bytes;
    pl_log_file_write(log->file, now_ns, text, http_access_format_line(log->format, &line, text));
    pl_conn_give_memory(conn, exchange->kept);
    exchange->kept = NULL;
}
