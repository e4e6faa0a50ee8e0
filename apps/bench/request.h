/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of one request. */
#ifndef BENCH_REQUEST_H
#define BENCH_REQUEST_H

#include "arguments.h"

#define REQUEST_BYTES_MAX 8192

struct request {
    char bytes[REQUEST_BYTES_MAX];
    size_t length;
};

/* `headers`: complete lines, or "". */
void request_http(struct request *request, const struct address *host, const char *path,
                  const char *headers, bool is_last);
void request_line(struct request *request, const char *line);

#endif
