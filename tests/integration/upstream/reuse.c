/* SPDX-License-Identifier: Apache-2.0 */
/* A connection between two exchanges: checked, aged, warmed up. */
#include "relay.h"

static void a_connection_with_surplus_bytes_is_not_used_again(void **state)
{
    (void)state;
    start_with("");
    expect_reply("extra one\n", "one\n");
    expect_reply("echo two\n", "two\n");
    assert_int_equal(backend.accepts, 2);
    stop();
}

static void a_late_byte_never_becomes_part_of_the_next_reply(void **state)
{
    (void)state;
    start_with("");
    for (uint32_t i = 0; i < 20; i++) {
        expect_reply("late 2 one\n", "one\n");
        client_await(&backend.lates, i + 1); /* on loopback it has arrived when it was sent */
        expect_reply("echo two\n", "two\n");
    }
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

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(a_connection_with_surplus_bytes_is_not_used_again),
    cmocka_unit_test(a_late_byte_never_becomes_part_of_the_next_reply),
    cmocka_unit_test(a_connection_closed_while_idle_is_noticed),
    cmocka_unit_test(connections_stand_ready_from_the_start),
    cmocka_unit_test(an_old_connection_is_retired),
};
const struct case_group upstream_reuse = CASE_GROUP(cases);
