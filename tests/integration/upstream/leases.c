/* SPDX-License-Identifier: Apache-2.0 */
/* The blocking way. */
#include "relay.h"

#include "client.h"

#include <errno.h>
#include <string.h>

static void a_lease_gives_the_descriptor_itself(void **state)
{
    struct pl_upstream_lease leased;
    char reply[16];
    size_t length;

    (void)state;
    start_with("");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pl_upstream_lease(upstream, 1000, &leased), 0);
        assert_int_equal(leased.was_reused, i > 0);
        assert_int_equal(pl_upstream_write(&leased, "echo hi\n", 8), 0);
        assert_int_equal(pl_upstream_read(&leased, reply, sizeof(reply), &length), 0);
        assert_memory_equal(reply, "hi\n", 3);
        pl_upstream_return(&leased);
    }
    expect_reply("echo two\n", "two\n");
    assert_int_equal(backend.accepts, 1);
    stop();
}

static void the_deadline_of_a_lease_governs(void **state)
{
    struct pl_upstream_lease leased, second;
    char reply[16];
    size_t length;

    (void)state;
    start_with(", pool: {max: 1}");
    assert_int_equal(pl_upstream_lease(upstream, 100, &leased), 0);
    assert_int_equal(pl_upstream_lease(upstream, 30, &second), -ETIMEDOUT);
    assert_int_equal(pl_upstream_write(&leased, "silent\n", 7), 0);
    assert_int_equal(pl_upstream_read(&leased, reply, sizeof(reply), &length), -ETIMEDOUT);
    pl_upstream_discard(&leased, true);
    assert_int_equal(pl_upstream_lease(upstream, 1000, &leased), 0);
    pl_upstream_return(&leased);
    stop();
}

static bool lease_and_return(void)
{
    struct pl_upstream_lease leased;

    assert_int_equal(pl_upstream_lease(upstream, CLIENT_DEADLINE_MS, &leased), 0);
    pl_upstream_return(&leased);
    return leased.was_reused;
}

/* The timer of its first rest fires in the second. A machine that stands still meanwhile proves
 * nothing, so there is more than one try. */
static void a_connection_that_only_lessees_use_stays_of_use(void **state)
{
    (void)state;
    for (int tries = 5; tries > 0; tries--) {
        bool was_reused;

        start_with(", pool: {max: 1, max_idle_time: 300ms}");
        (void)lease_and_return();
        client_pause_ms(200);
        (void)lease_and_return();
        client_pause_ms(200);
        was_reused = lease_and_return() && COUNT(retires) == 0;
        stop();
        if (was_reused)
            return;
    }
    fail_msg("an idle connection was never leased again after its timer");
}

static int exchange(struct pl_upstream_lease *leased, const char *text, char *reply, size_t size)
{
    size_t used = 0, got;
    int err = pl_upstream_write(leased, text, strlen(text));

    while (err == 0 && (used == 0 || reply[used - 1] != '\n')) {
        err = pl_upstream_read(leased, reply + used, size - 1 - used, &got);
        if (err == 0 && got == 0)
            err = -EPIPE;
        used += err == 0 ? got : 0;
    }
    reply[used] = '\0';
    return err;
}

/* The byte comes while the connection goes from hand to hand: some thread may have received it
 * already when the lessee looks. */
static void a_late_byte_is_neither_lent_nor_leaked(void **state)
{
    struct pl_upstream_lease leased;
    char reply[64];

    (void)state;
    start_with(", eject: {failures: 0}");
    for (int i = 0; i < 100; i++) {
        expect_reply("late 0 one\n", "one\n");
        if (i % 2 == 0)
            client_await(&backend.lates, (uint32_t)i + 1);
        assert_int_equal(pl_upstream_lease(upstream, CLIENT_DEADLINE_MS, &leased), 0);
        if (i % 2 == 0) {
            assert_int_equal(exchange(&leased, "echo two\n", reply, sizeof(reply)), 0);
            assert_string_equal(reply, "two\n");
        }
        pl_upstream_discard(&leased, false);
    }
    stop();
}

static void a_failed_lease_has_an_error_of_its_own(void **state)
{
    static const struct {
        const char *text;
        int err;
    } table[] = { { "close\n", -EPIPE }, { "reset\n", -ECONNRESET }, { "half x\n", -EPIPE } };
    struct pl_upstream_lease leased;
    char reply[64];

    (void)state;
    start_with(", eject: {failures: 0}");
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_int_equal(pl_upstream_lease(upstream, CLIENT_DEADLINE_MS, &leased), 0);
        assert_int_equal(exchange(&leased, table[i].text, reply, sizeof(reply)), table[i].err);
        pl_upstream_discard(&leased, true);
    }
    assert_int_equal(COUNT(failures), 3);
    stop();
}

/* Whoever stands behind a lessee that gives up is served, and nothing of its wait is left. */
static void a_lessee_that_gives_up_leaves_the_line(void **state)
{
    static struct asked asked;
    struct pl_upstream_lease leased, second;

    (void)state;
    start_with(", pool: {max: 1}");
    assert_int_equal(pl_upstream_lease(upstream, 5000, &leased), 0);
    assert_int_equal(pl_upstream_lease(upstream, 0, &second), -ETIMEDOUT);
    assert_int_equal(pl_upstream_lease(upstream, 10, &second), -ETIMEDOUT);
    assert_int_equal(COUNT(waits_expired), 2);
    assert_int_equal(figures.waiting, 0);
    begin(&asked, "echo x\n", NULL);
    assert_int_equal(pl_upstream_lease(upstream, 10, &second), -ETIMEDOUT);
    pl_upstream_return(&leased);
    await(&asked);
    assert_int_equal(asked.outcome, PL_UPSTREAM_REPLIED);
    stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(a_late_byte_is_neither_lent_nor_leaked),
    cmocka_unit_test(a_failed_lease_has_an_error_of_its_own),
    cmocka_unit_test(a_lessee_that_gives_up_leaves_the_line),
    cmocka_unit_test(a_lease_gives_the_descriptor_itself),
    cmocka_unit_test(the_deadline_of_a_lease_governs),
    cmocka_unit_test(a_connection_that_only_lessees_use_stays_of_use),
};
const struct case_group upstream_leases = CASE_GROUP(cases);
