/* SPDX-License-Identifier: Apache-2.0 */
/* Whole servers of the line protocol: streams, datagrams, unix sockets, under every model. */
#include "client.h"
#include "server_rig.h"

#include <paceline/line.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct server_rig rig;
static _Atomic uint32_t answerers_begun, answerers_ended;
static _Atomic int second_result;

/* ---- handlers ------------------------------------------------------------------------------- */

static void *answer_later(void *argument)
{
    struct pl_line_deferred deferred = *(struct pl_line_deferred *)argument;

    free(argument);
    client_pause_ms(2);
    (void)!pl_line_deferred_reply(&deferred, "later\n", 6);
    atomic_store(&second_result, pl_line_deferred_reply(&deferred, NULL, 0));
    atomic_fetch_add(&answerers_ended, 1);
    return NULL;
}

static void defer(struct pl_line *line)
{
    struct pl_line_deferred *deferred = malloc(sizeof(*deferred));
    pthread_t thread;

    if (deferred == NULL)
        abort();
    *deferred = pl_line_defer(line);
    atomic_fetch_add(&answerers_begun, 1);
    if (pthread_create(&thread, NULL, answer_later, deferred) != 0)
        abort();
    pthread_detach(thread);
}

/* Replies with the line between brackets, so that its ends are seen. */
static void handle(struct pl_line *line, struct pl_view text, void *context)
{
    (void)context;
    if (pl_view_equals(text, PL_VIEW("later"))) {
        defer(line);
        return;
    }
    if (pl_view_equals(text, PL_VIEW("nothing")))
        return;
    if (pl_view_equals(text, PL_VIEW("quit")))
        pl_line_close(line);
    (void)pl_line_reply(line, "[", 1);
    (void)pl_line_reply(line, text.bytes, text.length);
    (void)pl_line_reply(line, "]\n", 2);
}

static const struct pl_line_handling direct = { .handler = handle, .name = "brackets" };
static const struct pl_line_handling blocking = { .handler = handle, .may_block = true };
static const struct pl_binding direct_binding = {
    .protocol = &pl_line_protocol, .elements = &direct, .element_bytes = sizeof(direct), .count = 1
};
static const struct pl_binding blocking_binding = { .protocol = &pl_line_protocol,
                                                    .elements = &blocking,
                                                    .element_bytes = sizeof(blocking),
                                                    .count = 1 };
static const struct pl_protocol *const protocols[] = { &pl_line_protocol };
static const struct pl_app echo_app = {
    .bytes = sizeof(echo_app), .name = "echo", .protocols = protocols, .protocols_count = 1
};
static const struct pl_app direct_app = {
    .bytes = sizeof(direct_app), .name = "direct", .bindings = &direct_binding, .bindings_count = 1
};
static const struct pl_app blocking_app = { .bytes = sizeof(blocking_app),
                                            .name = "blocking",
                                            .bindings = &blocking_binding,
                                            .bindings_count = 1 };
static const struct pl_app *const handler_apps[] = { &direct_app, &blocking_app };

static void start(const struct pl_app *app, const char *const *sets)
{
    atomic_store(&answerers_begun, 0);
    atomic_store(&answerers_ended, 0);
    server_rig_start(&rig, app, sets);
}

static void stop(void)
{
    client_await(&answerers_ended, atomic_load(&answerers_begun));
    server_rig_stop(&rig);
}

/* ---- streams -------------------------------------------------------------------------------- */

static void every_byte_comes_back_as_it_was(void **state)
{
    unsigned char sent[4096], received[4096];
    int fd;

    (void)state;
    start(&echo_app, NULL);
    fd = client_connect(rig.port);
    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (unsigned char)(i * 7 + (i >> 8));
    for (size_t part = 1; part < sizeof(sent); part = part * 3 + 1) {
        client_send(fd, sent, part);
        client_receive(fd, received, part);
        assert_memory_equal(sent, received, part);
    }
    client_send(fd, "\0", 1);
    client_receive(fd, received, 1);
    assert_int_equal(received[0], 0);
    client_close(fd);
    stop();
}

static void lines_reach_the_handler_without_their_ends(void **state)
{
    static const char text[] = "one\ntwo\r\n\n\r\na\rb\n\r\r\nnothing\nend\n";
    static const char expected[] = "[one]\n[two]\n[]\n[]\n[a\rb]\n[\r]\n[end]\n";

    (void)state;
    for (int i = 0; i < 2; i++) {
        int fd;

        start(handler_apps[i], NULL);
        fd = client_connect(rig.port);
        client_send(fd, text, sizeof(text) - 1);
        client_expect(fd, expected);
        for (size_t at = 0; at < sizeof(text) - 1; at++)
            client_send(fd, text + at, 1);
        client_expect(fd, expected);
        client_close(fd);
        stop();
    }
}

static void half_close_is_answered_completely(void **state)
{
    static const struct {
        const char *sent, *expected;
    } rows[] = { { "a\nb\n", "[a]\n[b]\n" },
                 { "a\nb", "[a]\n[b]\n" },
                 { "b\r", "[b\r]\n" },
                 { "a\nb\r\n", "[a]\n[b]\n" },
                 { "", "" },
                 { "\n", "[]\n" } };

    (void)state;
    for (int i = 0; i < 2; i++) {
        start(handler_apps[i], NULL);
        for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
            int fd = client_connect(rig.port);

            client_say(fd, rows[k].sent);
            shutdown(fd, SHUT_WR);
            client_expect(fd, rows[k].expected);
            client_expect_end(fd);
            client_close(fd);
        }
        stop();
    }
    start(&echo_app, NULL);
    for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        int fd = client_connect(rig.port);

        client_say(fd, rows[k].sent);
        shutdown(fd, SHUT_WR);
        client_expect(fd, rows[k].sent);
        client_expect_end(fd);
        client_close(fd);
    }
    stop();
}

static void long_line_is_refused_and_the_connection_closed(void **state)
{
    static const char *const sets[] = { "services.0.line.max_line=8B", NULL };
    static const char *const refused[] = { "123456789\n", "123456789", "123456789\r\n",
                                           "1234567890123456789012345678901234567890" };

    (void)state;
    for (int i = 0; i < 2; i++) {
        start(handler_apps[i], sets);
        for (size_t k = 0; k < sizeof(refused) / sizeof(refused[0]); k++) {
            int fd = client_connect(rig.port);

            client_say(fd, "12345678\n12345678\r\n");
            client_expect(fd, "[12345678]\n[12345678]\n");
            client_say(fd, refused[k]);
            if (k == 1) /* one byte more than a line may have, and perhaps its CR: no end yet */
                shutdown(fd, SHUT_WR);
            client_expect(fd, "error: line too long\n");
            client_expect_end(fd);
            client_close(fd);
        }
        stop();
    }
}

static void close_after_the_reply_delivers_it(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        int fd;

        start(handler_apps[i], NULL);
        fd = client_connect(rig.port);
        client_say(fd, "quit\nnever\n");
        client_expect(fd, "[quit]\n");
        client_expect_end(fd);
        client_close(fd);
        stop();
    }
}

static void deferred_replies_keep_their_place_and_answer_once(void **state)
{
    int fd;

    (void)state;
    start(&direct_app, NULL);
    fd = client_connect(rig.port);
    client_say(fd, "a\nlater\nb\nlater\nlater\nc\n");
    client_expect(fd, "[a]\nlater\n[b]\nlater\nlater\n[c]\n");
    client_await(&answerers_ended, 3);
    assert_int_equal(atomic_load(&second_result), -ESTALE);
    client_say(fd, "later");
    shutdown(fd, SHUT_WR);
    client_expect(fd, "later\n");
    client_expect_end(fd);
    client_close(fd);
    stop();
}

#define FLOOD_BYTES (20 * 1024 * 1024)

static void *send_flood(void *argument)
{
    static char block[65536];
    int fd = *(int *)argument;

    for (size_t sent = 0; sent < FLOOD_BYTES; sent += sizeof(block)) {
        for (size_t i = 0; i < sizeof(block); i++)
            block[i] = (char)((sent + i) * 13 >> 4);
        client_send(fd, block, sizeof(block));
    }
    shutdown(fd, SHUT_WR);
    return NULL;
}

static void late_reader_gets_twenty_megabytes_in_bounded_memory(void **state)
{
    static char block[65536];
    struct pl_stats stats;
    pthread_t sender;
    int fd;

    (void)state;
    start(&echo_app, NULL);
    fd = client_connect(rig.port);
    assert_int_equal(pthread_create(&sender, NULL, send_flood, &fd), 0);
    client_pause_ms(100); /* the kernel's buffers fill, and the server must stop reading */
    for (size_t received = 0; received < FLOOD_BYTES; received += sizeof(block)) {
        client_receive(fd, block, sizeof(block));
        for (size_t i = 0; i < sizeof(block); i++)
            if (block[i] != (char)((received + i) * 13 >> 4))
                fail_msg("byte %zu is not what was sent", received + i);
    }
    client_expect_end(fd);
    pthread_join(sender, NULL);
    pl_server_stats(rig.server, &stats);
    assert_true(stats.buffer_bytes_high < 2 * 1024 * 1024);
    client_close(fd);
    stop();
}

static void thousand_clients_at_once_are_answered(void **state)
{
    enum { CLIENTS = 1000 };
    static int fds[CLIENTS];
    struct rlimit limit;

    (void)state;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 2 * CLIENTS + 200)
        skip();
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    start(&direct_app, NULL);
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = client_connect(rig.port);
    for (int round = 0; round < 2; round++) {
        char text[32];

        for (int i = 0; i < CLIENTS; i++) {
            snprintf(text, sizeof(text), "client %d\n", i);
            client_say(fds[i], text);
        }
        for (int i = 0; i < CLIENTS; i++) {
            snprintf(text, sizeof(text), "[client %d]\n", i);
            client_expect(fds[i], text);
        }
    }
    for (int i = 0; i < CLIENTS; i++)
        client_close(fds[i]);
    stop();
}

/* ---- datagrams ------------------------------------------------------------------------------ */

static int datagram_socket(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void expect_datagram(int fd, const void *bytes, size_t length)
{
    static char received[65536];
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

    assert_int_equal(poll(&poll_fd, 1, CLIENT_DEADLINE_MS), 1);
    assert_int_equal(recv(fd, received, sizeof(received), 0), length);
    assert_memory_equal(received, bytes, length);
}

static void datagrams_come_back_the_empty_one_too(void **state)
{
    static const char *const sets[] = { "services.0.listen=[\"udp:127.0.0.1:0\"]", NULL };
    static const size_t sizes[] = { 0, 1, 5, 1472, 9000, 65507 };
    static char bytes[65536];
    int fd;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 11 >> 2);
    start(&echo_app, sets);
    fd = datagram_socket(rig.port);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(send(fd, bytes, sizes[i], 0), sizes[i]);
        expect_datagram(fd, bytes, sizes[i]);
    }
    client_close(fd);
    stop();
}

static void datagrams_reach_the_handler(void **state)
{
    static const char *const sets[] = { "services.0.listen=[\"udp:127.0.0.1:0\"]", NULL };

    (void)state;
    for (int i = 0; i < 2; i++) {
        int fd;

        start(handler_apps[i], sets);
        fd = datagram_socket(rig.port);
        client_say(fd, "nothing"); /* no reply */
        assert_int_equal(send(fd, "", 0, 0), 0);
        expect_datagram(fd, "[]\n", 3);
        assert_int_equal(send(fd, "a\0b", 3, 0), 3);
        expect_datagram(fd, "[a\0b]\n", 6);
        client_close(fd);
        stop();
    }
}

static bool binds(int fd, uint16_t *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(*port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof(address);

    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return false;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return true;
}

/* A port that is free for streams and for datagrams: what the kernel gives for the one may be
 * somebody else's for the other. */
static uint16_t free_port_for_both(void)
{
    for (int i = 0; i < 100; i++) {
        int datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        uint16_t port = 0;
        bool is_free = binds(stream, &port) && binds(datagrams, &port);

        close(datagrams);
        close(stream);
        if (is_free)
            return port;
    }
    fail_msg("no port is free for both");
    return 0;
}

static void stream_and_datagrams_share_a_port(void **state)
{
    char sets_text[96];
    const char *const sets[] = { sets_text, NULL };
    uint16_t port = free_port_for_both();
    int fd;

    (void)state;
    snprintf(sets_text, sizeof(sets_text),
             "services.0.listen=[\"127.0.0.1:%u\", \"udp:127.0.0.1:%u\"]", port, port);
    start(&echo_app, sets);
    assert_int_equal(server_rig_port(&rig, 0), server_rig_port(&rig, 1));
    fd = client_connect(port);
    client_say(fd, "stream");
    client_expect(fd, "stream");
    client_close(fd);
    fd = datagram_socket(port);
    client_say(fd, "datagram");
    expect_datagram(fd, "datagram", 8);
    client_close(fd);
    stop();
}

/* ---- unix sockets --------------------------------------------------------------------------- */

static char unix_path[128], unix_sets[192];
static const char *const unix_options[] = { unix_sets, "services.0.unix_mode=0600", NULL };

static void name_unix_socket(void)
{
    snprintf(unix_path, sizeof(unix_path), "%s/s", server_rig_folder(&rig));
    snprintf(unix_sets, sizeof(unix_sets), "services.0.listen=[\"unix:%s\"]", unix_path);
}

static int unix_connect(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", unix_path);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void leave_a_dead_socket(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", unix_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
}

static void unix_socket_serves_replaces_a_dead_one_and_goes_away(void **state)
{
    struct stat status;
    int fd;

    (void)state;
    name_unix_socket();
    leave_a_dead_socket();
    start(&echo_app, unix_options);
    assert_int_equal(stat(unix_path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    fd = unix_connect();
    client_say(fd, "hello");
    client_expect(fd, "hello");
    client_close(fd);
    assert_int_equal(pl_server_stop(rig.server, CLIENT_DEADLINE_MS / 2), 0);
    assert_int_equal(stat(unix_path, &status), -1);
    stop();
}

static void live_unix_socket_and_other_files_are_left_alone(void **state)
{
    struct pl_error error = { .message = "" };
    struct pl_server *other = NULL;
    const char *const other_sets[] = { unix_sets, "log.level=error", NULL };
    FILE *file;
    int fd;

    (void)state;
    name_unix_socket();
    start(&echo_app, unix_options);
    assert_true(pl_server_open(&echo_app, NULL, other_sets, &other, &error) < 0);
    assert_non_null(strstr(error.message, unix_path));
    fd = unix_connect(); /* the refused one has taken nothing away */
    client_say(fd, "still here");
    client_expect(fd, "still here");
    client_close(fd);
    snprintf(unix_path, sizeof(unix_path), "%s/file", server_rig_folder(&rig));
    snprintf(unix_sets, sizeof(unix_sets), "services.0.listen=[\"unix:%s\"]", unix_path);
    file = fopen(unix_path, "w");
    assert_non_null(file);
    fclose(file);
    assert_true(pl_server_open(&echo_app, NULL, other_sets, &other, &error) < 0);
    assert_int_equal(access(unix_path, F_OK), 0);
    stop();
}

static void two_servers_stop_one_after_the_other(void **state)
{
    struct server_rig other = { .port = 0 };

    (void)state;
    for (int i = 0; i < 20; i++) {
        start(&echo_app, NULL);
        server_rig_start(&other, &echo_app, NULL);
        assert_int_equal(pl_server_stop(rig.server, 1000), 0);
        assert_int_equal(pl_server_stop(other.server, 1000), 0);
        pl_server_close(other.server);
        server_rig_stop(&rig);
    }
}

/* Each loop has a listener for each address: they take no room from the connections. */
static void many_loops_with_many_listeners_serve(void **state)
{
    int fd;

    (void)state;
    if (strcmp(server_current->model, "per_core") != 0)
        return;
    start(&echo_app,
          (const char *const[]){ "dispatch.threads=270", "limits.connections=8",
                                 "services.0.listen=[127.0.0.1:0, 127.0.0.1:0, 127.0.0.1:0, "
                                 "127.0.0.1:0]",
                                 NULL });
    fd = client_connect(rig.port);
    client_say(fd, "hello\n");
    client_expect(fd, "hello\n");
    client_close(fd);
    stop();
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest cases[] = {
        cmocka_unit_test(every_byte_comes_back_as_it_was),
        cmocka_unit_test(lines_reach_the_handler_without_their_ends),
        cmocka_unit_test(half_close_is_answered_completely),
        cmocka_unit_test(long_line_is_refused_and_the_connection_closed),
        cmocka_unit_test(close_after_the_reply_delivers_it),
        cmocka_unit_test(deferred_replies_keep_their_place_and_answer_once),
        cmocka_unit_test(late_reader_gets_twenty_megabytes_in_bounded_memory),
        cmocka_unit_test(thousand_clients_at_once_are_answered),
        cmocka_unit_test(datagrams_come_back_the_empty_one_too),
        cmocka_unit_test(datagrams_reach_the_handler),
        cmocka_unit_test(stream_and_datagrams_share_a_port),
        cmocka_unit_test(unix_socket_serves_replaces_a_dead_one_and_goes_away),
        cmocka_unit_test(live_unix_socket_and_other_files_are_left_alone),
        cmocka_unit_test(two_servers_stop_one_after_the_other),
        cmocka_unit_test(many_loops_with_many_listeners_serve),
    };

    return server_run_cases(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
