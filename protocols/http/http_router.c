/* SPDX-License-Identifier: Apache-2.0 */
/* Method and path → route; 404 and 405 told apart (RFC 9110, 15.5.5 and 15.5.6). */
#include "http_body.h"
#include "http_service.h"

#include <stdio.h>
#include <string.h>

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

static void add_method(char *allow, size_t size, const char *method)
{
    size_t used = strlen(allow);

    if (!is_listed(allow, method))
        snprintf(allow + used, size - used, "%s%s", used > 0 ? ", " : "", method);
}

enum http_match http_find_route(struct http_service *service, struct pl_view method,
                                struct pl_view path, struct http_route **ret_route, char *ret_allow,
                                size_t allow_size)
{
    bool is_known = false;

    ret_allow[0] = '\0';
    for (size_t i = 0; i < service->routes_count; i++) {
        struct http_route *route = &service->routes[i];

        if (route->path_length != path.length || memcmp(route->path, path.bytes, path.length) != 0)
            continue;
        if (answers(route, method)) {
            *ret_route = route;
            return HTTP_MATCH_ROUTE;
        }
        is_known = true;
        add_method(ret_allow, allow_size, route->method);
        if (strcmp(route->method, "GET") == 0)
            add_method(ret_allow, allow_size, "HEAD");
    }
    return is_known ? HTTP_MATCH_OTHER_METHOD : HTTP_MATCH_NOTHING;
}

long http_decode_path(struct pl_view path, char *decoded, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < path.length; i++) {
        int byte = (unsigned char)path.bytes[i];

        if (byte == '%') {
            int high = i + 2 < path.length ? http_hex_value(path.bytes[i + 1]) : -1;
            int low = i + 2 < path.length ? http_hex_value(path.bytes[i + 2]) : -1;

            if (high < 0 || low < 0)
                return -1;
            byte = high * 16 + low;
            i += 2;
        }
        if (byte == 0 || used + 1 >= size)
            return -1;
        decoded[used++] = (char)byte;
    }
    decoded[used] = '\0';
    return (long)used;
}
