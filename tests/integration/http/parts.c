/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies in parts, and replies with a length, trailers, events or a file. */
#include "web.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const char *const readers[] = { "/sum", "/sum-block", "/sum-later", "/sum-paused" };
#define READERS (sizeof(readers) / sizeof(readers[0]))

/* Far more than limits.message. */
#define UPLOAD_BYTES 400000

static char pattern[UPLOAD_BYTES];

static const char *expected_sum(size_t length, const char *trailer)
{
    static char text[128];

    snprintf(text, sizeof(text), "%zu bytes, sum %08x, trailer '%s'\n", length,
             web_sum(WEB_SUM_BEGIN, pattern, length), trailer);
    return text;
}

static void start(const char *const *sets)
{
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (char)('a' + (i * 31 + i / 251) % 26);
    web_start(sets);
}

static int begin_post(const char *path, const char *fields)
{
    char head[512];
    int fd = client_connect(web.rig.port);

    snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: a\r\n%s\r\n", path, fields);
    client_say(fd, head);
    return fd;
}

static void a_body_larger_than_any_message_reaches_its_consumer(void **state)
{
    (void)state;
    start(NULL);
    for (size_t i = 0; i < READERS; i++) {
        int fd = begin_post(readers[i], "Content-Length: 400000\r\n");

        atomic_store(&web.parts_taken, 0);
        client_send(fd, pattern, UPLOAD_BYTES);
        client_say(fd, "GET /direct HTTP/1.1\r\nHost: a\r\n\r\n");
        reply_expect(fd, 200, expected_sum(UPLOAD_BYTES, ""));
        assert_true(atomic_load(&web.parts_taken) > 1);
        reply_expect(fd, 200, "direct\n");
        client_close(fd);
    }
    assert_int_equal(atomic_load(&web.consumers_dropped), 0);
    web_stop();
}

static void send_chunked(int fd, size_t step)
{
    size_t at = 0;

    for (size_t round = 0; at < UPLOAD_BYTES; round++) {
        size_t length = 1 + round * step % 9000;
        char size_line[32];

        length = length < UPLOAD_BYTES - at ? length : UPLOAD_BYTES - at;
        snprintf(size_line, sizeof(size_line), "%zx;x=y\r\n", length);
        client_say(fd, size_line);
        client_send(fd, pattern + at, length);
        client_say(fd, "\r\n");
        at += length;
    }
    client_say(fd, "0\r\nA: b\r\nX-Sum:  full \r\nC: d\r\n\r\n");
}

static void chunks_and_trailers_reach_the_consumer(void **state)
{
    (void)state;
    start(NULL);
    for (size_t i = 0; i < READERS; i++) {
        int fd = begin_post(readers[i], "Transfer-Encoding: chunked\r\n");

        send_chunked(fd, 700 + 131 * i);
        client_say(fd, "GET /direct HTTP/1.1\r\nHost: a\r\n\r\n");
        reply_expect(fd, 200, expected_sum(UPLOAD_BYTES, "full"));
        reply_expect(fd, 200, "direct\n");
        client_close(fd);
    }
    web_stop();
}

static void a_body_may_come_byte_by_byte(void **state)
{
    static const char *const messages[] = {
        "Content-Length: 9\r\n\r\nabcdefghi",
        "Transfer-Encoding: chunked\r\n\r\n4;a=b\r\nabcd\r\n5\r\nefghi\r\n0\r\nX-Sum: t\r\n\r\n",
    };

    (void)state;
    start(NULL);
    memcpy(pattern, "abcdefghi", 9);
    for (size_t i = 0; i < READERS; i++)
        for (size_t k = 0; k < 2; k++) {
            int fd = client_connect(web.rig.port);
            char text[256];
            int length = snprintf(text, sizeof(text), "POST %s HTTP/1.1\r\nHost: a\r\n%s",
                                  readers[i], messages[k]);

            for (int at = 0; at < length; at++)
                client_send(fd, text + at, 1);
            reply_expect(fd, 200, expected_sum(9, k == 0 ? "" : "t"));
            web_get(fd, "/direct", 200, "direct\n");
            client_close(fd);
        }
    web_stop();
}

static void a_request_without_a_body_has_one_empty_part(void **state)
{
    (void)state;
    start(NULL);
    for (size_t i = 0; i < READERS; i++) {
        int fd = begin_post(readers[i], i % 2 == 0 ? "" : "Content-Length: 0\r\n");

        reply_expect(fd, 200, expected_sum(0, ""));
        client_say(fd, "POST /sum HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "0\r\n\r\n");
        reply_expect(fd, 200, expected_sum(0, ""));
        client_close(fd);
    }
    web_stop();
}

static void a_body_over_the_bound_is_413_9110_15_5_14(void **state)
{
    static const char *const sets[] = { "services.0.http.max_body=1000B", NULL };

    (void)state;
    start(sets);
    for (size_t i = 0; i < READERS; i++) {
        int fd = begin_post(readers[i], "Content-Length: 1000\r\n");

        client_send(fd, pattern, 1000);
        reply_expect(fd, 200, expected_sum(1000, ""));
        client_close(fd);
        fd = begin_post(readers[i], "Content-Length: 1001\r\n");
        reply_expect(fd, 413, NULL);
        client_close(fd);
        fd = begin_post(readers[i], "Transfer-Encoding: chunked\r\n");
        client_say(fd, "3e8\r\n");
        client_send(fd, pattern, 1000);
        client_say(fd, "\r\n1\r\nx\r\n0\r\n\r\n");
        reply_expect(fd, 413, NULL);
        client_expect_end(fd);
        client_close(fd);
    }
    client_await(&web.consumers_dropped, READERS);
    web_stop();
}

static void leave_to_continue_is_given_to_those_who_read_9110_10_1_1(void **state)
{
    (void)state;
    start(NULL);
    for (size_t i = 0; i < READERS; i++) {
        int fd = begin_post(readers[i], "Content-Length: 5\r\nExpect: 100-continue\r\n");

        client_expect(fd, "HTTP/1.1 100 Continue\r\n\r\n");
        client_send(fd, pattern, 5);
        reply_expect(fd, 200, expected_sum(5, ""));
        web_get(fd, "/direct", 200, "direct\n");
        client_close(fd);
    }
    for (int i = 0; i < 2; i++) {
        int fd = begin_post(i == 0 ? "/refuse" : "/refuse-block",
                            "Content-Length: 5\r\nExpect: 100-continue\r\n");
        struct reply reply;

        reply_read(fd, &reply, false);
        assert_int_equal(reply.status, 401);
        assert_true(reply_has(&reply, "Connection: close"));
        client_expect_end(fd);
        client_close(fd);
    }
    web_stop();
}

static void what_is_left_of_a_small_body_is_thrown_away(void **state)
{
    static const char *const paths[] = { "/enough", "/enough-block", "/refuse", "/refuse-block",
                                         "/forget" };
    static const int statuses[] = { 403, 403, 401, 401, 500 };

    (void)state;
    start(NULL);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int fd = begin_post(paths[i], "Content-Length: 20000\r\n");

        client_send(fd, pattern, 10);
        reply_expect(fd, statuses[i], NULL);
        client_send(fd, pattern, 20000 - 10);
        web_get(fd, "/direct", 200, "direct\n");
        client_say(fd, "POST /enough HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3\r\nabc\r\n3\r\ndef\r\n0\r\nA: b\r\n\r\n");
        reply_expect(fd, 403, "enough\n");
        web_get(fd, "/direct", 200, "direct\n");
        client_close(fd);
    }
    web_stop();
}

/* On a machine that stands still the deadline can pass before the consumer is called at all: that
 * proves nothing, and it is dropped. */
static void a_consumer_that_is_done_is_not_called_when_its_client_has_left(void **state)
{
    static const char *const sets[] = { "timeouts.handler=50ms", NULL };
    uint32_t done = 0, tries = 0;

    (void)state;
    if (!server_has_pool())
        skip(); /* the only thread is the one that blocks: its deadline is seen afterwards */
    start(sets);
    for (; done < 2 && tries < 6; tries++) {
        uint32_t before = atomic_load(&web.blocked);
        int fd =
            begin_post("/waiting", done == 0 ? "Content-Length: 5\r\n" : "Content-Length: 9\r\n");

        client_send(fd, pattern, 5);
        reply_expect(fd, 503, NULL);
        atomic_store(&web.releases, 1);
        if (client_reaches(&web.blocked, before + 1, 1000))
            done++;
        atomic_store(&web.releases, 0);
        client_close(fd);
    }
    web_stop();
    assert_int_equal(done, 2);
    assert_true(atomic_load(&web.consumers_dropped) <= tries - done);
}

static void an_answer_to_a_paused_body_lets_the_next_request_in(void **state)
{
    int fd;

    (void)state;
    start(NULL);
    fd = begin_post("/answered", "Content-Length: 20000\r\n");
    client_send(fd, pattern, 10);
    reply_expect(fd, 200, "no more\n");
    client_await(&web.consumers_dropped, 1);
    client_send(fd, pattern, 20000 - 10);
    web_get(fd, "/direct", 200, "direct\n");
    client_close(fd);
    web_stop();
}

static void what_is_thrown_away_may_meet_a_full_queue(void **state)
{
    static const char *const sets[] = { "dispatch.queue.max=1", "dispatch.queue.full=refuse",
                                        "dispatch.inline=false", NULL };
    int answered[4], waiting[8];

    (void)state;
    start(sets);
    for (size_t i = 0; i < 4; i++) {
        answered[i] = begin_post("/enough", "Content-Length: 20000\r\n");
        client_send(answered[i], pattern, 10);
        reply_expect(answered[i], 403, "enough\n");
    }
    for (size_t i = 0; i < 8; i++)
        waiting[i] = begin_post("/waiting", "");
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < 4; i++)
            (void)!send(answered[i], pattern, 10, MSG_NOSIGNAL);
        client_pause_ms(1);
    }
    atomic_store(&web.releases, 1);
    for (size_t i = 0; i < 8; i++)
        client_close(waiting[i]);
    for (size_t i = 0; i < 4; i++)
        client_close(answered[i]);
    web_await_no_connection();
    web_stop();
}

static void trailers_that_nobody_wants_may_come_in_two(void **state)
{
    static const char *const paths[] = { "/enough", "/enough-block" };

    (void)state;
    start(NULL);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int fd = begin_post(paths[i], "Transfer-Encoding: chunked\r\n");

        client_say(fd, "3\r\nabc\r\n0\r\nX-Trailer: the first half ");
        reply_expect(fd, 403, "enough\n");
        client_say(fd, "and the second\r\n\r\n");
        web_get(fd, "/direct", 200, "direct\n");
        client_close(fd);
    }
    web_stop();
}

static void a_large_body_that_nobody_wants_ends_the_connection(void **state)
{
    (void)state;
    start(NULL);
    for (int i = 0; i < 4; i++) {
        static const char *const paths[] = { "/enough", "/refuse-block", "/enough",
                                             "/enough-block" };
        int fd = begin_post(paths[i], i < 2 ? "Content-Length: 40000000\r\n"
                                            : "Transfer-Encoding: chunked\r\n");
        struct reply reply;

        if (i >= 2)
            client_say(fd, "2625a00\r\n");
        client_send(fd, pattern, 10);
        reply_read(fd, &reply, false);
        assert_int_equal(reply.status, i == 1 ? 401 : 403);
        assert_true(reply_has(&reply, "Connection: close"));
        client_expect_end(fd);
        client_close(fd);
    }
    web_stop();
}

static void a_body_that_was_read_whole_has_no_parts(void **state)
{
    int fd;

    (void)state;
    start(NULL);
    fd = begin_post("/sum-whole", "Transfer-Encoding: chunked\r\n");
    client_say(fd, "3\r\nabc\r\n0\r\n\r\n");
    reply_expect(fd, 500, NULL);
    client_await(&web.consumers_dropped, 1);
    web_get(fd, "/direct", 200, "direct\n");
    client_close(fd);
    web_stop();
}

static void a_client_that_leaves_lets_the_consumer_go(void **state)
{
    (void)state;
    start(NULL);
    for (uint32_t i = 0; i < READERS; i++) {
        int fd = begin_post(readers[i], "Content-Length: 400000\r\n");

        atomic_store(&web.parts_taken, 0);
        client_send(fd, pattern, 1000);
        client_await(&web.parts_taken, 1);
        client_reset(fd);
        client_await(&web.consumers_dropped, i + 1);
    }
    web_stop();
}

static void broken_framing_is_400_and_lets_the_consumer_go(void **state)
{
    (void)state;
    start(NULL);
    for (uint32_t i = 0; i < READERS; i++) {
        int fd = begin_post(readers[i], "Transfer-Encoding: chunked\r\n");

        atomic_store(&web.parts_taken, 0);
        client_say(fd, "3\r\nabc\r\n");
        client_await(&web.parts_taken, 1);
        client_say(fd, "x\r\n");
        reply_expect(fd, 400, NULL);
        client_expect_end(fd);
        client_await(&web.consumers_dropped, i + 1);
        client_close(fd);
    }
    web_stop();
}

static void a_body_that_does_not_come_is_408_9110_15_5_9(void **state)
{
    static const char *const sets[] = { "timeouts.body=100ms", NULL };

    (void)state;
    start(sets);
    /* Where the machine stands still the handler may not have asked for it yet. */
    for (uint32_t done = 0, tries = 0; done < READERS; tries++) {
        int fd = begin_post(readers[done], "Content-Length: 400000\r\n");

        assert_true(tries < READERS + 5);
        client_send(fd, pattern, 1000);
        reply_expect(fd, 408, NULL);
        if (client_reaches(&web.consumers_dropped, done + 1, 1000))
            done++;
        client_close(fd);
    }
    web_stop();
}

static void trailers_of_a_whole_body_stand_apart(void **state)
{
    (void)state;
    start(NULL);
    for (int i = 0; i < 2; i++) {
        int fd = begin_post(i == 0 ? "/trailer" : "/trailer-block",
                            "X-Other: head\r\nTransfer-Encoding: chunked\r\n");

        client_say(fd, "3\r\nabc\r\n0\r\nX-Sum: s\r\n\r\n");
        reply_expect(fd, 200, "abc s\n");
        client_say(fd, "POST /trailer HTTP/1.1\r\nHost: a\r\nX-Sum: head\r\nContent-Length: "
                       "2\r\n\r\nde");
        reply_expect(fd, 200, "de none\n");
        client_close(fd);
    }
    web_stop();
}

static void a_stream_with_a_length_keeps_the_connection(void **state)
{
    static const char *const paths[] = { "/sized", "/sized-block", "/sized-later" };
    struct reply reply;
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(web.rig.port);
    for (size_t i = 0; i < 3; i++) {
        char text[128];

        snprintf(text, sizeof(text), "GET %s HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", paths[i]);
        client_say(fd, text);
        reply_read(fd, &reply, false);
        assert_true(reply_has(&reply, i == 2 ? "Content-Length: 8\r\n" : "Content-Length: 10\r\n"));
        assert_memory_equal(reply.body, i == 2 ? "later on" : "0123456789", reply.length);
        snprintf(text, sizeof(text), "HEAD %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i]);
        client_say(fd, text);
        reply_read(fd, &reply, true);
        assert_true(reply_has(&reply, i == 2 ? "Content-Length: 8\r\n" : "Content-Length: 10\r\n"));
    }
    client_await(&web.answerers_ended, 2); /* who notes its result after its reply */
    client_say(fd, "GET /sized-long HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_expect(fd, 200, "0123456789");
    assert_int_equal(atomic_load(&web.last_result), -EMSGSIZE);
    client_close(fd);
    web_stop();
}

static void a_stream_shorter_than_promised_cuts_the_connection(void **state)
{
    struct reply reply;
    char rest[64];
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(web.rig.port);
    client_say(fd, "GET /sized-short HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read_head(fd, &reply);
    assert_true(client_receive_all(fd, rest, sizeof(rest)) <= 5);
    client_close(fd);
    web_stop();
}

static void trailers_are_for_clients_that_keep_them_9110_6_5_1(void **state)
{
    (void)state;
    start(NULL);
    for (int i = 0; i < 4; i++) {
        int fd = client_connect(web.rig.port);
        char text[256], rest[256];
        struct reply reply;
        size_t length;

        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s\r\n",
                 i / 2 == 0 ? "/trailed" : "/trailed-block",
                 i % 2 == 0 ? "TE: gzip;q=0.5, trailers\r\n" : "");
        client_say(fd, text);
        reply_read_head(fd, &reply);
        assert_true(reply_has(&reply, "X-Head: 1\r\n"));
        length = client_receive_all(fd, rest, sizeof(rest) - 1);
        rest[length] = '\0';
        assert_string_equal(rest, i % 2 == 0 ? "5\r\n01234\r\n5\r\n56789\r\n0\r\nX-Sum: ten\r\n\r\n"
                                             : "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n");
        assert_int_equal(atomic_load(&web.second_result), -EINVAL);
        client_close(fd);
    }
    web_stop();
}

static void trailers_may_follow_a_body_in_parts(void **state)
{
    (void)state;
    start(NULL);
    for (int i = 0; i < 2; i++) {
        int fd = begin_post(i == 0 ? "/sum-trailed" : "/sum-trailed-block",
                            "TE: trailers\r\nContent-Length: 3\r\n");
        struct reply reply;

        client_say(fd, "abc");
        reply_read_head(fd, &reply);
        client_expect(fd, "5\r\n01234\r\n5\r\n56789\r\n0\r\nX-Sum: ten\r\n\r\n");
        client_close(fd);
    }
    web_stop();
}

static void a_range_of_a_descriptor_is_a_reply(void **state)
{
    struct reply reply;
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(web.rig.port);
    web_get(fd, "/memory", 200, "456789ab");
    web_get(fd, "/memory-block", 200, "456789ab");
    client_say(fd, "HEAD /memory HTTP/1.1\r\nHost: a\r\n\r\n"
                   "HEAD /memory-block HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 2; i++) {
        reply_read(fd, &reply, true);
        assert_true(reply_has(&reply, "Content-Length: 8\r\n"));
    }
    client_close(fd);
    web_stop();
}

static void events_are_told_line_by_line(void **state)
{
    int fd;

    (void)state;
    start(NULL);
    fd = client_connect(web.rig.port);
    web_get(fd, "/events", 200,
            "event: first\nid: 1\nretry: 500\ndata: one\ndata: two\ndata: three\n\ndata: \n\n");
    assert_int_equal(atomic_load(&web.last_result), 0);
    client_close(fd);
    web_stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(a_body_larger_than_any_message_reaches_its_consumer),
    cmocka_unit_test(chunks_and_trailers_reach_the_consumer),
    cmocka_unit_test(a_body_may_come_byte_by_byte),
    cmocka_unit_test(a_request_without_a_body_has_one_empty_part),
    cmocka_unit_test(a_body_over_the_bound_is_413_9110_15_5_14),
    cmocka_unit_test(leave_to_continue_is_given_to_those_who_read_9110_10_1_1),
    cmocka_unit_test(what_is_left_of_a_small_body_is_thrown_away),
    cmocka_unit_test(a_consumer_that_is_done_is_not_called_when_its_client_has_left),
    cmocka_unit_test(an_answer_to_a_paused_body_lets_the_next_request_in),
    cmocka_unit_test(what_is_thrown_away_may_meet_a_full_queue),
    cmocka_unit_test(trailers_that_nobody_wants_may_come_in_two),
    cmocka_unit_test(a_large_body_that_nobody_wants_ends_the_connection),
    cmocka_unit_test(a_body_that_was_read_whole_has_no_parts),
    cmocka_unit_test(a_client_that_leaves_lets_the_consumer_go),
    cmocka_unit_test(broken_framing_is_400_and_lets_the_consumer_go),
    cmocka_unit_test(a_body_that_does_not_come_is_408_9110_15_5_9),
    cmocka_unit_test(trailers_of_a_whole_body_stand_apart),
    cmocka_unit_test(a_stream_with_a_length_keeps_the_connection),
    cmocka_unit_test(a_stream_shorter_than_promised_cuts_the_connection),
    cmocka_unit_test(trailers_are_for_clients_that_keep_them_9110_6_5_1),
    cmocka_unit_test(trailers_may_follow_a_body_in_parts),
    cmocka_unit_test(a_range_of_a_descriptor_is_a_reply),
    cmocka_unit_test(events_are_told_line_by_line),
};
const struct case_group web_parts = CASE_GROUP(cases);
