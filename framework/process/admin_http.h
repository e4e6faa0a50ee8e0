/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of `admin.listen`: health, figures and the page of a watched server. */
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
 * Errors: -ENOMEM, with a sentence.
 */
PL_MUST_CHECK int pl_admin_http_new(struct pl_server *watched, struct pl_admin_http **ret_http,
                                    struct pl_error *error);
/* The routes, for the service "admin" of the serving server; valid until pl_admin_http_free(). */
struct pl_binding pl_admin_http_binding(struct pl_admin_http *http);
/* `serving` is the server that answers; its timers may be started. After its threads have started
 * and before its first connection. Errors: negative errno ends the start. Thread: control. */
PL_MUST_CHECK int pl_admin_http_start(struct pl_admin_http *http, struct pl_server *serving);
/* After the last connection of `serving` has gone. Thread: control. */
void pl_admin_http_stop(struct pl_admin_http *http);
/* Does nothing with NULL. */
void pl_admin_http_free(struct pl_admin_http *http);

#endif
