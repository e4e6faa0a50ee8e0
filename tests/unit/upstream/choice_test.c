/* SPDX-License-Identifier: Apache-2.0 */
/* Which server is next, and which are left alone for a while. */
#include "upstream.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define FAILURES 3
#define TIME_MS  1000

static struct pl_upstream_settings settings;
static struct pl_upstream upstream;

static void begin(int policy, uint32_t servers_count)
{
    memset(&upstream, 0, sizeof(upstream));
    settings = (struct pl_upstream_settings){
        .policy = policy,
        .eject = { .failures = FAILURES, .time_us = TIME_MS * 1000 },
    };
    upstream.settings = &settings;
    upstream.servers_count = servers_count;
    for (uint32_t i = 0; i < servers_count; i++)
        upstream.servers[i].addresses_count = 1;
}

/* The number of the chosen one, or -1. */
static int choose(const struct pl_upstream_server *avoided, int64_t now_ms)
{
    const struct pl_upstream_server *chosen = pl_upstream_choose_locked(&upstream, avoided, now_ms);

    return chosen == NULL ? -1 : (int)(chosen - upstream.servers);
}

static int64_t miss(uint32_t number, int64_t now_ms)
{
    return pl_upstream_note_failure_locked(&upstream, &upstream.servers[number], now_ms);
}

static int64_t miss_until_ejected(uint32_t number, int64_t now_ms)
{
    int64_t time_ms = 0;

    for (int i = 0; i < FAILURES && time_ms == 0; i++)
        time_ms = miss(number, now_ms);
    return time_ms;
}

static void round_robin_takes_each_in_turn(void **state)
{
    (void)state;
    begin(PL_UPSTREAM_ROUND_ROBIN, 3);
    upstream.servers[1].leased = 100; /* which does not count */
    for (int i = 0; i < 9; i++)
        assert_int_equal(choose(NULL, 1), i % 3);
}

static void least_connections_takes_the_one_with_fewest(void **state)
{
    (void)state;
    begin(PL_UPSTREAM_LEAST_CONNECTIONS, 3);
    upstream.servers[0].leased = 2;
    upstream.servers[1].leased = 1;
    upstream.servers[2].leased = 2;
    assert_int_equal(choose(NULL, 1), 1);
    upstream.servers[1].leased = 2; /* among equals it goes in turn */
    assert_int_equal(choose(NULL, 1), 2);
    assert_int_equal(choose(NULL, 1), 0);
    assert_int_equal(choose(NULL, 1), 1);
}

static void the_avoided_one_is_taken_only_when_it_is_the_only_one(void **state)
{
    (void)state;
    begin(PL_UPSTREAM_LEAST_CONNECTIONS, 2);
    upstream.servers[1].leased = 5;
    for (int i = 0; i < 4; i++)
        assert_int_equal(choose(&upstream.servers[0], 1), 1);
    upstream.servers[1].addresses_count = 0;
    assert_int_equal(choose(&upstream.servers[0], 1), 0);
}

static void a_server_without_an_address_is_never_taken(void **state)
{
    (void)state;
    begin(PL_UPSTREAM_ROUND_ROBIN, 2);
    upstream.servers[0].addresses_count = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(choose(NULL, 1), 1);
    upstream.servers[1].addresses_count = 0;
    assert_int_equal(choose(NULL, 1), -1);
}

static void failures_in_a_row_eject_for_the_base_time(void **state)
{
    (void)state;
    begin(PL_UPSTREAM_ROUND_ROBIN, 2);
    for (int i = 0; i < FAILURES - 1; i++)
        assert_int_equal(miss(0, 5), 0);
    assert_int_equal(miss(0, 5), TIME_MS);
    assert_int_equal(upstream.ejected, 1);
    assert_int_equal(upstream.counters[PL_UPSTREAM_COUNT_ejections], 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(choose(NULL, 5 + TIME_MS - 1), 1);
    assert_int_equal(choose(NULL, 5 + TIME_MS), 0);
    assert_int_equal(upstream.ejected, 0);
}

static void a_success_between_failures_begins_the_row_anew(void **state)
{
    (void)state;
    begin(PL_UPSTREAM_ROUND_ROBIN, 2);
    for (int i = 0; i < 10; i++) {
        for (int k = 0; k < FAILURES - 1; k++)
            assert_int_equal(miss(0, 1), 0);
        pl_upstream_note_success_locked(&upstream.servers[0]);
    }
}

static void who_comes_back_is_on_probation_and_stays_away_longer(void **state)
{
    int64_t now_ms = 1;

    (void)state;
    begin(PL_UPSTREAM_ROUND_ROBIN, 2);
    assert_int_equal(miss_until_ejected(0, now_ms), TIME_MS);
    for (int i = 2; i <= 12; i++) {
        now_ms += 20 * TIME_MS;
        (void)choose(NULL, now_ms);
        assert_int_equal(miss(0, now_ms), (i < 10 ? i : 10) * TIME_MS);
    }
    now_ms += 20 * TIME_MS;
    (void)choose(NULL, now_ms);
    pl_upstream_note_success_locked(&upstream.servers[0]);
    assert_int_equal(miss(0, now_ms), 0);
    assert_int_equal(miss_until_ejected(0, now_ms), TIME_MS);
}

static void at_most_half_of_the_servers_are_ejected(void **state)
{
    static const uint32_t allowed[] = { 0, 0, 1, 1, 2, 2, 3 };

    (void)state;
    for (uint32_t count = 1; count <= 6; count++) {
        begin(PL_UPSTREAM_ROUND_ROBIN, count);
        for (uint32_t i = 0; i < count; i++)
            for (int k = 0; k < 5 * FAILURES; k++)
                (void)miss(i, 1);
        assert_int_equal(upstream.ejected, allowed[count]);
    }
}

static void one_that_is_ejected_is_better_than_none(void **state)
{
    (void)state;
    begin(PL_UPSTREAM_ROUND_ROBIN, 2);
    assert_int_equal(miss_until_ejected(0, 1), TIME_MS);
    assert_int_equal(choose(&upstream.servers[1], 2), 0);
    upstream.servers[1].addresses_count = 0;
    assert_int_equal(choose(NULL, 2), 0);
}

static void without_a_number_of_failures_nobody_is_ejected(void **state)
{
    (void)state;
    begin(PL_UPSTREAM_ROUND_ROBIN, 2);
    settings.eject.failures = 0;
    for (int i = 0; i < 100; i++)
        assert_int_equal(miss(0, 1), 0);
    assert_int_equal(upstream.ejected, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_robin_takes_each_in_turn),
        cmocka_unit_test(least_connections_takes_the_one_with_fewest),
        cmocka_unit_test(the_avoided_one_is_taken_only_when_it_is_the_only_one),
        cmocka_unit_test(a_server_without_an_address_is_never_taken),
        cmocka_unit_test(failures_in_a_row_eject_for_the_base_time),
        cmocka_unit_test(a_success_between_failures_begins_the_row_anew),
        cmocka_unit_test(who_comes_back_is_on_probation_and_stays_away_longer),
        cmocka_unit_test(at_most_half_of_the_servers_are_ejected),
        cmocka_unit_test(one_that_is_ejected_is_better_than_none),
        cmocka_unit_test(without_a_number_of_failures_nobody_is_ejected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
