/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routes of `admin.listen`: health, metrics, and the page that shows the threads of a watched
 * server. They run in a second, small server of the process, so that they answer when every worker
 * of the watched one is busy.
 *
 *     new ─▶ binding, into that server's pl_app ─▶ start ─▶ stop ─▶ free
 *
 * Invariant: that server has one thread (reactor, threads 0): no two routes run at once.
 */
#ifndef PL_PROCESS_ADMIN_HTTP_H
#define PL_PROCESS_ADMIN_HTTP_H

#include <paceline/attributes.h>
#include <paceline/error.h>
#include <paceline/protocol.h>

struct pl_admin_http;
struct pl_server;

/*
 * `watched`: the server that is shown; its settings say whether there is a page.
 *
 * Owner:  the caller, until pl_admin_http_free(). `watched` is borrowed until then.
 * Thread: setup.
 * Errors: -ENOMEM, or what getrandom() says, with a sentence.
 */
PL_MUST_CHECK int pl_admin_http_new(struct pl_server *watched, struct pl_admin_http **ret_http,
                                    struct pl_error *error);
/* The routes, for the service "admin" of the serving server; valid until pl_admin_http_free(). */
struct pl_binding pl_admin_http_binding(struct pl_admin_http *http);
/* `serving` is the server that answers; its timers may be started. Logs the link of the page, with
 * its token. After its threads have started and before its first connection. Errors: negative errno
 * ends the start. Thread: control. */
PL_MUST_CHECK int pl_admin_http_start(struct pl_admin_http *http, struct pl_server *serving);
/* Ends the streams of events and lets none begin: before the drain of `serving`, which would
 * otherwise wait for them. Thread: control. */
void pl_admin_http_stop(struct pl_admin_http *http);
/* Does nothing with NULL. Thread: control, after `serving` was closed. */
void pl_admin_http_free(struct pl_admin_http *http);

#endif
