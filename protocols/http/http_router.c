/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Method, host and path → route; 404 and 405 told apart (RFC 9110, 15.5.5 and 15.5.6).
 *
 * Routes stand in the order in which they are asked: by host, then whole literals, then patterns
 * whose first different segment is the more exact one. So the first that matches is the right one,
 * in whatever order they were registered.
 */
#include "http_host.h"
#include "http_service.h"

#include <stdio.h>
#include <string.h>

/* ---- patterns ---------------------------------------------------------------------------------
 */

enum kind { LITERAL, PARAM, WILDCARD }; /* the more exact first */

/* Takes the next segment off what is left of a pattern, which begins with its '/'. */
static bool take_segment(struct pl_view *rest, struct pl_view *ret_segment)
{
    const char *slash;

    if (rest->length == 0)
        return false;
    rest->bytes++;
    rest->length--;
    slash = rest->length > 0 ? memchr(rest->bytes, '/', rest->length) : NULL;
    *ret_segment =
        (struct pl_view){ .bytes = rest->bytes,
                          .length = slash == NULL ? rest->length : (size_t)(slash - rest->bytes) };
    rest->bytes += ret_segment->length;
    rest->length -= ret_segment->length;
    return true;
}

static enum kind kind_of(struct pl_view segment)
{
    if (segment.length > 0 && segment.bytes[0] == '{')
        return PARAM;
    return pl_view_equals(segment, PL_VIEW("*")) ? WILDCARD : LITERAL;
}

static struct pl_view name_of(struct pl_view segment)
{
    if (kind_of(segment) == WILDCARD)
        return segment;
    return (struct pl_view){ .bytes = segment.bytes + 1, .length = segment.length - 2 };
}

/* How many of the pattern's parameters have that name. */
static int count_name(struct pl_view pattern, struct pl_view name)
{
    struct pl_view segment;
    int count = 0;

    while (take_segment(&pattern, &segment))
        if (kind_of(segment) == PARAM && pl_view_equals(segment, name))
            count++;
    return count;
}

static bool has_byte(struct pl_view text, const char *bytes)
{
    for (size_t i = 0; i < text.length; i++)
        if (strchr(bytes, text.bytes[i]) != NULL)
            return true;
    return false;
}

/* What was expected of one segment; NULL: nothing is wrong with it. */
static const char *find_segment_fault(struct pl_view pattern, struct pl_view segment)
{
    bool is_closed = segment.length > 0 && segment.bytes[segment.length - 1] == '}';

    switch (kind_of(segment)) {
    case LITERAL:
        if (has_byte(segment, "{}"))
            return "expected '{' and '}' around a whole segment";
        if (has_byte(segment, "*"))
            return "expected '*' as a whole segment";
        if (has_byte(segment, "?#"))
            return "expected a path alone, without '?' and '#'";
        if (pl_view_equals(segment, PL_VIEW(".")) || pl_view_equals(segment, PL_VIEW("..")))
            return "expected no dot segment, which no path has when it is compared";
        return NULL;
    case PARAM:
        if (!is_closed)
            return "expected '}' at the end of a parameter's segment";
        if (segment.length == 2)
            return "expected a name between '{' and '}'";
        if (has_byte(name_of(segment), "{}*"))
            return "expected a name without '{', '}' and '*'";
        return count_name(pattern, segment) > 1 ? "expected each name once" : NULL;
    case WILDCARD:
        return NULL;
    }
    return NULL;
}

const char *http_pattern_read(const char *path, struct http_route *route)
{
    struct pl_view pattern = pl_view_of(path), rest = pattern, segment;
    uint32_t params = 0, count = 0;

    route->path_length = pattern.length;
    route->is_literal = strchr(path, '%') == NULL;
    route->has_wildcard = false;
    route->segments_count = 0;
    if (strcmp(path, "*") == 0)
        return NULL;
    while (take_segment(&rest, &segment)) {
        const char *fault = find_segment_fault(pattern, segment);
        enum kind kind = kind_of(segment);

        if (fault == NULL && route->has_wildcard)
            fault = "expected '*' as the last segment";
        if (fault == NULL && kind == PARAM && ++params > HTTP_PARAMS_MAX)
            fault = "expected at most 8 parameters";
        if (fault == NULL && ++count > HTTP_PATH_SEGMENTS_MAX)
            fault = "expected at most 32 segments";
        if (fault != NULL)
            return fault;
        route->is_literal = route->is_literal && kind == LITERAL;
        route->has_wildcard = kind == WILDCARD;
    }
    route->segments_count = (uint16_t)count;
    return NULL;
}

_Static_assert(HTTP_PARAMS_MAX == 8 && HTTP_PATH_SEGMENTS_MAX == 32, "as the sentences say");

/* The first segment of another kind decides, then the shorter comes first: an order of all
 * patterns, though patterns of two lengths mostly match no path in common. 0: the kinds are the
 * same. */
static int compare_kinds(struct pl_view left, struct pl_view right)
{
    for (;;) {
        struct pl_view left_segment, right_segment;
        bool has_left = take_segment(&left, &left_segment);
        bool has_right = take_segment(&right, &right_segment);

        if (!has_left || !has_right)
            return (int)has_left - (int)has_right;
        if (kind_of(left_segment) != kind_of(right_segment))
            return (int)kind_of(left_segment) - (int)kind_of(right_segment);
    }
}

static int is_head(const struct http_route *route)
{
    return strcmp(route->method, "HEAD") == 0;
}

static bool is_before(const struct http_route *left, const struct http_route *right)
{
    int order = http_host_compare(left->host, right->host);

    if (order == 0)
        order = (int)right->is_literal - (int)left->is_literal;
    if (order == 0 && !left->is_literal)
        order = compare_kinds(pl_view_of(left->path), pl_view_of(right->path));
    /* A route of HEAD's own comes before GET, which answers HEAD too. */
    if (order == 0)
        order = is_head(right) - is_head(left);
    return order < 0;
}

static bool has_same_shape(struct pl_view left, struct pl_view right)
{
    if (left.bytes[0] != '/' || right.bytes[0] != '/')
        return pl_view_equals(left, right);
    for (;;) {
        struct pl_view left_segment, right_segment;
        bool has_left = take_segment(&left, &left_segment);
        bool has_right = take_segment(&right, &right_segment);

        if (!has_left || !has_right)
            return has_left == has_right;
        if (kind_of(left_segment) != kind_of(right_segment) ||
            (kind_of(left_segment) == LITERAL && !pl_view_equals(left_segment, right_segment)))
            return false;
    }
}

bool http_route_is_same(const struct http_route *left, const struct http_route *right)
{
    return strcmp(left->method, right->method) == 0 &&
           http_host_compare(left->host, right->host) == 0 &&
           has_same_shape(pl_view_of(left->path), pl_view_of(right->path));
}

struct http_route *http_insert_route(struct http_service *service, const struct http_route *route)
{
    size_t at = service->routes_count;

    while (at > 0 && is_before(route, &service->routes[at - 1]))
        at--;
    memmove(&service->routes[at + 1], &service->routes[at],
            (service->routes_count - at) * sizeof(*route));
    service->routes[at] = *route;
    service->routes_count++;
    service->has_hosts |= route->host != NULL;
    return &service->routes[at];
}

/* ---- a request's route ------------------------------------------------------------------------
 */

static bool answers(const struct http_route *route, struct pl_view method)
{
    struct pl_view own = pl_view_of(route->method);

    return pl_view_equals(own, method) ||
           (pl_view_equals(method, PL_VIEW("HEAD")) && pl_view_equals(own, PL_VIEW("GET")));
}

static bool is_listed(const char *allow, const char *method)
{
    size_t length = strlen(method);

    for (const char *at = allow; (at = strstr(at, method)) != NULL; at += length)
        if ((at == allow || at[-1] == ' ') && (at[length] == ',' || at[length] == '\0'))
            return true;
    return false;
}

/* All of it or nothing: half a method's name would be another method. */
static void add_method(struct http_found *found, const char *method)
{
    size_t used = strlen(found->allow), length = strlen(method);
    const char *separator = used > 0 ? ", " : "";

    if (!is_listed(found->allow, method) &&
        used + strlen(separator) + length < sizeof(found->allow))
        snprintf(found->allow + used, sizeof(found->allow) - used, "%s%s", separator, method);
}

static void add_methods_of(struct http_found *found, const struct http_route *route)
{
    add_method(found, route->method);
    if (strcmp(route->method, "GET") == 0)
        add_method(found, "HEAD");
}

/* The path is known, but not the method: OPTIONS is answered for it (RFC 9110, 9.3.7). */
static enum http_match match_without_method(struct http_found *found, struct pl_view method)
{
    add_method(found, "OPTIONS");
    return pl_view_equals(method, PL_VIEW("OPTIONS")) ? HTTP_MATCH_OPTIONS
                                                      : HTTP_MATCH_OTHER_METHOD;
}

static bool is_raw_path(const struct http_route *route, struct pl_view path)
{
    return route->path_length == path.length && memcmp(route->path, path.bytes, path.length) == 0;
}

enum direct { DIRECT_FOUND, DIRECT_NOTHING, DIRECT_UNDECIDED };

/* Literals, byte by byte, as long as no pattern comes before them: nearly every request is one of
 * these, and a path that has to be decoded is none. */
static enum direct find_direct(struct http_service *service, const struct http_asked *asked,
                               struct http_found *found)
{
    enum direct result = DIRECT_NOTHING;

    for (size_t i = 0; i < service->routes_count; i++) {
        struct http_route *route = &service->routes[i];

        if (route->is_literal && !is_raw_path(route, asked->path))
            continue;
        if (!http_host_matches(route->host, asked->host))
            continue;
        if (!route->is_literal)
            return DIRECT_UNDECIDED;
        if (answers(route, asked->method)) {
            found->route = route;
            return DIRECT_FOUND;
        }
        result = DIRECT_UNDECIDED; /* its methods belong to Allow */
    }
    return result;
}

static bool matches_path(const struct http_route *route, const struct http_path *path)
{
    struct pl_view rest = { .bytes = route->path, .length = route->path_length }, segment;

    if (route->has_wildcard ? path->count < route->segments_count
                            : path->count != route->segments_count)
        return false;
    for (size_t i = 0; take_segment(&rest, &segment); i++) {
        struct pl_view asked = http_path_view(path->raw, path->segments[i]);

        switch (kind_of(segment)) {
        case LITERAL:
            if (!http_segment_equals(asked, segment))
                return false;
            break;
        case PARAM:
            if (asked.length == 0)
                return false;
            break;
        case WILDCARD:
            return true;
        }
    }
    return true;
}

/* A wildcard's span goes on to the end of the raw path. What dot segments stand in it take away
 * nothing in front of it: else its first segment would not have been kept. */
static void remember_params(const struct http_route *route, const struct http_path *path,
                            struct http_params *ret_params)
{
    struct pl_view rest = { .bytes = route->path, .length = route->path_length }, segment;
    struct http_path_span span;

    ret_params->count = 0;
    for (size_t i = 0; take_segment(&rest, &segment); i++) {
        if (kind_of(segment) == LITERAL)
            continue;
        span = path->segments[i];
        if (kind_of(segment) == WILDCARD)
            span.length = (uint16_t)(path->raw.length - span.offset);
        ret_params->spans[ret_params->count++] = span;
    }
}

static enum http_match find_split(struct http_service *service, const struct http_asked *asked,
                                  struct http_found *found)
{
    struct http_path path;

    if (!http_path_is_well_formed(asked->path))
        return HTTP_MATCH_MALFORMED;
    http_path_split(asked->path, &path);
    found->allow[0] = '\0';
    for (size_t i = 0; i < service->routes_count; i++) {
        struct http_route *route = &service->routes[i];

        if (route->segments_count == 0 || !http_host_matches(route->host, asked->host) ||
            !matches_path(route, &path))
            continue;
        if (answers(route, asked->method)) {
            found->route = route;
            remember_params(route, &path, &found->params);
            return HTTP_MATCH_ROUTE;
        }
        add_methods_of(found, route);
    }
    return found->allow[0] == '\0' ? HTTP_MATCH_NOTHING
                                   : match_without_method(found, asked->method);
}

/* The server as a whole (RFC 9110, 9.3.7): what any of its resources allows. */
static enum http_match find_asterisk(struct http_service *service, const struct http_asked *asked,
                                     struct http_found *found)
{
    found->allow[0] = '\0';
    for (size_t i = 0; i < service->routes_count; i++)
        if (http_host_matches(service->routes[i].host, asked->host))
            add_methods_of(found, &service->routes[i]);
    if (service->roots_count > 0) {
        add_method(found, "GET");
        add_method(found, "HEAD");
    }
    return match_without_method(found, asked->method);
}

enum http_match http_find_route(struct http_service *service, const struct http_asked *asked,
                                struct http_found *found)
{
    enum direct direct = find_direct(service, asked, found);

    found->is_normal = true;
    if (direct == DIRECT_FOUND)
        return HTTP_MATCH_ROUTE;
    if (pl_view_equals(asked->path, PL_VIEW("*")))
        return find_asterisk(service, asked, found);
    found->is_normal = http_path_is_normal(asked->path);
    if (direct == DIRECT_NOTHING && found->is_normal)
        return HTTP_MATCH_NOTHING;
    return find_split(service, asked, found);
}

bool http_find_param(const struct http_route *route, struct pl_view name, size_t *ret_index)
{
    struct pl_view rest = { .bytes = route->path, .length = route->path_length }, segment;
    size_t index = 0;

    if (route->is_literal)
        return false;
    while (take_segment(&rest, &segment)) {
        if (kind_of(segment) == LITERAL)
            continue;
        if (pl_view_equals(name_of(segment), name)) {
            *ret_index = index;
            return true;
        }
        index++;
    }
    return false;
}
