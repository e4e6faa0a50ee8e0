/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line protocol: each line (ended by LF or CRLF) goes to the application's handler; without a
 * handler every byte is echoed, and every datagram.
 */
#ifndef PACELINE_LINE_H
#define PACELINE_LINE_H

#include <paceline/protocol.h>

#include <stdbool.h>

/* One line that is being answered. */
struct pl_line;

/* `text` is the line without its end, valid until the handler returns. What the handler replies is
 * sent as it stands. Thread: any, one at a time per connection. */
typedef void pl_line_handler(struct pl_line *line, struct pl_view text, void *context);

struct pl_line_handling {
    pl_line_handler *handler;
    void *context;    /* borrowed; lives as long as the server */
    const char *name; /* for the log; NULL: "line" */
    bool may_block;
};

PL_API extern const struct pl_protocol pl_line_protocol;

/* For PL_APP: this handler answers in every service of the line protocol. */
#define PL_LINE_HANDLING(handling)                                                                 \
    .bindings = (const struct pl_binding[]){ { .protocol = &pl_line_protocol,                      \
                                               .elements = (handling),                             \
                                               .element_bytes = sizeof(*(handling)),               \
                                               .count = 1 } },                                     \
    .bindings_count = 1

/* Appends to the reply. Errors: -ENOBUFS (limits.buffers); the connection is then closed. Thread:
 * inside the handler. */
PL_API int pl_line_reply(struct pl_line *line, const void *bytes, size_t length);
/* Closes the connection after the reply. Thread: inside the handler. */
PL_API void pl_line_close(struct pl_line *line);

/* A reply that is given later, from any thread; safe to keep and copy while the server lives. */
struct pl_line_deferred {
    struct pl_conn_token token;
};

/* The handler returns without a reply; the next line waits. Thread: inside a handler that does not
 * block. */
PL_API struct pl_line_deferred pl_line_defer(struct pl_line *line);
/* Replies once. Errors: -ESTALE: the client has gone, or it was answered; -ENOMEM. Thread: any. */
PL_MUST_CHECK PL_API int pl_line_deferred_reply(const struct pl_line_deferred *deferred,
                                                const void *bytes, size_t length);

#endif
