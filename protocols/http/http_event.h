/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events (HTML Living Standard, 9.2) → bytes. */
#ifndef PL_HTTP_EVENT_H
#define PL_HTTP_EVENT_H

#include <paceline/http.h>

/* A server-sent event at most. */
#define HTTP_EVENT_BYTES_MAX (16 * 1024)
/* Writes an event of a text/event-stream with its empty line; returns its length. Errors: -EINVAL:
 * a line end in a name or an id; -EMSGSIZE. */
long http_encode_event(const struct pl_http_event *event, char *bytes, size_t size);

#endif
