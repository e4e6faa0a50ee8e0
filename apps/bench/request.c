/* SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include "bench.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static void check_length(struct request *request, int length)
{
    if (length < 0 || (size_t)length >= sizeof(request->bytes))
        die(EX_USAGE, "a request longer than %zu bytes", sizeof(request->bytes));
    request->length = (size_t)length;
}

void request_http(struct request *request, const struct address *host, const char *path,
                  const char *headers, bool is_last)
{
    char name[80];

    address_print(host, name, sizeof(name));
    check_length(request, snprintf(request->bytes, sizeof(request->bytes),
                                   "GET %s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n", path, name, headers,
                                   is_last ? "Connection: close\r\n" : ""));
}

void request_line(struct request *request, const char *line)
{
    check_length(request, snprintf(request->bytes, sizeof(request->bytes), "%s\n", line));
}
