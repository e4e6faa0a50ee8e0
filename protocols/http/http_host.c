/* SPDX-License-Identifier: Apache-2.0 */
#include "http_host.h"

#include "http_body.h"
#include "http_path.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define NAME_BYTES_MAX 253

bool http_is_letter_or_digit(char byte)
{
    return (byte >= '0' && byte <= '9') || (http_lower(byte) >= 'a' && http_lower(byte) <= 'z');
}

/* "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ) (RFC 3986, 3.2.2) */
static bool is_future_address(struct pl_view text)
{
    size_t at = 1;

    while (at < text.length && http_hex_value(text.bytes[at]) >= 0)
        at++;
    if (at == 1 || at + 1 >= text.length || text.bytes[at] != '.')
        return false;
    for (at++; at < text.length; at++)
        if ((http_classes[(unsigned char)text.bytes[at]] & HTTP_CLASS_HOST) == 0 &&
            text.bytes[at] != ':')
            return false;
    return true;
}

/* The brackets belong to it. */
static bool is_address_literal(struct pl_view name)
{
    struct pl_view text = { .bytes = name.bytes + 1, .length = name.length - 2 };
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (name.length < 4 || name.bytes[0] != '[' || name.bytes[name.length - 1] != ']')
        return false;
    if (http_lower(text.bytes[0]) == 'v')
        return is_future_address(text);
    if (text.length >= sizeof(copy) || memchr(text.bytes, '\0', text.length) != NULL)
        return false;
    memcpy(copy, text.bytes, text.length);
    copy[text.length] = '\0';
    return inet_pton(AF_INET6, copy, &address) == 1;
}

/* *( unreserved / pct-encoded / sub-delims ), not empty */
static bool is_registered_name(struct pl_view name)
{
    size_t at = 0;

    for (;;) {
        at += http_scan((const unsigned char *)name.bytes + at, name.length - at, HTTP_CLASS_HOST);
        if (at == name.length)
            return at > 0;
        if (name.bytes[at] != '%' || http_next_byte(name, &at) < 0)
            return false;
    }
}

static bool is_port(struct pl_view port)
{
    uint32_t number = 0;

    for (size_t i = 0; i < port.length; i++) {
        if (port.bytes[i] < '0' || port.bytes[i] > '9')
            return false;
        number = number * 10 + (uint32_t)(port.bytes[i] - '0');
        if (number > UINT16_MAX)
            return false;
    }
    return true;
}

/* An address up to its bracket, a name up to its colon. */
static struct pl_view without_port(struct pl_view host)
{
    const char *end = NULL;

    if (host.length > 0)
        end = memchr(host.bytes, host.bytes[0] == '[' ? ']' : ':', host.length);
    if (end != NULL)
        host.length = (size_t)(end - host.bytes) + (*end == ']' ? 1 : 0);
    return host;
}

bool http_host_is_valid(struct pl_view host, bool *ret_has_port)
{
    struct pl_view name = without_port(host);
    struct pl_view rest = { .bytes = host.bytes + name.length,
                            .length = host.length - name.length };
    bool is_literal = name.length > 0 && name.bytes[0] == '[';

    if (is_literal ? !is_address_literal(name) : !is_registered_name(name))
        return false;
    *ret_has_port = rest.length > 1;
    return rest.length == 0 ||
           (rest.bytes[0] == ':' &&
            is_port((struct pl_view){ .bytes = rest.bytes + 1, .length = rest.length - 1 }));
}

/* Labels of letters, digits and '-', as in DNS (RFC 1123, 2.1), and '_', which names in use hold.
 */
bool http_host_is_name(struct pl_view name)
{
    char before = '.';

    if (name.length > 0 && name.bytes[0] == '[')
        return is_address_literal(name);
    for (size_t i = 0; i < name.length; i++) {
        char byte = name.bytes[i];

        if (byte == '.' ? before == '.'
                        : byte != '-' && byte != '_' && !http_is_letter_or_digit(byte))
            return false;
        before = byte;
    }
    return name.length > 0 && name.length <= NAME_BYTES_MAX;
}

static bool is_star(struct pl_view pattern)
{
    return pattern.length >= 2 && pattern.bytes[0] == '*' && pattern.bytes[1] == '.';
}

bool http_host_is_pattern(const char *pattern)
{
    struct pl_view name = pl_view_of(pattern == NULL ? "" : pattern);

    if (pattern == NULL)
        return true;
    if (!is_star(name))
        return http_host_is_name(name);
    name.bytes += 2;
    name.length -= 2;
    return http_host_is_name(name) && name.bytes[0] != '[';
}

static struct pl_view without_final_dot(struct pl_view host)
{
    if (host.length > 1 && host.bytes[host.length - 1] == '.')
        host.length--;
    return host;
}

static struct pl_view name_of(struct pl_view host)
{
    return without_final_dot(without_port(host));
}

static int compare_names(struct pl_view left, struct pl_view right)
{
    for (size_t i = 0; i < left.length && i < right.length; i++)
        if (http_lower(left.bytes[i]) != http_lower(right.bytes[i]))
            return http_lower(left.bytes[i]) < http_lower(right.bytes[i]) ? -1 : 1;
    return left.length == right.length ? 0 : left.length < right.length ? -1 : 1;
}

/* An escape means its byte (RFC 3986, 6.2.2.2); a longer name is nobody's. */
static struct pl_view decode(struct pl_view host, char *text, size_t size)
{
    size_t used = 0, at = 0;

    if (memchr(host.bytes, '%', host.length) == NULL)
        return host;
    while (at < host.length && used < size)
        text[used++] = (char)http_next_byte(host, &at);
    return at < host.length ? PL_VIEW("") : (struct pl_view){ .bytes = text, .length = used };
}

bool http_host_matches_pattern(const char *pattern, struct pl_view host)
{
    char text[NAME_BYTES_MAX + 1]; /* and the final dot */
    struct pl_view own = name_of(pl_view_of(pattern));
    struct pl_view name = without_final_dot(decode(without_port(host), text, sizeof(text)));
    size_t below;

    if (!is_star(own))
        return compare_names(own, name) == 0;
    own.bytes++; /* ".example.org" */
    own.length--;
    if (name.length <= own.length || name.bytes[0] == '.')
        return false;
    below = name.length - own.length;
    return compare_names(
               own, (struct pl_view){ .bytes = name.bytes + below, .length = own.length }) == 0;
}

/* Exact, star, none. */
static int tier(const char *pattern)
{
    return pattern == NULL ? 2 : is_star(pl_view_of(pattern)) ? 1 : 0;
}

int http_host_compare(const char *left, const char *right)
{
    struct pl_view left_name, right_name;

    if (tier(left) != tier(right))
        return tier(left) - tier(right);
    if (left == NULL || right == NULL)
        return 0;
    left_name = name_of(pl_view_of(left));
    right_name = name_of(pl_view_of(right));
    if (left_name.length != right_name.length)
        return left_name.length > right_name.length ? -1 : 1;
    return compare_names(left_name, right_name);
}

struct pl_view http_host_of_target(struct pl_view target, size_t path_offset)
{
    static const size_t scheme_bytes = sizeof("http://") - 1;

    if (path_offset <= scheme_bytes || target.bytes[0] == '/')
        return PL_VIEW("");
    return (struct pl_view){ .bytes = target.bytes + scheme_bytes,
                             .length = path_offset - scheme_bytes };
}
