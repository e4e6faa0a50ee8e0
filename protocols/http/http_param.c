/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of a request's route, decoded when the handler asks: <paceline/http.h>. */
#include "http_exchange.h"

#include <errno.h>

int pl_http_param(const struct pl_http_exchange *exchange, const char *name, char *ret_text,
                  size_t size)
{
    const struct http_route *route = exchange->route;
    struct pl_view raw;
    size_t index;

    /* A request that has been forgotten is empty; every other one has at least a line. */
    if (route == NULL || exchange->message.length == 0 ||
        !http_find_param(route, pl_view_of(name), &index))
        return -ENOENT;
    raw = http_path_view(pl_http_path(exchange), exchange->params.spans[index]);
    return route->has_wildcard && index + 1 == exchange->params.count
               ? http_path_text(raw, ret_text, size)
               : http_segment_text(raw, ret_text, size);
}
