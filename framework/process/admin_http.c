/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_http.h"

#include "alloc.h"
#include "server_internal.h"

#include <paceline/http.h>

#include <errno.h>
#include <sysexits.h>

struct pl_admin_http {
    struct pl_server *watched; /* borrowed */
    struct pl_http_route routes[1];
};

/* This thread answers, so the process lives. */
static void livez(struct pl_http_exchange *exchange, void *context)
{
    (void)context;
    pl_http_reply_text(exchange, 200, "ok\n");
}

int pl_admin_http_new(struct pl_server *watched, struct pl_admin_http **ret_http,
                      struct pl_error *error)
{
    struct pl_admin_http *http = pl_alloc(sizeof(*http));

    if (http == NULL)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for the admin routes");
    http->watched = watched;
    http->routes[0] = (struct pl_http_route){ .method = "GET", .path = "/livez", .handler = livez };
    *ret_http = http;
    return 0;
}

struct pl_binding pl_admin_http_binding(struct pl_admin_http *http)
{
    return (struct pl_binding){ .protocol = &pl_http_protocol,
                                .elements = http->routes,
                                .element_bytes = sizeof(http->routes[0]),
                                .count = sizeof(http->routes) / sizeof(http->routes[0]) };
}

int pl_admin_http_start(struct pl_admin_http *http, struct pl_server *serving)
{
    (void)http;
    (void)serving;
    return 0;
}

void pl_admin_http_stop(struct pl_admin_http *http)
{
    (void)http;
}

void pl_admin_http_free(struct pl_admin_http *http)
{
    pl_free(http);
}
