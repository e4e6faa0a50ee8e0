/* SPDX-License-Identifier: Apache-2.0 */
#include "http_host.h"

#include "http_body.h"

#include <string.h>

#define NAME_BYTES_MAX 253

static bool is_letter_or_digit(char byte)
{
    return (byte >= '0' && byte <= '9') || (http_lower(byte) >= 'a' && http_lower(byte) <= 'z');
}

static bool is_address_literal(struct pl_view name)
{
    if (name.length < 4 || name.bytes[0] != '[' || name.bytes[name.length - 1] != ']')
        return false;
    for (size_t i = 1; i + 1 < name.length; i++)
        if (http_hex_value(name.bytes[i]) < 0 && name.bytes[i] != ':' && name.bytes[i] != '.')
            return false;
    return true;
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

        if (byte == '.' ? before == '.' : byte != '-' && byte != '_' && !is_letter_or_digit(byte))
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

/* Without a port and a final dot. */
static struct pl_view name_of(struct pl_view host)
{
    const char *end = NULL;

    if (host.length > 0)
        end = host.bytes[0] == '[' ? memchr(host.bytes, ']', host.length)
                                   : memchr(host.bytes, ':', host.length);
    if (end != NULL)
        host.length = (size_t)(end - host.bytes) + (*end == ']' ? 1 : 0);
    if (host.length > 1 && host.bytes[host.length - 1] == '.')
        host.length--;
    return host;
}

static int compare_names(struct pl_view left, struct pl_view right)
{
    for (size_t i = 0; i < left.length && i < right.length; i++)
        if (http_lower(left.bytes[i]) != http_lower(right.bytes[i]))
            return http_lower(left.bytes[i]) < http_lower(right.bytes[i]) ? -1 : 1;
    return left.length == right.length ? 0 : left.length < right.length ? -1 : 1;
}

bool http_host_matches_pattern(const char *pattern, struct pl_view host)
{
    struct pl_view own = name_of(pl_view_of(pattern));
    struct pl_view name = name_of(host);
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
