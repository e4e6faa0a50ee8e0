/* SPDX-License-Identifier: Apache-2.0 */
/* Cookies (RFC 6265): those of the request, and those that the reply sets: <paceline/http.h>. */
#include "http_exchange.h"
#include "http_host.h"

#include <errno.h>
#include <stdio.h>

/* As long as the fields of a reply may be together. */
#define COOKIE_BYTES_MAX HTTP_EXTRA_BYTES_MAX

/* cookie-pair *( "; " cookie-pair ) (RFC 6265, 4.2.1), with any white space around a pair. */
static bool find_pair(struct pl_view pairs, struct pl_view name, struct pl_view *ret_value)
{
    while (pairs.length > 0) {
        const char *end = memchr(pairs.bytes, ';', pairs.length);
        size_t length = end == NULL ? pairs.length : (size_t)(end - pairs.bytes);
        struct pl_view pair = http_trim((struct pl_view){ .bytes = pairs.bytes, .length = length });

        if (pair.length > name.length && pair.bytes[name.length] == '=' &&
            memcmp(pair.bytes, name.bytes, name.length) == 0) {
            *ret_value = (struct pl_view){ .bytes = pair.bytes + name.length + 1,
                                           .length = pair.length - name.length - 1 };
            return true;
        }
        pairs.bytes += length + (end == NULL ? 0 : 1);
        pairs.length -= length + (end == NULL ? 0 : 1);
    }
    return false;
}

bool pl_http_cookie(const struct pl_http_exchange *exchange, const char *name,
                    struct pl_view *ret_value)
{
    struct pl_view wanted = pl_view_of(name);

    if (wanted.length == 0)
        return false;
    for (uint16_t i = 0; i < exchange->head.fields_count; i++) {
        const struct http_field *field = &exchange->head.fields[i];

        if (http_equals_ignoring_case(http_view(exchange->message, field->name), "cookie") &&
            find_pair(http_view(exchange->message, field->value), wanted, ret_value))
            return true;
    }
    return false;
}

/* ---- Set-Cookie (RFC 6265, 4.1.1) --------------------------------------------------------------
 */

static bool is_token(const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        if (!http_is_token_byte((unsigned char)*at))
            return false;
    return text[0] != '\0';
}

/* cookie-octet: of ASCII all but controls, white space, DQUOTE, comma, semicolon and backslash. */
static bool is_octets(struct pl_view text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.bytes[i];

        if (byte <= ' ' || byte >= 0x7f || byte == '"' || byte == ',' || byte == ';' ||
            byte == '\\')
            return false;
    }
    return true;
}

/* *cookie-octet, in quotes or not. */
static bool is_value(const char *text)
{
    struct pl_view value = pl_view_of(text);

    if (value.length >= 2 && text[0] == '"' && text[value.length - 1] == '"')
        value = (struct pl_view){ .bytes = text + 1, .length = value.length - 2 };
    return is_octets(value);
}

/* A client takes one that does not begin with '/' for none (5.2.4). */
static bool is_path(const char *path)
{
    for (const char *at = path; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || (unsigned char)*at >= 0x7f || *at == ';')
            return false;
    return path[0] == '/';
}

/* Letters, digits and inner hyphens (RFC 1034, 3.5; RFC 1123, 2.1). */
static bool is_label(const char *label, size_t length)
{
    if (length == 0 || length > 63 || label[0] == '-' || label[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!http_is_letter_or_digit(label[i]) && label[i] != '-')
            return false;
    return true;
}

static bool is_domain(const char *domain)
{
    size_t length;

    if (strlen(domain) > 253)
        return false;
    for (;; domain += length + 1) {
        length = strcspn(domain, ".");
        if (!is_label(domain, length))
            return false;
        if (domain[length] == '\0')
            return true;
    }
}

static const char *name_of_same_site(enum pl_http_same_site same_site)
{
    switch (same_site) {
    case PL_HTTP_SAME_SITE_UNSET:
        return "";
    case PL_HTTP_SAME_SITE_LAX:
        return "Lax";
    case PL_HTTP_SAME_SITE_STRICT:
        return "Strict";
    case PL_HTTP_SAME_SITE_NONE:
        return "None";
    }
    return NULL;
}

static bool is_cookie(const struct pl_http_cookie *cookie)
{
    if (cookie->name == NULL || !is_token(cookie->name))
        return false;
    if (cookie->value != NULL && !is_value(cookie->value))
        return false;
    if (cookie->path != NULL && !is_path(cookie->path))
        return false;
    if (cookie->domain != NULL && !is_domain(cookie->domain))
        return false;
    /* Clients drop it otherwise. */
    if (cookie->same_site == PL_HTTP_SAME_SITE_NONE && !cookie->is_secure)
        return false;
    return name_of_same_site(cookie->same_site) != NULL;
}

/* A Max-Age of 0 is outside the grammar (4.1.1); a date that has passed says the same. */
static void print_age(int64_t max_age_s, char *text, size_t size)
{
    text[0] = '\0';
    if (max_age_s > 0)
        snprintf(text, size, "; Max-Age=%lld", (long long)max_age_s);
    else if (max_age_s < 0)
        snprintf(text, size, "; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
}

int pl_http_set_cookie(struct pl_http_exchange *exchange, const struct pl_http_cookie *cookie)
{
    char text[COOKIE_BYTES_MAX], age[64];
    const char *same_site;
    int length;

    if (!is_cookie(cookie))
        return -EINVAL;
    same_site = name_of_same_site(cookie->same_site);
    print_age(cookie->max_age_s, age, sizeof(age));
    length = snprintf(
        text, sizeof(text), "%s=%s%s%s%s%s%s%s%s%s%s", cookie->name,
        cookie->value == NULL ? "" : cookie->value, age,
        cookie->domain == NULL ? "" : "; Domain=", cookie->domain == NULL ? "" : cookie->domain,
        cookie->path == NULL ? "" : "; Path=", cookie->path == NULL ? "" : cookie->path,
        cookie->is_secure ? "; Secure" : "", cookie->is_http_only ? "; HttpOnly" : "",
        same_site[0] == '\0' ? "" : "; SameSite=", same_site);
    if (length < 0 || (size_t)length >= sizeof(text))
        return -ENOBUFS;
    return pl_http_add_field(exchange, "Set-Cookie", text);
}
