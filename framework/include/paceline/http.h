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
    /* The handler runs as soon as the head is there, and pl_http_receive_body() brings the body in
     * parts, at most http.max_body bytes; otherwise it runs when the whole body stands in memory,
     * at most limits.message. */
    bool streams_body;
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
/* Who asks: pl_conn_peer(), with its room. Nothing from a route with `.may_block`: its connection
 * has been let go. */
PL_API size_t pl_http_peer(const struct pl_http_exchange *exchange, char *ret_text);
/* The whole body, at most limits.message; inside a consumer the part at hand. */
PL_API struct pl_view pl_http_body(const struct pl_http_exchange *exchange);
/* The value of the first field of that name in the trailer section (RFC 9112, 7.1.2), which is kept
 * apart from the head's fields; false without one. With a streamed body from the last part on. */
PL_API bool pl_http_trailer(const struct pl_http_exchange *exchange, const char *name,
                            struct pl_view *ret_value);

/* ---- a body in parts --------------------------------------------------------------------------
 */

enum pl_http_consume {
    PL_HTTP_TAKEN,  /* the next part may come */
    PL_HTTP_PAUSED, /* taken too, but no more until pl_http_deferred_resume() */
    PL_HTTP_ENOUGH, /* no more is wanted: it has replied, or deferred, and is not called again */
};

/*
 * Takes the next part of the body, whose bytes are valid until it returns: at least one, but for
 * the last part of a chunked body, which may be empty. With the last part it replies, or defers; it
 * may do so before, and what still comes is then thrown away, or the connection ends. What it asks
 * of the request but for body and trailers is empty: the handler keeps what it needs.
 *
 * When the body ends before its last part (the client has gone, its framing is broken,
 * timeouts.body) it is called a last time with `exchange` NULL, to let go of its context.
 *
 * Thread: any, one at a time. With `.may_block` on one that may be blocked.
 */
typedef enum pl_http_consume pl_http_consumer(struct pl_http_exchange *exchange,
                                              struct pl_view part, bool is_last, void *context);

/* From the handler of a route that streams bodies: the parts go to `consumer`, beginning after the
 * handler has returned, and 100 (Continue) is sent if the client waits for it (RFC 9110, 10.1.1). A
 * request without a body has one part, the last, and empty. A handler that calls neither this nor a
 * reply is answered with 500. From a route that does not stream bodies there is no part to come:
 * `consumer` is told so at once. */
PL_API void pl_http_receive_body(struct pl_http_exchange *exchange, pl_http_consumer *consumer,
                                 void *context);

/* ---- multipart/form-data (RFC 7578; RFC 2046, 5.1) ----------------------------------------------
 * Read as it comes, in pieces of any size: from a consumer, or at once from a whole body.
 */

enum pl_http_multipart_found {
    PL_HTTP_MULTIPART_MORE,   /* all of the input was used */
    PL_HTTP_MULTIPART_FIELD,  /* a field begins: its name, file name and type */
    PL_HTTP_MULTIPART_DATA,   /* bytes of it, in *ret_data */
    PL_HTTP_MULTIPART_END,    /* the last field is complete; what follows is of no meaning */
    PL_HTTP_MULTIPART_BROKEN, /* no multipart/form-data: answer 400 */
};

/* Where the reading stands; the caller's memory, never moved while it is read. */
struct pl_http_multipart {
    /* Of the field that began last. */
    char name[256];
    char file_name[256]; /* as it was sent: no path to be trusted; empty without one */
    bool has_file_name;
    char type[128]; /* Content-Type; "text/plain" without one */

    /* The reader's own. */
    char delimiter[80]; /* CR LF "--" boundary */
    uint32_t delimiter_bytes, matched, line_bytes, head_bytes, dispositions;
    uint32_t matched_of_head; /* of what has matched, the end of the head: no data */
    int state;
    char line[1024];
};

/* Errors: -EINVAL: `content_type` is not multipart/form-data with a boundary of 1 to 70 allowed
 * bytes. */
PL_MUST_CHECK PL_API int pl_http_multipart_init(struct pl_http_multipart *multipart,
                                                struct pl_view content_type);

/* Takes bytes off the front of *input and says what they are; to be called until it returns
 * PL_HTTP_MULTIPART_MORE. *ret_data is valid until the next call, or the input's end. */
PL_MUST_CHECK PL_API enum pl_http_multipart_found pl_http_multipart_read(
    struct pl_http_multipart *multipart, struct pl_view *input, struct pl_view *ret_data);

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

/* Adds a field to the reply that follows; Upgrade is named in Connection too (RFC 9110, 7.8).
 * Errors: -EINVAL: not a field (RFC 9110, 5.1, 5.5), or one that the framework writes itself or
 * that governs the connection (Keep-Alive, TE); -ENOBUFS: over 1 KiB in all. */
PL_MUST_CHECK PL_API int pl_http_add_field(struct pl_http_exchange *exchange, const char *name,
                                           const char *value);
/* A whole reply; the bytes are copied. `type` may be NULL. With 204, 205 and 304 the content stays
 * behind (RFC 9110, 15.3.5, 15.3.6, 15.4.5); so with a producer, which is let go. */
PL_API void pl_http_reply(struct pl_http_exchange *exchange, int status, const char *type,
                          const void *bytes, size_t length);
/* The same as text/plain. */
PL_API void pl_http_reply_text(struct pl_http_exchange *exchange, int status, const char *text);
/* `length` bytes of a regular file from `offset` on. A file that turns out shorter while it is sent
 * cuts the connection, so that the client knows. Owner: takes over `fd`, in every case. */
PL_API void pl_http_reply_file(struct pl_http_exchange *exchange, int status, const char *type,
                               int fd, off_t offset, size_t length);

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
/* The same with a Content-Length. A producer that is done before `length` bytes cuts the
 * connection. */
PL_API void pl_http_reply_stream_sized(struct pl_http_exchange *exchange, int status,
                                       const char *type, uint64_t length,
                                       pl_http_producer *producer, void *context);
/* Appends to a streamed body, all or nothing. Errors: -ENOBUFS: limits.buffers is reached; return
 * PL_HTTP_MORE and write it again at the next call; -EINVAL: not inside the producer; -EMSGSIZE:
 * more than the length that was promised. */
PL_MUST_CHECK PL_API int pl_http_write(struct pl_http_exchange *exchange, const void *bytes,
                                       size_t length);
/*
 * A field of the trailer section, from the producer of a streamed reply. It is sent if the reply is
 * chunked and the client has said that it keeps trailers (`TE: trailers`; RFC 9110, 6.5.1), and is
 * dropped otherwise: nothing that must be known belongs there.
 *
 * Errors: -EINVAL: not a field, or none that may stand in a trailer section (framing, routing,
 * authentication, what says how to read the body; RFC 9110, 6.5.1), or not inside the producer;
 * -ENOBUFS: over 1 KiB in all.
 */
PL_MUST_CHECK PL_API int pl_http_add_trailer(struct pl_http_exchange *exchange, const char *name,
                                             const char *value);

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
/* With a Content-Length: more bytes, or an end before them, cut the connection. */
PL_MUST_CHECK PL_API int pl_http_deferred_begin_sized(const struct pl_http_deferred *deferred,
                                                      int status, const char *type,
                                                      uint64_t length);
PL_MUST_CHECK PL_API int pl_http_deferred_write(const struct pl_http_deferred *deferred,
                                                const void *bytes, size_t length);
PL_MUST_CHECK PL_API int pl_http_deferred_end(const struct pl_http_deferred *deferred);

/* The consumer that returned PL_HTTP_PAUSED is called with the next part. Errors: -ESTALE, -ENOMEM,
 * -EAGAIN as above. Thread: any. */
PL_MUST_CHECK PL_API int pl_http_deferred_resume(const struct pl_http_deferred *deferred);

/* A server-sent event (HTML Living Standard, 9.2): for a stream that was begun with the type
 * "text/event-stream". */
struct pl_http_event {
    const char *name;    /* NULL: "message"; without line ends */
    const char *id;      /* NULL: none; without line ends */
    uint32_t retry_ms;   /* 0: none */
    struct pl_view data; /* any number of lines; CR, LF and CRLF end one */
};
/* Errors: as pl_http_deferred_write(); -EINVAL: a line end in `name` or `id`; -EMSGSIZE: over 16
 * KiB in all. Thread: any. */
PL_MUST_CHECK PL_API int pl_http_deferred_event(const struct pl_http_deferred *deferred,
                                                const struct pl_http_event *event);

#endif
