/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of every kind, and the routes to them. */
#include "web.h"

#include <paceline/blocking.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct answerer {
    struct pl_http_deferred deferred;
    char kind;
};

static void answer_as_stream(const struct pl_http_deferred *deferred)
{
    int err = pl_http_deferred_begin(deferred, 200, "text/plain");

    if (err == 0)
        err = pl_http_deferred_write(deferred, "one\n", 4);
    if (err == 0)
        err = pl_http_deferred_write(deferred, "two\n", 4);
    if (err == 0)
        err = pl_http_deferred_end(deferred);
    atomic_store(&web.last_result, err);
}

/* Until the test says so. */
static void await_release(void)
{
    for (int i = 0; i < CLIENT_DEADLINE_MS && atomic_load(&web.releases) == 0; i++)
        client_pause_ms(1);
}

static void *answerer_main(void *argument)
{
    struct answerer *answerer = argument;
    struct pl_http_deferred deferred = answerer->deferred;

    if (answerer->kind == 'r')
        await_release();
    else
        client_pause_ms(2);
    if (answerer->kind == 's')
        answer_as_stream(&deferred);
    else
        atomic_store(&web.last_result,
                     pl_http_deferred_reply(&deferred, 200, "text/plain", "later\n", 6));
    if (answerer->kind == '2')
        atomic_store(&web.second_result,
                     pl_http_deferred_reply(&deferred, 200, "text/plain", "second\n", 7));
    free(answerer);
    atomic_fetch_add(&web.answerers_ended, 1);
    return NULL;
}

static void defer(struct pl_http_exchange *exchange, void *context)
{
    struct answerer *answerer = malloc(sizeof(*answerer));
    pthread_t thread;

    if (answerer == NULL)
        abort();
    answerer->deferred = pl_http_defer(exchange);
    answerer->kind = *(const char *)context;
    atomic_fetch_add(&web.answerers_begun, 1);
    if (pthread_create(&thread, NULL, answerer_main, answerer) != 0)
        abort();
    pthread_detach(thread);
}

/* Twice before the connection can have seen the first: the handler still holds it. */
static void answer_twice_at_once(struct pl_http_exchange *exchange, void *context)
{
    struct pl_http_deferred deferred = pl_http_defer(exchange);

    (void)context;
    atomic_store(&web.last_result, pl_http_deferred_reply(&deferred, 200, NULL, "first\n", 6));
    atomic_store(&web.second_result, pl_http_deferred_reply(&deferred, 200, NULL, "second\n", 7));
}

static void direct(struct pl_http_exchange *exchange, void *context)
{
    (void)context;
    pl_http_reply_text(exchange, 200, "direct\n");
}

static void block(struct pl_http_exchange *exchange, void *context)
{
    (void)context;
    client_pause_ms(2);
    pl_http_reply_text(exchange, 200, "block\n");
}

static void block_until_released(struct pl_http_exchange *exchange, void *context)
{
    (void)context;
    await_release();
    pl_http_reply_text(exchange, 200, "too late\n");
}

static void section(struct pl_http_exchange *exchange, void *context)
{
    (void)context;
    pl_blocking_begin();
    client_pause_ms(2);
    pl_blocking_end();
    pl_http_reply_text(exchange, 200, "section\n");
}

static void silent(struct pl_http_exchange *exchange, void *context)
{
    (void)exchange;
    (void)context;
}

static void echo(struct pl_http_exchange *exchange, void *context)
{
    struct pl_view body = pl_http_body(exchange);

    (void)context;
    pl_http_reply(exchange, 200, "application/octet-stream", body.bytes, body.length);
}

static void describe(struct pl_http_exchange *exchange, void *context)
{
    struct pl_view method = pl_http_method(exchange), path = pl_http_path(exchange);
    struct pl_view query = pl_http_query(exchange), field = { .bytes = "" };
    char text[256];

    (void)context;
    (void)pl_http_field(exchange, "x-TEST", &field);
    if (pl_http_add_field(exchange, "X-Reply", "yes") < 0 ||
        pl_http_add_field(exchange, "Content-Length", "9") != -EINVAL ||
        pl_http_add_field(exchange, "A", "b\r\nC: d") != -EINVAL)
        abort();
    snprintf(text, sizeof(text), "%.*s %.*s ?%.*s x=%.*s\n", (int)method.length, method.bytes,
             (int)path.length, path.bytes, (int)query.length, query.bytes, (int)field.length,
             field.bytes);
    pl_http_reply_text(exchange, 200, text);
}

static void empty(struct pl_http_exchange *exchange, void *context)
{
    (void)context;
    pl_http_reply(exchange, 204, NULL, NULL, 0);
}

/* More than the status permits. */
static void reset(struct pl_http_exchange *exchange, void *context)
{
    (void)context;
    pl_http_reply_text(exchange, 205, "reset\n");
}

static void offer_upgrade(struct pl_http_exchange *exchange, void *context)
{
    (void)context;
    if (pl_http_add_field(exchange, "Upgrade", "other/1") == 0)
        pl_http_reply_text(exchange, 426, "upgrade\n");
}

static enum pl_http_produce produce(struct pl_http_exchange *exchange, void *context)
{
    int *left = context;
    char part[1024];

    if (exchange == NULL || *left == 0) {
        if (exchange == NULL)
            atomic_fetch_add(&web.producers_dropped, 1);
        free(left);
        return PL_HTTP_DONE;
    }
    memset(part, 'a' + *left % 26, sizeof(part));
    if (pl_http_write(exchange, part, sizeof(part)) < 0)
        abort();
    if (--*left < 0) { /* a negative count asks for an abort */
        free(left);
        return PL_HTTP_ABORT;
    }
    return PL_HTTP_MORE;
}

static void stream_as(struct pl_http_exchange *exchange, int status, const int *parts)
{
    int *left = malloc(sizeof(*left));

    if (left == NULL)
        abort();
    *left = *parts;
    pl_http_reply_stream(exchange, status, "text/plain", produce, left);
}

static void stream(struct pl_http_exchange *exchange, void *context)
{
    stream_as(exchange, 200, context);
}

static void reset_stream(struct pl_http_exchange *exchange, void *context)
{
    stream_as(exchange, 205, context);
}

/* Blocks first, so that its client can leave meanwhile. */
static void stream_late(struct pl_http_exchange *exchange, void *context)
{
    atomic_fetch_add(&web.blocked, 1);
    await_release();
    stream(exchange, context);
}

static void over(struct pl_http_exchange *exchange, void *context)
{
    static char bytes[6 * 1024 * 1024];

    (void)context;
    pl_http_reply(exchange, 200, NULL, bytes, sizeof(bytes));
}

static void huge(struct pl_http_exchange *exchange, void *context)
{
    static char bytes[HUGE_BYTES];

    (void)context;
    pl_http_reply(exchange, 200, NULL, bytes, sizeof(bytes));
}

/* What the request holds under names that the cases know; '-' for what it does not hold. */
static size_t print_data(struct pl_http_exchange *exchange, char *text, size_t size)
{
    static const char *const params[] = { "id", "post", "*" };
    struct pl_view cookie = PL_VIEW("-");
    char value[64];
    size_t used = 0;

    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
        used += (size_t)snprintf(
            text + used, size - used, "%s ",
            pl_http_param(exchange, params[i], value, sizeof(value)) < 0 ? "-" : value);
    used += (size_t)snprintf(text + used, size - used, "%s ",
                             pl_http_query_value(exchange, "q", value, sizeof(value)) < 0 ? "-"
                                                                                          : value);
    used +=
        (size_t)snprintf(text + used, size - used, "%s ",
                         pl_http_form_value(exchange, "f", value, sizeof(value)) < 0 ? "-" : value);
    (void)pl_http_cookie(exchange, "c", &cookie);
    used += (size_t)snprintf(text + used, size - used, "%.*s\n", (int)cookie.length, cookie.bytes);
    return used;
}

static void set_cookies(struct pl_http_exchange *exchange)
{
    const struct pl_http_cookie one = {
        .name = "one", .value = "1", .path = "/", .is_http_only = true
    };

    if (pl_http_set_cookie(exchange, &one) < 0 ||
        pl_http_set_cookie(exchange, &(struct pl_http_cookie){ .name = "two", .value = "2" }) < 0 ||
        pl_http_set_cookie(exchange, &(struct pl_http_cookie){ .name = "a b" }) != -EINVAL)
        abort();
}

static void data(struct pl_http_exchange *exchange, void *context)
{
    char text[512];
    size_t length = print_data(exchange, text, sizeof(text));

    (void)context;
    set_cookies(exchange);
    pl_http_reply(exchange, 200, "text/plain", text, length);
}

/* What is asked before the handler returns is right also when the reply comes later. */
static void data_later(struct pl_http_exchange *exchange, void *context)
{
    struct pl_http_deferred deferred = pl_http_defer(exchange);
    char text[512];
    size_t length = print_data(exchange, text, sizeof(text));

    (void)context;
    set_cookies(exchange);
    if (pl_http_deferred_reply(&deferred, 200, "text/plain", text, length) < 0)
        abort();
}

static void say(struct pl_http_exchange *exchange, void *context)
{
    pl_http_reply_text(exchange, 200, context);
}

static const int few_parts = 3, many_parts = PARTS, endless_parts = 1 << 30, broken_parts = -5;

static const struct pl_http_route routes[] = {
    { "GET", "/direct", direct, NULL, false },
    { "GET", "/block", block, NULL, true },
    { "GET", "/section", section, NULL, false },
    { "GET", "/later", defer, (void *)(size_t) "l", false },
    { "GET", "/later-stream", defer, (void *)(size_t) "s", false },
    { "GET", "/released", defer, (void *)(size_t) "r", false },
    { "GET", "/twice", defer, (void *)(size_t) "2", false },
    { "GET", "/twice-at-once", answer_twice_at_once, NULL, false },
    { "GET", "/block-long", block_until_released, NULL, true },
    { "GET", "/stream", stream, (void *)(size_t)&few_parts, false },
    { "GET", "/stream-block", stream, (void *)(size_t)&few_parts, true },
    { "GET", "/stream-many", stream, (void *)(size_t)&many_parts, false },
    { "GET", "/stream-endless", stream, (void *)(size_t)&endless_parts, false },
    { "GET", "/stream-broken", stream, (void *)(size_t)&broken_parts, false },
    { "GET", "/stream-late", stream_late, (void *)(size_t)&endless_parts, true },
    { "GET", "/over", over, NULL, false },
    { "GET", "/over-block", over, NULL, true },
    { "GET", "/huge", huge, NULL, false },
    { "GET", "/huge-block", huge, NULL, true },
    { "GET", "/silent", silent, NULL, false },
    { "GET", "/silent-block", silent, NULL, true },
    { "POST", "/echo", echo, NULL, false },
    { "POST", "/echo-block", echo, NULL, true },
    { "GET", "/describe", describe, NULL, false },
    { "GET", "/describe-block", describe, NULL, true },
    { "GET", "/empty", empty, NULL, false },
    { "GET", "/empty-block", empty, NULL, true },
    { "GET", "/reset", reset, NULL, false },
    { "GET", "/reset-block", reset, NULL, true },
    { "GET", "/reset-stream", reset_stream, (void *)(size_t)&endless_parts, false },
    { "GET", "/upgrade", offer_upgrade, NULL, false },
    { "GET", "/upgrade-block", offer_upgrade, NULL, true },
    { "GET", "/data/{id}", data, NULL, false },
    { "GET", "/data-block/{id}", data, NULL, true },
    { "GET", "/data-later/{id}", data_later, NULL, false },
    { "POST", "/data/{id}", data, NULL, false },
    { "POST", "/data-block/{id}", data, NULL, true },
    { "POST", "/data-later/{id}", data_later, NULL, false },
    { "GET", "/data/{id}/posts/{post}", data, NULL, false },
    { "GET", "/data/{id}/files/*", data, NULL, false },
    { "GET", "/data-block/{id}/posts/{post}", data, NULL, true },
    { "GET", "/data-block/{id}/files/*", data, NULL, true },
    { "GET", "/data-later/{id}/posts/{post}", data_later, NULL, false },
    { "GET", "/data-later/{id}/files/*", data_later, NULL, false },
    { "GET", "/host", say, (void *)(size_t) "every\n", false },
    { "GET", "/host", say, (void *)(size_t) "below\n", .host = "*.example.org" },
    { "GET", "/host", say, (void *)(size_t) "exact\n", .host = "example.org" },
    { "OPTIONS", "/options", direct, NULL, false },
};

const struct pl_binding web_binding = { .protocol = &pl_http_protocol,
                                        .elements = routes,
                                        .element_bytes = sizeof(routes[0]),
                                        .count = sizeof(routes) / sizeof(routes[0]) };
