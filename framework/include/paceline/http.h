/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 (RFC 9110, RFC 9112) for applications: routes, requests and replies.
 *
 * The contract, the same in every dispatch model: for one connection a handler never runs twice at
 * once, replies leave in the order of the requests, and the handler may run on any thread.
 */
#ifndef PACELINE_HTTP_H
#define PACELINE_HTTP_H

#include <paceline/protocol.h>

#include <stdbool.h>
#include <stdint.h>

/* A request and its reply; valid until the handler returns, or the producer's last call. */
struct pl_http_exchange;

/* Thread: any, one at a time per connection. A handler that returns without a reply and without
 * pl_http_defer() is answered with 500. */
typedef void pl_http_handler(struct pl_http_exchange *exchange, void *context);

struct pl_http_route {
    const char *method; /* "GET" answers HEAD too; OPTIONS is answered for every known path */
    /* Compared after percent-decoding, without the query, segment by segment: "/users/{id}" takes
     * any segment that is not empty, "/files/" and a final "*" whatever follows. At each segment a
     * literal beats a parameter beats the wildcard, whichever was registered first. At most 8
     * parameters. */
    const char *path;
    pl_http_handler *handler;
    void *context;  /* borrowed; lives as long as the server */
    bool may_block; /* the connection is parked meanwhile, and timeouts.handler ends its wait */
    /* NULL: every host; "example.org"; "*.example.org": every host below it. A route with a host
     * beats one without. */
    const char *host;
};

PL_API extern const struct pl_protocol pl_http_protocol;

/* For PL_APP: these routes answer in every service of the HTTP protocol. `routes` is an array. */
#define PL_HTTP_ROUTES(routes)                                                                     \
    .bindings = (const struct pl_binding[]){ { .protocol = &pl_http_protocol,                      \
                                               .elements = (routes),                               \
                                               .element_bytes = sizeof((routes)[0]),               \
                                               .count = sizeof(routes) / sizeof((routes)[0]) } },  \
    .bindings_count = 1

/* ---- the request: inside the handler ----------------------------------------------------------
 * Views are borrowed from the exchange and valid until the handler returns. */

PL_API struct pl_view pl_http_method(const struct pl_http_exchange *exchange);
/* The path as it was sent, not decoded. */
PL_API struct pl_view pl_http_path(const struct pl_http_exchange *exchange);
/* What stands behind '?', not decoded; empty without one. */
PL_API struct pl_view pl_http_query(const struct pl_http_exchange *exchange);
/* The value of the first field of that name, in any case; false without one. */
PL_API bool pl_http_field(const struct pl_http_exchange *exchange, const char *name,
                          struct pl_view *ret_value);
/* The whole body, at most limits.message. */
PL_API struct pl_view pl_http_body(const struct pl_http_exchange *exchange);

/*
 * The part of the path that stood for {name} of the route, decoded and NUL-terminated; an encoded
 * slash in it is a slash. The wildcard's name is "*": without dot segments, its delimiters are
 * slashes, and an encoded slash stays encoded, so that the text is as safe to split as the path.
 *
 * Returns the length. Errors: -ENOENT: the route has no such parameter; -ENOBUFS: it and its NUL
 * are over `size` bytes; then the text is empty.
 */
PL_MUST_CHECK PL_API int pl_http_param(const struct pl_http_exchange *exchange, const char *name,
                                       char *ret_text, size_t size);

/* ---- query and forms: application/x-www-form-urlencoded ---------------------------------------
 */

/*
 * Takes the next pair off `rest`, which is pl_http_query(), or the body of a form. Both views are
 * raw, for pl_http_form_decode(), and live as long as what `rest` was. A pair without '=' has an
 * empty value; empty pairs are passed over. Returns false at the end.
 *
 * Thread: any.
 */
PL_API bool pl_http_form_next(struct pl_view *rest, struct pl_view *ret_name,
                              struct pl_view *ret_value);

/*
 * Decodes a raw name or value: escapes, and '+' for a space; NUL-terminated.
 *
 * Returns the length. Errors: -EINVAL: a malformed escape, or a NUL in the text; -ENOBUFS: it and
 * its NUL are over `size` bytes. The text is empty then.
 * Thread: any.
 */
PL_MUST_CHECK PL_API int pl_http_form_decode(struct pl_view raw, char *ret_text, size_t size);

/* The first value of that name, as pl_http_form_decode() gives it; of the query, or of the body
 * when Content-Type says that it is a form. Errors: also -ENOENT: there is none. */
PL_MUST_CHECK PL_API int pl_http_query_value(const struct pl_http_exchange *exchange,
                                             const char *name, char *ret_text, size_t size);
PL_MUST_CHECK PL_API int pl_http_form_value(const struct pl_http_exchange *exchange,
                                            const char *name, char *ret_text, size_t size);

/* ---- cookies: RFC 6265 ------------------------------------------------------------------------
 */

/* The value of the first cookie of that name, case and all; false without one. Quotes around it are
 * part of it. The view is borrowed as those above. */
PL_API bool pl_http_cookie(const struct pl_http_exchange *exchange, const char *name,
                           struct pl_view *ret_value);

enum pl_http_same_site {
    PL_HTTP_SAME_SITE_UNSET, /* not said: the client decides */
    PL_HTTP_SAME_SITE_LAX,
    PL_HTTP_SAME_SITE_STRICT,
    PL_HTTP_SAME_SITE_NONE, /* wants is_secure */
};

/* All text is borrowed for the call. What is zero is not said. */
struct pl_http_cookie {
    const char *name;   /* a token */
    const char *value;  /* cookie-octets, in quotes or not: encode everything else */
    const char *path;   /* begins with '/' */
    const char *domain; /* a host's name, without a dot in front */
    int64_t max_age_s;  /* less than 0: the client forgets the cookie */
    bool is_secure;
    bool is_http_only;
    enum pl_http_same_site same_site;
};

/* Adds a Set-Cookie to the reply that follows, one more with each call. Errors: -EINVAL: something
 * is outside RFC 6265, 4.1.1; -ENOBUFS: as pl_http_add_field(). */
PL_MUST_CHECK PL_API int pl_http_set_cookie(struct pl_http_exchange *exchange,
                                            const struct pl_http_cookie *cookie);

/* ---- the reply: inside the handler ------------------------------------------------------------
 * One of the reply functions, once; a second reply is a programmer's error. */

/* Adds a field to the reply that follows. Errors: -EINVAL: not a field (RFC 9110, 5.1, 5.5), or one
 * that the framework writes itself; -ENOBUFS: over 1 KiB in all. */
PL_MUST_CHECK PL_API int pl_http_add_field(struct pl_http_exchange *exchange, const char *name,
                                           const char *value);
/* A whole reply; the bytes are copied. `type` may be NULL. */
PL_API void pl_http_reply(struct pl_http_exchange *exchange, int status, const char *type,
                          const void *bytes, size_t length);
/* The same as text/plain. */
PL_API void pl_http_reply_text(struct pl_http_exchange *exchange, int status, const char *text);

enum pl_http_produce {
    PL_HTTP_MORE,  /* call me again when there is room */
    PL_HTTP_DONE,  /* the body is complete */
    PL_HTTP_ABORT, /* it cannot be completed: the connection is cut, so that the client knows */
};

/*
 * Called whenever there is room for more of the body, which it appends with pl_http_write(). It
 * does not block, and what it asks of the request is empty: that has gone. When the client has gone
 * it is called a last time with `exchange` NULL, to let go of its context.
 */
typedef enum pl_http_produce pl_http_producer(struct pl_http_exchange *exchange, void *context);

/* A streamed reply: chunked in HTTP/1.1, ended by the close in 1.0. The producer runs after the
 * handler has returned, on any thread, one at a time. */
PL_API void pl_http_reply_stream(struct pl_http_exchange *exchange, int status, const char *type,
                                 pl_http_producer *producer, void *context);
/* Appends to a streamed body, all or nothing. Errors: -ENOBUFS: limits.buffers is reached; return
 * PL_HTTP_MORE and write it again at the next call; -EINVAL: not inside the producer. */
PL_MUST_CHECK PL_API int pl_http_write(struct pl_http_exchange *exchange, const void *bytes,
                                       size_t length);

/* ---- a reply given later, from any thread ------------------------------------------------------
 */

/* Safe to keep and copy while the server lives; fails loudly when the client has gone. */
struct pl_http_deferred {
    struct pl_conn_token token;
};

/* The handler returns without a reply. From a route with `.may_block` the handle is dead: such a
 * handler answers itself. */
PL_API struct pl_http_deferred pl_http_defer(struct pl_http_exchange *exchange);

/*
 * The whole reply, or a streamed one: begin, write any number of times, end.
 *
 * Errors: -ESTALE: the client has gone, or it was answered already (timeouts.handler); -ENOMEM;
 * from pl_http_deferred_write() alone -EAGAIN: 64 parts wait for a slow client, try again after a
 *         moment. A stream that was begun lasts until its end or the client's.
 * Thread: any.
 */
PL_MUST_CHECK PL_API int pl_http_deferred_reply(const struct pl_http_deferred *deferred, int status,
                                                const char *type, const void *bytes, size_t length);
PL_MUST_CHECK PL_API int pl_http_deferred_begin(const struct pl_http_deferred *deferred, int status,
                                                const char *type);
PL_MUST_CHECK PL_API int pl_http_deferred_write(const struct pl_http_deferred *deferred,
                                                const void *bytes, size_t length);
PL_MUST_CHECK PL_API int pl_http_deferred_end(const struct pl_http_deferred *deferred);

#endif
