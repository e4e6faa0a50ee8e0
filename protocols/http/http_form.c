/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of names and values, as forms send them (application/x-www-form-urlencoded of the WHATWG's
 * URL Standard), in a query or in a body: <paceline/http.h>. */
#include "http_exchange.h"

#include <errno.h>

/* Up to the byte, which is taken off too; all of it without one. */
static struct pl_view take_until(struct pl_view *rest, char byte)
{
    struct pl_view taken = *rest;
    const char *end = rest->length > 0 ? memchr(rest->bytes, byte, rest->length) : NULL;

    if (end != NULL)
        taken.length = (size_t)(end - rest->bytes);
    rest->bytes += taken.length + (end == NULL ? 0 : 1);
    rest->length -= taken.length + (end == NULL ? 0 : 1);
    return taken;
}

bool pl_http_form_next(struct pl_view *rest, struct pl_view *ret_name, struct pl_view *ret_value)
{
    while (rest->length > 0) {
        struct pl_view pair = take_until(rest, '&');

        if (pair.length == 0)
            continue;
        *ret_name = take_until(&pair, '=');
        *ret_value = pair;
        return true;
    }
    return false;
}

/* 0 or less is refused: a broken escape, or a NUL, which would end the text early. */
static int next_byte(struct pl_view raw, size_t *at)
{
    bool is_plus = raw.bytes[*at] == '+';
    int byte = http_next_byte(raw, at);

    return is_plus ? ' ' : byte;
}

static int refuse(char *text, size_t size, int err)
{
    if (size > 0)
        text[0] = '\0';
    return err;
}

int pl_http_form_decode(struct pl_view raw, char *ret_text, size_t size)
{
    size_t at = 0, used = 0;

    while (at < raw.length) {
        int byte = next_byte(raw, &at);

        if (byte <= 0)
            return refuse(ret_text, size, -EINVAL);
        if (used + 1 >= size)
            return refuse(ret_text, size, -ENOBUFS);
        ret_text[used++] = (char)byte;
    }
    if (used >= size)
        return -ENOBUFS;
    ret_text[used] = '\0';
    return (int)used;
}

static bool is_name(struct pl_view raw, const char *name)
{
    size_t at = 0;

    for (; at < raw.length && *name != '\0'; name++)
        if (next_byte(raw, &at) != (unsigned char)*name)
            return false;
    return at == raw.length && *name == '\0';
}

static int find_value(struct pl_view pairs, const char *name, char *ret_text, size_t size)
{
    struct pl_view raw_name, raw_value;

    while (pl_http_form_next(&pairs, &raw_name, &raw_value))
        if (is_name(raw_name, name))
            return pl_http_form_decode(raw_value, ret_text, size);
    return -ENOENT;
}

int pl_http_query_value(const struct pl_http_exchange *exchange, const char *name, char *ret_text,
                        size_t size)
{
    return find_value(pl_http_query(exchange), name, ret_text, size);
}

/* The media type without its parameters, in any case (RFC 9110, 8.3.1). */
static bool has_form(const struct pl_http_exchange *exchange)
{
    struct pl_view type;

    if (!pl_http_field(exchange, "content-type", &type))
        return false;
    type = take_until(&type, ';');
    while (type.length > 0 &&
           (type.bytes[type.length - 1] == ' ' || type.bytes[type.length - 1] == '\t'))
        type.length--;
    return http_equals_ignoring_case(type, "application/x-www-form-urlencoded");
}

int pl_http_form_value(const struct pl_http_exchange *exchange, const char *name, char *ret_text,
                       size_t size)
{
    return has_form(exchange) ? find_value(pl_http_body(exchange), name, ret_text, size) : -ENOENT;
}
