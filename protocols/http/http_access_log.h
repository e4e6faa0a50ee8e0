/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The access log of a service: a line for each exchange, when its reply is complete, or when it has
 * become clear that it never will be. Without one, each call is the test of a pointer.
 *
 *     begin ─▶ [keep: the request's bytes are about to go] ─▶ end
 *
 * Thread: holder.
 */
#ifndef PL_HTTP_ACCESS_LOG_H
#define PL_HTTP_ACCESS_LOG_H

#include "http_exchange.h"

/* Opens the file of the settings; *ret_log is NULL when there is none. Thread: setup. */
PL_MUST_CHECK int http_access_log_open(const struct http_access_log_settings *settings,
                                       struct http_access_log **ret_log, struct pl_error *error);
/* Does nothing with NULL. Thread: setup. */
void http_access_log_close(struct http_access_log *log);

void http_access_keep_request(struct pl_conn *conn, struct pl_http_exchange *exchange);
void http_access_write(struct pl_conn *conn, struct pl_http_exchange *exchange, bool is_aborted);

/* A request may begin from now on. */
static inline void http_access_begin(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    if (exchange->service->access_log != NULL)
        exchange->begun_ns = pl_conn_turn_ns(conn);
}

/* The request's bytes leave the input before its reply is complete; what the line will say is kept.
 */
static inline void http_access_keep(struct pl_conn *conn, struct pl_http_exchange *exchange)
{
    if (exchange->service->access_log != NULL)
        http_access_keep_request(conn, exchange);
}

/* The exchange is over; whoever says so first is right. */
static inline void http_access_end(struct pl_conn *conn, struct pl_http_exchange *exchange,
                                   bool is_aborted)
{
    if (exchange->service->access_log != NULL && !exchange->is_logged)
        http_access_write(conn, exchange, is_aborted);
}

#endif
