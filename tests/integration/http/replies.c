/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of handler, and replies that stream, break or find no memory. */
#include "web.h"

#include <stdio.h>
#include <string.h>

static void every_kind_of_handler_answers(void **state)
{
    int fd;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
    for (int round = 0; round < 2; round++) {
        web_get(fd, "/direct", 200, "direct\n");
        web_get(fd, "/block", 200, "block\n");
        web_get(fd, "/section", 200, "section\n");
        web_get(fd, "/later", 200, "later\n");
        web_get(fd, "/later-stream", 200, "one\ntwo\n");
        web_get(fd, "/silent", 500, NULL);
        web_get(fd, "/silent-block", 500, NULL);
        web_get(fd, "/empty", 204, NULL);
        web_get(fd, "/empty-block", 204, NULL);
        web_get(fd, "/describe?a=b", 200, "GET /describe ?a=b x=\n");
        web_get(fd, "/describe-block", 200, "GET /describe-block ? x=\n");
        web_get(fd, "/%64irect", 200, "direct\n");
        web_get(fd, "/none", 404, NULL);
    }
    client_close(fd);
    web_stop();
}

static void producers_stream_their_parts(void **state)
{
    struct reply reply;
    int fd;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
    client_say(fd, "GET /stream-many HTTP/1.1\r\nHost: a\r\n\r\n"
                   "GET /stream-block HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read(fd, &reply, false);
    assert_int_equal(reply.length, PARTS * 1024);
    for (int i = 0; i < PARTS; i++)
        assert_int_equal(reply.body[i * 1024], 'a' + (PARTS - i) % 26);
    reply_read(fd, &reply, false);
    assert_int_equal(reply.length, 3 * 1024);
    client_close(fd);
    web_stop();
}

static void head_of_a_stream_has_no_body_and_lets_the_producer_go(void **state)
{
    struct reply reply;
    int fd;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
    client_say(fd, "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read(fd, &reply, true);
    assert_true(reply_has(&reply, "Transfer-Encoding: chunked"));
    client_say(fd, "HEAD /later-stream HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read(fd, &reply, true);
    client_say(fd, "HEAD /stream-block HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read(fd, &reply, true);
    web_get(fd, "/direct", 200, "direct\n");
    assert_int_equal(atomic_load(&web.producers_dropped), 2);
    client_close(fd);
    web_stop();
}

/* Whatever the handler gives, and however: nothing follows the head. */
static void a_205_has_no_content_9110_15_3_6(void **state)
{
    static const char *const paths[] = { "/reset", "/reset-block", "/reset-stream" };
    int fd;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct reply reply;
        char request[128];

        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i]);
        client_say(fd, request);
        reply_read(fd, &reply, false);
        assert_int_equal(reply.status, 205);
        assert_int_equal(reply.length, 0);
        assert_true(reply_has(&reply, "\r\nContent-Length: 0\r\n"));
        assert_false(reply_has(&reply, "Content-Type"));
        web_get(fd, "/direct", 200, "direct\n");
    }
    client_close(fd);
    web_stop();
}

/* A proxy in between must not hand the Upgrade on. */
static void an_upgrade_is_for_the_next_hop_9110_7_8(void **state)
{
    static const struct {
        const char *request, *connection;
    } rows[] = {
        { "GET /upgrade HTTP/1.1\r\nHost: a\r\n\r\n", "Connection: upgrade\r\n" },
        { "GET /upgrade-block HTTP/1.1\r\nHost: a\r\n\r\n", "Connection: upgrade\r\n" },
        { "GET /direct HTTP/1.1\r\nHost: a\r\n\r\n", NULL },
        { "GET /upgrade HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
          "Connection: keep-alive, upgrade\r\n" },
        { "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
          "Connection: close, upgrade\r\n" },
    };
    int fd;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reply reply;

        client_say(fd, rows[i].request);
        reply_read(fd, &reply, false);
        if (rows[i].connection == NULL)
            assert_false(reply_has(&reply, "Connection"));
        else
            assert_true(reply_has(&reply, rows[i].connection));
    }
    client_close(fd);
    web_stop();
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
    web_start(NULL);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct reply reply;
        int fd = client_connect(web.rig.port);

        client_say(fd, requests[i]);
        reply_read(fd, &reply, requests[i][0] == 'H');
        assert_int_equal(reply.status, 200);
        assert_false(reply_has(&reply, "Transfer-Encoding"));
        if (requests[i][0] == 'G')
            assert_true(reply.length == 3 * 1024 || reply.length == 8);
        client_close(fd);
    }
    web_stop();
}

static void stream_that_breaks_cuts_the_connection(void **state)
{
    struct reply reply;
    char rest[8192];
    size_t length;
    int fd;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
    client_say(fd, "GET /stream-broken HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read_head(fd, &reply);
    length = client_receive_all(fd, rest, sizeof(rest));
    /* Without the last chunk the client knows that it has not got everything. */
    assert_false(length >= 5 && memcmp(rest + length - 5, "0\r\n\r\n", 5) == 0);
    client_close(fd);
    web_stop();
}

static void producer_is_let_go_when_the_client_leaves(void **state)
{
    struct reply reply;
    int fd;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
    client_say(fd, "GET /stream-endless HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read_head(fd, &reply);
    client_reset(fd);
    client_await(&web.producers_dropped, 1);
    web_stop();
}

static void stream_of_a_job_is_let_go_when_its_client_has_left(void **state)
{
    int fd;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
    client_say(fd, "GET /stream-late HTTP/1.1\r\nHost: a\r\n\r\n");
    client_await(&web.blocked, 1);
    client_reset(fd);
    if (server_has_pool()) /* else the only thread is the one that blocks */
        web_await_no_connection();
    atomic_store(&web.releases, 1);
    client_await(&web.producers_dropped, 1);
    web_stop();
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
    web_start(sets);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_connect(web.rig.port);
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
    web_stop();
}

static void reply_larger_than_the_pool_is_503_and_the_server_goes_on(void **state)
{
    static const char *const sets[] = { "limits.buffers=4MiB", NULL };
    static const char *const paths[] = { "/over", "/over-block" };

    (void)state;
    web_start(sets);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int fd = client_connect(web.rig.port);

        web_get(fd, paths[i], 503, "503 Service Unavailable\n");
        client_expect_end(fd);
        client_close(fd);
        fd = client_connect(web.rig.port);
        web_get(fd, "/direct", 200, NULL);
        client_close(fd);
    }
    web_stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(every_kind_of_handler_answers),
    cmocka_unit_test(producers_stream_their_parts),
    cmocka_unit_test(head_of_a_stream_has_no_body_and_lets_the_producer_go),
    cmocka_unit_test(a_205_has_no_content_9110_15_3_6),
    cmocka_unit_test(an_upgrade_is_for_the_next_hop_9110_7_8),
    cmocka_unit_test(reply_to_1_0_has_no_transfer_coding_9112_6_1),
    cmocka_unit_test(stream_that_breaks_cuts_the_connection),
    cmocka_unit_test(producer_is_let_go_when_the_client_leaves),
    cmocka_unit_test(stream_of_a_job_is_let_go_when_its_client_has_left),
    cmocka_unit_test(reply_that_finds_no_memory_is_never_a_part),
    cmocka_unit_test(reply_larger_than_the_pool_is_503_and_the_server_goes_on),
};

const struct case_group web_replies = CASE_GROUP(cases);
