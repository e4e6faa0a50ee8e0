/* SPDX-License-Identifier: Apache-2.0 */
/* Replies that the configuration fixes: those that stand ready and those that are put together each
 * time are the same bytes. */
#include "web.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define HEAD(status, fields) "HTTP/1.1 " status "\r\nDate: #\r\n" fields "\r\n"
#define FIXED_FIELDS         "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\n"
#define BUSY_FIELDS          "Content-Type: text/html\r\nContent-Length: 4\r\n"

static char bytes[16384];

/* Each Date becomes a '#': its value is the clock's. */
static void mask_dates(void)
{
    char *at = bytes;

    while ((at = strstr(at, "Date: ")) != NULL) {
        at += 6;
        *at = '#';
        memmove(at + 1, at + 29, strlen(at + 29) + 1);
    }
}

/* Everything that comes until the server closes. */
static void expect_bytes(int fd, const char *expected)
{
    size_t length = client_receive_all(fd, bytes, sizeof(bytes) - 1);

    bytes[length] = '\0';
    mask_dates();
    assert_string_equal(bytes, expected);
    client_close(fd);
}

/* The client finishes sending, so that a persistent connection ends behind its last reply. */
static void expect_replies(const char *requests, const char *expected)
{
    int fd = client_connect(web.rig.port);

    client_say(fd, requests);
    shutdown(fd, SHUT_WR);
    expect_bytes(fd, expected);
}

static void fixed_replies_are_these_bytes(void **state)
{
    static const char *const sets[] = { web_fixed_routes, NULL };
    static const struct {
        const char *requests, *expected;
    } rows[] = {
        { "GET /fixed HTTP/1.1\r\nHost: a\r\n\r\n", HEAD("200 OK", FIXED_FIELDS) "fixed\n" },
        { "HEAD /fixed HTTP/1.1\r\nHost: a\r\n\r\n", HEAD("200 OK", FIXED_FIELDS) },
        { "GET /fixed HTTP/1.0\r\n\r\n",
          HEAD("200 OK", FIXED_FIELDS "Connection: close\r\n") "fixed\n" },
        { "GET /fixed HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
          HEAD("200 OK", FIXED_FIELDS "Connection: keep-alive\r\n") "fixed\n" },
        { "GET /fixed HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
          HEAD("200 OK", FIXED_FIELDS "Connection: close\r\n") "fixed\n" },
        { "POST /fixed-503 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
          HEAD("503 Service Unavailable", BUSY_FIELDS) "busy" },
        { "GET /fixed HTTP/1.1\r\nHost: a\r\n\r\nHEAD /fixed HTTP/1.1\r\nHost: a\r\n\r\n"
          "GET /fixed HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
          HEAD("200 OK", FIXED_FIELDS) "fixed\n" HEAD("200 OK", FIXED_FIELDS)
              HEAD("200 OK", FIXED_FIELDS "Connection: close\r\n") "fixed\n" },
    };

    (void)state;
    web_start(sets);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect_replies(rows[i].requests, rows[i].expected);
    web_stop();
}

/* It has no ETag and no date: only what asks whether it is there at all can fail. */
static void conditions_of_a_fixed_reply_ask_whether_it_is_there_9110_13_1(void **state)
{
    static const char *const sets[] = { web_fixed_routes, NULL };
    static const struct {
        const char *request, *field;
        int status;
    } rows[] = {
        { "GET /fixed", "If-Match: *", 200 },
        { "GET /fixed", "If-Match: \"a\"", 412 },
        { "HEAD /fixed", "If-Match: \"a\", \"b\"", 412 },
        { "GET /fixed", "If-None-Match: *", 304 },
        { "HEAD /fixed", "If-None-Match: *", 304 },
        { "GET /fixed", "If-None-Match: \"a\", W/\"b\"", 200 },
        { "GET /fixed", "If-Match: \"a\"\r\nIf-None-Match: *", 412 },
        { "GET /fixed", "If-Modified-Since: Sun, 06 Nov 2094 08:49:37 GMT", 200 },
        { "GET /fixed", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 200 },
        { "POST /fixed-503", "If-Match: \"a\"", 503 }, /* not without it either: 13.2.1 */
        { "POST /fixed-202", "If-None-Match: *", 412 },
        { "POST /fixed-202", "If-Match: *", 202 },
        { "OPTIONS /fixed-options", "If-None-Match: *", 202 }, /* 13.2.1 */
        { "OPTIONS /fixed-options", "If-Match: \"a\"", 202 },
    };
    int fd;

    (void)state;
    web_start(sets);
    fd = client_connect(web.rig.port);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reply reply;
        char request[256];

        snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", rows[i].request,
                 rows[i].field);
        client_say(fd, request);
        reply_read(fd, &reply, rows[i].request[0] == 'H');
        if (reply.status != rows[i].status)
            fail_msg("%s, %s: %d", rows[i].request, rows[i].field, reply.status);
    }
    client_close(fd);
    web_stop();
}

/* One byte more than those that stand ready. */
static void a_long_fixed_reply_is_whole_too(void **state)
{
    enum { READY_MAX = 2048 };

    (void)state;
    for (int bytes_more = 0; bytes_more < 2; bytes_more++) {
        static char set[4096], expected[4096], text[READY_MAX + 2];
        const char *const sets[] = { set, NULL };
        int length = READY_MAX + bytes_more;

        memset(text, 'x', (size_t)length);
        text[length] = '\0';
        snprintf(set, sizeof(set), "services.0.http.routes=[{path: /long, reply: {text: %s}}]",
                 text);
        snprintf(expected, sizeof(expected),
                 HEAD("200 OK",
                      "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n") "%s",
                 length, text);
        web_start(sets);
        expect_replies("GET /long HTTP/1.1\r\nHost: a\r\n\r\n", expected);
        web_stop();
    }
}

static void *stop_server(void *argument)
{
    (void)argument;
    (void)pl_server_stop(web.rig.server, CLIENT_DEADLINE_MS / 2);
    return NULL;
}

static void await_received(uint64_t count)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;
    struct pl_stats stats;

    do {
        if (client_now_ms() > until_ms)
            fail_msg("the server has not received %llu bytes", (unsigned long long)count);
        pl_server_stats(web.rig.server, &stats);
    } while (stats.counters[PL_STAT_bytes_received] < count);
}

/* What stands ready promises persistence, which a drain ends: the request came to its end in it. */
static void a_fixed_reply_of_a_drain_says_close(void **state)
{
    static const char *const sets[] = { web_fixed_routes, NULL };
    static const char begin[] = "GET /fixed HTTP/1.1\r\nHost";
    pthread_t thread;
    int fd, idle;

    (void)state;
    web_start(sets);
    fd = client_connect(web.rig.port);
    client_say(fd, begin);
    await_received(sizeof(begin) - 1);
    idle = client_connect(web.rig.port);
    web_get(idle, "/fixed", 200, "fixed\n");
    assert_int_equal(pthread_create(&thread, NULL, stop_server, NULL), 0);
    /* A drain walks the slots in their order: where the later connection has ended, the earlier one
     * has been told. */
    client_expect_end(idle);
    client_close(idle);
    client_say(fd, ": a\r\n\r\n");
    expect_bytes(fd, HEAD("200 OK", FIXED_FIELDS "Connection: close\r\n") "fixed\n");
    pthread_join(thread, NULL);
    web_stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(conditions_of_a_fixed_reply_ask_whether_it_is_there_9110_13_1),
    cmocka_unit_test(fixed_replies_are_these_bytes),
    cmocka_unit_test(a_long_fixed_reply_is_whole_too),
    cmocka_unit_test(a_fixed_reply_of_a_drain_says_close),
};

const struct case_group web_fixed = CASE_GROUP(cases);
