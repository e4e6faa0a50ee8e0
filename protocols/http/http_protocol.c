/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP as a protocol module: reads a request off the input, finds who answers, and takes the reply
 * to the output, one exchange after the other.
 *
 *     input ─▶ advance (head, body) ─▶ answer (route, file, refusal) ─▶ output
 *                                        │ blocks, defers, streams: the exchange stays
 *                                        └ else the next pipelined request begins
 */
#include "http_access_log.h"

static struct pl_http_exchange *exchange_of(struct pl_conn *conn)
{
    return pl_conn_state(conn);
}

static struct pl_http_exchange *begin_exchange(struct pl_conn *conn)
{
    struct pl_http_exchange *exchange = exchange_of(conn);

    if (exchange != NULL)
        return exchange;
    exchange = pl_conn_take_memory(conn, sizeof(*exchange));
    if (exchange == NULL)
        return NULL;
    http_reset_exchange(exchange, conn);
    pl_conn_set_state(conn, exchange);
    return exchange;
}

static void drop_exchange(struct pl_conn *conn)
{
    pl_conn_give_memory(conn, exchange_of(conn));
    pl_conn_set_state(conn, NULL);
}

enum pl_next http_want_more(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";

    if (pl_conn_peer_is_done(conn))
        return PL_CLOSE;
    if (exchange->phase != HTTP_PHASE_HEAD && !exchange->has_continued) {
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
        return http_take_mail(conn, exchange);
    case HTTP_PHASE_STREAMING:
        return http_produce(conn, exchange);
    case HTTP_PHASE_RECEIVING:
        return http_receive_parts(conn, exchange);
    }
    switch (http_advance(exchange)) {
    case HTTP_ADVANCE_MORE:
        return http_want_more(conn, exchange);
    case HTTP_ADVANCE_REFUSE:
        return http_refuse_request(conn, exchange, exchange->parser.status);
    case HTTP_ADVANCE_READY:
        break;
    }
    return http_answer(conn, exchange);
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
    if (exchange->phase == HTTP_PHASE_READY || http_advance(exchange) != HTTP_ADVANCE_MORE)
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
    if (exchange->phase == HTTP_PHASE_RECEIVING && exchange->status != 0)
        return PL_CLOSE; /* answered; what was to be thrown away does not come */
    if (exchange->phase < HTTP_PHASE_READY ||
        (exchange->phase == HTTP_PHASE_RECEIVING && !exchange->is_paused))
        return http_refuse_request(conn, exchange, 408);
    /* The handler's reply is stale from here on. */
    pl_conn_close_door(conn);
    pl_conn_report_stuck(conn, exchange->route == NULL ? NULL : &exchange->route->note);
    exchange->conn = conn;
    exchange->output = pl_conn_output(conn);
    return http_refuse_request(conn, exchange, 503);
}

static enum pl_next shutdown_conn(struct pl_conn *conn)
{
    return is_between_requests(conn) ? PL_CLOSE : PL_RUN_PROCESS;
}

static enum pl_next refuse(struct pl_conn *conn)
{
    struct pl_http_exchange *exchange = begin_exchange(conn);

    /* Answered already: what has come is to be thrown away, and even for that there is no room. */
    if (exchange != NULL && exchange->status != 0)
        pl_conn_linger(conn);
    return exchange == NULL || exchange->status != 0 ? PL_CLOSE
                                                     : http_refuse_request(conn, exchange, 503);
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
    if (exchange != NULL)
        http_drop_consumer(exchange);
    /* Without a whole head there was no request. */
    if (exchange != NULL && exchange->phase != HTTP_PHASE_HEAD)
        http_access_end(conn, exchange, true);
    drop_exchange(conn);
}

const struct pl_protocol pl_http_protocol = { .name = "http",
                                              .default_listen = "127.0.0.1:8080",
                                              .client_speaks_first = true,
                                              .settings = http_settings_table,
                                              .settings_bytes = sizeof(struct http_settings),
                                              .service_open = http_service_open,
                                              .service_close = http_service_close,
                                              .opened = opened,
                                              .frame = frame,
                                              .process = process,
                                              .timeout = timeout,
                                              .shutdown = shutdown_conn,
                                              .refuse = refuse,
                                              .closed = closed,
                                              .datagram = NULL };
