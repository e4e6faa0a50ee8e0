/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's body in parts, to a consumer, as fast as it takes them.
 *
 *     input ─▶ next part (length or chunks) ─▶ consumer ─ taken ─▶ next part … the last ─▶ handled
 *                                               │ paused ─▶ parked until resumed
 *                                               └ enough ─▶ handled; the rest is thrown away
 *
 * What is not taken stays in the input, and then in the kernel: the peer's window closes. Nothing
 * is ever received ahead of the consumer but one buffer.
 */
#include "http_exchange.h"

#include <string.h>

/* What is thrown away of a body that nobody wants, before the connection is rather ended. */
#define DISCARD_BYTES_MAX (64 * 1024)

void pl_http_receive_body(struct pl_http_exchange *exchange, pl_http_consumer *consumer,
                          void *context)
{
    /* The body has been read already; what stands behind it is the next request. */
    if (!exchange->route->streams_body) {
        (void)consumer(NULL, PL_VIEW(""), false, context);
        return;
    }
    exchange->consumer = consumer;
    exchange->consumer_context = context;
    exchange->accepts_trailers = http_accepts_trailers(exchange);
}

void http_drop_consumer(struct pl_http_exchange *exchange)
{
    pl_http_consumer *consumer = exchange->consumer;

    exchange->consumer = NULL;
    if (consumer != NULL)
        (void)consumer(NULL, PL_VIEW(""), false, exchange->consumer_context);
}

bool http_may_discard(const struct pl_http_exchange *exchange)
{
    /* Of chunks only the one at hand has a length that is known. */
    uint64_t known = exchange->framing.is_chunked ? exchange->chunked.left : exchange->body_left;

    /* Who waits for 100 (Continue) may never send it (RFC 9110, 10.1.1). */
    return exchange->has_continued && known <= DISCARD_BYTES_MAX;
}

enum pl_next http_begin_receiving(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    http_forget_request(conn, exchange);
    if (!exchange->is_body_open)
        exchange->body_left = 0; /* a request without a body: its one part is the last */
    exchange->is_body_open = true;
    exchange->phase = HTTP_PHASE_RECEIVING;
    pl_conn_start_deadline(conn, PL_DEADLINE_BODY);
    return PL_RUN_PROCESS;
}

enum pl_next http_discard_body(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    exchange->consumer = NULL;
    /* Who was paused has been answered instead of resumed. */
    if (exchange->phase != HTTP_PHASE_RECEIVING || exchange->is_paused)
        pl_conn_start_deadline(conn, PL_DEADLINE_BODY);
    exchange->phase = HTTP_PHASE_RECEIVING;
    exchange->is_paused = false;
    /* Beside what stands decoded already. */
    if (exchange->body_left > DISCARD_BYTES_MAX + exchange->body_end)
        exchange->body_left = DISCARD_BYTES_MAX + exchange->body_end;
    return PL_RUN_PROCESS;
}

/* ---- the next part ------------------------------------------------------------------------- */

enum part { PART_NONE, PART_THERE, PART_BROKEN, PART_LARGE };

static enum part next_chunks(struct pl_http_exchange *exchange)
{
    enum http_chunk result = HTTP_CHUNK_MORE;

    if (!exchange->is_part_last && exchange->raw < pl_conn_input(exchange->conn).length)
        result = http_decode_input(exchange, exchange->body_left);
    switch (result) {
    case HTTP_CHUNK_LARGE:
        return PART_LARGE;
    case HTTP_CHUNK_ERROR:
        return PART_BROKEN;
    case HTTP_CHUNK_DONE:
        exchange->is_part_last = true;
        break;
    case HTTP_CHUNK_MORE:
        break;
    }
    return exchange->body_end > 0 || exchange->is_part_last ? PART_THERE : PART_NONE;
}

/* It stands at the beginning of the input, up to body_end, trailers behind it. */
static enum part next_part(struct pl_http_exchange *exchange)
{
    size_t there = pl_conn_input(exchange->conn).length;

    if (exchange->framing.is_chunked)
        return next_chunks(exchange);
    exchange->body_end = there < exchange->body_left ? there : (size_t)exchange->body_left;
    exchange->is_part_last = exchange->body_end == exchange->body_left;
    return exchange->body_end > 0 || exchange->is_part_last ? PART_THERE : PART_NONE;
}

/* The part's bytes, with the trailers if it is the last. */
static size_t part_bytes(const struct pl_http_exchange *exchange)
{
    return exchange->body_end + (exchange->is_part_last ? exchange->trailers.length : 0);
}

/* It belongs to the consumer from here on: a reply to the last part is one to the whole request. */
static void count_part(struct pl_http_exchange *exchange)
{
    exchange->body_left -= exchange->body_end;
    exchange->parts_bytes += exchange->body_end;
    exchange->is_body_open = !exchange->is_part_last;
}

/* `bytes` of it stand in the input still. */
static void remove_part(struct pl_conn *conn, struct pl_http_exchange *exchange, size_t bytes)
{
    if (exchange->framing.is_chunked)
        exchange->raw -= part_bytes(exchange);
    exchange->body_end = 0;
    exchange->message = PL_VIEW("");
    pl_conn_consume(conn, bytes);
}

static uint8_t ask_consumer(struct pl_http_exchange *exchange)
{
    struct pl_view part = { .bytes = exchange->message.bytes, .length = exchange->body_end };

    return (uint8_t)exchange->consumer(exchange, part, exchange->is_part_last,
                                       exchange->consumer_context);
}

/* ---- taking it ----------------------------------------------------------------------------- */

/* It has seen the last part, or wants no other. */
static bool is_consumer_done(const struct pl_http_exchange *exchange)
{
    return exchange->consumed == PL_HTTP_ENOUGH || exchange->status != 0 || !exchange->is_body_open;
}

static void run_part(struct pl_job *job)
{
    struct pl_http_exchange *exchange = pl_job_state(job);

    exchange->conn = NULL;
    exchange->message = pl_job_input(job);
    exchange->output = pl_job_output(job);
    exchange->consumed = ask_consumer(exchange);
    if (is_consumer_done(exchange))
        exchange->consumer = NULL; /* nor is it called when its connection has gone meanwhile */
}

/* The consumer may block: the part leaves with it, and the connection is parked meanwhile, which
 * is all the back-pressure there need be. */
static enum pl_next start_part_job(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    struct pl_job *job;
    size_t bytes = part_bytes(exchange);

    if (pl_output_length(pl_conn_output(conn)) > 0)
        return PL_RUN_SEND;
    job = pl_conn_start_job(conn, bytes, sizeof(*exchange), run_part, http_drop_job,
                            &exchange->route->note);
    if (job == NULL)
        return http_refuse_request(conn, exchange, 503);
    count_part(exchange);
    memcpy(pl_job_state(job), exchange, sizeof(*exchange));
    remove_part(conn, exchange, 0);
    exchange->consumer = NULL; /* the job's until it comes home */
    exchange->phase = HTTP_PHASE_AWAITING_JOB;
    return PL_WAIT;
}

enum pl_next http_part_taken(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    if (is_consumer_done(exchange)) {
        exchange->consumer = NULL;
        return http_handled(conn, exchange);
    }
    /* One that cannot be resumed is not paused. */
    exchange->is_paused = exchange->consumed == PL_HTTP_PAUSED && exchange->is_deferred;
    if (exchange->is_paused)
        pl_conn_start_deadline(conn, PL_DEADLINE_HANDLER);
    else if (exchange->phase != HTTP_PHASE_RECEIVING)
        pl_conn_resume_body_deadline(conn);
    exchange->phase = HTTP_PHASE_RECEIVING;
    return PL_RUN_PROCESS;
}

static enum pl_next give_part(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    size_t bytes = part_bytes(exchange);

    if (exchange->consumer == NULL) {
        count_part(exchange);
        remove_part(conn, exchange, bytes);
        return exchange->is_body_open ? PL_RUN_PROCESS : http_finish(conn, exchange);
    }
    if (!pl_conn_begin_handler(conn, &exchange->route->note, exchange->route->may_block))
        return PL_HAND_OVER;
    if (exchange->route->may_block)
        return start_part_job(conn, exchange);
    exchange->message = pl_conn_input(conn);
    exchange->output = pl_conn_output(conn);
    count_part(exchange);
    exchange->consumed = ask_consumer(exchange);
    remove_part(conn, exchange, bytes);
    return http_part_taken(conn, exchange);
}

/* The rest is thrown away no longer: who sends so much is not worth waiting for. */
static enum pl_next refuse_part(struct pl_conn *conn, struct pl_http_exchange *exchange, int status)
{
    if (exchange->status != 0) {
        pl_conn_linger(conn);
        return PL_CLOSE;
    }
    return http_refuse_request(conn, exchange, status);
}

static enum pl_next want_part(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    if (!exchange->is_deferred)
        return http_want_more(conn, exchange);
    if (http_want_more(conn, exchange) == PL_CLOSE)
        return PL_CLOSE;
    pl_conn_wait_for(conn, PL_READABLE | PL_COMPLETION); /* or an answer that somebody posts */
    return PL_WAIT;
}

enum pl_next http_receive_parts(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    if (exchange->is_deferred) {
        enum pl_next next = http_take_mail(conn, exchange);

        if (next != PL_WAIT || exchange->is_paused || exchange->phase != HTTP_PHASE_RECEIVING)
            return next;
    }
    switch (next_part(exchange)) {
    case PART_NONE:
        return want_part(conn, exchange);
    case PART_BROKEN:
        return refuse_part(conn, exchange, 400);
    case PART_LARGE:
        return refuse_part(conn, exchange, 413);
    case PART_THERE:
        break;
    }
    return give_part(conn, exchange);
}
