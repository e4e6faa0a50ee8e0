/* SPDX-License-Identifier: Apache-2.0 */
#include "http_reader.h"

#include <stdlib.h>
#include <string.h>

void http_reader_init(struct http_reader *reader, size_t target_max, size_t head_max,
                      size_t body_max)
{
    memset(reader, 0, offsetof(struct http_reader, bytes));
    http_parser_init(&reader->parser, target_max, head_max);
    reader->body_max = body_max;
}

static enum http_outcome refuse(struct http_reader *reader, int status)
{
    reader->status = status;
    return HTTP_OUTCOME_REFUSED;
}

static enum http_outcome read_chunks(struct http_reader *reader)
{
    switch (http_chunked_decode(&reader->chunked, reader->bytes, &reader->raw, reader->length,
                                &reader->body_end, reader->body_max, reader->head.length)) {
    case HTTP_CHUNK_MORE:
        return HTTP_OUTCOME_MORE;
    case HTTP_CHUNK_DONE:
        return HTTP_OUTCOME_MESSAGE;
    case HTTP_CHUNK_ERROR:
        return refuse(reader, 400);
    case HTTP_CHUNK_LARGE:
        return refuse(reader, 413);
    }
    abort();
}

static enum http_outcome read_body(struct http_reader *reader)
{
    size_t wanted = reader->head.length + (size_t)reader->framing.content_length;

    if (reader->framing.is_chunked)
        return read_chunks(reader);
    if (reader->length < wanted)
        return HTTP_OUTCOME_MORE;
    reader->raw = reader->body_end = wanted;
    return HTTP_OUTCOME_MESSAGE;
}

static enum http_outcome read_head(struct http_reader *reader)
{
    struct pl_view input = { .bytes = reader->bytes, .length = reader->length };
    int status = 0;

    switch (http_parse_head(&reader->parser, &reader->head, input)) {
    case HTTP_PARSE_MORE:
        return HTTP_OUTCOME_MORE;
    case HTTP_PARSE_ERROR:
        return refuse(reader, reader->parser.status);
    case HTTP_PARSE_HEAD:
        status = http_read_framing(&reader->head, input, &reader->framing);
        break;
    }
    if (status == 0)
        status = http_read_target(&reader->head, input, &reader->path, &reader->query);
    if (status != 0)
        return refuse(reader, status);
    if (reader->framing.content_length > reader->body_max)
        return refuse(reader, 413);
    reader->has_head = true;
    reader->raw = reader->body_end = reader->head.length;
    http_chunked_init(&reader->chunked);
    return read_body(reader);
}

enum http_outcome http_reader_feed(struct http_reader *reader, const void *bytes, size_t length)
{
    if (reader->outcome != HTTP_OUTCOME_MORE || length == 0)
        return reader->outcome;
    if (length > sizeof(reader->bytes) - reader->length)
        abort(); /* the caller bounds its inputs */
    memcpy(reader->bytes + reader->length, bytes, length);
    reader->length += length;
    reader->outcome = reader->has_head ? read_body(reader) : read_head(reader);
    return reader->outcome;
}

static bool same_span(struct http_span left, struct http_span right)
{
    return left.offset == right.offset && left.length == right.length;
}

static bool same_fields(const struct http_head *left, const struct http_head *right)
{
    if (left->fields_count != right->fields_count)
        return false;
    for (uint16_t i = 0; i < left->fields_count; i++)
        if (!same_span(left->fields[i].name, right->fields[i].name) ||
            !same_span(left->fields[i].value, right->fields[i].value))
            return false;
    return true;
}

static const char *head_difference(const struct http_reader *left, const struct http_reader *right)
{
    if (left->head.length != right->head.length ||
        left->head.minor_version != right->head.minor_version)
        return "the head";
    if (!same_span(left->head.method, right->head.method) ||
        !same_span(left->head.target, right->head.target) || !same_span(left->path, right->path) ||
        !same_span(left->query, right->query))
        return "the request line";
    if (!same_fields(&left->head, &right->head))
        return "the fields";
    if (left->framing.content_length != right->framing.content_length ||
        left->framing.is_chunked != right->framing.is_chunked ||
        left->framing.is_persistent != right->framing.is_persistent ||
        left->framing.expects_continue != right->framing.expects_continue)
        return "the framing";
    return NULL;
}

const char *http_reader_difference(const struct http_reader *left, const struct http_reader *right)
{
    const char *difference;

    if (left->outcome != right->outcome || left->status != right->status)
        return "the outcome";
    if (left->has_head != right->has_head)
        return "whether there is a head";
    if (!left->has_head)
        return NULL;
    difference = head_difference(left, right);
    if (difference != NULL || left->outcome == HTTP_OUTCOME_REFUSED)
        return difference;
    if (left->body_end != right->body_end || left->raw != right->raw)
        return "the end of the body";
    if (memcmp(left->bytes + left->head.length, right->bytes + right->head.length,
               left->body_end - left->head.length) != 0)
        return "the body";
    return NULL;
}
