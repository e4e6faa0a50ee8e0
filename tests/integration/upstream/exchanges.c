/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: what an exchange is and how it ends. */
#include "relay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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
    /* Nothing but the time-out that is meant can pass, however slow the machine is. */
    start_with(", message: 1KiB, eject: {failures: 0}");
    expect_outcome("close\n", PL_UPSTREAM_CLOSED);
    expect_outcome("reset\n", PL_UPSTREAM_CLOSED);
    expect_outcome("half one\n", PL_UPSTREAM_CLOSED);
    expect_outcome("long 3000\n", PL_UPSTREAM_TOO_LONG);
    expect_reply("echo still\n", "still\n");
    stop();
    start_with(", timeouts: {first_byte: 100ms}, eject: {failures: 0}");
    expect_outcome("silent\n", PL_UPSTREAM_FIRST_BYTE_TIMEOUT);
    stop();
    start_with(", timeouts: {total: 200ms}, eject: {failures: 0}");
    expect_outcome("drip 30 a text that takes half a second\n", PL_UPSTREAM_TOTAL_TIMEOUT);
    expect_reply("echo still\n", "still\n");
    stop();
}

static void a_refused_connection_fails(void **state)
{
    uint16_t port;

    (void)state;
    start_with(", eject: {failures: 0}");
    port = backend.port;
    kill_one(&backend);
    expect_outcome("echo one\n", PL_UPSTREAM_CONNECT_FAILED);
    assert_int_equal(COUNT(connects_failed), 1);
    start_again(&backend, port);
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

/* In every stage of a connection's life: waiting, connecting, sent, and just as it is answered. */
static void a_call_cancelled_at_any_moment_ends_once(void **state)
{
    enum { CALLS = 300 };
    static struct asked asked[CALLS];
    static struct pl_upstream_ticket tickets[CALLS];

    (void)state;
    start_with(", pool: {max: 3}, eject: {failures: 0}");
    for (int i = 0; i < CALLS; i++) {
        begin(&asked[i], i % 3 == 0 ? "close\n" : "echo x\n", &tickets[i]);
        if (i % 2 == 0)
            pl_upstream_cancel(&tickets[i]);
        if (i % 5 == 0 && i >= 10)
            pl_upstream_cancel(&tickets[i - 10]);
    }
    for (int i = 0; i < CALLS; i++) {
        await(&asked[i]);
        if (i % 2 != 0 && i % 3 != 0 && i % 5 != 0)
            assert_int_equal(asked[i].outcome, PL_UPSTREAM_REPLIED);
    }
    expect_reply("echo still\n", "still\n");
    assert_true(backend.open_max <= 3);
    stop();
}

static void a_request_is_sent_again_only_if_it_may_be(void **state)
{
    (void)state;
    start_with(", eject: {failures: 0}");
    expect_reply("echo one\n", "one\n");
    expect_outcome("close\n", PL_UPSTREAM_CLOSED); /* reused, and not idempotent */
    assert_int_equal(COUNT(retries), 0);
    assert_int_equal(backend.requests, 2);
    expect_reply("echo one\n", "one\n");
    assert_int_equal(ask_idempotent("close\n"), PL_UPSTREAM_CLOSED);
    assert_int_equal(COUNT(retries), 1);
    assert_int_equal(backend.requests, 5); /* twice, and no third time */
    assert_int_equal(ask_idempotent("close\n"), PL_UPSTREAM_CLOSED);
    assert_int_equal(COUNT(retries), 1); /* a new connection that closes is the server's fault */
    stop();
}

static void a_request_may_be_a_mebibyte_and_no_more(void **state)
{
    static char text[1024 * 1024 + 1];
    static struct asked asked;
    struct pl_upstream_call settings = { .request = { .bytes = text, .length = sizeof(text) },
                                         .framer = frame_line,
                                         .done = note,
                                         .context = &asked };

    (void)state;
    start_with(", timeouts: {first_byte: 100ms}, eject: {failures: 0}");
    memset(text, 'x', sizeof(text));
    assert_int_equal(pl_upstream_call(upstream, &settings, NULL), -EMSGSIZE);
    settings.request.length = sizeof(text) - 1;
    memcpy(text, "silent\n", 7); /* the backend hears all of it and answers nothing */
    memset(&asked, 0, sizeof(asked));
    sem_init(&asked.is_done, 0, 0);
    assert_int_equal(pl_upstream_call(upstream, &settings, NULL), 0);
    await(&asked);
    assert_int_equal(asked.outcome, PL_UPSTREAM_FIRST_BYTE_TIMEOUT);
    stop();
}

/* ---- a callback that asks again ---- */

#define AGAIN_MAX 2000

struct stubborn {
    sem_t is_done;
    _Atomic uint32_t count;
    uint32_t depth, depth_max;
};

static void ask_again(const struct pl_upstream_result *result, void *context)
{
    struct stubborn *stubborn = context;
    const struct pl_upstream_call settings = {
        .request = PL_VIEW("x"), .framer = frame_line, .done = ask_again, .context = stubborn
    };

    assert_int_equal(result->outcome, PL_UPSTREAM_CONNECT_FAILED);
    if (++stubborn->depth > stubborn->depth_max)
        stubborn->depth_max = stubborn->depth;
    if (atomic_fetch_add(&stubborn->count, 1) < AGAIN_MAX)
        assert_int_equal(pl_upstream_call(upstream, &settings, NULL), 0);
    else
        sem_post(&stubborn->is_done);
    stubborn->depth--;
}

static void await_post(sem_t *semaphore)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLIENT_DEADLINE_MS / 1000;
    assert_int_equal(sem_timedwait(semaphore, &until), 0);
}

/* A unix socket that does not exist refuses at once: no callback may run inside the next. */
static void a_callback_that_asks_again_needs_no_stack(void **state)
{
    struct stubborn stubborn = { .depth = 0 };
    const struct pl_upstream_call settings = {
        .request = PL_VIEW("x"), .framer = frame_line, .done = ask_again, .context = &stubborn
    };

    (void)state;
    sem_init(&stubborn.is_done, 0, 0);
    start_upstream("servers: [\"unix:/tmp/paceline-test-nobody\"], eject: {failures: 0}");
    assert_int_equal(pl_upstream_call(upstream, &settings, NULL), 0);
    await_post(&stubborn.is_done);
    stop_server();
    sem_destroy(&stubborn.is_done);
    assert_int_equal(stubborn.depth_max, 1);
    assert_int_equal(stubborn.count, AGAIN_MAX + 1);
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(a_call_cancelled_at_any_moment_ends_once),
    cmocka_unit_test(a_request_is_sent_again_only_if_it_may_be),
    cmocka_unit_test(a_request_may_be_a_mebibyte_and_no_more),
    cmocka_unit_test(a_callback_that_asks_again_needs_no_stack),
    cmocka_unit_test(a_call_is_answered_and_its_connection_used_again),
    cmocka_unit_test(failures_have_names_of_their_own),
    cmocka_unit_test(a_refused_connection_fails),
    cmocka_unit_test(a_call_can_be_cancelled_at_any_stage),
};
const struct case_group upstream_exchanges = CASE_GROUP(cases);
