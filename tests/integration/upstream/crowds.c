/* SPDX-License-Identifier: Apache-2.0 */
/* Many clients at once through a server: nothing crosses. */
#include "relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

struct crowd {
    pthread_t thread;
    const char *path;
    uint32_t number, count;
    uint32_t wrong;
};

static size_t receive_some(int fd, char *bytes, size_t size)
{
    struct pollfd ready = { .fd = fd, .events = POLLIN };
    ssize_t length;

    if (poll(&ready, 1, CLIENT_DEADLINE_MS) != 1)
        fail_msg("no reply after %d s", CLIENT_DEADLINE_MS / 1000);
    length = recv(fd, bytes, size, 0);
    assert_true(length > 0);
    return (size_t)length;
}

static void *ask_many(void *argument)
{
    struct crowd *crowd = argument;
    int fd = client_connect(rig.port);

    for (uint32_t i = 0; i < crowd->count; i++) {
        char request[256], expected[256], reply[1024];
        size_t used = 0;

        snprintf(request, sizeof(request), "GET %s?echo+%u-%u HTTP/1.1\r\nHost: x\r\n\r\n",
                 crowd->path, crowd->number, i);
        snprintf(expected, sizeof(expected), "\r\n\r\n%u-%u\n", crowd->number, i);
        client_say(fd, request);
        do {
            used += receive_some(fd, reply + used, sizeof(reply) - 1 - used);
            reply[used] = '\0';
        } while (strstr(reply, "\r\n\r\n") == NULL || reply[used - 1] != '\n' ||
                 strstr(reply, "\r\n\r\n")[4] == '\0');
        if (strstr(reply, "200 OK") == NULL || strstr(reply, expected) == NULL)
            crowd->wrong++;
    }
    client_close(fd);
    return NULL;
}

/* PL_TEST_EXCHANGES: how many instead of some ten thousand. */
static void tagged_exchanges_never_cross(void **state)
{
    enum { CROWD = 16 };
    static struct crowd crowd[CROWD];
    const char *exchanges = getenv("PL_TEST_EXCHANGES"), *scale = getenv("PL_TEST_SCALE");
    uint32_t count = 640u / (uint32_t)(scale == NULL ? 1 : atoi(scale));
    int64_t begun_ms;

    (void)state;
    if (exchanges != NULL)
        count = (uint32_t)atoi(exchanges) / CROWD;
    start_with(", pool: {max: 6}");
    begun_ms = client_now_ms();
    for (uint32_t i = 0; i < CROWD; i++) {
        /* A thread must be left to take replies in while others wait for a lease. */
        bool may_lease = server_has_pool() && server_current->threads > 2 && i < 2;

        crowd[i] =
            (struct crowd){ .path = may_lease ? "/lease" : "/call", .number = i, .count = count };
        assert_int_equal(pthread_create(&crowd[i].thread, NULL, ask_many, &crowd[i]), 0);
    }
    for (uint32_t i = 0; i < CROWD; i++) {
        pthread_join(crowd[i].thread, NULL);
        assert_int_equal(crowd[i].wrong, 0);
    }
    if (exchanges != NULL)
        print_message("%u exchanges in %lld ms\n", CROWD * count,
                      (long long)(client_now_ms() - begun_ms));
    assert_int_equal(COUNT(leases), CROWD * count);
    assert_true(backend.open_max <= 6);
    assert_int_equal(backend.accepts, COUNT(connects));
    assert_true(backend.accepts <= 6);
    assert_int_equal(figures.leased, 0);
    stop();
}

static void a_client_that_hangs_up_leaves_nothing_behind(void **state)
{
    (void)state;
    start_with(", pool: {max: 2}");
    for (int i = 0; i < 10; i++) {
        int fd = client_connect(rig.port);

        client_say(fd, "GET /call?delay+20+x HTTP/1.1\r\nHost: x\r\n\r\n");
        client_await(&backend.requests, (uint32_t)i + 1);
        client_reset(fd);
    }
    expect_reply("echo after\n", "after\n");
    stop();
}

/* Every thread of the pool waits for a lease or has one: nobody is left to run a turn for them. */
static void leases_need_no_thread_but_their_own(void **state)
{
    enum { CROWD = 12, COUNT_EACH = 40 };
    static struct crowd crowd[CROWD];

    (void)state;
    start_with(", pool: {max: 16}");
    for (uint32_t i = 0; i < CROWD; i++) {
        crowd[i] = (struct crowd){ .path = "/lease", .number = i, .count = COUNT_EACH };
        assert_int_equal(pthread_create(&crowd[i].thread, NULL, ask_many, &crowd[i]), 0);
    }
    for (uint32_t i = 0; i < CROWD; i++) {
        pthread_join(crowd[i].thread, NULL);
        assert_int_equal(crowd[i].wrong, 0);
    }
    assert_int_equal(COUNT(leases), CROWD * COUNT_EACH);
    assert_int_equal(COUNT(waits_expired), 0);
    stop();
}

/* A byte that nobody asked for ends the rest of a connection, while every worker blocks. */
static void what_comes_to_a_connection_at_rest_needs_no_free_thread(void **state)
{
    struct pl_upstream_lease leased;
    char settings[32], reply[8];
    size_t length;
    uint32_t threads = server_current->threads;
    int fds[16];

    (void)state;
    if (!server_has_pool())
        skip();
    assert_true(threads <= sizeof(fds) / sizeof(fds[0]));
    snprintf(settings, sizeof(settings), ", pool: {max: %u}", threads + 1);
    start_with(settings);
    for (uint32_t i = 0; i < threads; i++) {
        fds[i] = client_connect(rig.port);
        client_say(fds[i], "GET /lease?silent HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    client_await(&backend.requests, threads);
    assert_int_equal(pl_upstream_lease(upstream, CLIENT_DEADLINE_MS, &leased), 0);
    assert_int_equal(pl_upstream_write(&leased, "late 10 x\n", 10), 0);
    assert_int_equal(pl_upstream_read(&leased, reply, sizeof(reply), &length), 0);
    pl_upstream_return(&leased);
    client_await(&backend.lates, 1);
    /* Where a thread waits for events it finds the byte now; elsewhere the lease does. */
    for (int i = 0; i < 20 && COUNT(discards) == 0; i++)
        client_pause_ms(1);
    assert_int_equal(pl_upstream_lease(upstream, 3000, &leased), 0);
    assert_false(leased.was_reused);
    assert_int_equal(COUNT(discards), 1);
    pl_upstream_return(&leased);
    backend_close_all(&backend);
    for (uint32_t i = 0; i < threads; i++)
        client_close(fds[i]);
    stop();
}

static void await_conns_open(uint64_t count)
{
    struct pl_stats *stats = calloc(1, sizeof(*stats));
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    assert_non_null(stats);
    do {
        client_pause_ms(1);
        pl_server_stats(rig.server, stats);
    } while (stats->conns_open != count && client_now_ms() < until_ms);
    assert_int_equal(stats->conns_open, count);
    free(stats);
}

static void a_call_in_line_goes_with_its_client(void **state)
{
    struct pl_upstream_lease leased;
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;
    int fd;

    (void)state;
    start_with(", pool: {max: 1}");
    assert_int_equal(pl_upstream_lease(upstream, CLIENT_DEADLINE_MS, &leased), 0);
    fd = client_connect(rig.port);
    client_say(fd, "GET /call?echo+x HTTP/1.1\r\nHost: x\r\n\r\n");
    while (COUNT(waits) == 0 && client_now_ms() < until_ms)
        client_pause_ms(1);
    client_reset(fd);
    await_conns_open(0);
    pl_upstream_return(&leased);
    expect_reply("echo after\n", "after\n"); /* it stood behind the other */
    assert_int_equal(COUNT(cancels), 1);
    assert_int_equal(backend.requests, 1);
    stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(leases_need_no_thread_but_their_own),
    cmocka_unit_test(what_comes_to_a_connection_at_rest_needs_no_free_thread),
    cmocka_unit_test(a_call_in_line_goes_with_its_client),
    cmocka_unit_test(tagged_exchanges_never_cross),
    cmocka_unit_test(a_client_that_hangs_up_leaves_nothing_behind),
};
const struct case_group upstream_crowds = CASE_GROUP(cases);
