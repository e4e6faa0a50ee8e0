/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open file → its reply: whole, in part, or not at all (RFC 9110, 13 and 14).
 *
 *     file ─▶ no wishes: 200
 *        └──▶ conditions ─▶ 304, 412
 *                     └──▶ Range, if If-Range holds ─▶ 206, 416
 *                                              └────▶ 200
 *
 * A request that wishes nothing costs one look at the names of its fields.
 */
#include "http_file_reply.h"

#include "http_conditional.h"
#include "http_date.h"
#include "http_range.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* ---- field lines ---------------------------------------------------------------------------- */

/* A file's reply has no lines of a handler: the few of its own fit. */
static void add_lines(struct pl_http_exchange *exchange, const char *lines, size_t length)
{
    memcpy(exchange->extra + exchange->extra_bytes, lines, length);
    exchange->extra_bytes = (uint16_t)(exchange->extra_bytes + length);
}

/* A time that is still to come is replaced by that of the reply (RFC 9110, 8.8.2.1). */
static void bound_modified(struct pl_http_exchange *exchange,
                           const struct http_validators *validators, char *modified)
{
    struct pl_view date = { .bytes = pl_conn_date(exchange->conn), .length = PL_DATE_BYTES };
    int64_t now_s;

    if (http_date_parse(date, 0, &now_s) && now_s < validators->modified_s)
        memcpy(modified, date.bytes, date.length);
}

#define ADD_LINE(exchange, line) add_lines((exchange), line "\r\n", sizeof(line) + 1)

/* What the ETag is and what it hangs on: a cache needs no more (RFC 9110, 15.4.5). */
static void add_etag(struct pl_http_exchange *exchange, const struct http_file *file)
{
    const struct http_validators *validators = file->validators;

    add_lines(exchange, validators->lines + validators->etag_line,
              (size_t)(validators->lines_length - validators->etag_line));
    if (file->varies)
        ADD_LINE(exchange, "Vary: Accept-Encoding");
}

static void add_coding(struct pl_http_exchange *exchange, const struct http_file *file)
{
    if (file->coding == NULL)
        return;
    if (strcmp(file->coding, "br") == 0)
        ADD_LINE(exchange, "Content-Encoding: br");
    else
        ADD_LINE(exchange, "Content-Encoding: gzip");
}

static void add_validators(struct pl_http_exchange *exchange, const struct http_file *file)
{
    const struct http_validators *validators = file->validators;
    char *lines = exchange->extra + exchange->extra_bytes;

    add_lines(exchange, validators->lines, validators->lines_length);
    if (validators->is_of_now)
        bound_modified(exchange, validators, lines + HTTP_MODIFIED_AT);
    if (file->varies)
        ADD_LINE(exchange, "Vary: Accept-Encoding");
}

/* ---- whole ---------------------------------------------------------------------------------- */

/* Takes over one reference. */
static int append_range(struct pl_http_exchange *exchange, const struct http_file *file,
                        uint64_t first, uint64_t length)
{
    return pl_output_append_file_shared(exchange->output, file->fd, (off_t)first, (size_t)length,
                                        exchange->service->send, http_cached_file_release,
                                        file->cached);
}

static void take_back(struct pl_http_exchange *exchange, struct pl_output_mark mark)
{
    pl_output_rollback(exchange->output, mark);
    exchange->lacks_memory = true;
}

static void reply_whole(struct pl_http_exchange *exchange, struct http_file *file)
{
    struct pl_output_mark mark = pl_output_mark(exchange->output);

    exchange->status = 200;
    add_validators(exchange, file);
    add_coding(exchange, file);
    if (http_begin_reply(exchange, exchange->conn, file->type, (uint64_t)file->size) < 0) {
        exchange->lacks_memory = true;
        http_file_close(file);
        return;
    }
    if (exchange->is_head_method) {
        http_file_close(file);
        return;
    }
    if (append_range(exchange, file, 0, (uint64_t)file->size) < 0)
        take_back(exchange, mark);
}

/* ---- in part -------------------------------------------------------------------------------- */

/* The client has what 200 said beside the validators when it sends If-Range (RFC 9110, 15.3.7). */
static void add_validators_of_part(struct pl_http_exchange *exchange, const struct http_file *file,
                                   uint32_t wishes)
{
    if (wishes & HTTP_WISH_IF_RANGE)
        add_etag(exchange, file);
    else
        add_validators(exchange, file);
    add_coding(exchange, file);
}

static void add_content_range(struct pl_http_exchange *exchange, const struct http_range *range,
                              off_t size)
{
    char line[96];
    int length =
        range == NULL
            ? snprintf(line, sizeof(line), "Content-Range: bytes */%" PRIu64 "\r\n", (uint64_t)size)
            : snprintf(line, sizeof(line),
                       "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", range->first,
                       range->first + range->length - 1, (uint64_t)size);

    add_lines(exchange, line, (size_t)length);
}

static void reply_range(struct pl_http_exchange *exchange, struct http_file *file,
                        const struct http_range *range, uint32_t wishes)
{
    struct pl_output_mark mark = pl_output_mark(exchange->output);

    exchange->status = 206;
    add_content_range(exchange, range, file->size);
    add_validators_of_part(exchange, file, wishes);
    if (http_begin_reply(exchange, exchange->conn, file->type, range->length) < 0) {
        exchange->lacks_memory = true;
        http_file_close(file);
        return;
    }
    if (append_range(exchange, file, range->first, range->length) < 0)
        take_back(exchange, mark);
}

/* What stands between the parts: no file can foresee it, so none contains it. */
#define BOUNDARY_BYTES 32

struct parts {
    const struct http_range_set *set;
    const struct http_file *file;
    char boundary[BOUNDARY_BYTES + 1];
};

#define PART_HEAD_BYTES_MAX 384

static bool make_boundary(char *boundary)
{
    unsigned char bytes[BOUNDARY_BYTES / 2];

    if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) != (ssize_t)sizeof(bytes))
        return false;
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(boundary + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

static size_t write_part_head(const struct parts *parts, size_t index, char *bytes)
{
    const struct http_range *range = &parts->set->ranges[index];

    return (size_t)snprintf(bytes, PART_HEAD_BYTES_MAX,
                            "%s--%s\r\nContent-Type: %.*s\r\nContent-Range: bytes %" PRIu64
                            "-%" PRIu64 "/%" PRIu64 "\r\n\r\n",
                            index == 0 ? "" : "\r\n", parts->boundary, HTTP_TYPE_BYTES_MAX,
                            parts->file->type, range->first, range->first + range->length - 1,
                            (uint64_t)parts->file->size);
}

static size_t write_parts_end(const struct parts *parts, char *bytes)
{
    return (size_t)snprintf(bytes, PART_HEAD_BYTES_MAX, "\r\n--%s--\r\n", parts->boundary);
}

static uint64_t parts_length(const struct parts *parts)
{
    char bytes[PART_HEAD_BYTES_MAX];
    uint64_t length = write_parts_end(parts, bytes);

    for (size_t i = 0; i < parts->set->count; i++)
        length += write_part_head(parts, i, bytes) + parts->set->ranges[i].length;
    return length;
}

static int append_parts(struct pl_http_exchange *exchange, const struct parts *parts)
{
    char bytes[PART_HEAD_BYTES_MAX];
    int err = 0;

    for (size_t i = 0; i < parts->set->count && err == 0; i++) {
        err = pl_output_append(exchange->output, bytes, write_part_head(parts, i, bytes));
        if (err < 0)
            break;
        http_cached_file_hold(parts->file->cached);
        err = append_range(exchange, parts->file, parts->set->ranges[i].first,
                           parts->set->ranges[i].length);
    }
    return err < 0 ? err : pl_output_append(exchange->output, bytes, write_parts_end(parts, bytes));
}

static void reply_parts(struct pl_http_exchange *exchange, struct http_file *file,
                        struct parts *parts, uint32_t wishes)
{
    struct pl_output_mark mark = pl_output_mark(exchange->output);
    char type[64];
    int err;

    exchange->status = 206;
    snprintf(type, sizeof(type), "multipart/byteranges; boundary=%s", parts->boundary);
    add_validators_of_part(exchange, file, wishes);
    err = http_begin_reply(exchange, exchange->conn, type, parts_length(parts));
    if (err == 0)
        err = append_parts(exchange, parts);
    if (err < 0)
        take_back(exchange, mark);
    http_file_close(file);
}

static void reply_unsatisfiable(struct pl_http_exchange *exchange, struct http_file *file)
{
    add_content_range(exchange, NULL, file->size);
    http_file_close(file);
    http_reply_status(exchange, 416);
}

static bool may_have_range(const struct pl_http_exchange *exchange, const struct http_file *file,
                           uint32_t wishes)
{
    /* GET alone has ranges (RFC 9110, 14.2). */
    if ((wishes & HTTP_WISH_RANGE) == 0 || exchange->is_head_method)
        return false;
    return (wishes & HTTP_WISH_IF_RANGE) == 0 ||
           http_if_range_holds(&exchange->head, exchange->message, file->validators, time(NULL));
}

static void reply_in_part(struct pl_http_exchange *exchange, struct http_file *file,
                          uint32_t wishes)
{
    struct http_range_set set;
    struct parts parts = { .set = &set, .file = file };
    enum http_ranges found = HTTP_RANGES_IGNORED;
    struct pl_view value;

    if (http_only_field(&exchange->head, exchange->message, "range", &value))
        found = http_read_ranges(value, (uint64_t)file->size, exchange->service->ranges_max, &set);
    switch (found) {
    case HTTP_RANGES_UNSATISFIABLE:
        reply_unsatisfiable(exchange, file);
        return;
    case HTTP_RANGES_FOUND:
        /* Around several parts a Content-Encoding would speak of the parts' delimiters too, and
         * within them no client looks for one. */
        if (set.count > 1 && file->coding != NULL)
            reply_whole(exchange, file);
        else if (set.count == 1)
            reply_range(exchange, file, &set.ranges[0], wishes);
        else if (make_boundary(parts.boundary))
            reply_parts(exchange, file, &parts, wishes);
        else
            reply_whole(exchange, file);
        return;
    case HTTP_RANGES_IGNORED:
        break;
    }
    reply_whole(exchange, file);
}

/* ---- not at all ----------------------------------------------------------------------------- */

/* What 200 would say about caching, and no more (RFC 9110, 15.4.5). */
static void reply_not_modified(struct pl_http_exchange *exchange, struct http_file *file)
{
    exchange->status = 304;
    add_etag(exchange, file);
    if (http_begin_reply(exchange, exchange->conn, NULL, 0) < 0)
        exchange->lacks_memory = true;
    http_file_close(file);
}

static void reply_as_wished(struct pl_http_exchange *exchange, struct http_file *file,
                            uint32_t wishes)
{
    switch (http_check_conditions(&exchange->head, exchange->message, wishes, file->validators,
                                  time(NULL))) {
    case HTTP_CONDITION_NOT_MODIFIED:
        reply_not_modified(exchange, file);
        return;
    case HTTP_CONDITION_FAILED:
        http_file_close(file);
        http_reply_status(exchange, 412);
        return;
    case HTTP_CONDITION_TRUE:
        break;
    }
    if (may_have_range(exchange, file, wishes))
        reply_in_part(exchange, file, wishes);
    else
        reply_whole(exchange, file);
}

void http_reply_file(struct pl_http_exchange *exchange, struct http_file *file, uint32_t wishes)
{
    if ((wishes & ~(uint32_t)HTTP_WISH_ACCEPT_ENCODING) == 0)
        reply_whole(exchange, file);
    else
        reply_as_wished(exchange, file, wishes);
}
