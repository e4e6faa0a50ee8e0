/* SPDX-License-Identifier: Apache-2.0 */
/* Replies that come later, twice or too late. */
#include "web.h"

#include <errno.h>

static void deferred_reply_after_the_client_has_gone_is_stale(void **state)
{
    int fd;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
    client_say(fd, "GET /released HTTP/1.1\r\nHost: a\r\n\r\n");
    client_await(&web.answerers_begun, 1);
    client_reset(fd);
    web_await_no_connection();
    atomic_store(&web.releases, 1);
    client_await(&web.answerers_ended, 1);
    assert_int_equal(atomic_load(&web.last_result), -ESTALE);
    web_stop();
}

static void second_deferred_reply_is_stale(void **state)
{
    int fd;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
    web_get(fd, "/twice", 200, "later\n");
    client_await(&web.answerers_ended, 1);
    assert_int_equal(atomic_load(&web.second_result), -ESTALE);
    web_get(fd, "/direct", 200, "direct\n");
    client_close(fd);
    web_stop();
}

static void second_deferred_reply_never_answers_the_next_request(void **state)
{
    int fd;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
    client_say(fd, "GET /twice-at-once HTTP/1.1\r\nHost: a\r\n\r\n"
                   "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
                   "GET /block HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_expect(fd, 200, "first\n");
    reply_expect(fd, 200, "later\n");
    reply_expect(fd, 200, "block\n");
    assert_int_equal(atomic_load(&web.last_result), 0);
    assert_int_equal(atomic_load(&web.second_result), -ESTALE);
    client_close(fd);
    web_stop();
}

static void handler_that_takes_too_long_is_answered_503_and_its_reply_dropped(void **state)
{
    static const char *const sets[] = { "timeouts.handler=50ms", NULL };
    bool has_threads = server_has_pool();

    (void)state;
    web_start(sets);
    for (int i = 0; i < (has_threads ? 2 : 1); i++) {
        int fd = client_connect(web.rig.port);
        struct reply reply;

        client_say(fd, i == 0 ? "GET /released HTTP/1.1\r\nHost: a\r\n\r\n"
                              : "GET /block-long HTTP/1.1\r\nHost: a\r\n\r\n");
        reply_read(fd, &reply, false);
        assert_int_equal(reply.status, 503);
        assert_true(reply_has(&reply, "Connection: close"));
        assert_true(reply_has(&reply, "Retry-After"));
        client_expect_end(fd);
        client_close(fd);
    }
    atomic_store(&web.releases, 1);
    client_await(&web.answerers_ended, 1);
    assert_int_equal(atomic_load(&web.last_result), -ESTALE);
    web_stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(deferred_reply_after_the_client_has_gone_is_stale),
    cmocka_unit_test(second_deferred_reply_is_stale),
    cmocka_unit_test(second_deferred_reply_never_answers_the_next_request),
    cmocka_unit_test(handler_that_takes_too_long_is_answered_503_and_its_reply_dropped),
};

const struct case_group web_deferred = CASE_GROUP(cases);
