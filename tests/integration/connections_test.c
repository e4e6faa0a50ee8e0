/* SPDX-License-Identifier: Apache-2.0 */
/* What pl_server_connections() shows of clients, under every model. */
#include "client.h"
#include "server_rig.h"

#include <paceline/control.h>
#include <paceline/line.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define CLIENTS     8
#define CHURNERS    3
#define ROUNDS      150
#define SHORT_BYTES 2
#define LONG_BYTES  3000

static const struct pl_protocol *const protocols[] = { &pl_line_protocol };
static const struct pl_app echo_app = {
    .bytes = sizeof(echo_app), .name = "connections", .protocols = protocols, .protocols_count = 1
};

static _Atomic uint32_t blocked;
static _Atomic bool may_go;

static void hold(struct pl_line *line, struct pl_view text, void *context)
{
    int64_t end_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    (void)context;
    atomic_fetch_add(&blocked, 1);
    while (!atomic_load(&may_go) && client_now_ms() < end_ms)
        client_pause_ms(1);
    (void)pl_line_reply(line, text.bytes, text.length);
}

static const struct pl_line_handling parked_handling = { .handler = hold,
                                                         .may_block = true,
                                                         .name = "hold" };
static const struct pl_line_handling running_handling = { .handler = hold, .name = "hold" };

static struct server_rig rig;

static uint16_t port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof(address);

    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    return ntohs(address.sin_port);
}

static void expect_peer(const struct pl_conn_view *view, int fd)
{
    char text[64];

    snprintf(text, sizeof(text), "127.0.0.1:%u", port_of(fd));
    assert_string_equal(view->peer, text);
}

/* An echo and no more: the server has the client in its table, and waits for it. */
static void exchange(int fd, size_t bytes)
{
    char sent[LONG_BYTES], received[LONG_BYTES];

    memset(sent, 'x', bytes);
    sent[bytes - 1] = '\n';
    client_send(fd, sent, bytes);
    client_receive(fd, received, bytes);
}

/* Waits until as many are open. */
static void await_open(int wanted)
{
    int64_t end_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    while (pl_server_connections(rig.server, PL_CONN_ORDER_AGE, NULL, 0) != wanted) {
        if (client_now_ms() > end_ms)
            fail_msg("%d open, expected %d",
                     pl_server_connections(rig.server, PL_CONN_ORDER_AGE, NULL, 0), wanted);
        client_pause_ms(1);
    }
}

/* ---- orders ---------------------------------------------------------------------------------- */

static void nobody_is_shown_when_nobody_is_there(void **state)
{
    struct pl_conn_view view = { .peer = "untouched" };

    (void)state;
    server_rig_start(&rig, &echo_app, NULL);
    assert_int_equal(pl_server_connections(rig.server, PL_CONN_ORDER_AGE, &view, 1), 0);
    assert_string_equal(view.peer, "untouched");
    server_rig_stop(&rig);
}

static void the_oldest_stand_first_and_no_more_than_asked_for(void **state)
{
    struct pl_conn_view views[4] = { { .state = NULL } };
    int fds[CLIENTS];

    (void)state;
    server_rig_start(&rig, &echo_app, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = client_connect(rig.port);
        exchange(fds[i], 10);
        client_pause_ms(2); /* the clock counts milliseconds */
    }
    assert_int_equal(pl_server_connections(rig.server, PL_CONN_ORDER_AGE, views, 3), CLIENTS);
    for (int i = 0; i < 3; i++) {
        expect_peer(&views[i], fds[i]);
        assert_string_equal(views[i].service, "line");
    }
    assert_true(views[0].age_ms >= views[1].age_ms && views[1].age_ms >= views[2].age_ms);
    assert_null(views[3].state);

    client_close(fds[0]);
    await_open(CLIENTS - 1);
    assert_int_equal(pl_server_connections(rig.server, PL_CONN_ORDER_AGE, views, 1), CLIENTS - 1);
    expect_peer(&views[0], fds[1]);
    for (int i = 1; i < CLIENTS; i++)
        client_close(fds[i]);
    await_open(0);
    server_rig_stop(&rig);
}

/* A client may have its reply before the server has counted it. */
static void await_sums(struct pl_conn_view *views, const size_t *bytes)
{
    int64_t end_ms = client_now_ms() + CLIENT_DEADLINE_MS;
    uint64_t missing;

    do {
        assert_true(client_now_ms() < end_ms);
        missing = 0;
        assert_int_equal(pl_server_connections(rig.server, PL_CONN_ORDER_BYTES, views, CLIENTS + 2),
                         CLIENTS);
        for (int i = 0; i < CLIENTS; i++)
            missing += bytes[i] - views[i].bytes_sent;
    } while (missing != 0);
}

static void the_busiest_stand_first_with_their_bytes(void **state)
{
    static const size_t bytes[CLIENTS] = { 40, 900, 7, 2000, 300, 8, 1999, 41 };
    static const int order[CLIENTS] = { 3, 6, 1, 4, 7, 0, 5, 2 };
    struct pl_conn_view views[CLIENTS + 2];
    int fds[CLIENTS];

    (void)state;
    server_rig_start(&rig, &echo_app, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = client_connect(rig.port);
        exchange(fds[i], bytes[i]);
    }
    await_sums(views, bytes);
    for (int i = 0; i < CLIENTS; i++) {
        expect_peer(&views[i], fds[order[i]]);
        assert_int_equal(views[i].bytes_received, bytes[order[i]]);
        assert_int_equal(views[i].bytes_sent, bytes[order[i]]);
    }
    for (int i = 0; i < CLIENTS; i++)
        client_close(fds[i]);
    server_rig_stop(&rig);
}

static void a_slot_used_again_counts_from_the_beginning(void **state)
{
    struct pl_conn_view view;

    (void)state;
    server_rig_start(&rig, &echo_app, NULL);
    for (int i = 0; i < 5; i++) {
        int fd = client_connect(rig.port);

        exchange(fd, 100);
        assert_int_equal(pl_server_connections(rig.server, PL_CONN_ORDER_BYTES, &view, 1), 1);
        assert_int_equal(view.bytes_received, 100);
        client_close(fd);
        await_open(0);
    }
    server_rig_stop(&rig);
}

/* ---- states ---------------------------------------------------------------------------------- */

static void expect_states(const struct pl_line_handling *handling, const char *held)
{
    const struct pl_binding bindings[] = { { .protocol = &pl_line_protocol,
                                             .elements = handling,
                                             .element_bytes = sizeof(*handling),
                                             .count = 1 } };
    struct pl_app app = {
        .bytes = sizeof(app), .name = "states", .bindings = bindings, .bindings_count = 1
    };
    struct pl_conn_view views[2];
    int64_t end_ms = client_now_ms() + CLIENT_DEADLINE_MS;
    int idle, busy;
    char reply[2];

    atomic_store(&blocked, 0);
    atomic_store(&may_go, false);
    server_rig_start(&rig, &app, NULL);
    idle = client_connect(rig.port);
    client_say(idle, "."); /* half a line: it is accepted, and waits for the rest */
    await_open(1);
    busy = client_connect(rig.port);
    client_say(busy, "x\n");
    client_await(&blocked, 1);
    /* Parked is what a connection becomes when it was let go, a moment after the handler began. */
    do {
        assert_true(client_now_ms() < end_ms);
        assert_int_equal(pl_server_connections(rig.server, PL_CONN_ORDER_STATE, views, 2), 2);
    } while (strcmp(views[0].state, held) != 0 || strcmp(views[1].state, "idle") != 0);
    expect_peer(&views[0], busy);
    expect_peer(&views[1], idle);
    atomic_store(&may_go, true);
    client_receive(busy, reply, 1);
    client_close(busy);
    client_close(idle);
    server_rig_stop(&rig);
}

static void a_request_that_blocks_is_parked(void **state)
{
    (void)state;
    if (!server_has_pool())
        skip();
    expect_states(&parked_handling, "parked");
}

static void a_handler_that_runs_is_running(void **state)
{
    (void)state;
    if (!server_has_pool())
        skip();
    expect_states(&running_handling, "running");
}

static void unix_peers_are_named_so(void **state)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char listen[160];
    const char *const sets[] = { listen, NULL };
    struct pl_conn_view view;
    int fd;

    (void)state;
    snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/s", server_rig_folder(&rig));
    snprintf(listen, sizeof(listen), "services.0.listen=[\"unix:%s\", 127.0.0.1:0]",
             address.sun_path);
    server_rig_start(&rig, &echo_app, sets);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    exchange(fd, 5);
    assert_int_equal(pl_server_connections(rig.server, PL_CONN_ORDER_AGE, &view, 1), 1);
    assert_string_equal(view.peer, "unix");
    client_close(fd);
    await_open(0);
    server_rig_stop(&rig);
}

/* ---- a crowd that comes and goes ------------------------------------------------------------- */

struct churner {
    pthread_t thread;
    uint16_t port;
    size_t bytes;
};

static _Atomic uint32_t churners_done;

static void *churn(void *argument)
{
    const struct churner *churner = argument;

    for (int i = 0; i < ROUNDS; i++) {
        int fd = client_connect(churner->port);

        exchange(fd, churner->bytes);
        client_close(fd);
    }
    atomic_fetch_add(&churners_done, 1);
    return NULL;
}

/* Clients of `short` move a few bytes each, those of `long` many: a view of both would show. */
static void check_view(const struct pl_conn_view *view)
{
    size_t bytes_max = strcmp(view->service, "short") == 0 ? SHORT_BYTES : LONG_BYTES;

    assert_true(strcmp(view->service, "short") == 0 || strcmp(view->service, "long") == 0);
    assert_true(view->bytes_received <= bytes_max && view->bytes_sent <= bytes_max);
    assert_true(view->age_ms >= 0 && view->age_ms < 2 * CLIENT_DEADLINE_MS);
    if (strcmp(view->state, "closed") != 0 && view->peer[0] != '\0')
        assert_memory_equal(view->peer, "127.0.0.1:", 10);
}

static void no_view_mixes_two_connections(void **state)
{
    static const char *const sets[] = {
        "services=[{name: short, protocol: line, listen: ['127.0.0.1:0']}, "
        "{name: long, protocol: line, listen: ['127.0.0.1:0']}]",
        NULL,
    };
    static const enum pl_conn_order orders[] = { PL_CONN_ORDER_AGE, PL_CONN_ORDER_BYTES,
                                                 PL_CONN_ORDER_STATE };
    struct churner churners[2 * CHURNERS];
    struct pl_conn_view views[2 * CHURNERS];
    uint32_t seen = 0;

    (void)state;
    atomic_store(&churners_done, 0);
    server_rig_start(&rig, &echo_app, sets);
    for (size_t i = 0; i < 2 * CHURNERS; i++) {
        churners[i].port = server_rig_port(&rig, i % 2);
        churners[i].bytes = i % 2 == 0 ? SHORT_BYTES : LONG_BYTES;
        assert_int_equal(pthread_create(&churners[i].thread, NULL, churn, &churners[i]), 0);
    }
    for (uint32_t look = 0; atomic_load(&churners_done) < 2 * CHURNERS; look++) {
        int open = pl_server_connections(rig.server, orders[look % 3], views, 2 * CHURNERS);

        assert_true(open >= 0);
        for (int i = 0; i < open && i < 2 * CHURNERS; i++, seen++)
            check_view(&views[i]);
    }
    for (size_t i = 0; i < 2 * CHURNERS; i++)
        assert_int_equal(pthread_join(churners[i].thread, NULL), 0);
    assert_true(seen > 0);
    await_open(0);
    server_rig_stop(&rig);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest cases[] = {
        cmocka_unit_test(nobody_is_shown_when_nobody_is_there),
        cmocka_unit_test(the_oldest_stand_first_and_no_more_than_asked_for),
        cmocka_unit_test(the_busiest_stand_first_with_their_bytes),
        cmocka_unit_test(a_slot_used_again_counts_from_the_beginning),
        cmocka_unit_test(a_request_that_blocks_is_parked),
        cmocka_unit_test(a_handler_that_runs_is_running),
        cmocka_unit_test(unix_peers_are_named_so),
        cmocka_unit_test(no_view_mixes_two_connections),
    };

    return server_run_cases(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
