/* SPDX-License-Identifier: Apache-2.0 */
/* Input → request: the head, what it says about the body, and the body, as far as the bytes go. */
#include "http_access_log.h"

/* Everything but the large arrays, which are written before they are read. */
void http_reset_exchange(struct pl_http_exchange *exchange, struct pl_conn *conn)
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
    exchange->consumer = NULL;
    exchange->trailers = (struct http_span){ .offset = 0 };
    exchange->is_body_open = false;
    exchange->is_part_last = false;
    exchange->is_paused = false;
    exchange->has_reply_length = false;
    exchange->accepts_trailers = false;
    exchange->status = 0;
    exchange->phase = HTTP_PHASE_HEAD;
    exchange->reply_framing = HTTP_REPLY_LENGTH;
    exchange->is_head_method = false;
    exchange->is_deferred = false;
    exchange->lacks_memory = false;
    exchange->is_broken = false;
    exchange->has_continued = false;
    exchange->is_head_deadline_on = false;
    exchange->extra_bytes = 0;
    exchange->has_upgrade = false;
    exchange->type[0] = '\0';
    exchange->kept = NULL;
    exchange->parts_bytes = exchange->reply_bytes = 0;
    exchange->is_request_gone = false;
    exchange->is_logged = false;
    http_access_begin(conn, exchange);
}

static enum http_advance refuse_with(struct pl_http_exchange *exchange, int status)
{
    exchange->parser.status = (uint16_t)status;
    return HTTP_ADVANCE_REFUSE;
}

static bool has_body(const struct pl_http_exchange *exchange)
{
    return exchange->framing.is_chunked || exchange->framing.content_length > 0;
}

/* It is the consumer's: the handler runs now. */
static enum http_advance leave_body_to_parts(struct pl_http_exchange *exchange)
{
    if (exchange->framing.content_length > exchange->service->body_bytes_max)
        return refuse_with(exchange, 413);
    /* Where its parts will stand, when the head has gone. From here on the decoder alone moves
     * them: what it has kept of a trailer section stays where it is, whoever answers meanwhile. */
    exchange->body_begin = exchange->body_end = exchange->raw = 0;
    exchange->is_body_open = true;
    exchange->body_left = exchange->framing.is_chunked ? exchange->service->body_bytes_max
                                                       : exchange->framing.content_length;
    exchange->phase = HTTP_PHASE_READY;
    return HTTP_ADVANCE_READY;
}

/* The head is complete: decide about the body, before any of it is read. */
static enum http_advance begin_body(struct pl_http_exchange *exchange, struct pl_view input)
{
    struct http_head *head = &exchange->head;
    size_t bytes_max = pl_conn_message_bytes_max(exchange->conn);
    int status;

    exchange->is_head_method = pl_view_equals(http_view(input, head->method), PL_VIEW("HEAD"));
    status = http_read_framing(head, input, &exchange->framing);
    if (status == 0)
        status = http_read_target(head, input, &exchange->path, &exchange->query);
    if (status != 0)
        return refuse_with(exchange, status);
    exchange->body_begin = exchange->body_end = exchange->raw = head->length;
    exchange->message_bytes = head->length;
    exchange->has_continued = !exchange->framing.expects_continue || input.length > head->length;
    http_chunked_init(&exchange->chunked);
    exchange->chunked.keeps_trailers = true;
    if (has_body(exchange) && http_streams_body(exchange, input))
        return leave_body_to_parts(exchange);
    if (exchange->framing.content_length > bytes_max)
        return refuse_with(exchange, 413);
    exchange->phase = has_body(exchange) ? HTTP_PHASE_BODY : HTTP_PHASE_READY;
    if (exchange->phase == HTTP_PHASE_READY)
        return HTTP_ADVANCE_READY;
    pl_conn_start_deadline(exchange->conn, PL_DEADLINE_BODY);
    if (!exchange->framing.is_chunked &&
        pl_conn_expect_input(exchange->conn,
                             head->length + (size_t)exchange->framing.content_length) < 0)
        return refuse_with(exchange, 503);
    return HTTP_ADVANCE_MORE;
}

enum http_chunk http_decode_input(struct pl_http_exchange *exchange, uint64_t body_max)
{
    struct pl_conn *conn = exchange->conn;
    enum http_chunk result;
    size_t kept;

    result = http_chunked_decode(&exchange->chunked, pl_conn_input_bytes(conn), &exchange->raw,
                                 pl_conn_input(conn).length, &exchange->body_end, body_max,
                                 exchange->body_begin);
    kept = exchange->body_end + exchange->chunked.trailer_bytes;
    pl_conn_input_cut(conn, kept, exchange->raw - kept);
    exchange->raw = kept;
    exchange->trailers = (struct http_span){ .offset = (uint32_t)exchange->body_end,
                                             .length = exchange->chunked.trailer_bytes };
    return result;
}

static enum http_advance read_chunks(struct pl_http_exchange *exchange)
{
    struct pl_conn *conn = exchange->conn;
    size_t end = pl_conn_input(conn).length;

    if (exchange->raw == end)
        return HTTP_ADVANCE_MORE;
    switch (http_decode_input(exchange, pl_conn_message_bytes_max(conn))) {
    case HTTP_CHUNK_MORE:
        return HTTP_ADVANCE_MORE;
    case HTTP_CHUNK_DONE:
        exchange->message_bytes = exchange->raw;
        exchange->phase = HTTP_PHASE_READY;
        return HTTP_ADVANCE_READY;
    case HTTP_CHUNK_LARGE:
        return refuse_with(exchange, 413);
    case HTTP_CHUNK_ERROR:
        break;
    }
    return refuse_with(exchange, 400);
}

static enum http_advance read_body(struct pl_http_exchange *exchange)
{
    size_t wanted = exchange->head.length + (size_t)exchange->framing.content_length;

    if (exchange->framing.is_chunked)
        return read_chunks(exchange);
    if (pl_conn_input(exchange->conn).length < wanted)
        return HTTP_ADVANCE_MORE;
    exchange->body_end = wanted;
    exchange->message_bytes = wanted;
    exchange->phase = HTTP_PHASE_READY;
    return HTTP_ADVANCE_READY;
}

enum http_advance http_advance(struct pl_http_exchange *exchange)
{
    struct pl_view input = pl_conn_input(exchange->conn);
    enum http_advance result = HTTP_ADVANCE_READY;

    if (exchange->parser.status != 0)
        return HTTP_ADVANCE_REFUSE; /* found by a thread that only frames */
    if (exchange->phase == HTTP_PHASE_HEAD) {
        switch (http_parse_head(&exchange->parser, &exchange->head, input)) {
        case HTTP_PARSE_MORE:
            if (!exchange->is_head_deadline_on)
                pl_conn_start_deadline(exchange->conn, PL_DEADLINE_HEADER);
            exchange->is_head_deadline_on = true;
            return HTTP_ADVANCE_MORE;
        case HTTP_PARSE_ERROR:
            return HTTP_ADVANCE_REFUSE;
        case HTTP_PARSE_HEAD:
            result = begin_body(exchange, input);
            break;
        }
    }
    if (result != HTTP_ADVANCE_REFUSE && exchange->phase == HTTP_PHASE_BODY)
        result = read_body(exchange);
    return result;
}
