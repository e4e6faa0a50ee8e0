/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler, a producer and other threads may do with an exchange: <paceline/http.h>. */
#include "http_exchange.h"

#include "http_conditional.h"
#include "http_event.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the request ------------------------------------------------------------------------------
 */

struct pl_view pl_http_method(const struct pl_http_exchange *exchange)
{
    return http_view(exchange->message, exchange->head.method);
}

struct pl_view pl_http_path(const struct pl_http_exchange *exchange)
{
    return http_view(exchange->message, exchange->path);
}

struct pl_view pl_http_query(const struct pl_http_exchange *exchange)
{
    return http_view(exchange->message, exchange->query);
}

/* Field names of an application may have any case; ours are written in lower case. */
static bool is_same_name(struct pl_view left, const char *right)
{
    size_t i = 0;

    for (; i < left.length && right[i] != '\0'; i++)
        if (http_lower(left.bytes[i]) != http_lower(right[i]))
            return false;
    return i == left.length && right[i] == '\0';
}

bool pl_http_field(const struct pl_http_exchange *exchange, const char *name,
                   struct pl_view *ret_value)
{
    for (uint16_t i = 0; i < exchange->head.fields_count; i++) {
        const struct http_field *field = &exchange->head.fields[i];

        if (is_same_name(http_view(exchange->message, field->name), name)) {
            *ret_value = http_view(exchange->message, field->value);
            return true;
        }
    }
    return false;
}

size_t pl_http_peer(const struct pl_http_exchange *exchange, char *ret_text)
{
    ret_text[0] = '\0';
    return exchange->conn == NULL ? 0 : pl_conn_peer(exchange->conn, ret_text);
}

struct pl_view pl_http_body(const struct pl_http_exchange *exchange)
{
    return (struct pl_view){ .bytes = exchange->message.bytes + exchange->body_begin,
                             .length = exchange->body_end - exchange->body_begin };
}

bool pl_http_trailer(const struct pl_http_exchange *exchange, const char *name,
                     struct pl_view *ret_value)
{
    struct pl_view lines = http_view(exchange->message, exchange->trailers);

    while (lines.length > 0) {
        const char *end = memchr(lines.bytes, '\r', lines.length);
        size_t length = end == NULL ? lines.length : (size_t)(end - lines.bytes);
        const char *colon = memchr(lines.bytes, ':', length);
        struct pl_view field = { .bytes = lines.bytes,
                                 .length = colon == NULL ? 0 : (size_t)(colon - lines.bytes) };

        if (colon != NULL && is_same_name(field, name)) {
            *ret_value = http_trim(
                (struct pl_view){ .bytes = colon + 1, .length = length - field.length - 1 });
            return true;
        }
        lines.bytes += length;
        lines.length -= length;
        for (size_t i = 0; i < 2 && lines.length > 0; i++, lines.length--)
            lines.bytes++; /* CR LF */
    }
    return false;
}

/* ---- the reply ---------------------------------------------------------------------------------
 */

static bool is_among(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (http_equals_ignoring_case(pl_view_of(name), *names))
            return true;
    return false;
}

/* Appends a field line to those of the head, or of the trailer section. */
static int add_line(struct pl_http_exchange *exchange, const char *name, const char *value)
{
    size_t used = exchange->extra_bytes;
    size_t length = strlen(name) + strlen(value) + 4;

    if (name[0] == '\0')
        return -EINVAL;
    for (const char *at = name; *at != '\0'; at++)
        if (!http_is_token_byte((unsigned char)*at))
            return -EINVAL;
    for (const char *at = value; *at != '\0'; at++)
        if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7f)
            return -EINVAL;
    if (used + length >= sizeof(exchange->extra))
        return -ENOBUFS;
    snprintf(exchange->extra + used, sizeof(exchange->extra) - used, "%s: %s\r\n", name, value);
    exchange->extra_bytes = (uint16_t)(used + length);
    return 0;
}

int pl_http_add_field(struct pl_http_exchange *exchange, const char *name, const char *value)
{
    /* Framing, persistence and what a reply's head says of itself. */
    static const char *const reserved[] = { "content-length", "transfer-encoding", "connection",
                                            "keep-alive",     "proxy-connection",  "te",
                                            "date",           "content-type",      NULL };
    int err;

    if (is_among(name, reserved))
        return -EINVAL;
    err = add_line(exchange, name, value);
    if (err == 0 && http_equals_ignoring_case(pl_view_of(name), "upgrade"))
        exchange->has_upgrade = true;
    return err;
}

int pl_http_add_trailer(struct pl_http_exchange *exchange, const char *name, const char *value)
{
    /* Framing, routing, request modifiers, authentication, response control data, and what says how
     * the content is to be read (RFC 9110, 6.5.1). */
    static const char *const forbidden[] = { "content-length",
                                             "transfer-encoding",
                                             "connection",
                                             "upgrade",
                                             "te",
                                             "trailer",
                                             "host",
                                             "date",
                                             "content-type",
                                             "content-encoding",
                                             "content-range",
                                             "content-location",
                                             "location",
                                             "age",
                                             "cache-control",
                                             "expires",
                                             "pragma",
                                             "vary",
                                             "warning",
                                             "retry-after",
                                             "set-cookie",
                                             "www-authenticate",
                                             "proxy-authenticate",
                                             "authorization",
                                             "allow",
                                             NULL };

    if (exchange->phase != HTTP_PHASE_STREAMING || is_among(name, forbidden))
        return -EINVAL;
    return add_line(exchange, name, value);
}

void http_set_type(struct pl_http_exchange *exchange, const char *type)
{
    snprintf(exchange->type, sizeof(exchange->type), "%s", type == NULL ? "" : type);
}

int http_begin_reply(struct pl_http_exchange *exchange, struct pl_conn *conn, const char *type,
                     uint64_t length)
{
    struct http_reply_head head = {
        .status = exchange->status,
        .type = pl_view_of(type == NULL ? "" : type),
        .date = pl_conn_date(conn),
        .framing = (enum http_reply_framing)exchange->reply_framing,
        .length = length,
        .has_no_body = exchange->status == 204 || exchange->status == 304,
        .has_upgrade = exchange->has_upgrade,
        .minor_version = exchange->head.minor_version,
        .extra = { .bytes = exchange->extra, .length = exchange->extra_bytes },
    };
    char *bytes;

    exchange->reply_bytes = http_has_no_body(exchange) ? 0 : length;
    if (exchange->status == 205) {
        head.framing = HTTP_REPLY_LENGTH;
        head.length = 0;
        head.type = PL_VIEW("");
    }
    if (head.framing == HTTP_REPLY_UNTIL_CLOSE || pl_conn_is_draining(conn) ||
        (exchange->is_body_open && !http_may_discard(exchange)))
        exchange->framing.is_persistent = false;
    head.is_persistent = exchange->framing.is_persistent;
    bytes = pl_output_reserve(pl_conn_output(conn), HTTP_REPLY_HEAD_BYTES + exchange->extra_bytes);
    if (bytes == NULL)
        return -ENOBUFS;
    pl_output_commit(pl_conn_output(conn), http_encode_head(&head, bytes));
    return 0;
}

bool http_has_no_body(const struct pl_http_exchange *exchange)
{
    return exchange->is_head_method || http_status_has_no_content(exchange->status);
}

static int clamp_status(int status)
{
    return status >= 200 && status <= 599 ? status : 500;
}

void pl_http_reply(struct pl_http_exchange *exchange, int status, const char *type,
                   const void *bytes, size_t length)
{
    struct pl_output_mark mark = pl_output_mark(exchange->output);
    int err = 0;

    if (exchange->status != 0)
        abort(); /* a second reply to one request would answer somebody else's */
    exchange->status = clamp_status(status);
    /* In a job only the body is written here; the holder puts the head in front of it. */
    if (exchange->conn != NULL)
        err = http_begin_reply(exchange, exchange->conn, type, length);
    else
        http_set_type(exchange, type);
    if (err == 0 && (exchange->conn == NULL || !http_has_no_body(exchange)))
        err = pl_output_append(exchange->output, bytes, length);
    if (err < 0) {
        pl_output_rollback(exchange->output, mark);
        exchange->lacks_memory = true;
    }
}

void pl_http_reply_text(struct pl_http_exchange *exchange, int status, const char *text)
{
    pl_http_reply(exchange, status, "text/plain; charset=utf-8", text, strlen(text));
}

void http_reply_status(struct pl_http_exchange *exchange, int status)
{
    char text[96];

    /* Without room for the field the client does not learn when to come back; no more than that. */
    if (status == 503)
        (void)!pl_http_add_field(exchange, "Retry-After", "1");
    snprintf(text, sizeof(text), "%d %s\n", status, http_reason(status));
    pl_http_reply_text(exchange, status, text);
}

bool http_is_get_or_head(const struct pl_http_exchange *exchange)
{
    return exchange->is_head_method || pl_view_equals(pl_http_method(exchange), PL_VIEW("GET"));
}

bool http_answer_conditions(struct pl_http_exchange *exchange)
{
    /* A method that changes and selects nothing has no conditions (RFC 9110, 13.2.1). */
    if (!exchange->framing.is_conditional ||
        pl_view_equals(pl_http_method(exchange), PL_VIEW("OPTIONS")) ||
        pl_view_equals(pl_http_method(exchange), PL_VIEW("TRACE")))
        return false;
    switch (
        http_check_existence(&exchange->head, exchange->message, http_is_get_or_head(exchange))) {
    case HTTP_CONDITION_NOT_MODIFIED:
        pl_http_reply(exchange, 304, NULL, NULL, 0);
        return true;
    case HTTP_CONDITION_FAILED:
        http_reply_status(exchange, 412);
        return true;
    case HTTP_CONDITION_TRUE:
        break;
    }
    return false;
}

void pl_http_reply_file(struct pl_http_exchange *exchange, int status, const char *type, int fd,
                        off_t offset, size_t length)
{
    int err = 0;

    if (exchange->status != 0)
        abort(); /* a second reply to one request would answer somebody else's */
    exchange->status = clamp_status(status);
    if (exchange->conn != NULL)
        err = http_begin_reply(exchange, exchange->conn, type, length);
    else
        http_set_type(exchange, type);
    if (err < 0 || (exchange->conn != NULL && http_has_no_body(exchange))) {
        exchange->lacks_memory = err < 0;
        (void)close(fd);
        return;
    }
    if (pl_output_append_file(exchange->output, fd, offset, length) == 0)
        return;
    exchange->is_broken = exchange->conn != NULL; /* its head stands there already */
    exchange->lacks_memory = exchange->conn == NULL;
}

/* The client keeps the trailer section (RFC 9110, 10.1.4). */
bool http_accepts_trailers(const struct pl_http_exchange *exchange)
{
    struct pl_view codings, coding;

    if (!pl_http_field(exchange, "te", &codings))
        return false;
    while (http_take_element(&codings, &coding))
        if (http_equals_ignoring_case(coding, "trailers"))
            return true;
    return false;
}

static void reply_stream(struct pl_http_exchange *exchange, int status, const char *type,
                         pl_http_producer *producer, void *context)
{
    if (exchange->status != 0)
        abort(); /* a second reply to one request would answer somebody else's */
    exchange->status = clamp_status(status);
    /* A consumer replies when the fields have gone: it was looked at when it asked for the body. */
    exchange->accepts_trailers = exchange->accepts_trailers || http_accepts_trailers(exchange);
    http_set_type(exchange, type);
    exchange->producer = producer;
    exchange->producer_context = context;
}

void pl_http_reply_stream(struct pl_http_exchange *exchange, int status, const char *type,
                          pl_http_producer *producer, void *context)
{
    exchange->has_reply_length = false;
    exchange->reply_left = 0;
    reply_stream(exchange, status, type, producer, context);
}

void pl_http_reply_stream_sized(struct pl_http_exchange *exchange, int status, const char *type,
                                uint64_t length, pl_http_producer *producer, void *context)
{
    exchange->has_reply_length = true;
    exchange->reply_left = length;
    reply_stream(exchange, status, type, producer, context);
}

int http_append_part(struct pl_http_exchange *exchange, const void *bytes, size_t length)
{
    struct pl_output_mark mark = pl_output_mark(exchange->output);
    char size_line[20];
    int err = 0;

    if (length == 0 || http_has_no_body(exchange))
        return 0;
    if (exchange->has_reply_length && length > exchange->reply_left)
        return -EMSGSIZE;
    if (exchange->reply_framing == HTTP_REPLY_CHUNKED)
        err = pl_output_append(exchange->output, size_line,
                               http_encode_chunk_size(length, size_line));
    if (err == 0)
        err = pl_output_append(exchange->output, bytes, length);
    if (err == 0 && exchange->reply_framing == HTTP_REPLY_CHUNKED)
        err = pl_output_append(exchange->output, "\r\n", 2);
    if (err < 0) {
        pl_output_rollback(exchange->output, mark);
        exchange->lacks_memory = true;
        return err;
    }
    if (exchange->has_reply_length)
        exchange->reply_left -= length;
    exchange->reply_bytes += length;
    return 0;
}

int http_end_parts(struct pl_http_exchange *exchange)
{
    char end[sizeof(exchange->extra) + 8];
    int trailer_bytes = exchange->accepts_trailers ? exchange->extra_bytes : 0;

    if (http_has_no_body(exchange))
        return 0;
    if (exchange->has_reply_length && exchange->reply_left > 0)
        return -EMSGSIZE; /* the client waits for more than there is */
    if (exchange->reply_framing != HTTP_REPLY_CHUNKED)
        return 0;
    snprintf(end, sizeof(end), "0\r\n%.*s\r\n", trailer_bytes, exchange->extra);
    return pl_output_append(exchange->output, end, strlen(end));
}

int pl_http_write(struct pl_http_exchange *exchange, const void *bytes, size_t length)
{
    /* Anywhere else the bytes would stand in front of a head. */
    if (exchange->phase != HTTP_PHASE_STREAMING)
        return -EINVAL;
    return http_append_part(exchange, bytes, length);
}

/* ---- later, from any thread --------------------------------------------------------------------
 */

struct pl_http_deferred pl_http_defer(struct pl_http_exchange *exchange)
{
    if (exchange->conn == NULL)
        return (struct pl_http_deferred){ .token = { .table = NULL } };
    if (!exchange->is_deferred) {
        exchange->is_deferred = true;
        exchange->deferred.token = pl_conn_open_door(exchange->conn);
    }
    return exchange->deferred;
}

static void drop_mail(struct pl_mail *mail, struct pl_conn *conn)
{
    (void)conn;
    free(mail);
}

static int post_item(const struct pl_http_deferred *deferred, const struct http_mail *settings,
                     const char *type, const void *bytes)
{
    size_t length = settings->length;
    struct http_mail *item;
    int err;

    if (deferred->token.table == NULL)
        return -ESTALE;
    item = malloc(sizeof(*item) + length);
    if (item == NULL)
        return -ENOMEM;
    *item = *settings;
    item->mail.is_last = item->mail.kind == HTTP_MAIL_REPLY || item->mail.kind == HTTP_MAIL_END;
    item->mail.drop = drop_mail;
    snprintf(item->type, sizeof(item->type), "%s", type == NULL ? "" : type);
    if (length > 0)
        memcpy(item->bytes, bytes, length);
    err = pl_conn_post(&deferred->token, &item->mail);
    if (err < 0)
        free(item);
    return err;
}

static int post(const struct pl_http_deferred *deferred, enum http_mail_kind kind, int status,
                const char *type, const void *bytes, size_t length)
{
    const struct http_mail settings = { .mail = { .kind = kind },
                                        .status = clamp_status(status),
                                        .length = length };

    return post_item(deferred, &settings, type, bytes);
}

int pl_http_deferred_reply(const struct pl_http_deferred *deferred, int status, const char *type,
                           const void *bytes, size_t length)
{
    return post(deferred, HTTP_MAIL_REPLY, status, type, bytes, length);
}

int pl_http_deferred_begin(const struct pl_http_deferred *deferred, int status, const char *type)
{
    return post(deferred, HTTP_MAIL_BEGIN, status, type, NULL, 0);
}

int pl_http_deferred_begin_sized(const struct pl_http_deferred *deferred, int status,
                                 const char *type, uint64_t length)
{
    const struct http_mail settings = { .mail = { .kind = HTTP_MAIL_BEGIN },
                                        .status = clamp_status(status),
                                        .reply_length = length,
                                        .has_reply_length = true };

    return post_item(deferred, &settings, type, NULL);
}

int pl_http_deferred_write(const struct pl_http_deferred *deferred, const void *bytes,
                           size_t length)
{
    return post(deferred, HTTP_MAIL_WRITE, 200, NULL, bytes, length);
}

int pl_http_deferred_end(const struct pl_http_deferred *deferred)
{
    return post(deferred, HTTP_MAIL_END, 200, NULL, NULL, 0);
}

int pl_http_deferred_resume(const struct pl_http_deferred *deferred)
{
    return post(deferred, HTTP_MAIL_RESUME, 200, NULL, NULL, 0);
}

int pl_http_deferred_event(const struct pl_http_deferred *deferred,
                           const struct pl_http_event *event)
{
    char text[HTTP_EVENT_BYTES_MAX];
    long length = http_encode_event(event, text, sizeof(text));

    return length < 0 ? (int)length : pl_http_deferred_write(deferred, text, (size_t)length);
}
