/* SPDX-License-Identifier: Apache-2.0 */
/* No room for another connection, and no descriptor for it. */
#include "contract.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
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

/* Every descriptor that this process may have, but one. */
struct lack {
    struct rlimit before;
    int fillers[64];
    int count;
};

static void begin_lack(struct lack *lack)
{
    struct rlimit few;

    getrlimit(RLIMIT_NOFILE, &lack->before);
    few = lack->before;
    few.rlim_cur = (rlim_t)descriptors_count() + 11;
    setrlimit(RLIMIT_NOFILE, &few);
    lack->count = 0;
    while (lack->count < 64 && (lack->fillers[lack->count] = dup(0)) >= 0)
        lack->count++;
    close(lack->fillers[--lack->count]);
}

static void end_lack(struct lack *lack)
{
    while (lack->count > 0)
        close(lack->fillers[--lack->count]);
    setrlimit(RLIMIT_NOFILE, &lack->before);
}

static uint64_t count(enum pl_stat counter)
{
    static struct pl_stats stats;

    return rig_stats(&contract.rig, &stats)->counters[counter];
}

static bool grows(enum pl_stat counter, uint64_t before)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    while (count(counter) <= before && client_now_ms() < until_ms)
        client_pause_ms(1);
    return count(counter) > before;
}

/* The accept fails, is counted, tried again without spinning. Who cannot be accepted the next time
 * either is turned away: a machine that stands still so long proves nothing. */
static void accepting_survives_a_lack_of_descriptors(void **state)
{
    bool is_served = false;

    (void)state;
    contract_start();
    for (int tries = 5; tries > 0 && !is_served; tries--) {
        struct pollfd handle = { .events = POLLIN };
        uint64_t failures = count(PL_STAT_accept_failures);
        uint64_t refused = count(PL_STAT_accepts_refused);
        struct lack lack;
        bool has_failed;
        char byte;

        begin_lack(&lack);
        handle.fd = client_connect(contract.rig.port);
        client_say(handle.fd, "echo patience\n");
        has_failed = grows(PL_STAT_accept_failures, failures);
        end_lack(&lack);
        assert_true(has_failed);
        assert_int_equal(poll(&handle, 1, CLIENT_DEADLINE_MS), 1);
        is_served = recv(handle.fd, &byte, 1, MSG_PEEK) == 1;
        if (is_served)
            client_expect(handle.fd, "patience\n");
        else
            assert_true(grows(PL_STAT_accepts_refused, refused));
        client_close(handle.fd);
    }
    assert_true(is_served);
    assert_true(count(PL_STAT_polls) < 1000);
    rig_stop(&contract.rig);
}

static void who_cannot_be_accepted_is_closed_instead_of_kept_waiting(void **state)
{
    struct lack lack;
    bool is_refused;
    char byte;
    int fd;

    (void)state;
    contract_start();
    begin_lack(&lack);
    fd = client_connect(contract.rig.port);
    is_refused = grows(PL_STAT_accepts_refused, 0);
    end_lack(&lack);
    assert_true(is_refused);
    assert_int_equal(client_receive_all(fd, &byte, 1), 0);
    client_close(fd);
    fd = client_connect(contract.rig.port);
    client_say(fd, "echo again\n");
    client_expect(fd, "again\n");
    client_close(fd);
    rig_stop(&contract.rig);
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(connections_over_the_limit_wait_and_are_served),
    cmocka_unit_test(accepting_survives_a_lack_of_descriptors),
    cmocka_unit_test(who_cannot_be_accepted_is_closed_instead_of_kept_waiting),
};

const struct case_group contract_limits = CASE_GROUP(cases);
