/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration read again under every model: what changes for whom, when the old is closed,
 * and that nobody who talks meanwhile notices. */
#include "client.h"
#include "server_rig.h"

#include <paceline/control.h>
#include <paceline/http.h>
#include <paceline/limits.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* ---- a protocol that is HTTP and counts its services ------------------------------------------
 */

static struct pl_protocol counted;
static _Atomic uint32_t opened, closed;

static int counted_open(const void *settings, const struct pl_binding *bindings, size_t count,
                        void **ret_data, struct pl_error *error)
{
    int err = pl_http_protocol.service_open(settings, bindings, count, ret_data, error);

    if (err == 0)
        atomic_fetch_add(&opened, 1);
    return err;
}

static void counted_close(void *data)
{
    pl_http_protocol.service_close(data);
    atomic_fetch_add(&closed, 1);
}

static _Atomic uint32_t inside, let_go;

static void block(struct pl_http_exchange *exchange, void *context)
{
    (void)context;
    atomic_fetch_add(&inside, 1);
    client_await(&let_go, 1);
    pl_http_reply_text(exchange, 200, "blocked");
}

static void work(struct pl_http_exchange *exchange, void *context)
{
    (void)context;
    pl_http_reply_text(exchange, 200, "worked");
}

static const struct pl_http_route routes[] = {
    { .path = "/block", .handler = block, .may_block = true },
    { .path = "/work", .handler = work, .may_block = true },
};
static struct pl_binding bindings[] = {
    { .protocol = &counted, .elements = routes, .element_bytes = sizeof(routes[0]), .count = 2 }
};
static const struct pl_app app = {
    .bytes = sizeof(app), .name = "reload", .bindings = bindings, .bindings_count = 1
};

/* ---- a file, and who reads it -----------------------------------------------------------------
 */

static struct server_rig rig;
static char path[128];
static struct pl_reload_report report;
static struct pl_error error;

static void write_file(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void write_file(const char *format, ...)
{
    FILE *file = fopen(path, "w");
    va_list arguments;

    assert_non_null(file);
    va_start(arguments, format);
    assert_true(vfprintf(file, format, arguments) > 0);
    va_end(arguments);
    assert_int_equal(fclose(file), 0);
}

static void write_with(int version, const char *listen, const char *more)
{
    write_file("services:\n"
               "  - name: web\n"
               "    protocol: http\n"
               "    listen: [ %s ]\n"
               "%s"
               "    http: { routes: [ { path: /version, reply: { text: 'v%d' } } ] }\n",
               listen, more, version);
}

static void write_version(int version, const char *listen)
{
    write_with(version, listen, "");
}

#define ONE "'127.0.0.1:0'"
#define TWO "'127.0.0.1:0', '127.0.0.1:0'"

static void start(int version, const char *listen, const char *const *sets)
{
    counted = pl_http_protocol;
    counted.service_open = counted_open;
    counted.service_close = counted_close;
    atomic_store(&opened, 0);
    atomic_store(&closed, 0);
    atomic_store(&inside, 0);
    atomic_store(&let_go, 0);
    rig.config_path = path;
    snprintf(path, sizeof(path), "%s/reload.yaml", server_rig_folder(&rig));
    write_version(version, listen);
    server_rig_start(&rig, &app, sets);
}

static void stop(void)
{
    server_rig_stop(&rig);
    assert_int_equal(opened, closed);
}

static void reload_good(void)
{
    memset(&error, 0, sizeof(error));
    if (pl_server_reload(rig.server, &report, &error) < 0)
        fail_msg("%s", error.message);
}

/* "v1" of a whole reply; fails on anything else. */
static int version_of(int fd)
{
    static const char request[] = "GET /version HTTP/1.1\r\nHost: a\r\n\r\n";
    char text[1024] = "";
    const char *body;
    size_t used = 0;

    client_send(fd, request, sizeof(request) - 1);
    while ((body = strstr(text, "\r\n\r\nv")) == NULL ||
           used < (size_t)(body - text) + 4 +
                      strtoul(strstr(text, "Content-Length: ") + 16, NULL, 10)) {
        assert_true(used < sizeof(text) - 1);
        client_receive(fd, text + used, 1);
        text[++used] = '\0';
    }
    assert_memory_equal(text, "HTTP/1.1 200", 12);
    return (int)strtol(body + 5, NULL, 10);
}

/* A listener in the middle of a batch accepts the rest of it as it began. */
static void await_version(uint16_t port, int version)
{
    int64_t until = client_now_ms() + CLIENT_DEADLINE_MS;
    int fd, seen;

    do {
        fd = client_connect(port);
        seen = version_of(fd);
        client_close(fd);
    } while (seen != version && client_now_ms() < until);
    assert_int_equal(seen, version);
}

/* ---- what changes for whom --------------------------------------------------------------------
 */

static void a_change_reaches_old_and_new_connections(void **state)
{
    int fd;

    (void)state;
    start(1, ONE, NULL);
    fd = client_connect(rig.port);
    assert_int_equal(version_of(fd), 1);
    write_version(2, ONE);
    reload_good();
    assert_int_equal(report.changed, 1);
    assert_int_equal(report.listeners_kept, 1);
    assert_string_equal(report.text,
                        "changed services.web.http.routes.0.reply.text: \"v1\" -> \"v2\"\n");
    await_version(rig.port, 2);
    assert_int_equal(version_of(fd), 2);
    client_await(&closed, 1); /* nobody uses it any more */
    client_close(fd);
    stop();
}

static void a_file_that_is_the_same_changes_nothing(void **state)
{
    (void)state;
    start(1, ONE, NULL);
    reload_good();
    assert_int_equal(report.changed + report.needs_restart, 0);
    assert_int_equal(report.listeners_kept, 1);
    assert_string_equal(report.text, "");
    assert_int_equal(opened, 1);
    stop();
}

static void a_bad_file_changes_nothing(void **state)
{
    int fd;

    (void)state;
    start(1, ONE, NULL);
    fd = client_connect(rig.port);
    write_file(
        "services:\n  - { name: web, protocol: http, listen: [ %s ], http: { root: none } }\n"
        "timeouts: { idle: 1ms }\n",
        TWO);
    assert_true(pl_server_reload(rig.server, &report, &error) < 0);
    assert_non_null(strstr(error.message, "reload.yaml:2:5: service web: http.root"));
    assert_null(pl_server_address(rig.server, 1));
    assert_int_equal(version_of(fd), 1);
    await_version(rig.port, 1);
    assert_int_equal(opened, closed + 1);
    client_close(fd);
    stop();
}

static void listeners_come_and_go_and_connections_stay(void **state)
{
    uint16_t port;
    int first, second;

    (void)state;
    start(1, ONE, NULL);
    first = client_connect(rig.port);
    assert_int_equal(version_of(first), 1);
    write_version(1, TWO);
    reload_good();
    assert_int_equal(report.listeners_added, 1);
    assert_int_equal(report.listeners_kept, 1);
    assert_int_equal(server_rig_port(&rig, 0), rig.port);
    port = server_rig_port(&rig, 1);
    second = client_connect(port);
    assert_int_equal(version_of(second), 1);
    write_version(1, ONE);
    reload_good();
    assert_int_equal(report.listeners_dropped, 1);
    client_expect_refusal(port);
    assert_int_equal(version_of(first), 1);
    assert_int_equal(version_of(second), 1);
    assert_int_equal(opened, 1);
    client_close(first);
    client_close(second);
    stop();
}

/* Who stands in the queue of a listener that is dropped is served when there is room. */
static void a_dropped_listener_accepts_who_waits(void **state)
{
    static const char *const sets[] = { "limits.connections=1", "services.0.defer_accept=false",
                                        NULL };
    int first, waiting;

    (void)state;
    start(1, TWO, sets);
    first = client_connect(server_rig_port(&rig, 0));
    assert_int_equal(version_of(first), 1);
    waiting = client_connect(server_rig_port(&rig, 1));
    write_version(1, ONE);
    reload_good();
    assert_int_equal(report.listeners_dropped, 1);
    client_close(first);
    assert_int_equal(version_of(waiting), 1);
    client_close(waiting);
    stop();
}

static void a_service_of_another_name_takes_the_address_over(void **state)
{
    int fd;

    (void)state;
    start(1, ONE, NULL);
    fd = client_connect(rig.port);
    assert_int_equal(version_of(fd), 1);
    write_file("services:\n"
               "  - name: renamed\n"
               "    protocol: http\n"
               "    listen: [ %s ]\n"
               "    dispatch: { model: half_sync_half_async, threads: 2 }\n"
               "    http: { routes: [ { path: /version, reply: { text: 'v2' } } ] }\n",
               ONE);
    reload_good();
    assert_int_equal(report.listeners_kept, 1);
    await_version(rig.port, 2);
    assert_int_equal(version_of(fd), 1); /* of the service that it came to */
    client_close(fd);
    client_await(&closed, 1);
    stop();
}

static void a_service_gets_a_model_of_its_own_and_gives_it_up(void **state)
{
    int fd;

    (void)state;
    start(1, ONE, NULL);
    fd = client_connect(rig.port);
    assert_int_equal(version_of(fd), 1);
    write_with(1, ONE, "    dispatch: { model: per_core, threads: 2, arming: oneshot }\n");
    reload_good();
    assert_non_null(strstr(report.text, "changed services.web.dispatch: absent -> present\n"));
    assert_int_equal(version_of(fd), 1);
    await_version(rig.port, 1);
    write_with(2, ONE, "    dispatch: { model: reactor, threads: 1 }\n");
    reload_good();
    assert_int_equal(report.swaps, 1);
    await_version(rig.port, 2);
    assert_int_equal(version_of(fd), 2);
    write_version(3, ONE);
    reload_good();
    await_version(rig.port, 3);
    assert_int_equal(version_of(fd), 3);
    client_close(fd);
    stop();
}

/* What is left of a dropped service goes from one engine to the next, as they come and go. */
static void a_dropped_service_outlives_the_engine_it_went_to(void **state)
{
    static const char *const names[] = { "one", "two", "three" };
    int fd;

    (void)state;
    start(1, ONE, NULL);
    fd = client_connect(rig.port);
    assert_int_equal(version_of(fd), 1);
    for (int i = 0; i < 3; i++) {
        write_file("services:\n"
                   "  - name: %s\n"
                   "    protocol: http\n"
                   "    listen: [ %s ]\n"
                   "    dispatch: { model: leader_followers, threads: 2 }\n"
                   "    http: { routes: [ { path: /version, reply: { text: 'v%d' } } ] }\n",
                   names[i], ONE, i + 2);
        reload_good();
        await_version(rig.port, i + 2);
        assert_int_equal(version_of(fd), 1);
    }
    client_close(fd);
    client_await(&closed, 3);
    stop();
}

/* Sockets that were added for a model that could not be opened then are the old model's. */
static void a_reload_without_descriptors_leaves_no_socket_unserved(void **state)
{
    uint32_t failures = 0;
    bool is_done = false;

    (void)state;
    start(1, ONE, NULL);
    for (int more = 1; !is_done; more++) {
        int descriptors = descriptors_count();
        struct rlimit before, tight;

        write_with(1, ONE, "    dispatch: { model: per_core, threads: 3 }\n");
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        tight = before;
        tight.rlim_cur = (rlim_t)(descriptors + more);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
        is_done = pl_server_reload(rig.server, &report, &error) == 0;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        failures += !is_done;
        for (int i = 0; i < 16; i++)
            await_version(rig.port, 1);
        assert_true(more < 200);
        if (descriptors_count() > descriptors) /* what was opened stays; from there on */
            more = 0;
    }
    assert_true(failures > 3);
    stop();
}

/* ---- when the old is closed -------------------------------------------------------------------
 */

static void a_job_keeps_its_service(void **state)
{
    int fd;

    (void)state;
    if (!server_has_pool())
        return;
    start(1, ONE, NULL);
    fd = client_connect(rig.port);
    client_say(fd, "GET /block HTTP/1.1\r\nHost: a\r\n\r\n");
    client_await(&inside, 1);
    client_reset(fd); /* its client does not even wait for it */
    write_version(2, ONE);
    reload_good();
    await_version(rig.port, 2);
    client_pause_ms(20);
    assert_int_equal(closed, 0);
    atomic_store(&let_go, 1);
    client_await(&closed, 1);
    stop();
}

static void too_many_generations_are_refused(void **state)
{
    int fds[PL_SERVICE_GENERATIONS_MAX + 1];
    int version = 1;

    (void)state;
    start(version, ONE, NULL);
    /* Half a request keeps its service. */
    for (int i = 0; i <= PL_SERVICE_GENERATIONS_MAX; i++) {
        fds[i] = client_connect(rig.port);
        assert_int_equal(version_of(fds[i]), version);
        client_say(fds[i], "GET /version HTTP/1.1\r\nHost");
        await_version(rig.port, version); /* by then it has come */
        write_version(++version, ONE);
        if (i == PL_SERVICE_GENERATIONS_MAX)
            break;
        reload_good();
        await_version(rig.port, version);
    }
    while (pl_server_reload(rig.server, &report, &error) == 0)
        write_version(++version, ONE);
    assert_non_null(strstr(error.message, "older configurations"));
    for (int i = 0; i <= PL_SERVICE_GENERATIONS_MAX; i++)
        client_close(fds[i]);
    client_await(&closed, opened - 1);
    reload_good();
    await_version(rig.port, version);
    stop();
}

/* ---- under load -------------------------------------------------------------------------------
 */

#define CLIENTS  6
#define RELOADS  40
#define REQUESTS 3 /* at least, of each client between two reloads */

static _Atomic uint32_t asked[CLIENTS], must_end;

/* One connection for all of it: every reply is whole, and no version older than one before. */
static void *talk(void *argument)
{
    _Atomic uint32_t *count = argument;
    int fd = client_connect(rig.port), last = 0;

    while (!atomic_load(&must_end)) {
        int version = version_of(fd);

        assert_true(version >= last);
        last = version;
        atomic_fetch_add(count, 1);
    }
    client_close(fd);
    return NULL;
}

/* Jobs, on a connection each. */
static void *block_shortly(void *argument)
{
    char text[512];
    size_t length;

    (void)argument;
    while (!atomic_load(&must_end)) {
        int fd = client_connect(rig.port);

        client_say(fd, "GET /work HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        length = client_receive_all(fd, text, sizeof(text));
        assert_true(length > 6 && memcmp(text + length - 6, "worked", 6) == 0);
        client_close(fd);
    }
    return NULL;
}

/* So that no version goes by unseen by all. */
static void await_requests(void)
{
    uint32_t before[CLIENTS];

    for (int i = 0; i < CLIENTS; i++)
        before[i] = atomic_load(&asked[i]);
    for (int i = 0; i < CLIENTS; i++)
        client_await(&asked[i], before[i] + REQUESTS);
}

static void reload_under_load(const char *const *more, size_t more_count)
{
    pthread_t clients[CLIENTS + 1];
    int version = 1;

    start(version, ONE, NULL);
    atomic_store(&must_end, 0);
    for (int i = 0; i < CLIENTS; i++) {
        atomic_store(&asked[i], 0);
        assert_int_equal(pthread_create(&clients[i], NULL, talk, &asked[i]), 0);
    }
    assert_int_equal(pthread_create(&clients[CLIENTS], NULL, block_shortly, NULL), 0);
    for (int i = 0; i < RELOADS; i++) {
        await_requests();
        if (i % 5 == 4) {
            write_file("services: [ { name: web, protocol: http } ]\n");
            assert_true(pl_server_reload(rig.server, &report, &error) < 0);
            continue;
        }
        write_with(++version, i % 2 == 0 ? TWO : ONE, more[(size_t)i % more_count]);
        reload_good();
    }
    await_version(rig.port, version);
    atomic_store(&must_end, 1);
    for (int i = 0; i <= CLIENTS; i++)
        assert_int_equal(pthread_join(clients[i], NULL), 0);
    client_await(&closed, opened - 1); /* all but the last */
    assert_int_equal(opened, (uint32_t)version);
    stop();
}

static void nobody_notices_reloads_under_load(void **state)
{
    (void)state;
    reload_under_load((const char *[]){ "" }, 1);
}

static void nobody_notices_models_that_come_and_go(void **state)
{
    static const char *const models[] = {
        "",
        "    dispatch: { model: per_core, threads: 2, arming: oneshot }\n",
        "    dispatch: { model: leader_followers, threads: 2, arming: edge }\n",
        "    dispatch: { model: half_sync_half_async, threads: 2 }\n",
        "    dispatch: { model: proactor, threads: 1, arming: oneshot }\n",
        "    dispatch: { model: reactor, threads: 0 }\n",
        "    dispatch: { model: per_core, threads: 4 }\n",
    };

    (void)state;
    reload_under_load(models, sizeof(models) / sizeof(models[0]));
}

/* Two who ask at once are served one after the other. */
static void *reload_again(void *argument)
{
    struct pl_reload_report *own = malloc(sizeof(*own));
    struct pl_error why;

    (void)argument;
    assert_non_null(own);
    for (int i = 0; i < 20; i++)
        assert_int_equal(pl_server_reload(rig.server, own, &why), 0);
    free(own);
    return NULL;
}

static void callers_take_turns_and_a_stop_ends_them(void **state)
{
    pthread_t other;

    (void)state;
    start(1, ONE, NULL);
    assert_int_equal(pthread_create(&other, NULL, reload_again, NULL), 0);
    for (int i = 0; i < 20; i++)
        reload_good();
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_int_equal(pl_server_stop(rig.server, 1000), 0);
    assert_int_equal(pl_server_reload(rig.server, &report, &error), -ESHUTDOWN);
    stop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_change_reaches_old_and_new_connections),
        cmocka_unit_test(a_file_that_is_the_same_changes_nothing),
        cmocka_unit_test(a_bad_file_changes_nothing),
        cmocka_unit_test(listeners_come_and_go_and_connections_stay),
        cmocka_unit_test(a_dropped_listener_accepts_who_waits),
        cmocka_unit_test(a_service_of_another_name_takes_the_address_over),
        cmocka_unit_test(a_service_gets_a_model_of_its_own_and_gives_it_up),
        cmocka_unit_test(a_dropped_service_outlives_the_engine_it_went_to),
        cmocka_unit_test(a_reload_without_descriptors_leaves_no_socket_unserved),
        cmocka_unit_test(a_job_keeps_its_service),
        cmocka_unit_test(too_many_generations_are_refused),
        cmocka_unit_test(nobody_notices_reloads_under_load),
        cmocka_unit_test(nobody_notices_models_that_come_and_go),
        cmocka_unit_test(callers_take_turns_and_a_stop_ends_them),
    };

    return server_run_cases(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
