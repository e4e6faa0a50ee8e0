/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of the admin service, its state, and the page. */
#include "admin_internal.h"

#include "alloc.h"
#include "assert.h"

#include <paceline/log.h>
#include <paceline/upstream.h>

#include <errno.h>
#include <string.h>
#include <sysexits.h>

/* ---- health -----------------------------------------------------------------------------------
 */

/* The process answers: what /livez asks, and all it asks. */
static void livez(struct pl_http_exchange *exchange, void *context)
{
    (void)context;
    pl_admin_add_fields(exchange);
    pl_http_reply_text(exchange, 200, "ok\n");
}

static void readyz(struct pl_http_exchange *exchange, void *context)
{
    struct pl_admin_http *http = context;
    bool is_serving = atomic_load(&http->watched->is_serving);

    pl_admin_add_fields(exchange);
    pl_http_reply_text(exchange, is_serving ? 200 : 503,
                       is_serving ? "ready\n" : "not ready: it starts, or it drains\n");
}

/* ---- the page ---------------------------------------------------------------------------------
 */

/* Copies the page, and writes the nonce of this reply where it is asked for. */
static size_t fill_page(char *bytes, size_t size, const char *nonce)
{
    static const char mark[] = "@NONCE@";
    const char *rest = pl_admin_page_text;
    size_t used = 0;

    for (;;) {
        const char *next = strstr(rest, mark);
        size_t length = next == NULL ? strlen(rest) : (size_t)(next - rest);

        PL_ASSERT(used + length + PL_ADMIN_TOKEN_BYTES < size);
        memcpy(bytes + used, rest, length);
        used += length;
        if (next == NULL)
            return used;
        memcpy(bytes + used, nonce, PL_ADMIN_TOKEN_BYTES);
        used += PL_ADMIN_TOKEN_BYTES;
        rest = next + sizeof(mark) - 1;
    }
}

/* Only what bears this reply's nonce runs, and only this server is asked. */
static void add_policy(struct pl_http_exchange *exchange, const char *nonce)
{
    char policy[320];

    snprintf(policy, sizeof(policy),
             "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; "
             "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
             "frame-ancestors 'none'",
             nonce, nonce);
    pl_admin_add_fields(exchange);
    (void)!pl_http_add_field(exchange, "Content-Security-Policy", policy);
    (void)!pl_http_add_field(exchange, "Referrer-Policy", "no-referrer");
    (void)!pl_http_add_field(exchange, "Cross-Origin-Opener-Policy", "same-origin");
}

void pl_admin_page(struct pl_http_exchange *exchange, void *context)
{
    struct pl_admin_http *http = context;
    char nonce[PL_ADMIN_TOKEN_BYTES + 1];

    if (!pl_admin_allows_look(exchange))
        return;
    if (pl_admin_make_token(nonce) < 0) {
        pl_admin_reply_error(exchange, 503, "the kernel gives no random number");
        return;
    }
    add_policy(exchange, nonce);
    pl_http_reply(exchange, 200, "text/html; charset=utf-8", http->text,
                  fill_page(http->text, sizeof(http->text), nonce));
}

/* ---- its life ---------------------------------------------------------------------------------
 */

static void add_route(struct pl_admin_http *http, const char *method, const char *path,
                      pl_http_handler *handler)
{
    PL_ASSERT(http->routes_count < sizeof(http->routes) / sizeof(http->routes[0]));
    http->routes[http->routes_count++] = (struct pl_http_route){
        .method = method, .path = path, .handler = handler, .context = http
    };
}

static void add_routes(struct pl_admin_http *http)
{
    add_route(http, "GET", "/livez", livez);
    add_route(http, "GET", "/readyz", readyz);
    add_route(http, "GET", "/metrics", pl_admin_metrics);
    if (!http->has_page)
        return;
    add_route(http, "GET", "/", pl_admin_page);
    add_route(http, "GET", "/events", pl_admin_events);
    add_route(http, "POST", "/swap", pl_admin_swap);
}

int pl_admin_http_new(struct pl_server *watched, struct pl_admin_http **ret_http,
                      struct pl_error *error)
{
    struct pl_admin_http *http = pl_alloc(sizeof(*http));
    int err;

    if (http == NULL)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for the admin routes");
    http->upstream_stats = pl_alloc(PL_UPSTREAMS_MAX * sizeof(*http->upstream_stats));
    if (http->upstream_stats == NULL) {
        err = pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for the admin routes");
        goto free_http;
    }
    err = pl_admin_make_token(http->token);
    if (err < 0) {
        pl_error_set(error, EX_OSERR, err, "no token for the admin page: getrandom() failed");
        goto free_upstream_stats;
    }
    http->watched = watched;
    http->has_page = watched->settings.admin.has_page;
    add_routes(http);
    *ret_http = http;
    return 0;

free_upstream_stats:
    pl_free(http->upstream_stats);
free_http:
    pl_free(http);
    return err;
}

void pl_admin_http_free(struct pl_admin_http *http)
{
    if (http == NULL)
        return;
    pl_free(http->upstream_stats);
    pl_free(http);
}

struct pl_binding pl_admin_http_binding(struct pl_admin_http *http)
{
    return (struct pl_binding){ .protocol = &pl_http_protocol,
                                .elements = http->routes,
                                .element_bytes = sizeof(http->routes[0]),
                                .count = http->routes_count };
}

/* Where a browser on this machine finds a listener on every address. */
static const char *loopback_of(const char *address, size_t *ret_skipped)
{
    static const struct {
        const char *every, *loopback;
    } hosts[] = { { "0.0.0.0:", "127.0.0.1:" }, { "[::]:", "[::1]:" } };

    for (size_t i = 0; i < 2; i++) {
        *ret_skipped = strlen(hosts[i].every);
        if (strncmp(address, hosts[i].every, *ret_skipped) == 0)
            return hosts[i].loopback;
    }
    *ret_skipped = 0;
    return "";
}

static void log_link(const struct pl_admin_http *http)
{
    const char *address;
    bool is_linked = false;

    for (size_t i = 0; (address = pl_server_address(http->serving, i)) != NULL; i++) {
        size_t skipped;
        const char *host = loopback_of(address, &skipped);

        if (strncmp(address, "unix:", 5) == 0)
            continue;
        PL_LOG(PL_LOG_INFO, "admin: the page is http://%s%s/#token=%s", host, address + skipped,
               http->token);
        is_linked = true;
    }
    if (!is_linked)
        PL_LOG(PL_LOG_INFO, "admin: the token of the page is %s", http->token);
}

int pl_admin_http_start(struct pl_admin_http *http, struct pl_server *serving)
{
    http->serving = serving;
    if (http->has_page)
        log_link(http);
    return 0;
}
