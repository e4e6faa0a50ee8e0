/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that are refused, and replies that the configuration fixes. */
#include "web.h"

#include <sys/socket.h>

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
    web_start(small_limits);
    for (size_t i = 0; i < 2 * sizeof(refusals) / sizeof(refusals[0]); i++) {
        const char *request = refusals[i / 2].request;
        int fd = client_connect(web.rig.port);
        struct reply reply;

        client_say(fd, "GET /direct HTTP/1.1\r\nHost: a\r\n\r\n");
        if (i % 2 == 0)
            client_say(fd, request);
        else
            for (const char *at = request; *at != '\0'; at++)
                if (send(fd, at, 1, MSG_NOSIGNAL) != 1)
                    break; /* it may have been refused before its end */
        reply_expect(fd, 200, "direct\n");
        reply_read(fd, &reply, false);
        if (reply.status != refusals[i / 2].status)
            fail_msg("%s: %d instead of %d", request, reply.status, refusals[i / 2].status);
        assert_true(reply_has(&reply, "Connection: close"));
        assert_true(reply.length > 0);
        client_expect_end(fd);
        client_close(fd);
    }
    web_stop();
}

static void refused_body_does_not_reset_the_answer_9112_9_6(void **state)
{
    static char body[512 * 1024];
    struct reply reply;
    int fd;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
    client_say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 524288\r\n\r\n");
    client_send(fd, body, sizeof(body));
    reply_read(fd, &reply, false);
    assert_int_equal(reply.status, 413);
    client_expect_end(fd);
    client_close(fd);
    web_stop();
}

static void refusal_of_head_has_no_body_9110_9_3_2(void **state)
{
    static const char *const requests[] = {
        "HEAD / HTTP/1.1\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n\r\n",
        "HEAD /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "HEAD /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        "HEAD  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "HEAD / HTTP/2.0\r\nHost: a\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost : a\r\n\r\n",
        "HEAD http:///direct HTTP/1.1\r\nHost: a\r\n\r\n",
    };

    (void)state;
    web_start(NULL);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        int fd = client_connect(web.rig.port);
        struct reply reply;

        client_say(fd, requests[i]);
        reply_read_head(fd, &reply);
        assert_true(reply.status >= 400);
        client_expect_end(fd);
        client_close(fd);
    }
    web_stop();
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
    web_start(sets);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        int fd = client_connect(web.rig.port);
        struct reply reply;

        client_say(fd, requests[i]);
        reply_read(fd, &reply, false);
        assert_int_equal(reply.status, 408);
        assert_true(reply_has(&reply, "Connection: close"));
        client_expect_end(fd);
        client_close(fd);
    }
    web_stop();
}

static void other_methods_are_refused_with_what_is_allowed(void **state)
{
    struct reply reply;
    int fd;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
    client_say(fd, "POST /direct HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
    reply_read(fd, &reply, false);
    assert_int_equal(reply.status, 405);
    assert_true(reply_has(&reply, "\r\nAllow: GET, HEAD, OPTIONS\r\n"));
    client_say(fd, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read(fd, &reply, false);
    assert_int_equal(reply.status, 405);
    assert_true(reply_has(&reply, "\r\nAllow: POST, OPTIONS\r\n"));
    client_say(fd, "BREW /direct HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read(fd, &reply, false);
    assert_int_equal(reply.status, 501);
    client_say(fd, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read(fd, &reply, false);
    assert_int_equal(reply.status, 204);
    web_get(fd, "/direct", 200, "direct\n");
    client_close(fd);
    web_stop();
}

static void fixed_replies_are_given(void **state)
{
    static const char *const sets[] = { web_fixed_routes, NULL };
    struct reply reply;
    int fd;

    (void)state;
    web_start(sets);
    fd = client_connect(web.rig.port);
    web_get(fd, "/fixed", 200, "fixed\n");
    client_say(fd, "HEAD /fixed HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read(fd, &reply, true);
    assert_true(reply_has(&reply, "Content-Length: 6\r\n"));
    web_get(fd, "/fixed-204", 204, NULL);
    web_get(fd, "/fixed-304", 304, NULL);
    client_say(fd, "POST /fixed-503 HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read(fd, &reply, false);
    assert_int_equal(reply.status, 503);
    assert_true(reply_has(&reply, "Content-Type: text/html\r\n"));
    web_get(fd, "/fixed", 200, "fixed\n");
    client_close(fd);
    web_stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(refusals_are_readable_and_close),
    cmocka_unit_test(refused_body_does_not_reset_the_answer_9112_9_6),
    cmocka_unit_test(refusal_of_head_has_no_body_9110_9_3_2),
    cmocka_unit_test(slow_head_and_slow_body_are_answered_408),
    cmocka_unit_test(other_methods_are_refused_with_what_is_allowed),
    cmocka_unit_test(fixed_replies_are_given),
};

const struct case_group web_refusals = CASE_GROUP(cases);
