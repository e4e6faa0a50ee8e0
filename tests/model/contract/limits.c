/* SPDX-License-Identifier: Apache-2.0 */
/* No room for another connection, and no descriptor for it. */
#include "contract.h"

#include <sys/resource.h>
#include <unistd.h>

static void connections_over_the_limit_wait_and_are_served(void **state)
{
    struct rig_options options = contract_options();
    int first, second;

    (void)state;
    options.conns_max = 1;
    rig_start(&contract.rig, &options);
    first = client_connect(contract.rig.port);
    client_say(first, "echo first\n");
    client_expect(first, "first\n");
    second = client_connect(contract.rig.port);
    client_say(second, "echo second\n");
    client_pause_ms(30);
    assert_int_equal(contract.rig.probe.opened, 1);
    client_close(first);
    client_expect(second, "second\n");
    client_close(second);
    rig_stop(&contract.rig);
}

static void accepting_survives_a_lack_of_descriptors(void **state)
{
    struct rlimit before, few;
    int fillers[64];
    int count = 0;
    int fd;
    static struct pl_stats stats;

    (void)state;
    contract_start();
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    few.rlim_cur = (rlim_t)descriptors_count() + 11;
    setrlimit(RLIMIT_NOFILE, &few);
    while (count < 64 && (fillers[count] = dup(0)) >= 0)
        count++;
    close(fillers[--count]);
    fd = client_connect(contract.rig.port);
    client_say(fd, "echo patience\n");
    /* The accept fails, is counted, tried again without spinning. */
    for (int64_t until = client_now_ms() + CLIENT_DEADLINE_MS;;) {
        if (rig_stats(&contract.rig, &stats)->counters[PL_STAT_accept_failures] > 0)
            break;
        assert_true(client_now_ms() < until);
        client_pause_ms(5);
    }
    while (count > 0)
        close(fillers[--count]);
    setrlimit(RLIMIT_NOFILE, &before);
    client_expect(fd, "patience\n");
    assert_true(rig_stats(&contract.rig, &stats)->counters[PL_STAT_polls] < 1000);
    client_close(fd);
    rig_stop(&contract.rig);
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(connections_over_the_limit_wait_and_are_served),
    cmocka_unit_test(accepting_survives_a_lack_of_descriptors),
};

const struct case_group contract_limits = CASE_GROUP(cases);
