/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies, persistence and pipelining: requests as clients may send them. */
#include "web.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void bodies_come_back_whatever_their_framing(void **state)
{
    static const char *const paths[] = { "/echo", "/echo-block" };
    static char request[200000], body[60000], expected[60001];
    int fd;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
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
        reply_read(fd, &reply, false);
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
        reply_read(fd, &reply, false);
        assert_int_equal(reply.length, size);
        memcpy(expected, body, size);
        assert_memory_equal(reply.body, expected, size);
    }
    client_close(fd);
    web_stop();
}

static void leave_to_send_the_body_is_given_9110_10_1_1(void **state)
{
    int fd;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
    for (int i = 0; i < 2; i++) {
        client_say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                       "Content-Length: 5\r\n\r\n");
        client_expect(fd, "HTTP/1.1 100 Continue\r\n\r\n");
        client_say(fd, "hello");
        reply_expect(fd, 200, "hello");
    }
    client_say(fd, "POST /echo-block HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n");
    client_expect(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    client_say(fd, "2\r\nhi\r\n0\r\n\r\n");
    reply_expect(fd, 200, "hi");
    /* In 1.0 there is no such reply. */
    client_say(fd, "POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    client_pause_ms(5);
    client_say(fd, "ab");
    reply_expect(fd, 200, "ab");
    client_expect_end(fd);
    client_close(fd);
    web_stop();
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
    web_start(NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fd = client_connect(web.rig.port);
        struct reply reply;

        client_say(fd, rows[i].request);
        reply_read(fd, &reply, false);
        assert_int_equal(reply.status, 200);
        if (rows[i].expected == NULL)
            assert_false(reply_has(&reply, "Connection:"));
        else
            assert_true(reply_has(&reply, rows[i].expected));
        if (rows[i].is_ended)
            client_expect_end(fd);
        else
            web_get(fd, "/direct", 200, "direct\n");
        client_close(fd);
    }
    web_stop();
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
    web_start(NULL);
    fd = client_connect(web.rig.port);
    for (size_t i = 0; i < 100; i++)
        used += (size_t)snprintf(batch + used, sizeof(batch) - used,
                                 "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", kinds[i % 7].path);
    client_send(fd, batch, used);
    for (size_t i = 0; i < 100; i++)
        reply_expect(fd, 200, kinds[i % 7].body);
    client_close(fd);
    web_stop();
}

static void half_closed_client_gets_all_its_answers(void **state)
{
    int fd;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
    client_say(fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /block HTTP/1.1\r\nHost: a\r\n\r\n"
                   "GET /direct HTTP/1.1\r\nHost: a\r\n\r\n");
    shutdown(fd, SHUT_WR);
    reply_expect(fd, 200, "later\n");
    reply_expect(fd, 200, "block\n");
    reply_expect(fd, 200, "direct\n");
    client_expect_end(fd);
    client_close(fd);
    web_stop();
}

static void *stop_server(void *argument)
{
    (void)argument;
    (void)pl_server_stop(web.rig.server, CLIENT_DEADLINE_MS / 2);
    return NULL;
}

static void last_reply_of_a_drain_says_close(void **state)
{
    struct reply reply;
    pthread_t thread;
    int fd, idle;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
    client_say(fd, "GET /released HTTP/1.1\r\nHost: a\r\n\r\n");
    client_await(&web.answerers_begun, 1);
    idle = client_connect(web.rig.port);
    web_get(idle, "/direct", 200, "direct\n");
    assert_int_equal(pthread_create(&thread, NULL, stop_server, NULL), 0);
    /* A drain walks the slots in their order: where the later connection has ended, the earlier one
     * has been told. */
    client_expect_end(idle);
    atomic_store(&web.releases, 1);
    reply_read(fd, &reply, false);
    assert_int_equal(reply.status, 200);
    assert_true(reply_has(&reply, "Connection: close"));
    client_expect_end(fd);
    pthread_join(thread, NULL);
    client_close(fd);
    client_close(idle);
    web_stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(bodies_come_back_whatever_their_framing),
    cmocka_unit_test(leave_to_send_the_body_is_given_9110_10_1_1),
    cmocka_unit_test(connection_persists_by_the_rules_9112_9_3),
    cmocka_unit_test(hundred_mixed_requests_are_answered_in_order),
    cmocka_unit_test(half_closed_client_gets_all_its_answers),
    cmocka_unit_test(last_reply_of_a_drain_says_close),
};

const struct case_group web_requests = CASE_GROUP(cases);
