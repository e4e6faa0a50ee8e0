/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may look and who may swap. A page of somebody else's in the operator's browser reaches the
 * loopback too, so that being local proves nothing:
 *
 *     look    the Host is an address or "localhost", so that no foreign name leads here (DNS
 *             rebinding); not from another site's page
 *     change  that, and: from this machine, of the same origin, with the token of the log
 */
#include "admin_internal.h"

#include "json_text.h"

#include <paceline/log.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

int pl_admin_make_token(char token[PL_ADMIN_TOKEN_BYTES + 1])
{
    unsigned char bytes[PL_ADMIN_TOKEN_BYTES / 2];

    /* Up to 256 bytes come whole, once the pool of the kernel has been filled. */
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return errno != 0 ? -errno : -EIO;
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

void pl_admin_add_fields(struct pl_http_exchange *exchange)
{
    /* They are few and short: the room for fields cannot end. */
    (void)!pl_http_add_field(exchange, "Cache-Control", "no-store");
    (void)!pl_http_add_field(exchange, "X-Content-Type-Options", "nosniff");
}

void pl_admin_reply_error(struct pl_http_exchange *exchange, int status, const char *sentence)
{
    char text[2 * PL_ERROR_BYTES];
    struct pl_json json = { .text = text, .size = sizeof(text) };

    pl_admin_add_fields(exchange);
    pl_json_put(&json, "{\"error\":");
    pl_json_put_text(&json, sentence);
    pl_json_put(&json, "}\n");
    if (json.is_full)
        json.used = (size_t)snprintf(text, sizeof(text), "{\"error\":\"see the log\"}\n");
    pl_http_reply(exchange, status, "application/json", text, json.used);
}

/* ---- where the request was sent to ------------------------------------------------------------
 */

/* The host of a Host field, without port and brackets. */
static bool split_host(struct pl_view field, char *ret_host, size_t size)
{
    const char *end;
    size_t length = field.length;

    if (length > 0 && field.bytes[0] == '[') {
        end = memchr(field.bytes, ']', field.length);
        if (end == NULL)
            return false;
        field.bytes++;
        length = (size_t)(end - field.bytes);
    } else {
        end = memchr(field.bytes, ':', field.length);
        if (end != NULL)
            length = (size_t)(end - field.bytes);
    }
    if (length >= size)
        return false;
    memcpy(ret_host, field.bytes, length);
    ret_host[length] = '\0';
    return true;
}

/* A name could have been made to lead here by its owner; an address is what it says. */
static bool has_own_host(const struct pl_http_exchange *exchange)
{
    struct pl_view field;
    struct in6_addr address;
    char host[INET6_ADDRSTRLEN];

    if (!pl_http_field(exchange, "Host", &field) || !split_host(field, host, sizeof(host)))
        return false;
    return strcasecmp(host, "localhost") == 0 || inet_pton(AF_INET, host, &address) == 1 ||
           inet_pton(AF_INET6, host, &address) == 1;
}

/* ---- where it comes from ----------------------------------------------------------------------
 */

static bool is_loopback(const char *peer)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (strncmp(peer, "unix:", 5) == 0)
        return true;
    if (inet_pton(AF_INET, peer, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, peer, &v6) != 1)
        return false;
    return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

/* Browsers say which page a request comes from, and no page can make them say otherwise. */
static bool is_of_other_site(const struct pl_http_exchange *exchange)
{
    struct pl_view origin, host, site;
    char own[320];

    if (pl_http_field(exchange, "Sec-Fetch-Site", &site) &&
        !pl_view_equals(site, PL_VIEW("same-origin")) && !pl_view_equals(site, PL_VIEW("none")))
        return true;
    if (!pl_http_field(exchange, "Origin", &origin))
        return false;
    if (!pl_http_field(exchange, "Host", &host))
        return true;
    snprintf(own, sizeof(own), "http://%.*s", (int)host.length, host.bytes);
    return origin.length != strlen(own) || strncasecmp(origin.bytes, own, origin.length) != 0;
}

bool pl_admin_allows_look(struct pl_http_exchange *exchange)
{
    if (!has_own_host(exchange)) {
        pl_admin_reply_error(exchange, 403,
                             "ask for this page by an address or as localhost: by a name, another "
                             "site could lead here");
        return false;
    }
    if (is_of_other_site(exchange)) {
        pl_admin_reply_error(exchange, 403, "this request comes from another site's page");
        return false;
    }
    return true;
}

/* ---- the token --------------------------------------------------------------------------------
 */

/* Takes as long for a token that is nearly right as for any other. */
static bool is_token(const struct pl_admin_http *http, struct pl_view word)
{
    unsigned char difference = 0;

    if (word.length != PL_ADMIN_TOKEN_BYTES)
        return false;
    for (size_t i = 0; i < PL_ADMIN_TOKEN_BYTES; i++)
        difference |= (unsigned char)word.bytes[i] ^ (unsigned char)http->token[i];
    return difference == 0;
}

/* What stands behind "Bearer" (RFC 6750, 2.1). */
static bool bearer_of(const struct pl_http_exchange *exchange, struct pl_view *ret_word)
{
    struct pl_view field;

    if (!pl_http_field(exchange, "Authorization", &field) || field.length <= 7 ||
        strncasecmp(field.bytes, "Bearer ", 7) != 0)
        return false;
    *ret_word = (struct pl_view){ .bytes = field.bytes + 7, .length = field.length - 7 };
    return true;
}

bool pl_admin_allows_change(const struct pl_admin_http *http, struct pl_http_exchange *exchange)
{
    char peer[PL_CONN_PEER_BYTES];
    struct pl_view word;

    if (!pl_admin_allows_look(exchange))
        return false;
    (void)pl_http_peer(exchange, peer);
    if (!is_loopback(peer)) {
        PL_LOG_RATED(PL_LOG_WARNING, "admin: refused a swap: %s is not this machine", peer);
        pl_admin_reply_error(exchange, 403, "a swap is taken from this machine alone");
        return false;
    }
    if (!bearer_of(exchange, &word)) {
        (void)!pl_http_add_field(exchange, "WWW-Authenticate", "Bearer realm=\"paceline\"");
        pl_admin_reply_error(exchange, 401,
                             "a swap needs the token that the server's log shows at its start");
        return false;
    }
    if (!is_token(http, word)) {
        PL_LOG_RATED(PL_LOG_WARNING, "admin: refused a swap from %s: wrong token", peer);
        pl_admin_reply_error(exchange, 403,
                             "this is not the token: the server's log shows it at each start");
        return false;
    }
    return true;
}
