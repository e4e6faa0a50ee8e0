/* SPDX-License-Identifier: Apache-2.0 */
/* Two services with a dispatch of their own in one process, handlers of both using one upstream. */
#include "relay.h"

#include "model_words.h"

#include <stdio.h>
#include <string.h>

static uint16_t ports[2];

static void start_two_sets(const char *more)
{
    const struct model_words words = model_words_of(server_current->model);
    /* Each loop is a set: one for each service, so that the cases know where a client comes to. */
    const uint32_t count = strcmp(words.model, "per_core") == 0 ? 1 : server_current->threads;
    char text[512], services[512], threads[64];
    const char *const sets[] = { text, services, threads, NULL };

    backend_start(&backend);
    snprintf(text, sizeof(text), "upstreams=[{name: back, servers: [\"127.0.0.1:%u\"]%s}]",
             backend.port, more);
    snprintf(services, sizeof(services),
             "services=[{name: first, protocol: http, listen: [\"127.0.0.1:0\"]}, "
             "{name: second, protocol: http, listen: [\"127.0.0.1:0\"], "
             "dispatch: {model: %s, promotion: %s, inline: %s, arming: %s, threads: %u}}]",
             words.model, words.promotion, words.is_inlining ? "true" : "false",
             server_current->arming, count);
    snprintf(threads, sizeof(threads), "dispatch.threads=%u", count);
    start_relay(sets);
    ports[0] = rig.port;
    ports[1] = server_rig_port(&rig, 1);
    assert_int_not_equal(ports[1], 0);
}

static void ask_through(int service, const char *path)
{
    char request[256];
    int fd = client_connect(ports[service]);

    snprintf(request, sizeof(request),
             "GET %s?echo+x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    client_say(fd, request);
    expect_ok(fd);
    client_close(fd);
}

/* Asks until that many moves are counted: one that is still on its way to rest stays where it is.
 */
static void ask_until_moved(int service, uint64_t moves)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    do {
        ask_through(service, "/call");
    } while (COUNT(moves) < moves && client_now_ms() < until_ms);
    assert_int_equal(COUNT(moves), moves);
}

static void a_connection_moves_only_to_a_set_that_has_none(void **state)
{
    (void)state;
    start_two_sets("");
    ask_through(0, "/call");
    assert_int_equal(COUNT(moves), 0);
    ask_until_moved(1, 1);
    ask_through(1, "/call");
    assert_int_equal(COUNT(moves), 1);
    ask_until_moved(0, 2);
    assert_int_equal(COUNT(connects), 1);
    stop();
}

static void a_set_with_one_of_its_own_takes_none(void **state)
{
    struct pl_upstream_lease leased;

    (void)state;
    start_two_sets("");
    /* By a thread of no set: it belongs to the first. */
    assert_int_equal(pl_upstream_lease(upstream, CLIENT_DEADLINE_MS, &leased), 0);
    ask_through(1, "/call");
    pl_upstream_return(&leased);
    assert_int_equal(COUNT(connects), 2);
    for (int i = 0; i < 5; i++) {
        ask_through(0, "/call");
        ask_through(1, "/call");
    }
    assert_int_equal(COUNT(moves), 0);
    assert_int_equal(COUNT(connects), 2);
    stop();
}

static void the_bound_is_one_for_all_sets(void **state)
{
    enum { CLIENTS = 12 };
    int fds[CLIENTS];

    (void)state;
    start_two_sets(", pool: {max: 2}");
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = client_connect(ports[i % 2]);
        client_say(fds[i], "GET /call?delay+5+x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    }
    for (int i = 0; i < CLIENTS; i++) {
        expect_ok(fds[i]);
        client_close(fds[i]);
    }
    assert_true(backend.open_max <= 2);
    assert_int_equal(COUNT(leases), CLIENTS);
    stop();
}

static void leases_of_both_sets_share_the_pool(void **state)
{
    (void)state;
    start_two_sets(", pool: {max: 1}");
    for (int i = 0; i < 6; i++) {
        ask_through(i % 2, "/lease");
        ask_through(i % 2, "/call");
    }
    assert_int_equal(COUNT(connects), 1);
    stop();
}

/* ---- the sets of one dispatch: a loop per core ------------------------------------------------
 */

#define LOOPS 3

static void say_call(int fd, const char *query)
{
    char request[256];

    snprintf(request, sizeof(request), "GET /call?%s HTTP/1.1\r\nHost: x\r\n\r\n", query);
    client_say(fd, request);
}

/* The reply's body is a line. */
static void read_call(int fd)
{
    char reply[1024] = "";
    const char *body = NULL;
    size_t length = 0;

    while (body == NULL || strchr(body, '\n') == NULL) {
        assert_true(length + 1 < sizeof(reply));
        client_receive(fd, reply + length, 1);
        reply[++length] = '\0';
        body = strstr(reply, "\r\n\r\n");
        body = body == NULL ? NULL : body + 4;
    }
    assert_memory_equal(reply, "HTTP/1.1 200 ", 13);
}

/* All at once, until each loop has had to make one of its own. */
static void connect_each_loop(const int *fds)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    while (COUNT(connects) < LOOPS && client_now_ms() < until_ms) {
        for (size_t i = 0; i < LOOPS; i++)
            say_call(fds[i], "delay+50+x");
        for (size_t i = 0; i < LOOPS; i++)
            read_call(fds[i]);
    }
    assert_int_equal(COUNT(connects), LOOPS);
}

static void each_loop_reuses_its_own_connection(void **state)
{
    char text[128];
    const char *const sets[] = { "dispatch.threads=3", "dispatch.balance=true", text, NULL };
    uint64_t moves;
    int fds[LOOPS];

    (void)state;
    if (strcmp(server_current->model, "per_core") != 0)
        skip();
    backend_start(&backend);
    snprintf(text, sizeof(text), "upstreams=[{name: back, servers: [\"127.0.0.1:%u\"]}]",
             backend.port);
    start_relay(sets);
    for (size_t i = 0; i < LOOPS; i++) {
        fds[i] = client_connect(rig.port);
        say_call(fds[i], "echo+x");
        read_call(fds[i]);
    }
    connect_each_loop(fds);
    moves = COUNT(moves);
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < LOOPS; i++) {
            say_call(fds[i], "echo+x");
            read_call(fds[i]);
        }
    assert_int_equal(COUNT(moves), moves);
    assert_int_equal(COUNT(connects), LOOPS);
    for (size_t i = 0; i < LOOPS; i++)
        client_close(fds[i]);
    stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(a_connection_moves_only_to_a_set_that_has_none),
    cmocka_unit_test(a_set_with_one_of_its_own_takes_none),
    cmocka_unit_test(the_bound_is_one_for_all_sets),
    cmocka_unit_test(leases_of_both_sets_share_the_pool),
    cmocka_unit_test(each_loop_reuses_its_own_connection),
};
const struct case_group upstream_sets = CASE_GROUP(cases);
