/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler, a producer and other threads may do with an exchange: <paceline/http.h>. */
#include "http_exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

struct pl_view pl_http_body(const struct pl_http_exchange *exchange)
{
    return (struct pl_view){ .bytes = exchange->message.bytes + exchange->body_begin,
                             .length = exchange->body_end - exchange->body_begin };
}

/* ---- the reply ---------------------------------------------------------------------------------
 */

static bool is_reserved(const char *name)
{
    static const char *const reserved[] = { "content-length", "transfer-encoding", "connection",
                                            "date", "content-type" };

    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (http_equals_ignoring_case(pl_view_of(name), reserved[i]))
            return true;
    return false;
}

int pl_http_add_field(struct pl_http_exchange *exchange, const char *name, const char *value)
{
    size_t used = exchange->extra_bytes;
    size_t length = strlen(name) + strlen(value) + 4;

    if (name[0] == '\0' || is_reserved(name))
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
        .minor_version = exchange->head.minor_version,
        .extra = { .bytes = exchange->extra, .length = exchange->extra_bytes },
    };
    char *bytes;

    exchange->reply_bytes = http_has_no_body(exchange) ? 0 : length;
    if (head.framing == HTTP_REPLY_UNTIL_CLOSE || pl_conn_is_draining(conn))
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
    return exchange->is_head_method || exchange->status == 204 || exchange->status == 304;
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

void pl_http_reply_stream(struct pl_http_exchange *exchange, int status, const char *type,
                          pl_http_producer *producer, void *context)
{
    if (exchange->status != 0)
        abort(); /* a second reply to one request would answer somebody else's */
    exchange->status = clamp_status(status);
    http_set_type(exchange, type);
    exchange->producer = producer;
    exchange->producer_context = context;
}

int http_append_part(struct pl_http_exchange *exchange, const void *bytes, size_t length)
{
    struct pl_output_mark mark = pl_output_mark(exchange->output);
    char size_line[20];
    int err = 0;

    if (length == 0 || http_has_no_body(exchange))
        return 0;
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
    exchange->reply_bytes += length;
    return 0;
}

int http_end_parts(struct pl_http_exchange *exchange)
{
    if (exchange->reply_framing != HTTP_REPLY_CHUNKED || http_has_no_body(exchange))
        return 0;
    return pl_output_append(exchange->output, "0\r\n\r\n", 5);
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

static int post(const struct pl_http_deferred *deferred, enum http_mail_kind kind, int status,
                const char *type, const void *bytes, size_t length)
{
    struct http_mail *item;
    int err;

    if (deferred->token.table == NULL)
        return -ESTALE;
    item = malloc(sizeof(*item) + length);
    if (item == NULL)
        return -ENOMEM;
    memset(item, 0, sizeof(*item));
    item->mail.kind = kind;
    item->mail.is_last = kind == HTTP_MAIL_REPLY || kind == HTTP_MAIL_END;
    item->mail.drop = drop_mail;
    item->status = clamp_status(status);
    item->length = length;
    snprintf(item->type, sizeof(item->type), "%s", type == NULL ? "" : type);
    if (length > 0)
        memcpy(item->bytes, bytes, length);
    err = pl_conn_post(&deferred->token, &item->mail);
    if (err < 0)
        free(item);
    return err;
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

int pl_http_deferred_write(const struct pl_http_deferred *deferred, const void *bytes,
                           size_t length)
{
    return post(deferred, HTTP_MAIL_WRITE, 200, NULL, bytes, length);
}

int pl_http_deferred_end(const struct pl_http_deferred *deferred)
{
    return post(deferred, HTTP_MAIL_END, 200, NULL, NULL, 0);
}
