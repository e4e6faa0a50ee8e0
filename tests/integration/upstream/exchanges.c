/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: what an exchange is and how it ends. */
#include "relay.h"

#include <stdio.h>

static void a_call_is_answered_and_its_connection_used_again(void **state)
{
    (void)state;
    start_with("");
    expect_reply("echo one\n", "one\n");
    expect_reply("echo two\n", "two\n");
    assert_int_equal(backend.accepts, 1);
    assert_int_equal(COUNT(connects), 1);
    assert_int_equal(COUNT(leases), 2);
    assert_int_equal(COUNT(reuses), 1);
    assert_int_equal(figures.idle, 1);
    stop();
}

static void failures_have_names_of_their_own(void **state)
{
    (void)state;
    start_with(
        ", message: 1KiB, timeouts: {first_byte: 100ms, total: 200ms}, eject: {failures: 0}");
    expect_outcome("close\n", PL_UPSTREAM_CLOSED);
    expect_outcome("reset\n", PL_UPSTREAM_CLOSED);
    expect_outcome("half one\n", PL_UPSTREAM_CLOSED);
    expect_outcome("silent\n", PL_UPSTREAM_FIRST_BYTE_TIMEOUT);
    expect_outcome("drip 30 a text that takes half a second\n", PL_UPSTREAM_TOTAL_TIMEOUT);
    expect_outcome("long 3000\n", PL_UPSTREAM_TOO_LONG);
    expect_reply("echo still\n", "still\n");
    stop();
}

static void a_refused_connection_fails(void **state)
{
    uint16_t port;

    (void)state;
    start_with(", eject: {failures: 0}");
    port = backend.port;
    backend_stop(&backend);
    expect_outcome("echo one\n", PL_UPSTREAM_CONNECT_FAILED);
    assert_int_equal(COUNT(connects_failed), 1);
    backend_start_at(&backend, port);
    expect_reply("echo two\n", "two\n");
    stop();
}

static void a_call_can_be_cancelled_at_any_stage(void **state)
{
    static struct asked first, second;
    struct pl_upstream_ticket waiting, running;

    (void)state;
    start_with(", pool: {max: 1}");
    begin(&first, "silent\n", &running);
    begin(&second, "echo waiting\n", &waiting);
    client_await(&backend.requests, 1);
    pl_upstream_cancel(&waiting);
    await(&second);
    assert_int_equal(second.outcome, PL_UPSTREAM_CANCELLED);
    pl_upstream_cancel(&running);
    await(&first);
    assert_int_equal(first.outcome, PL_UPSTREAM_CANCELLED);
    pl_upstream_cancel(&running); /* a second time, and of an old call, it does nothing */
    expect_reply("echo next\n", "next\n");
    stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(a_call_is_answered_and_its_connection_used_again),
    cmocka_unit_test(failures_have_names_of_their_own),
    cmocka_unit_test(a_refused_connection_fails),
    cmocka_unit_test(a_call_can_be_cancelled_at_any_stage),
};
const struct case_group upstream_exchanges = CASE_GROUP(cases);
