/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers that read a body in parts, and those whose reply has a length, trailers, events or a
 * file. */
#include "web.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- bodies ---- */

enum upload_kind { AT_ONCE, LATER, PAUSING, ENOUGH, ANSWERED, WAITING, TRAILED };

struct upload {
    enum upload_kind kind;
    uint64_t bytes;
    uint32_t sum;
    struct pl_http_deferred deferred;
    char text[128];
};

static const enum upload_kind at_once = AT_ONCE, later = LATER, pausing = PAUSING, enough = ENOUGH,
                              answered = ANSWERED, waiting = WAITING, trailed = TRAILED;

uint32_t web_sum(uint32_t sum, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        sum = (sum ^ (unsigned char)bytes[i]) * 16777619u;
    return sum;
}

static void *resume(void *argument)
{
    struct pl_http_deferred *deferred = argument;

    client_pause_ms(1);
    (void)!pl_http_deferred_resume(deferred); /* its client may have gone */
    free(deferred);
    atomic_fetch_add(&web.answerers_ended, 1);
    return NULL;
}

static void *answer_upload(void *argument)
{
    struct upload *upload = argument;

    (void)!pl_http_deferred_reply(&upload->deferred, 200, "text/plain", upload->text,
                                  strlen(upload->text));
    free(upload);
    atomic_fetch_add(&web.answerers_ended, 1);
    return NULL;
}

static void in_a_thread(void *(*run)(void *), void *argument)
{
    pthread_t thread;

    atomic_fetch_add(&web.answerers_begun, 1);
    if (pthread_create(&thread, NULL, run, argument) != 0)
        abort();
    pthread_detach(thread);
}

/* Ten bytes in two parts; what does not fit a promised length is refused. */
static enum pl_http_produce produce_ten(struct pl_http_exchange *exchange, void *context)
{
    bool is_short = *(const char *)context == 's';

    if (exchange == NULL)
        return PL_HTTP_DONE;
    if (pl_http_write(exchange, "01234", 5) < 0)
        abort();
    if (is_short)
        return PL_HTTP_DONE;
    if (pl_http_write(exchange, "56789", 5) < 0)
        abort();
    atomic_store(&web.last_result, pl_http_write(exchange, "x", *(const char *)context == 'l'));
    atomic_store(&web.second_result, pl_http_add_trailer(exchange, "Content-Length", "7"));
    if (pl_http_add_trailer(exchange, "X-Sum", "ten") < 0)
        abort();
    return PL_HTTP_DONE;
}

static void finish(struct pl_http_exchange *exchange, struct upload *upload)
{
    struct pl_view trailer = { .bytes = "", .length = 0 };

    (void)pl_http_trailer(exchange, "X-Sum", &trailer);
    snprintf(upload->text, sizeof(upload->text), "%llu bytes, sum %08x, trailer '%.*s'\n",
             (unsigned long long)upload->bytes, upload->sum, (int)trailer.length, trailer.bytes);
    if (upload->kind == LATER) {
        in_a_thread(answer_upload, upload);
        return;
    }
    if (upload->kind == TRAILED)
        pl_http_reply_stream(exchange, 200, "text/plain", produce_ten, (void *)(size_t) "w");
    else
        pl_http_reply_text(exchange, 200, upload->text);
    free(upload);
}

static enum pl_http_consume consume(struct pl_http_exchange *exchange, struct pl_view part,
                                    bool is_last, void *context)
{
    struct upload *upload = context;

    if (exchange == NULL) {
        atomic_fetch_add(&web.consumers_dropped, 1);
        free(upload);
        return PL_HTTP_ENOUGH;
    }
    if (pl_http_body(exchange).bytes != part.bytes || pl_http_body(exchange).length != part.length)
        abort();
    atomic_fetch_add(&web.parts_taken, 1);
    upload->bytes += part.length;
    upload->sum = web_sum(upload->sum, part.bytes, part.length);
    if (upload->kind == ENOUGH) {
        pl_http_reply_text(exchange, 403, "enough\n");
        free(upload);
        return PL_HTTP_ENOUGH;
    }
    if (upload->kind == WAITING) {
        for (int i = 0; i < CLIENT_DEADLINE_MS && atomic_load(&web.releases) == 0; i++)
            client_pause_ms(1);
        atomic_fetch_add(&web.blocked, 1);
        free(upload);
        return PL_HTTP_ENOUGH;
    }
    if (is_last) {
        finish(exchange, upload);
        return PL_HTTP_TAKEN;
    }
    if (upload->kind == ANSWERED) {
        struct upload *copy = malloc(sizeof(*copy));

        if (copy == NULL)
            abort();
        *copy = *upload;
        snprintf(copy->text, sizeof(copy->text), "no more\n");
        in_a_thread(answer_upload, copy);
        return PL_HTTP_PAUSED;
    }
    if (upload->kind == PAUSING) {
        struct pl_http_deferred *copy = malloc(sizeof(*copy));

        if (copy == NULL)
            abort();
        *copy = upload->deferred;
        in_a_thread(resume, copy);
        return PL_HTTP_PAUSED;
    }
    return PL_HTTP_TAKEN;
}

static void receive(struct pl_http_exchange *exchange, void *context)
{
    struct upload *upload = calloc(1, sizeof(*upload));

    if (upload == NULL)
        abort();
    upload->kind = *(const enum upload_kind *)context;
    upload->sum = WEB_SUM_BEGIN;
    if (upload->kind == LATER || upload->kind == PAUSING || upload->kind == ANSWERED)
        upload->deferred = pl_http_defer(exchange);
    pl_http_receive_body(exchange, consume, upload);
}

static void refuse(struct pl_http_exchange *exchange, void *context)
{
    (void)context;
    pl_http_reply_text(exchange, 401, "who are you?\n");
}

static void forget(struct pl_http_exchange *exchange, void *context)
{
    (void)exchange;
    (void)context;
}

static void trailer(struct pl_http_exchange *exchange, void *context)
{
    struct pl_view body = pl_http_body(exchange), value = { .bytes = "none", .length = 4 };
    char text[128];

    (void)context;
    (void)pl_http_trailer(exchange, "x-sum", &value);
    snprintf(text, sizeof(text), "%.*s %.*s\n", (int)body.length, body.bytes, (int)value.length,
             value.bytes);
    pl_http_reply_text(exchange, 200, text);
}

/* ---- replies ---- */

static void stream_sized(struct pl_http_exchange *exchange, void *context)
{
    pl_http_reply_stream_sized(exchange, 200, "text/plain", 10, produce_ten, context);
}

static void stream_trailed(struct pl_http_exchange *exchange, void *context)
{
    if (pl_http_add_field(exchange, "X-Head", "1") < 0)
        abort();
    pl_http_reply_stream(exchange, 200, "text/plain", produce_ten, context);
}

static void file(struct pl_http_exchange *exchange, void *context)
{
    static const char bytes[] = "0123456789abcdef";
    int fd = memfd_create("reply", MFD_CLOEXEC);

    (void)context;
    if (fd < 0 || write(fd, bytes, sizeof(bytes) - 1) != sizeof(bytes) - 1)
        abort();
    pl_http_reply_file(exchange, 200, "text/plain", fd, 4, 8);
}

static void *tell_events(void *argument)
{
    struct pl_http_deferred *deferred = argument;
    const struct pl_http_event wrong = { .name = "a\nb" };
    const struct pl_http_event events[] = {
        { .name = "first", .id = "1", .retry_ms = 500, .data = PL_VIEW("one\r\ntwo\nthree") },
        { .data = PL_VIEW("") },
    };
    int err = pl_http_deferred_begin(deferred, 200, "text/event-stream");

    for (size_t i = 0; i < 2 && err == 0; i++)
        err = pl_http_deferred_event(deferred, &events[i]);
    if (err == 0)
        err = pl_http_deferred_event(deferred, &wrong) == -EINVAL ? 0 : -EPROTO;
    if (err == 0)
        err = pl_http_deferred_end(deferred);
    atomic_store(&web.last_result, err);
    free(deferred);
    atomic_fetch_add(&web.answerers_ended, 1);
    return NULL;
}

static void *reply_sized(void *argument)
{
    struct pl_http_deferred *deferred = argument;
    int err = pl_http_deferred_begin_sized(deferred, 200, "text/plain", 8);

    if (err == 0)
        err = pl_http_deferred_write(deferred, "lat", 3);
    if (err == 0)
        err = pl_http_deferred_write(deferred, "er on", 5);
    if (err == 0)
        err = pl_http_deferred_end(deferred);
    atomic_store(&web.last_result, err);
    free(deferred);
    atomic_fetch_add(&web.answerers_ended, 1);
    return NULL;
}

static void defer(struct pl_http_exchange *exchange, void *context)
{
    struct pl_http_deferred *copy = malloc(sizeof(*copy));

    if (copy == NULL)
        abort();
    *copy = pl_http_defer(exchange);
    in_a_thread(*(const char *)context == 'e' ? tell_events : reply_sized, copy);
}

/* ---- routes ---- */

#define UPLOAD(route_path, is_blocking, function, kind)                                            \
    {                                                                                              \
        .method = "POST", .path = (route_path), .handler = (function),                             \
        .context = (void *)(size_t)(const void *)(kind), .may_block = (is_blocking),               \
        .streams_body = true                                                                       \
    }
#define REPLY(route_path, is_blocking, function, word)                                             \
    {                                                                                              \
        .method = "GET", .path = (route_path), .handler = (function),                              \
        .context = (void *)(size_t)(const void *)(word), .may_block = (is_blocking)                \
    }

static const struct pl_http_route routes[] = {
    UPLOAD("/sum", false, receive, &at_once),
    UPLOAD("/sum-block", true, receive, &at_once),
    UPLOAD("/sum-later", false, receive, &later),
    UPLOAD("/sum-paused", false, receive, &pausing),
    UPLOAD("/waiting", true, receive, &waiting),
    UPLOAD("/sum-trailed", false, receive, &trailed),
    UPLOAD("/sum-trailed-block", true, receive, &trailed),
    UPLOAD("/answered", false, receive, &answered),
    UPLOAD("/enough", false, receive, &enough),
    UPLOAD("/enough-block", true, receive, &enough),
    UPLOAD("/refuse", false, refuse, NULL),
    UPLOAD("/refuse-block", true, refuse, NULL),
    UPLOAD("/forget", false, forget, NULL),
    { .method = "POST",
      .path = "/sum-whole",
      .handler = receive,
      .context = (void *)(size_t)(const void *)&at_once },
    { .method = "POST", .path = "/trailer", .handler = trailer },
    { .method = "POST", .path = "/trailer-block", .handler = trailer, .may_block = true },
    REPLY("/sized", false, stream_sized, "w"),
    REPLY("/sized-block", true, stream_sized, "w"),
    REPLY("/sized-short", false, stream_sized, "s"),
    REPLY("/sized-long", false, stream_sized, "l"),
    REPLY("/sized-later", false, defer, "s"),
    REPLY("/trailed", false, stream_trailed, "w"),
    REPLY("/trailed-block", true, stream_trailed, "w"),
    REPLY("/memory", false, file, NULL),
    REPLY("/memory-block", true, file, NULL),
    REPLY("/events", false, defer, "e"),
};

const struct pl_binding web_part_binding = { .protocol = &pl_http_protocol,
                                             .elements = routes,
                                             .element_bytes = sizeof(routes[0]),
                                             .count = sizeof(routes) / sizeof(routes[0]) };
