/* SPDX-License-Identifier: Apache-2.0 */
/* Stops: what is under way, in line or leased when the server goes. */
#include "relay.h"

static void a_stop_in_the_middle_ends_every_call(void **state)
{
    enum { CALLS = 8 };
    static struct asked asked[CALLS];

    (void)state;
    start_with(", pool: {max: 2}, timeouts: {first_byte: 60s, total: 60s, wait: 60s}");
    for (int i = 0; i < CALLS; i++)
        begin(&asked[i], "silent\n", NULL);
    client_await(&backend.requests, 2);
    assert_int_equal(pl_server_stop(rig.server, 50), 0);
    for (int i = 0; i < CALLS; i++) {
        await(&asked[i]);
        assert_int_equal(asked[i].outcome, PL_UPSTREAM_STOPPED);
    }
    stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(a_stop_in_the_middle_ends_every_call),
};
const struct case_group upstream_ends = CASE_GROUP(cases);
