/* SPDX-License-Identifier: Apache-2.0 */
/* A connection between two exchanges: checked, aged, warmed up. */
#include "relay.h"

#include <sched.h>

/* What came with the reply to `text` says that the connection is not to be used again. */
static void expect_another_connection_behind(const char *text, const char *reply)
{
    start_with("");
    expect_reply(text, reply);
    expect_reply("echo two\n", "two\n");
    assert_int_equal(backend.accepts, 2);
    stop();
}

static void a_connection_with_surplus_bytes_is_not_used_again(void **state)
{
    (void)state;
    expect_another_connection_behind("extra one\n", "one\n");
}

static void a_connection_whose_reply_was_the_last_is_not_used_again(void **state)
{
    (void)state;
    expect_another_connection_behind("echo last one\n", "last one\n");
}

/* What follows the reply to `text` has arrived, on loopback, when it was sent. */
static void expect_good_replies_behind(const char *text)
{
    for (uint32_t i = 0; i < 20; i++) {
        expect_reply(text, "one\n");
        client_await(&backend.lates, i + 1);
        expect_reply("echo two\n", "two\n");
    }
}

static void a_late_byte_never_becomes_part_of_the_next_reply(void **state)
{
    (void)state;
    start_with("");
    expect_good_replies_behind("late 2 one\n");
    assert_true(COUNT(discards) > 0);
    stop();
}

static void a_connection_closed_while_idle_is_noticed(void **state)
{
    (void)state;
    start_with("");
    expect_reply("echo one\n", "one\n");
    backend_close_all(&backend);
    expect_reply("echo two\n", "two\n");
    assert_int_equal(backend.accepts, 2);
    stop();
}

static void connections_stand_ready_from_the_start(void **state)
{
    (void)state;
    start_with(", pool: {min_idle: 3, max: 4}");
    client_await(&backend.accepts, 3);
    expect_reply("echo one\n", "one\n");
    stop();
}

static void an_old_connection_is_retired(void **state)
{
    (void)state;
    start_with(", pool: {max_requests: 2, max_idle_time: 50ms}");
    expect_reply("echo 1\n", "1\n");
    expect_reply("echo 2\n", "2\n");
    expect_reply("echo 3\n", "3\n");
    assert_int_equal(backend.accepts, 2);
    await_no_connection();
    assert_int_equal(COUNT(retires), 2);
    stop();
}

/* It was seen, so it is not sent again, and it is the server's fault. */
static void a_reply_that_breaks_off_is_not_asked_for_again(void **state)
{
    static struct asked asked;
    const struct pl_upstream_call call = { .request = PL_VIEW("half xyz\n"),
                                           .framer = frame_line,
                                           .done = note,
                                           .context = &asked,
                                           .is_idempotent = true };

    (void)state;
    start_with("");
    expect_reply("echo one\n", "one\n");
    memset(&asked, 0, sizeof(asked));
    sem_init(&asked.is_done, 0, 0);
    assert_int_equal(pl_upstream_call(upstream, &call, NULL), 0);
    await(&asked);
    assert_int_equal(asked.outcome, PL_UPSTREAM_CLOSED);
    assert_true(asked.was_reused);
    assert_int_equal(backend.requests, 2);
    assert_int_equal(COUNT(retries), 0);
    assert_int_equal(COUNT(failures), 1);
    stop();
}

/* Once, and only if the application says that it may be. */
static void a_reused_connection_that_closes_without_a_byte_is_asked_again_elsewhere(void **state)
{
    (void)state;
    start_with("");
    expect_reply("echo one\n", "one\n");
    assert_int_equal(ask_idempotent("close\n"), PL_UPSTREAM_CLOSED);
    assert_int_equal(COUNT(retries), 1);
    expect_reply("echo one\n", "one\n");
    expect_outcome("close\n", PL_UPSTREAM_CLOSED);
    assert_int_equal(COUNT(retries), 1);
    stop();
}

static void a_reply_longer_than_message_is_refused_however_it_comes(void **state)
{
    static char text[3100];

    (void)state;
    start_with(", message: 1KiB");
    memset(text, 'x', sizeof(text) - 2);
    memcpy(text, "echo ", 5);
    text[sizeof(text) - 2] = '\n';
    expect_outcome(text, PL_UPSTREAM_TOO_LONG);
    stop();
}

/* What it says may come before the request or behind it, where it cannot be told from a reply. In
 * either case it costs a try, like a connection that cannot be made, and not one after the other.
 */
static void a_peer_that_speaks_first_costs_a_connection_a_call(void **state)
{
    enum { CALLS = 50 };
    char reply[4096];

    (void)state;
    start_with("");
    atomic_store(&backend.is_greeting, true);
    for (int i = 0; i < CALLS; i++)
        (void)ask("echo one\n", reply);
    assert_true(COUNT(connects) <= CALLS);
    stop();
}

/* Also when it is leased before the thread that connected it has let go of it. */
static void one_more_is_made_when_an_idle_one_is_leased(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct pl_upstream_lease leased;
        int64_t until_ms;

        start_with(", pool: {min_idle: 1, max: 4}");
        until_ms = client_now_ms() + CLIENT_DEADLINE_MS;
        while (COUNT(connects) == 0 && client_now_ms() < until_ms)
            sched_yield();
        assert_int_equal(pl_upstream_lease(upstream, CLIENT_DEADLINE_MS, &leased), 0);
        client_await(&backend.accepts, 2);
        pl_upstream_return(&leased);
        stop();
    }
}

static void a_peer_that_has_finished_sending_is_asked_no_more(void **state)
{
    (void)state;
    start_with("");
    expect_good_replies_behind("shut one\n");
    assert_true(backend.accepts > 20);
    stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(a_connection_whose_reply_was_the_last_is_not_used_again),
    cmocka_unit_test(a_peer_that_has_finished_sending_is_asked_no_more),
    cmocka_unit_test(a_connection_with_surplus_bytes_is_not_used_again),
    cmocka_unit_test(a_late_byte_never_becomes_part_of_the_next_reply),
    cmocka_unit_test(a_connection_closed_while_idle_is_noticed),
    cmocka_unit_test(connections_stand_ready_from_the_start),
    cmocka_unit_test(an_old_connection_is_retired),
    cmocka_unit_test(a_reply_that_breaks_off_is_not_asked_for_again),
    cmocka_unit_test(a_reused_connection_that_closes_without_a_byte_is_asked_again_elsewhere),
    cmocka_unit_test(a_reply_longer_than_message_is_refused_however_it_comes),
    cmocka_unit_test(a_peer_that_speaks_first_costs_a_connection_a_call),
    cmocka_unit_test(one_more_is_made_when_an_idle_one_is_leased),
};
const struct case_group upstream_reuse = CASE_GROUP(cases);
