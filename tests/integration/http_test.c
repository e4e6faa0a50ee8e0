/* SPDX-License-Identifier: Apache-2.0 */
/* Whole HTTP servers on loopback: every kind of handler, reply and refusal under every model. */
#include "client.h"
#include "server_rig.h"

#include <paceline/blocking.h>
#include <paceline/http.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* More than a turn's output and far more than socket buffers hold for all who ask at once. */
#define HUGE_BYTES 300000

#define LARGE_BYTES (5 * 1024 * 1024)
#define PARTS       200
/* More than the kernel takes off the server's hands while the client does not read. */
#define SHRINKING_BYTES (64 * 1024 * 1024)

static struct server_rig rig;

/* ---- handlers ------------------------------------------------------------------------------- */

static _Atomic uint32_t answerers_begun, answerers_ended, blocked, releases, producers_dropped;
static _Atomic int last_result, second_result;

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
    atomic_store(&last_result, err);
}

/* Until the test says so. */
static void await_release(void)
{
    for (int i = 0; i < CLIENT_DEADLINE_MS && atomic_load(&releases) == 0; i++)
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
        atomic_store(&last_result,
                     pl_http_deferred_reply(&deferred, 200, "text/plain", "later\n", 6));
    if (answerer->kind == '2')
        atomic_store(&second_result,
                     pl_http_deferred_reply(&deferred, 200, "text/plain", "second\n", 7));
    free(answerer);
    atomic_fetch_add(&answerers_ended, 1);
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
    atomic_fetch_add(&answerers_begun, 1);
    if (pthread_create(&thread, NULL, answerer_main, answerer) != 0)
        abort();
    pthread_detach(thread);
}

/* Twice before the connection can have seen the first: the handler still holds it. */
static void answer_twice_at_once(struct pl_http_exchange *exchange, void *context)
{
    struct pl_http_deferred deferred = pl_http_defer(exchange);

    (void)context;
    atomic_store(&last_result, pl_http_deferred_reply(&deferred, 200, NULL, "first\n", 6));
    atomic_store(&second_result, pl_http_deferred_reply(&deferred, 200, NULL, "second\n", 7));
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

static enum pl_http_produce produce(struct pl_http_exchange *exchange, void *context)
{
    int *left = context;
    char part[1024];

    if (exchange == NULL || *left == 0) {
        if (exchange == NULL)
            atomic_fetch_add(&producers_dropped, 1);
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

static void stream(struct pl_http_exchange *exchange, void *context)
{
    int *left = malloc(sizeof(*left));

    if (left == NULL)
        abort();
    *left = *(const int *)context;
    pl_http_reply_stream(exchange, 200, "text/plain", produce, left);
}

/* Blocks first, so that its client can leave meanwhile. */
static void stream_late(struct pl_http_exchange *exchange, void *context)
{
    atomic_fetch_add(&blocked, 1);
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
};

/* ---- fixture -------------------------------------------------------------------------------- */

static const struct pl_binding binding = { .protocol = &pl_http_protocol,
                                           .elements = routes,
                                           .element_bytes = sizeof(routes[0]),
                                           .count = sizeof(routes) / sizeof(routes[0]) };
static const struct pl_app app = {
    .bytes = sizeof(app), .name = "http-test", .bindings = &binding, .bindings_count = 1
};

static const char fixed_routes[] =
    "services.0.http.routes=[{path: /fixed, reply: {text: \"fixed\\n\"}}, "
    "{path: /fixed-304, reply: {status: 304, text: body}}, "
    "{path: /fixed-204, reply: {status: 204, text: body}}, "
    "{path: /fixed-503, method: POST, reply: {status: 503, type: text/html, text: busy}}]";

static void start(const char *const *sets)
{
    atomic_store(&answerers_begun, 0);
    atomic_store(&answerers_ended, 0);
    atomic_store(&blocked, 0);
    atomic_store(&releases, 0);
    atomic_store(&producers_dropped, 0);
    server_rig_start(&rig, &app, sets);
}

static void stop(void)
{
    atomic_store(&releases, 1);
    client_await(&answerers_ended, atomic_load(&answerers_begun));
    server_rig_stop(&rig);
}

/* The server has seen that a client left when the connection is gone from its count. */
static void await_no_connection(void)
{
    int64_t until = client_now_ms() + CLIENT_DEADLINE_MS;
    struct pl_stats stats;

    for (pl_server_stats(rig.server, &stats); stats.conns_open > 0;
         pl_server_stats(rig.server, &stats)) {
        if (client_now_ms() > until)
            fail_msg("%llu connections are still open", (unsigned long long)stats.conns_open);
        client_pause_ms(1);
    }
}

/* ---- reading replies ------------------------------------------------------------------------ */

struct reply {
    int status;
    char head[2048];
    size_t length;
    char *body; /* static storage */
};

static char body_bytes[LARGE_BYTES + 65536];

static bool has(const struct reply *reply, const char *text)
{
    return strstr(reply->head, text) != NULL;
}

static void read_line(int fd, char *line, size_t size)
{
    size_t length = 0;

    do {
        assert_true(length + 1 < size);
        client_receive(fd, line + length++, 1);
    } while (length < 2 || line[length - 1] != '\n');
    line[length] = '\0';
}

static void read_chunked(int fd, struct reply *reply)
{
    for (;;) {
        char line[64];
        size_t length;

        read_line(fd, line, sizeof(line));
        length = strtoul(line, NULL, 16);
        assert_true(reply->length + length <= sizeof(body_bytes));
        client_receive(fd, body_bytes + reply->length, length);
        reply->length += length;
        client_expect(fd, "\r\n");
        if (length == 0)
            return;
    }
}

static void read_head(int fd, struct reply *reply)
{
    size_t used = 0;

    *reply = (struct reply){ .body = body_bytes };
    do {
        read_line(fd, reply->head + used, sizeof(reply->head) - used);
        if (strcmp(reply->head + used, "\r\n") == 0)
            break;
        used += strlen(reply->head + used);
    } while (true);
    assert_int_equal(sscanf(reply->head, "HTTP/1.1 %d ", &reply->status), 1);
}

static void read_reply(int fd, struct reply *reply, bool is_head)
{
    const char *length;

    read_head(fd, reply);
    if (is_head || reply->status == 204 || reply->status == 304)
        return;
    if (has(reply, "Transfer-Encoding: chunked")) {
        read_chunked(fd, reply);
        return;
    }
    length = strstr(reply->head, "Content-Length: ");
    if (length == NULL) {
        reply->length = client_receive_all(fd, body_bytes, sizeof(body_bytes));
        return;
    }
    reply->length = strtoul(length + 16, NULL, 10);
    assert_true(reply->length <= sizeof(body_bytes));
    client_receive(fd, body_bytes, reply->length);
}

static void expect_reply(int fd, int status, const char *body)
{
    struct reply reply;

    read_reply(fd, &reply, false);
    assert_int_equal(reply.status, status);
    if (body == NULL)
        return;
    assert_int_equal(reply.length, strlen(body));
    assert_memory_equal(reply.body, body, reply.length);
}

static void get(int fd, const char *path, int status, const char *body)
{
    char request[512];

    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    client_say(fd, request);
    expect_reply(fd, status, body);
}

/* ---- every kind of handler ------------------------------------------------------------------ */

static void every_kind_of_handler_answers(void **state)
{
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(rig.port);
    for (int round = 0; round < 2; round++) {
        get(fd, "/direct", 200, "direct\n");
        get(fd, "/block", 200, "block\n");
        get(fd, "/section", 200, "section\n");
        get(fd, "/later", 200, "later\n");
        get(fd, "/later-stream", 200, "one\ntwo\n");
        get(fd, "/silent", 500, NULL);
        get(fd, "/silent-block", 500, NULL);
        get(fd, "/empty", 204, NULL);
        get(fd, "/empty-block", 204, NULL);
        get(fd, "/describe?a=b", 200, "GET /describe ?a=b x=\n");
        get(fd, "/describe-block", 200, "GET /describe-block ? x=\n");
        get(fd, "/%64irect", 200, "direct\n");
        get(fd, "/none", 404, NULL);
    }
    client_close(fd);
    stop();
}

static void producers_stream_their_parts(void **state)
{
    struct reply reply;
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(rig.port);
    client_say(fd, "GET /stream-many HTTP/1.1\r\nHost: a\r\n\r\n"
                   "GET /stream-block HTTP/1.1\r\nHost: a\r\n\r\n");
    read_reply(fd, &reply, false);
    assert_int_equal(reply.length, PARTS * 1024);
    for (int i = 0; i < PARTS; i++)
        assert_int_equal(reply.body[i * 1024], 'a' + (PARTS - i) % 26);
    read_reply(fd, &reply, false);
    assert_int_equal(reply.length, 3 * 1024);
    client_close(fd);
    stop();
}

static void head_of_a_stream_has_no_body_and_lets_the_producer_go(void **state)
{
    struct reply reply;
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(rig.port);
    client_say(fd, "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    read_reply(fd, &reply, true);
    assert_true(has(&reply, "Transfer-Encoding: chunked"));
    client_say(fd, "HEAD /later-stream HTTP/1.1\r\nHost: a\r\n\r\n");
    read_reply(fd, &reply, true);
    client_say(fd, "HEAD /stream-block HTTP/1.1\r\nHost: a\r\n\r\n");
    read_reply(fd, &reply, true);
    get(fd, "/direct", 200, "direct\n");
    assert_int_equal(atomic_load(&producers_dropped), 2);
    client_close(fd);
    stop();
}

static void reply_to_1_0_has_no_transfer_coding_9112_6_1(void **state)
{
    static const char *const requests[] = {
        "GET /stream HTTP/1.0\r\n\r\n",
        "HEAD /stream HTTP/1.0\r\n\r\n",
        "GET /later-stream HTTP/1.0\r\n\r\n",
        "HEAD /later-stream HTTP/1.0\r\n\r\n",
        "HEAD /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    };

    (void)state;
    start(NULL);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct reply reply;
        int fd = client_connect(rig.port);

        client_say(fd, requests[i]);
        read_reply(fd, &reply, requests[i][0] == 'H');
        assert_int_equal(reply.status, 200);
        assert_false(has(&reply, "Transfer-Encoding"));
        if (requests[i][0] == 'G')
            assert_true(reply.length == 3 * 1024 || reply.length == 8);
        client_close(fd);
    }
    stop();
}

static void stream_that_breaks_cuts_the_connection(void **state)
{
    struct reply reply;
    char rest[8192];
    size_t length;
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(rig.port);
    client_say(fd, "GET /stream-broken HTTP/1.1\r\nHost: a\r\n\r\n");
    read_head(fd, &reply);
    length = client_receive_all(fd, rest, sizeof(rest));
    /* Without the last chunk the client knows that it has not got everything. */
    assert_false(length >= 5 && memcmp(rest + length - 5, "0\r\n\r\n", 5) == 0);
    client_close(fd);
    stop();
}

static void producer_is_let_go_when_the_client_leaves(void **state)
{
    struct reply reply;
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(rig.port);
    client_say(fd, "GET /stream-endless HTTP/1.1\r\nHost: a\r\n\r\n");
    read_head(fd, &reply);
    client_reset(fd);
    client_await(&producers_dropped, 1);
    stop();
}

static void stream_of_a_job_is_let_go_when_its_client_has_left(void **state)
{
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(rig.port);
    client_say(fd, "GET /stream-late HTTP/1.1\r\nHost: a\r\n\r\n");
    client_await(&blocked, 1);
    client_reset(fd);
    if (server_current->threads > 0) /* else the only thread is the one that blocks */
        await_no_connection();
    atomic_store(&releases, 1);
    client_await(&producers_dropped, 1);
    stop();
}

/* A pool that is too small for all who ask: each gets all of its reply, a 503, or a close before
 * the first byte; never a part of a reply. */
static void reply_that_finds_no_memory_is_never_a_part(void **state)
{
    enum { COUNT = 40 };
    static const char *const sets[] = { "limits.buffers=4MiB", NULL };
    static char found[HUGE_BYTES + 1024];
    int fds[COUNT], whole = 0, refused = 0;

    (void)state;
    start(sets);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_connect(rig.port);
        client_say(fds[i], i % 2 == 0 ? "GET /huge HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                                      : "GET /huge-block HTTP/1.1\r\nHost: a\r\n"
                                        "Connection: close\r\n\r\n");
    }
    for (int i = 0; i < COUNT; i++) {
        size_t length = client_receive_all(fds[i], found, sizeof(found));

        if (length > 0 && memcmp(found, "HTTP/1.1 200", 12) == 0) {
            assert_true(length > HUGE_BYTES);
            whole++;
        } else if (length > 0) {
            assert_memory_equal(found, "HTTP/1.1 503", 12);
            refused++;
        }
        client_close(fds[i]);
    }
    assert_true(whole > 0);
    assert_true(whole + refused <= COUNT);
    stop();
}

static void reply_larger_than_the_pool_is_503_and_the_server_goes_on(void **state)
{
    static const char *const sets[] = { "limits.buffers=4MiB", NULL };
    static const char *const paths[] = { "/over", "/over-block" };

    (void)state;
    start(sets);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int fd = client_connect(rig.port);

        get(fd, paths[i], 503, "503 Service Unavailable\n");
        client_expect_end(fd);
        client_close(fd);
        fd = client_connect(rig.port);
        get(fd, "/direct", 200, NULL);
        client_close(fd);
    }
    stop();
}

/* ---- deferred ------------------------------------------------------------------------------- */

static void deferred_reply_after_the_client_has_gone_is_stale(void **state)
{
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(rig.port);
    client_say(fd, "GET /released HTTP/1.1\r\nHost: a\r\n\r\n");
    client_await(&answerers_begun, 1);
    client_reset(fd);
    await_no_connection();
    atomic_store(&releases, 1);
    client_await(&answerers_ended, 1);
    assert_int_equal(atomic_load(&last_result), -ESTALE);
    stop();
}

static void second_deferred_reply_is_stale(void **state)
{
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(rig.port);
    get(fd, "/twice", 200, "later\n");
    client_await(&answerers_ended, 1);
    assert_int_equal(atomic_load(&second_result), -ESTALE);
    get(fd, "/direct", 200, "direct\n");
    client_close(fd);
    stop();
}

static void second_deferred_reply_never_answers_the_next_request(void **state)
{
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(rig.port);
    client_say(fd, "GET /twice-at-once HTTP/1.1\r\nHost: a\r\n\r\n"
                   "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
                   "GET /block HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_reply(fd, 200, "first\n");
    expect_reply(fd, 200, "later\n");
    expect_reply(fd, 200, "block\n");
    assert_int_equal(atomic_load(&last_result), 0);
    assert_int_equal(atomic_load(&second_result), -ESTALE);
    client_close(fd);
    stop();
}

static void handler_that_takes_too_long_is_answered_503_and_its_reply_dropped(void **state)
{
    static const char *const sets[] = { "timeouts.handler=50ms", NULL };
    bool has_threads = server_current->threads > 1;

    (void)state;
    start(sets);
    for (int i = 0; i < (has_threads ? 2 : 1); i++) {
        int fd = client_connect(rig.port);
        struct reply reply;

        client_say(fd, i == 0 ? "GET /released HTTP/1.1\r\nHost: a\r\n\r\n"
                              : "GET /block-long HTTP/1.1\r\nHost: a\r\n\r\n");
        read_reply(fd, &reply, false);
        assert_int_equal(reply.status, 503);
        assert_true(has(&reply, "Connection: close"));
        assert_true(has(&reply, "Retry-After"));
        client_expect_end(fd);
        client_close(fd);
    }
    atomic_store(&releases, 1);
    client_await(&answerers_ended, 1);
    assert_int_equal(atomic_load(&last_result), -ESTALE);
    stop();
}

/* ---- bodies --------------------------------------------------------------------------------- */

static void bodies_come_back_whatever_their_framing(void **state)
{
    static const char *const paths[] = { "/echo", "/echo-block" };
    static char request[200000], body[60000], expected[60001];
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(rig.port);
    for (size_t i = 0; i < sizeof(body); i++)
        body[i] = (char)(i * 7 % 251);
    for (int i = 0; i < 8; i++) {
        size_t sizes[] = { 0, 1, 1000, sizeof(body) }, size = sizes[i % 4];
        struct reply reply;
        int used = snprintf(request, sizeof(request),
                            "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                            paths[i / 4], size);

        client_send(fd, request, (size_t)used);
        client_send(fd, body, size);
        read_reply(fd, &reply, false);
        assert_int_equal(reply.length, size);
        assert_memory_equal(reply.body, body, size);
        used = snprintf(request, sizeof(request),
                        "POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                        paths[i / 4]);
        for (size_t at = 0, part; at < size; at += part) {
            part = size - at < 100 + at ? size - at : 100 + at;
            used += snprintf(request + used, sizeof(request) - (size_t)used, "%zx;x=y\r\n", part);
            memcpy(request + used, body + at, part);
            memcpy(request + used + part, "\r\n", 2);
            used += (int)part + 2;
        }
        memcpy(request + used, "0\r\nT: t\r\n\r\n", 11);
        client_send(fd, request, (size_t)used + 11);
        read_reply(fd, &reply, false);
        assert_int_equal(reply.length, size);
        memcpy(expected, body, size);
        assert_memory_equal(reply.body, expected, size);
    }
    client_close(fd);
    stop();
}

static void leave_to_send_the_body_is_given_9110_10_1_1(void **state)
{
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(rig.port);
    for (int i = 0; i < 2; i++) {
        client_say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                       "Content-Length: 5\r\n\r\n");
        client_expect(fd, "HTTP/1.1 100 Continue\r\n\r\n");
        client_say(fd, "hello");
        expect_reply(fd, 200, "hello");
    }
    client_say(fd, "POST /echo-block HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n");
    client_expect(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    client_say(fd, "2\r\nhi\r\n0\r\n\r\n");
    expect_reply(fd, 200, "hi");
    /* In 1.0 there is no such reply. */
    client_say(fd, "POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    client_pause_ms(5);
    client_say(fd, "ab");
    expect_reply(fd, 200, "ab");
    client_expect_end(fd);
    client_close(fd);
    stop();
}

/* ---- connections ---------------------------------------------------------------------------- */

static void connection_persists_by_the_rules_9112_9_3(void **state)
{
    static const struct {
        const char *request, *expected;
        bool is_ended;
    } rows[] = {
        { "GET /direct HTTP/1.1\r\nHost: a\r\n\r\n", NULL, false },
        { "GET /direct HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "Connection: close",
          true },
        { "GET /direct HTTP/1.0\r\n\r\n", "Connection: close", true },
        { "GET /direct HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "Connection: keep-alive",
          false },
        { "GET /block HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "Connection: keep-alive",
          false },
        { "GET /later HTTP/1.0\r\n\r\n", "Connection: close", true },
    };

    (void)state;
    start(NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fd = client_connect(rig.port);
        struct reply reply;

        client_say(fd, rows[i].request);
        read_reply(fd, &reply, false);
        assert_int_equal(reply.status, 200);
        if (rows[i].expected == NULL)
            assert_false(has(&reply, "Connection:"));
        else
            assert_true(has(&reply, rows[i].expected));
        if (rows[i].is_ended)
            client_expect_end(fd);
        else
            get(fd, "/direct", 200, "direct\n");
        client_close(fd);
    }
    stop();
}

static void hundred_mixed_requests_are_answered_in_order(void **state)
{
    static const struct {
        const char *path, *body;
    } kinds[] = { { "/direct", "direct\n" },
                  { "/block", "block\n" },
                  { "/later", "later\n" },
                  { "/section", "section\n" },
                  { "/later-stream", "one\ntwo\n" },
                  { "/direct", "direct\n" },
                  { "/describe?1", "GET /describe ?1 x=\n" } };
    static char batch[10000];
    size_t used = 0;
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(rig.port);
    for (size_t i = 0; i < 100; i++)
        used += (size_t)snprintf(batch + used, sizeof(batch) - used,
                                 "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", kinds[i % 7].path);
    client_send(fd, batch, used);
    for (size_t i = 0; i < 100; i++)
        expect_reply(fd, 200, kinds[i % 7].body);
    client_close(fd);
    stop();
}

static void half_closed_client_gets_all_its_answers(void **state)
{
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(rig.port);
    client_say(fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /block HTTP/1.1\r\nHost: a\r\n\r\n"
                   "GET /direct HTTP/1.1\r\nHost: a\r\n\r\n");
    shutdown(fd, SHUT_WR);
    expect_reply(fd, 200, "later\n");
    expect_reply(fd, 200, "block\n");
    expect_reply(fd, 200, "direct\n");
    client_expect_end(fd);
    client_close(fd);
    stop();
}

static void *stop_server(void *argument)
{
    (void)argument;
    (void)pl_server_stop(rig.server, CLIENT_DEADLINE_MS / 2);
    return NULL;
}

static void last_reply_of_a_drain_says_close(void **state)
{
    struct reply reply;
    pthread_t thread;
    int fd, idle;

    (void)state;
    start(NULL);
    fd = client_connect(rig.port);
    client_say(fd, "GET /released HTTP/1.1\r\nHost: a\r\n\r\n");
    client_await(&answerers_begun, 1);
    idle = client_connect(rig.port);
    get(idle, "/direct", 200, "direct\n");
    assert_int_equal(pthread_create(&thread, NULL, stop_server, NULL), 0);
    /* A drain walks the slots in their order: where the later connection has ended, the earlier one
     * has been told. */
    client_expect_end(idle);
    atomic_store(&releases, 1);
    read_reply(fd, &reply, false);
    assert_int_equal(reply.status, 200);
    assert_true(has(&reply, "Connection: close"));
    client_expect_end(fd);
    pthread_join(thread, NULL);
    client_close(fd);
    client_close(idle);
    stop();
}

/* ---- refusals ------------------------------------------------------------------------------- */

static const struct {
    int status;
    const char *request;
} refusals[] = {
    { 400, "GET / HTTP/1.1\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n" },
    { 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n" },
    { 400, "GET /direct HTTP/1.1\r\nHost: a\r\nA b: c\r\n\r\n" },
    { 400, "GET /direct HTTP/1.1\r\nHost: a\r\n b: c\r\n\r\n" },
    { 400, "GET /direct HTTP/1.1\nHost: a\n\n" },
    { 400, "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n" },
    { 400, "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n" },
    { 400, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab" },
    { 400, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n"
           "\r\n0\r\n\r\n" },
    { 400, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5x\r\nhello\r\n"
           "0\r\n\r\n" },
    { 400, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n"
           "0\r\n\r\n" },
    { 413, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" },
    { 413, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n" },
    { 414,
      "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
    { 417, "GET / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n\r\n" },
    { 431,
      "GET / HTTP/1.1\r\nHost: a\r\nA: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
      "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
      "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
      "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" },
    { 501, "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n" },
    { 501, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" },
    { 505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n" },
    { 400, "\x16\x03\x01garbage\r\n\r\n" },
};

static const char *const small_limits[] = { "services.0.http.max_target=64B",
                                            "services.0.http.max_head=256B", NULL };

/* The request that is refused stands behind a good one, in one segment and in one-byte ones. */
static void refusals_are_readable_and_close(void **state)
{
    (void)state;
    start(small_limits);
    for (size_t i = 0; i < 2 * sizeof(refusals) / sizeof(refusals[0]); i++) {
        const char *request = refusals[i / 2].request;
        int fd = client_connect(rig.port);
        struct reply reply;

        client_say(fd, "GET /direct HTTP/1.1\r\nHost: a\r\n\r\n");
        if (i % 2 == 0)
            client_say(fd, request);
        else
            for (const char *at = request; *at != '\0'; at++)
                if (send(fd, at, 1, MSG_NOSIGNAL) != 1)
                    break; /* it may have been refused before its end */
        expect_reply(fd, 200, "direct\n");
        read_reply(fd, &reply, false);
        if (reply.status != refusals[i / 2].status)
            fail_msg("%s: %d instead of %d", request, reply.status, refusals[i / 2].status);
        assert_true(has(&reply, "Connection: close"));
        assert_true(reply.length > 0);
        client_expect_end(fd);
        client_close(fd);
    }
    stop();
}

static void refused_body_does_not_reset_the_answer_9112_9_6(void **state)
{
    static char body[512 * 1024];
    struct reply reply;
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(rig.port);
    client_say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 524288\r\n\r\n");
    client_send(fd, body, sizeof(body));
    read_reply(fd, &reply, false);
    assert_int_equal(reply.status, 413);
    client_expect_end(fd);
    client_close(fd);
    stop();
}

static void refusal_of_head_has_no_body_9110_9_3_2(void **state)
{
    static const char *const requests[] = {
        "HEAD / HTTP/1.1\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n\r\n",
        "HEAD /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "HEAD /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
    };

    (void)state;
    start(NULL);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        int fd = client_connect(rig.port);
        struct reply reply;

        client_say(fd, requests[i]);
        read_head(fd, &reply);
        assert_true(reply.status >= 400);
        client_expect_end(fd);
        client_close(fd);
    }
    stop();
}

static void slow_head_and_slow_body_are_answered_408(void **state)
{
    static const char *const sets[] = { "timeouts.header=50ms", "timeouts.body=50ms", NULL };
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\nHo",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab",
    };

    (void)state;
    start(sets);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        int fd = client_connect(rig.port);
        struct reply reply;

        client_say(fd, requests[i]);
        read_reply(fd, &reply, false);
        assert_int_equal(reply.status, 408);
        assert_true(has(&reply, "Connection: close"));
        client_expect_end(fd);
        client_close(fd);
    }
    stop();
}

static void other_methods_are_refused_with_what_is_allowed(void **state)
{
    struct reply reply;
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(rig.port);
    client_say(fd, "POST /direct HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
    read_reply(fd, &reply, false);
    assert_int_equal(reply.status, 405);
    assert_true(has(&reply, "\r\nAllow: GET, HEAD\r\n"));
    client_say(fd, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    read_reply(fd, &reply, false);
    assert_int_equal(reply.status, 405);
    assert_true(has(&reply, "\r\nAllow: POST\r\n"));
    client_say(fd, "BREW /direct HTTP/1.1\r\nHost: a\r\n\r\n");
    read_reply(fd, &reply, false);
    assert_int_equal(reply.status, 501);
    client_say(fd, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    read_reply(fd, &reply, false);
    assert_int_equal(reply.status, 204);
    get(fd, "/direct", 200, "direct\n");
    client_close(fd);
    stop();
}

static void fixed_replies_are_given(void **state)
{
    static const char *const sets[] = { fixed_routes, NULL };
    struct reply reply;
    int fd;

    (void)state;
    start(sets);
    fd = client_connect(rig.port);
    get(fd, "/fixed", 200, "fixed\n");
    client_say(fd, "HEAD /fixed HTTP/1.1\r\nHost: a\r\n\r\n");
    read_reply(fd, &reply, true);
    assert_true(has(&reply, "Content-Length: 6\r\n"));
    get(fd, "/fixed-204", 204, NULL);
    get(fd, "/fixed-304", 304, NULL);
    client_say(fd, "POST /fixed-503 HTTP/1.1\r\nHost: a\r\n\r\n");
    read_reply(fd, &reply, false);
    assert_int_equal(reply.status, 503);
    assert_true(has(&reply, "Content-Type: text/html\r\n"));
    get(fd, "/fixed", 200, "fixed\n");
    client_close(fd);
    stop();
}

/* ---- files ---------------------------------------------------------------------------------- */

static char large[LARGE_BYTES];

static void write_file(const char *name, const void *bytes, size_t length)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", server_rig_folder(&rig), name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void in_folder(char *path, size_t size, const char *name)
{
    snprintf(path, size, "%s/%s", server_rig_folder(&rig), name);
}

static void start_with_files(void)
{
    char root[128], path[256];
    const char *const sets[] = { root, NULL };

    in_folder(path, sizeof(path), "root");
    assert_int_equal(mkdir(path, 0755), 0);
    in_folder(path, sizeof(path), "root/dir");
    assert_int_equal(mkdir(path, 0755), 0);
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (char)(i * 31 >> 3);
    write_file("secret.txt", "secret\n", 7);
    write_file("root/index.html", "<p>\n", 4);
    write_file("root/dir/index.html", "dir\n", 4);
    write_file("root/a.css", "css\n", 4);
    write_file("root/a b.txt", "space\n", 6);
    write_file("root/none", "", 0);
    write_file("root/large.bin", large, sizeof(large));
    in_folder(path, sizeof(path), "root/fifo");
    assert_int_equal(mkfifo(path, 0644), 0);
    in_folder(path, sizeof(path), "root/out");
    assert_int_equal(symlink("../secret.txt", path), 0);
    in_folder(path, sizeof(path), "root/absolute");
    assert_int_equal(symlink("/etc/passwd", path), 0);
    in_folder(path, sizeof(path), "root/inside");
    assert_int_equal(symlink("dir/index.html", path), 0);
    snprintf(root, sizeof(root), "services.0.http.root=%s/root", server_rig_folder(&rig));
    start(sets);
}

static void files_below_the_root_are_served_and_no_others(void **state)
{
    static const struct {
        const char *path;
        int status;
        const char *body, *type;
    } rows[] = {
        { "/", 200, "<p>\n", "text/html; charset=utf-8" },
        { "/index.html", 200, "<p>\n", "text/html; charset=utf-8" },
        { "/dir/", 200, "dir\n", "text/html; charset=utf-8" },
        { "/dir/index.html?query", 200, "dir\n", "text/html; charset=utf-8" },
        { "/dir/../index.html", 200, "<p>\n", NULL },
        { "//index.html", 200, "<p>\n", NULL },
        { "/a.css", 200, "css\n", "text/css; charset=utf-8" },
        { "/a%20b.txt", 200, "space\n", "text/plain; charset=utf-8" },
        { "/none", 200, "", "application/octet-stream" },
        { "/inside", 200, "dir\n", NULL },
        { "/dir", 404, NULL, NULL },
        { "/missing", 404, NULL, NULL },
        { "/index.html/", 404, NULL, NULL },
        { "/fifo", 404, NULL, NULL },
        { "/out", 404, NULL, NULL },
        { "/absolute", 404, NULL, NULL },
        { "/../secret.txt", 404, NULL, NULL },
        { "/%2e%2e/secret.txt", 404, NULL, NULL },
        { "/dir/..%2f..%2fsecret.txt", 404, NULL, NULL },
        { "//etc/passwd", 404, NULL, NULL },
        { "/direct", 200, "direct\n", NULL },
    };
    struct reply reply;
    int fd;

    (void)state;
    start_with_files();
    fd = client_connect(rig.port);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char request[256], type[128];

        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", rows[i].path);
        client_say(fd, request);
        read_reply(fd, &reply, false);
        if (reply.status != rows[i].status)
            fail_msg("%s: %d instead of %d", rows[i].path, reply.status, rows[i].status);
        if (rows[i].body != NULL) {
            assert_int_equal(reply.length, strlen(rows[i].body));
            assert_memory_equal(reply.body, rows[i].body, reply.length);
        }
        snprintf(type, sizeof(type), "Content-Type: %s\r\n",
                 rows[i].type == NULL ? "" : rows[i].type);
        if (rows[i].type != NULL)
            assert_true(has(&reply, type));
    }
    client_say(fd, "HEAD /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    read_reply(fd, &reply, true);
    assert_true(has(&reply, "Content-Length: 5242880\r\n"));
    client_say(fd, "POST /index.html HTTP/1.1\r\nHost: a\r\n\r\n");
    read_reply(fd, &reply, false);
    assert_int_equal(reply.status, 405);
    assert_true(has(&reply, "\r\nAllow: GET, HEAD\r\n"));
    client_close(fd);
    stop();
}

static void large_file_arrives_byte_for_byte(void **state)
{
    struct reply reply;
    int fd;

    (void)state;
    start_with_files();
    fd = client_connect(rig.port);
    client_say(fd,
               "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\nGET /a.css HTTP/1.1\r\nHost: a\r\n\r\n");
    read_reply(fd, &reply, false);
    assert_int_equal(reply.length, LARGE_BYTES);
    assert_true(memcmp(reply.body, large, LARGE_BYTES) == 0);
    expect_reply(fd, 200, "css\n");
    client_close(fd);
    stop();
}

static size_t count_to_the_end(int fd)
{
    size_t total = 0;
    ssize_t length;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO,
               &(struct timeval){ .tv_sec = CLIENT_DEADLINE_MS / 1000 }, sizeof(struct timeval));
    while ((length = recv(fd, body_bytes, sizeof(body_bytes), 0)) > 0)
        total += (size_t)length;
    assert_true(length == 0 || errno != EAGAIN);
    return total;
}

static void file_that_shrinks_while_it_is_served_cuts_the_connection(void **state)
{
    struct reply reply;
    char path[256];
    int fd;

    (void)state;
    start_with_files();
    write_file("root/shrinking", "", 0);
    in_folder(path, sizeof(path), "root/shrinking");
    assert_int_equal(truncate(path, SHRINKING_BYTES), 0);
    fd = client_connect(rig.port);
    client_say(fd, "GET /shrinking HTTP/1.1\r\nHost: a\r\n\r\n");
    read_head(fd, &reply);
    assert_int_equal(truncate(path, 10), 0);
    assert_true(count_to_the_end(fd) < SHRINKING_BYTES);
    client_close(fd);
    stop();
}

/* A lease makes open() wait for its holder, for 45 seconds by default; a thread must not. */
static void leased_file_never_holds_a_thread(void **state)
{
    struct reply reply;
    char path[256];
    int fd, leased;

    (void)state;
    start_with_files();
    signal(SIGIO, SIG_IGN);
    in_folder(path, sizeof(path), "root/a.css");
    leased = open(path, O_RDWR | O_CLOEXEC);
    if (fcntl(leased, F_SETLEASE, F_WRLCK) < 0) {
        close(leased);
        stop();
        skip();
    }
    fd = client_connect(rig.port);
    client_say(fd, "GET /a.css HTTP/1.1\r\nHost: a\r\n\r\n");
    read_reply(fd, &reply, false);
    assert_int_equal(reply.status, 503);
    close(leased);
    get(fd, "/a.css", 200, "css\n");
    client_close(fd);
    stop();
}

/* In a child that is nobody, for root may read everything. */
static int ask_for_the_unreadable(void)
{
    struct reply reply;
    char root[128], path[256];
    const char *const sets[] = { root, NULL };
    int fd, status;

    snprintf(root, sizeof(root), "services.0.http.root=%s", server_rig_folder(&rig));
    in_folder(path, sizeof(path), "closed");
    if (geteuid() == 0 && (setegid(65534) < 0 || seteuid(65534) < 0))
        return 77;
    start(sets);
    fd = client_connect(rig.port);
    client_say(fd, "GET /closed HTTP/1.1\r\nHost: a\r\n\r\n");
    read_reply(fd, &reply, false);
    status = reply.status;
    client_close(fd);
    pl_server_stop(rig.server, 0);
    pl_server_close(rig.server);
    return status == 403 ? 0 : 1;
}

static void unreadable_file_is_forbidden(void **state)
{
    char path[256];
    int status;
    pid_t child;

    (void)state;
    write_file("closed", "x", 1);
    in_folder(path, sizeof(path), "closed");
    assert_int_equal(chmod(path, 0), 0);
    assert_int_equal(chmod(server_rig_folder(&rig), 0755), 0);
    child = fork();
    if (child == 0)
        _exit(ask_for_the_unreadable());
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(path, 0600), 0);
    start(NULL);
    stop(); /* removes the folder */
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- identical bytes ------------------------------------------------------------------------ */

static char script[16384], reference[512 * 1024], found[512 * 1024];
static size_t reference_length;

static size_t make_script(void)
{
    static const char *const gets[] = {
        "/direct", "/block",     "/later",        "/section",      "/later-stream",  "/stream",
        "/none",   "/silent",    "/silent-block", "/describe?q=1", "/empty",         "/empty-block",
        "/fixed",  "/fixed-304", "/fixed-204",    "/stream-block", "/describe-block"
    };
    size_t used = 0;

    for (int i = 0; i < 3; i++) {
        for (size_t k = 0; k < sizeof(gets) / sizeof(gets[0]); k++)
            used += (size_t)snprintf(script + used, sizeof(script) - used,
                                     "%s %s HTTP/1.1\r\nHost: a\r\nX-Test: %d\r\n\r\n",
                                     i == 1 ? "HEAD" : "GET", gets[k], i);
        used += (size_t)snprintf(script + used, sizeof(script) - used,
                                 "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
                                 "POST /echo-block HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                                 "chunked\r\n\r\n3\r\nfoo\r\n4;x\r\nbars\r\n0\r\nA: b\r\n\r\n"
                                 "POST /direct HTTP/1.1\r\nHost: a\r\n\r\n\r\n"
                                 "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    return used + (size_t)snprintf(script + used, sizeof(script) - used,
                                   "GET /direct HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
}

static void mask_dates(char *bytes, size_t length)
{
    for (size_t at = 0; at + 35 <= length; at++)
        if (memcmp(bytes + at, "Date: ", 6) == 0)
            memset(bytes + at + 6, '#', 29);
}

static void same_input_gives_the_same_bytes_in_every_model(void **state)
{
    static const char *const sets[] = { fixed_routes, NULL };
    size_t script_length = make_script();

    (void)state;
    start(sets);
    for (int i = 0; i < 2; i++) {
        int fd = client_connect(rig.port);
        size_t length;

        for (size_t at = 0; at < script_length; at += i == 0 ? script_length : 1)
            client_send(fd, script + at, i == 0 ? script_length : 1);
        length = client_receive_all(fd, found, sizeof(found));
        client_close(fd);
        mask_dates(found, length);
        if (reference_length == 0) {
            reference_length = length;
            memcpy(reference, found, length);
        }
        for (size_t at = 0; at < length && at < reference_length; at++)
            if (found[at] != reference[at])
                fail_msg("pass %d differs at byte %zu: '%.60s' instead of '%.60s'", i, at,
                         found + at, reference + at);
        assert_int_equal(length, reference_length);
    }
    stop();
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest cases[] = {
        cmocka_unit_test(every_kind_of_handler_answers),
        cmocka_unit_test(producers_stream_their_parts),
        cmocka_unit_test(head_of_a_stream_has_no_body_and_lets_the_producer_go),
        cmocka_unit_test(reply_to_1_0_has_no_transfer_coding_9112_6_1),
        cmocka_unit_test(stream_that_breaks_cuts_the_connection),
        cmocka_unit_test(producer_is_let_go_when_the_client_leaves),
        cmocka_unit_test(stream_of_a_job_is_let_go_when_its_client_has_left),
        cmocka_unit_test(reply_that_finds_no_memory_is_never_a_part),
        cmocka_unit_test(reply_larger_than_the_pool_is_503_and_the_server_goes_on),
        cmocka_unit_test(deferred_reply_after_the_client_has_gone_is_stale),
        cmocka_unit_test(second_deferred_reply_is_stale),
        cmocka_unit_test(second_deferred_reply_never_answers_the_next_request),
        cmocka_unit_test(handler_that_takes_too_long_is_answered_503_and_its_reply_dropped),
        cmocka_unit_test(bodies_come_back_whatever_their_framing),
        cmocka_unit_test(leave_to_send_the_body_is_given_9110_10_1_1),
        cmocka_unit_test(connection_persists_by_the_rules_9112_9_3),
        cmocka_unit_test(hundred_mixed_requests_are_answered_in_order),
        cmocka_unit_test(half_closed_client_gets_all_its_answers),
        cmocka_unit_test(last_reply_of_a_drain_says_close),
        cmocka_unit_test(refusals_are_readable_and_close),
        cmocka_unit_test(refused_body_does_not_reset_the_answer_9112_9_6),
        cmocka_unit_test(refusal_of_head_has_no_body_9110_9_3_2),
        cmocka_unit_test(slow_head_and_slow_body_are_answered_408),
        cmocka_unit_test(other_methods_are_refused_with_what_is_allowed),
        cmocka_unit_test(fixed_replies_are_given),
        cmocka_unit_test(files_below_the_root_are_served_and_no_others),
        cmocka_unit_test(large_file_arrives_byte_for_byte),
        cmocka_unit_test(file_that_shrinks_while_it_is_served_cuts_the_connection),
        cmocka_unit_test(leased_file_never_holds_a_thread),
        cmocka_unit_test(unreadable_file_is_forbidden),
        cmocka_unit_test(same_input_gives_the_same_bytes_in_every_model),
    };

    return server_run_cases(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
