/* SPDX-License-Identifier: Apache-2.0 */
/* Several servers behind one upstream: which is asked, and what the death of one costs. */
#include "relay.h"
#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct backend other;

static void start_two(const char *more)
{
    char text[768];

    backend_start(&backend);
    backend_start(&other);
    snprintf(text, sizeof(text), "servers: [\"127.0.0.1:%u\", \"127.0.0.1:%u\"]%s", backend.port,
             other.port, more);
    start_upstream(text);
}

static void stop_two(void)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    assert_int_equal(pl_server_stop(rig.server, CLIENT_DEADLINE_MS / 2), 0);
    while (
        (backend.open > 0 || other.open > 0 || backend.accepts + other.accepts < COUNT(connects)) &&
        client_now_ms() < until_ms)
        client_pause_ms(1);
    stop_server();
    backend_stop(&backend);
    backend_stop(&other);
}

static void round_robin_asks_both(void **state)
{
    (void)state;
    start_two("");
    for (int i = 0; i < 20; i++)
        expect_reply("echo x\n", "x\n");
    assert_int_equal(backend.requests, 10);
    assert_int_equal(other.requests, 10);
    assert_int_equal(COUNT(connects), 2);
    stop_two();
}

static void least_connections_keeps_away_from_a_slow_one(void **state)
{
    static struct asked slow;

    (void)state;
    start_two(", policy: least_connections");
    begin(&slow, "delay 100 slow\n", NULL);
    client_await(&backend.requests, 1);
    for (int i = 0; i < 10; i++)
        expect_reply("echo x\n", "x\n");
    assert_int_equal(backend.requests, 1);
    assert_int_equal(other.requests, 10);
    await(&slow);
    assert_int_equal(slow.outcome, PL_UPSTREAM_REPLIED);
    stop_two();
}

/* Calls, several at a time, while one of two is dead from the start; then it comes back. */
static void survive_a_dead_one(const char *policy)
{
    enum { CALLS = 8 };
    static struct asked asked[CALLS];
    char text[128];
    uint16_t port;

    snprintf(text, sizeof(text), ", policy: %s, eject: {failures: 3, time: 50ms}", policy);
    start_two(text);
    port = other.port;
    kill_one(&other);
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < CALLS; i++)
            begin(&asked[i], "echo x\n", NULL);
        for (int i = 0; i < CALLS; i++) {
            await(&asked[i]);
            assert_int_equal(asked[i].outcome, PL_UPSTREAM_REPLIED);
        }
    }
    assert_true(COUNT(ejections) >= 1);
    assert_true(COUNT(connects_failed) >= 3);
    start_again(&other, port);
    while (other.requests == 0) {
        expect_reply("echo x\n", "x\n");
        client_pause_ms(1);
    }
    stop_two();
}

static void a_dead_one_fails_no_call(void **state)
{
    (void)state;
    survive_a_dead_one("round_robin");
}

static void a_dead_one_fails_no_call_with_least_connections(void **state)
{
    (void)state;
    survive_a_dead_one("least_connections");
}

static void a_dead_one_fails_no_lease(void **state)
{
    struct pl_upstream_lease leased;

    (void)state;
    start_two(", eject: {failures: 0}");
    kill_one(&other);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(pl_upstream_lease(upstream, CLIENT_DEADLINE_MS, &leased), 0);
        pl_upstream_discard(&leased, false); /* so that each needs a new connection */
    }
    assert_true(COUNT(connects_failed) >= 4);
    stop();
    bury();
}

/* All its idle connections would be of no use to anybody, and in the way of others. */
static void an_ejected_one_gives_its_places_away(void **state)
{
    enum { MAX = 4 };
    struct pl_upstream_lease leased[MAX];
    uint32_t at_other = 0;

    (void)state;
    start_two(", pool: {max: 4}, eject: {failures: 1, time: 600s}");
    for (int i = 0; i < MAX; i++)
        assert_int_equal(pl_upstream_lease(upstream, CLIENT_DEADLINE_MS, &leased[i]), 0);
    for (int i = 1; i < MAX; i++)
        pl_upstream_return(&leased[i]);
    pl_upstream_discard(&leased[0], true);
    for (int i = 0; i < MAX; i++) {
        assert_int_equal(pl_upstream_lease(upstream, CLIENT_DEADLINE_MS, &leased[i]), 0);
        assert_int_equal(pl_upstream_write(&leased[i], "silent\n", 7), 0);
    }
    client_await(&other.requests, MAX);
    at_other = other.requests;
    assert_int_equal(at_other, MAX);
    pl_upstream_stats(upstream, &figures);
    assert_int_equal(figures.ejected, 1);
    for (int i = 0; i < MAX; i++)
        pl_upstream_discard(&leased[i], false);
    stop_two();
}

static void a_thousand_in_line_survive_the_death_of_their_server(void **state)
{
    enum { CALLS = 1000 };
    static struct asked asked[CALLS];

    (void)state;
    start_with(", pool: {max: 2}, eject: {failures: 0}, timeouts: {first_byte: 60s, wait: 60s, "
               "total: 60s}");
    for (int i = 0; i < CALLS; i++)
        begin(&asked[i], "silent\n", NULL);
    client_await(&backend.requests, 2);
    kill_one(&backend);
    for (int i = 0; i < CALLS; i++) {
        await(&asked[i]);
        assert_true(asked[i].outcome == PL_UPSTREAM_CLOSED ||
                    asked[i].outcome == PL_UPSTREAM_CONNECT_FAILED);
    }
    stop_server();
    bury();
}

/* ---- addresses ---- */

static void a_unix_socket_is_a_server_too(void **state)
{
    char path[96], text[192];

    (void)state;
    snprintf(path, sizeof(path), "%s/back.sock", server_rig_folder(&rig));
    backend_start_unix(&backend, path);
    snprintf(text, sizeof(text), "servers: [\"unix:%s\"]", path);
    start_upstream(text);
    expect_reply("echo one\n", "one\n");
    expect_reply("echo two\n", "two\n");
    assert_int_equal(COUNT(reuses), 1);
    stop();
}

static void an_address_may_be_of_the_sixth_version(void **state)
{
    char text[64];

    (void)state;
    if (!backend_start_v6(&backend))
        skip();
    snprintf(text, sizeof(text), "servers: [\"[::1]:%u\"]", backend.port);
    start_upstream(text);
    expect_reply("echo one\n", "one\n");
    expect_reply("echo two\n", "two\n");
    assert_int_equal(COUNT(reuses), 1);
    stop();
}

/* For all the pool knows this is a name; a machine without /etc/hosts resolves it too. */
static void a_name_is_resolved(void **state)
{
    char text[64];

    (void)state;
    backend_start(&backend);
    snprintf(text, sizeof(text), "servers: [\"0x7f000001:%u\"]", backend.port);
    start_upstream(text);
    for (int i = 0; i < 5; i++)
        expect_reply("echo one\n", "one\n");
    stop();
}

static void a_name_without_an_address_has_an_outcome_of_its_own(void **state)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;
    struct pl_upstream_lease leased;
    uint64_t before;

    (void)state;
    start_upstream("servers: [\"no-such-host.invalid:80\"], timeouts: {wait: 30ms}");
    expect_outcome("echo x\n", PL_UPSTREAM_UNRESOLVED);
    /* From when the name has been asked for, no lease waits. */
    do {
        before = COUNT(waits_expired);
        assert_int_equal(pl_upstream_lease(upstream, 20, &leased), -EADDRNOTAVAIL);
    } while (COUNT(waits_expired) != before && client_now_ms() < until_ms);
    assert_int_equal(COUNT(waits_expired), before);
    assert_int_equal(pl_server_stop(rig.server, CLIENT_DEADLINE_MS / 2), 0);
    pl_server_close(rig.server);
    rig.server = NULL;
    /* The resolver's thread may be inside getaddrinfo() still, with a socket open. */
    descriptors_expect_no_new(&rig.descriptors_before);
}

/* A backlog of one, taken: the kernel answers no further connection. */
static void a_connection_that_does_not_come_about_times_out(void **state)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), taken[8];
    struct pl_upstream_lease leased;
    char text[128];

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    for (int i = 0; i < 8; i++) {
        taken[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)!connect(taken[i], (struct sockaddr *)&address, sizeof(address));
    }
    snprintf(text, sizeof(text),
             "servers: [\"127.0.0.1:%u\"], eject: {failures: 0}, timeouts: {connect: 60ms}",
             ntohs(address.sin_port));
    start_upstream(text);
    expect_outcome("echo x\n", PL_UPSTREAM_CONNECT_TIMEOUT);
    assert_int_equal(pl_upstream_lease(upstream, CLIENT_DEADLINE_MS, &leased), -ETIMEDOUT);
    assert_int_equal(COUNT(connects_failed), 2);
    stop_server();
    for (int i = 0; i < 8; i++)
        close(taken[i]);
    close(listener);
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(round_robin_asks_both),
    cmocka_unit_test(least_connections_keeps_away_from_a_slow_one),
    cmocka_unit_test(a_dead_one_fails_no_call),
    cmocka_unit_test(a_dead_one_fails_no_call_with_least_connections),
    cmocka_unit_test(a_dead_one_fails_no_lease),
    cmocka_unit_test(an_ejected_one_gives_its_places_away),
    cmocka_unit_test(a_thousand_in_line_survive_the_death_of_their_server),
    cmocka_unit_test(a_unix_socket_is_a_server_too),
    cmocka_unit_test(an_address_may_be_of_the_sixth_version),
    cmocka_unit_test(a_name_is_resolved),
    cmocka_unit_test(a_name_without_an_address_has_an_outcome_of_its_own),
    cmocka_unit_test(a_connection_that_does_not_come_about_times_out),
};
const struct case_group upstream_servers = CASE_GROUP(cases);
