/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Responses of an upstream: <paceline/http_client.h>.
 *
 *     { status line 1xx, fields } status line, fields, body: by length, by chunks, until the close
 *
 * The field lines go through the parser that requests go through.
 */
#include "http_body.h"
#include "http_chunked.h"

#include <paceline/http_client.h>
#include <paceline/limits.h>

#include <errno.h>
#include <string.h>

/* More interim responses than anybody sends in front of one. */
#define INTERIMS_MAX 16

struct response {
    struct http_head head;
    struct pl_view message; /* from this response's first byte on */
    size_t offset;          /* of that byte in the reply */
    int status;
    struct http_framing framing;
    bool is_until_close;
};

enum found { FOUND_MORE, FOUND_HEAD, FOUND_BROKEN };

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* "HTTP/1.x 200 reason" CRLF; the reason is any text without control bytes (RFC 9112, 4). */
static enum found read_status_line(struct response *response, size_t *ret_length)
{
    static const char pattern[] = "HTTP/1.d ddd ";
    struct pl_view input = response->message;
    const char *end = memchr(input.bytes, '\n', input.length);
    size_t length = end == NULL ? input.length : (size_t)(end - input.bytes) + 1;

    for (size_t i = 0; i < sizeof(pattern) - 1 && i < length; i++)
        if (pattern[i] == 'd' ? !is_digit(input.bytes[i]) : input.bytes[i] != pattern[i])
            return FOUND_BROKEN;
    for (size_t i = sizeof(pattern) - 1; i + 2 < length; i++)
        if (((unsigned char)input.bytes[i] < 0x20 && input.bytes[i] != '\t') ||
            input.bytes[i] == 0x7f)
            return FOUND_BROKEN;
    if (end == NULL)
        return FOUND_MORE;
    if (length < sizeof(pattern) + 1 || end[-1] != '\r')
        return FOUND_BROKEN;
    response->head.minor_version = (uint8_t)(input.bytes[7] - '0');
    response->status =
        (input.bytes[9] - '0') * 100 + (input.bytes[10] - '0') * 10 + (input.bytes[11] - '0');
    *ret_length = length;
    return response->status < 100 ? FOUND_BROKEN : FOUND_HEAD;
}

static enum found read_head(struct response *response)
{
    struct http_parser parser;
    size_t length = 0;
    enum found found = read_status_line(response, &length);

    if (found != FOUND_HEAD)
        return found;
    http_parser_init_fields(&parser, length, PL_BUFFER_BYTES_MAX);
    response->head.fields_count = 0;
    switch (http_parse_head(&parser, &response->head, response->message)) {
    case HTTP_PARSE_MORE:
        return FOUND_MORE;
    case HTTP_PARSE_ERROR:
        return FOUND_BROKEN;
    case HTTP_PARSE_HEAD:
        break;
    }
    if (http_read_response_framing(&response->head, response->message, &response->framing,
                                   &response->is_until_close) != 0)
        return FOUND_BROKEN;
    return FOUND_HEAD;
}

/* The head of the final response. */
static enum found find_final(struct pl_view input, struct response *response)
{
    *response = (struct response){ .message = input };
    for (int i = 0; i < INTERIMS_MAX; i++) {
        enum found found = read_head(response);

        if (found != FOUND_HEAD || response->status >= 200)
            return found;
        /* The connection would speak something else from here on (RFC 9110, 15.2.2). */
        if (response->status == 101)
            return FOUND_BROKEN;
        response->offset += response->head.length;
        response->message.bytes += response->head.length;
        response->message.length -= response->head.length;
    }
    return FOUND_BROKEN;
}

static bool has_body(const struct response *response, bool is_to_head)
{
    return !is_to_head && response->status != 204 && response->status != 304;
}

/* Walks over the chunks in a window of its own, because decoding rewrites what it reads. */
static enum pl_upstream_frame walk_chunks(struct pl_view body, size_t *ret_bytes)
{
    struct http_chunked chunked;
    char window[4096];
    size_t at = 0;

    http_chunked_init(&chunked);
    while (at < body.length) {
        size_t length = body.length - at < sizeof(window) ? body.length - at : sizeof(window);
        size_t raw = 0, end = 0;

        memcpy(window, body.bytes + at, length);
        switch (http_chunked_decode(&chunked, window, &raw, length, &end, PL_BUFFER_BYTES_MAX, 0)) {
        case HTTP_CHUNK_MORE:
            at += length;
            break;
        case HTTP_CHUNK_DONE:
            *ret_bytes = at + raw;
            return PL_UPSTREAM_WHOLE;
        case HTTP_CHUNK_ERROR:
        case HTTP_CHUNK_LARGE:
            return PL_UPSTREAM_REFUSED;
        }
    }
    return PL_UPSTREAM_MORE;
}

static enum pl_upstream_frame frame_body(const struct response *response, struct pl_view body,
                                         bool is_ended, size_t *ret_bytes)
{
    *ret_bytes = body.length;
    if (response->is_until_close)
        return is_ended ? PL_UPSTREAM_WHOLE_END : PL_UPSTREAM_MORE;
    if (response->framing.is_chunked)
        return walk_chunks(body, ret_bytes);
    if (body.length < response->framing.content_length)
        return PL_UPSTREAM_MORE;
    *ret_bytes = (size_t)response->framing.content_length;
    return PL_UPSTREAM_WHOLE;
}

static enum pl_upstream_frame frame(struct pl_view input, bool is_ended, bool is_to_head,
                                    size_t *ret_bytes)
{
    struct response response;
    struct pl_view body;
    enum pl_upstream_frame result = PL_UPSTREAM_WHOLE;
    size_t bytes = 0;

    switch (find_final(input, &response)) {
    case FOUND_MORE:
        return PL_UPSTREAM_MORE;
    case FOUND_BROKEN:
        return PL_UPSTREAM_REFUSED;
    case FOUND_HEAD:
        break;
    }
    body.bytes = response.message.bytes + response.head.length;
    body.length = response.message.length - response.head.length;
    if (has_body(&response, is_to_head))
        result = frame_body(&response, body, is_ended, &bytes);
    *ret_bytes = response.offset + response.head.length + bytes;
    if (result == PL_UPSTREAM_WHOLE && !response.framing.is_persistent)
        return PL_UPSTREAM_WHOLE_END;
    return result;
}

enum pl_upstream_frame pl_http_frame_response(struct pl_view input, bool is_ended,
                                              uint64_t scratch[4], size_t *ret_bytes)
{
    /* Once the length is known, the parser is not asked again for each piece of a long body. */
    if (scratch[0] > input.length && !is_ended)
        return PL_UPSTREAM_MORE;
    if (scratch[0] == 0) {
        struct response response;

        if (find_final(input, &response) == FOUND_HEAD && has_body(&response, false) &&
            !response.framing.is_chunked && !response.is_until_close)
            scratch[0] = response.offset + response.head.length + response.framing.content_length;
    }
    return frame(input, is_ended, false, ret_bytes);
}

enum pl_upstream_frame pl_http_frame_response_to_head(struct pl_view input, bool is_ended,
                                                      uint64_t scratch[4], size_t *ret_bytes)
{
    (void)scratch;
    return frame(input, is_ended, true, ret_bytes);
}

int pl_http_read_response(struct pl_view reply, bool is_to_head,
                          struct pl_http_response *ret_response)
{
    struct response response;
    size_t bytes = 0, line_length = 0;
    enum pl_upstream_frame framed = frame(reply, true, is_to_head, &bytes);

    if ((framed != PL_UPSTREAM_WHOLE && framed != PL_UPSTREAM_WHOLE_END) ||
        find_final(reply, &response) != FOUND_HEAD ||
        read_status_line(&response, &line_length) != FOUND_HEAD)
        return -EINVAL;
    *ret_response = (struct pl_http_response){
        .status = response.status,
        .fields = { .bytes = response.message.bytes + line_length,
                    .length = response.head.length - line_length - 2 },
        .body = { .bytes = response.message.bytes + response.head.length,
                  .length = bytes - response.offset - response.head.length },
        .is_chunked = has_body(&response, is_to_head) && response.framing.is_chunked,
    };
    return 0;
}

static bool is_named(struct pl_view line, const char *name, size_t name_length)
{
    if (line.length <= name_length || line.bytes[name_length] != ':')
        return false;
    for (size_t i = 0; i < name_length; i++)
        if (http_lower(line.bytes[i]) != http_lower(name[i]))
            return false;
    return true;
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t';
}

bool pl_http_response_field(const struct pl_http_response *response, const char *name,
                            struct pl_view *ret_value)
{
    struct pl_view rest = response->fields;
    size_t name_length = strlen(name);
    const char *end;

    while (rest.length > 0 && (end = memchr(rest.bytes, '\r', rest.length)) != NULL) {
        struct pl_view line = { .bytes = rest.bytes, .length = (size_t)(end - rest.bytes) };

        if (is_named(line, name, name_length)) {
            struct pl_view value = { .bytes = line.bytes + name_length + 1,
                                     .length = line.length - name_length - 1 };

            for (; value.length > 0 && is_space(*value.bytes); value.length--)
                value.bytes++;
            while (value.length > 0 && is_space(value.bytes[value.length - 1]))
                value.length--;
            *ret_value = value;
            return true;
        }
        rest.bytes += line.length + 2;
        rest.length -= line.length + 2;
    }
    return false;
}

int pl_http_response_body(const struct pl_http_response *response, char *bytes, size_t size,
                          size_t *ret_length)
{
    struct pl_view body = response->body;
    struct http_chunked chunked;
    char window[4096];
    size_t length = 0;

    if (!response->is_chunked) {
        if (body.length > size)
            return -ENOSPC;
        if (body.length > 0)
            memcpy(bytes, body.bytes, body.length);
        *ret_length = body.length;
        return 0;
    }
    http_chunked_init(&chunked);
    for (size_t at = 0; at < body.length; at += sizeof(window)) {
        size_t left = body.length - at < sizeof(window) ? body.length - at : sizeof(window);
        size_t raw = 0, decoded = 0;
        enum http_chunk result;

        memcpy(window, body.bytes + at, left);
        result =
            http_chunked_decode(&chunked, window, &raw, left, &decoded, PL_BUFFER_BYTES_MAX, 0);
        if (result == HTTP_CHUNK_ERROR || result == HTTP_CHUNK_LARGE)
            return -EINVAL;
        if (decoded > size - length)
            return -ENOSPC;
        memcpy(bytes + length, window, decoded);
        length += decoded;
    }
    *ret_length = length;
    return 0;
}
