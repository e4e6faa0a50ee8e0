/* SPDX-License-Identifier: Apache-2.0 */
/* The blocking way. */
#include "relay.h"

#include "client.h"

#include <errno.h>

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

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(a_lease_gives_the_descriptor_itself),
    cmocka_unit_test(the_deadline_of_a_lease_governs),
    cmocka_unit_test(a_connection_that_only_lessees_use_stays_of_use),
};
const struct case_group upstream_leases = CASE_GROUP(cases);
