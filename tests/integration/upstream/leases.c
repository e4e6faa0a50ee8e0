/* SPDX-License-Identifier: Apache-2.0 */
/* The blocking way. */
#include "relay.h"

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

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(a_lease_gives_the_descriptor_itself),
    cmocka_unit_test(the_deadline_of_a_lease_governs),
};
const struct case_group upstream_leases = CASE_GROUP(cases);
