/* SPDX-License-Identifier: Apache-2.0 */
/* What goes on through swaps: services that leave the engine they share, timers and descriptors of
 * the application, deadlines, datagrams and unix sockets, a storm of connects. */
#include "load.h"
#include "served.h"

#include <paceline/events.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- services ----------------------------------------------------------------------------------
 */

/* Both go on under load while one of them has left, and each has a model of its own. */
static void a_service_leaves_the_engine_it_shares_under_load(void **state)
{
    static const char *const sets[] = {
        "services=[{name: web, protocol: http, listen: [\"127.0.0.1:0\"]}, "
        "{name: two, protocol: http, listen: [\"127.0.0.1:0\"]}]",
        "limits.message=256KiB", "timeouts.handler=60s", NULL
    };
    static struct load loads[2];
    size_t rounds = swap_is_short() ? 18 : 100;

    (void)state;
    served_start(sets);
    for (size_t i = 0; i < 2; i++)
        load_begin(&loads[i], &(struct load_settings){ .port = server_rig_port(&rig, i),
                                                       .clients = 40,
                                                       .threads = 1,
                                                       .connectors = 1,
                                                       .kinds = LOAD_KINDS_ALONE });
    for (size_t i = 0; i < rounds; i++) {
        /* "two" leaves, and the shared engine changes with "web" in it; later "web" leaves too, and
         * each has its own. */
        const char *shared = i < rounds / 2 ? "default" : "web";

        swap_to(i % 2 == 0 ? "two" : shared, &swap_variants[i * 7 % swap_variants_count], NULL);
        client_pause_ms(10);
        load_check(&loads[0]);
        load_check(&loads[1]);
    }
    for (size_t i = 0; i < 2; i++)
        load_end(&loads[i]);
    served_stop();
}

/* What it does not name it takes along: that of the engine it shared, which was swapped before. */
static void a_service_that_leaves_keeps_what_held_for_it(void **state)
{
    static const char *const shared[] = { "model=reactor", "threads=3", "turn.time=2ms", NULL };
    static const char *const own[] = { "turn.time=1ms", NULL };
    static const char *const sets[] = {
        "services=[{name: web, protocol: http, listen: [\"127.0.0.1:0\"]}, "
        "{name: two, protocol: http, listen: [\"127.0.0.1:0\"]}]",
        NULL
    };
    struct pl_swap_report told = { .to = "" };
    struct pl_error error = { .message = "" };

    (void)state;
    served_start(sets);
    assert_int_equal(pl_server_swap(rig.server, "default", shared, &told, &error), 0);
    assert_int_equal(pl_server_swap(rig.server, "web", own, &told, &error), 0);
    assert_string_equal(told.engine, "web");
    assert_string_equal(told.to, "reactor");
    assert_int_equal(told.threads, 3);
    served_stop();
}

/* ---- events of the application -----------------------------------------------------------------
 */

static _Atomic uint32_t ticks, bytes_seen, once;

static void on_tick(void *context)
{
    atomic_fetch_add((_Atomic uint32_t *)context, 1);
}

static void on_readable(int fd, uint32_t reasons, void *context)
{
    char byte;

    (void)reasons;
    (void)context;
    if (read(fd, &byte, 1) == 1)
        atomic_fetch_add(&bytes_seen, 1);
}

static void timers_and_watches_go_on(void **state)
{
    struct pl_event_source source;
    int pipe_fds[2];

    (void)state;
    atomic_store(&ticks, 0);
    atomic_store(&bytes_seen, 0);
    atomic_store(&once, 0);
    assert_int_equal(pipe(pipe_fds), 0);
    served_start(NULL);
    assert_int_equal(pl_timer_start(rig.server, 1, 2, on_tick, &ticks, &source), 0);
    assert_int_equal(pl_watch_fd(rig.server, pipe_fds[0], PL_READABLE, on_readable, NULL, &source),
                     0);
    for (size_t i = 0; i < 3 * swap_variants_count; i++) {
        uint32_t seen = atomic_load(&bytes_seen), fired = atomic_load(&once);

        /* It is due after the swap, in whatever handle set that has. */
        assert_int_equal(pl_timer_start(rig.server, 15, 0, on_tick, &once, &source), 0);
        swap_to("default", &swap_variants[i * 5 % swap_variants_count], NULL);
        assert_int_equal(write(pipe_fds[1], "ab", 2), 2);
        client_await(&bytes_seen, seen + 2);
        client_await(&ticks, atomic_load(&ticks) + 2);
        client_await(&once, fired + 1);
    }
    answerer_end();
    server_rig_stop(&rig);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

/* ---- deadlines ----------------------------------------------------------------------------------
 */

static void deadlines_pass_in_the_handle_set_after_a_swap(void **state)
{
    static const char *const sets[] = { "timeouts.idle=40ms", "timeouts.header=60ms",
                                        "timeouts.handler=50ms", "services.0.defer_accept=false",
                                        NULL };

    (void)state;
    served_start(sets);
    atomic_store(&served_releases, 1); /* nobody holds */
    for (size_t i = 0; i < swap_variants_count; i++) {
        int idle, late, silent;
        char reply[512];
        size_t length;

        idle = client_connect(rig.port);
        late = client_connect(rig.port);
        silent = client_connect(rig.port);
        client_say(late, "GET /get?1 HTTP/1.1\r\nHo");
        client_say(silent, "GET /get?2 HTTP/1.1\r\nHost: a\r\n\r\n");
        client_expect(silent, "HTTP/1.1 200 OK\r\n");
        swap_to("default", &swap_variants[i * 5 % swap_variants_count], NULL);
        client_expect_end(idle);
        length = client_receive_all(late, reply, sizeof(reply) - 1);
        reply[length] = '\0';
        if (strstr(reply, " 408 ") == NULL)
            fail_msg("%s: a head that never ends was answered: '%s'", swap_variants[i].name, reply);
        (void)client_receive_all(silent, reply, sizeof(reply));
        client_close(idle);
        client_close(late);
        client_close(silent);
    }
    served_stop();
}

/* ---- other listeners ---------------------------------------------------------------------------
 */

static void expect_echo(int fd, uint32_t number)
{
    char line[32], reply[64];
    int length = snprintf(line, sizeof(line), "line %u\n", number);
    ssize_t received;

    assert_int_equal(send(fd, line, (size_t)length, MSG_NOSIGNAL), length);
    received = recv(fd, reply, sizeof(reply), 0);
    assert_int_equal(received, length);
    assert_memory_equal(reply, line, (size_t)length);
}

static void be_patient(int fd)
{
    const struct timeval patience = { .tv_sec = CLIENT_DEADLINE_MS / 1000 };

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
}

static int connect_datagram(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    be_patient(fd);
    return fd;
}

static int connect_unix(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail_msg("connect to %s: %s", path, strerror(errno));
    be_patient(fd);
    return fd;
}

/* Those that were there before, and new ones after each swap. */
static void datagrams_and_unix_sockets_go_on(void **state)
{
    char path[96], services[512];
    const char *const sets[] = { services, NULL };
    int datagram, local;

    (void)state;
    snprintf(path, sizeof(path), "%s/echo.sock", server_rig_folder(&rig));
    snprintf(services, sizeof(services),
             "services=[{name: web, protocol: http, listen: [\"127.0.0.1:0\"]}, {name: echo, "
             "protocol: line, listen: [\"udp:127.0.0.1:0\", \"unix:%s\"]}]",
             path);
    served_start_beside_lines(sets);
    datagram = connect_datagram(server_rig_port(&rig, 1));
    local = connect_unix(path);
    for (uint32_t i = 0; i < 3 * swap_variants_count; i++) {
        int new_datagram, new_local;

        swap_to(i % 9 == 8 ? "echo" : "default", &swap_variants[i * 5 % swap_variants_count], NULL);
        expect_echo(datagram, i);
        expect_echo(local, i);
        new_datagram = connect_datagram(server_rig_port(&rig, 1));
        new_local = connect_unix(path);
        expect_echo(new_datagram, i + 1000);
        expect_echo(new_local, i + 1000);
        close(new_datagram);
        close(new_local);
    }
    close(datagram);
    close(local);
    served_stop();
}

/* ---- connects ----------------------------------------------------------------------------------
 */

/* To loops and away, while clients stand in every accept queue that there is. */
static void no_accept_queue_loses_a_connect(void **state)
{
    static const char *const to[] = { "per_core 3 edge",    "leader_followers adaptive edge",
                                      "per_core 2 oneshot", "reactor 0 edge",
                                      "per_core 3 oneshot", "proactor edge" };
    static struct load load;
    int swaps = swap_is_short() ? 100 : 600;

    (void)state;
    served_start(NULL);
    load_begin(&load, &(struct load_settings){ .port = rig.port, .connectors = LOAD_THREADS_MAX });
    for (int i = 0; i < swaps; i++) {
        swap_to("default", swap_variant_of(to[i % 6]), NULL);
        client_pause_ms(3);
        load_check(&load);
    }
    load_end(&load);
    assert_true(load.connects > (uint64_t)swaps);
    printf("%llu connects, %d swaps, none refused, none reset\n", (unsigned long long)load.connects,
           swaps);
    served_stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(a_service_leaves_the_engine_it_shares_under_load),
    cmocka_unit_test(a_service_that_leaves_keeps_what_held_for_it),
    cmocka_unit_test(timers_and_watches_go_on),
    cmocka_unit_test(deadlines_pass_in_the_handle_set_after_a_swap),
    cmocka_unit_test(datagrams_and_unix_sockets_go_on),
    cmocka_unit_test(no_accept_queue_loses_a_connect),
};
const struct case_group swap_lives = CASE_GROUP(cases);
