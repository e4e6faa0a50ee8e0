/* SPDX-License-Identifier: Apache-2.0 */
/* The connection pool under every model: calls and leases against a backend that misbehaves. */
#include "backend.h"
#include "client.h"
#include "server_rig.h"

#include <paceline/http.h>
#include <paceline/upstream.h>

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct server_rig rig;
static struct backend backend;
static struct pl_upstream *upstream;

/* ---- an application that asks for what stands in the query
 * ---------------------------------------- */

static enum pl_upstream_frame frame_line(struct pl_view input, bool is_ended, uint64_t scratch[4],
                                         size_t *ret_bytes)
{
    const char *end = memchr(input.bytes + scratch[0], '\n', input.length - scratch[0]);

    (void)is_ended;
    scratch[0] = input.length;
    if (end == NULL)
        return PL_UPSTREAM_MORE;
    scratch[0] = (uint64_t)(end - input.bytes); /* the same bytes may be looked at again */
    *ret_bytes = (size_t)(end - input.bytes) + 1;
    return PL_UPSTREAM_WHOLE;
}

static size_t make_request(const struct pl_http_exchange *exchange, char *text, size_t size)
{
    struct pl_view query = pl_http_query(exchange);
    size_t length = (size_t)snprintf(text, size, "%.*s\n", (int)query.length, query.bytes);

    for (size_t i = 0; i < length; i++)
        if (text[i] == '+')
            text[i] = ' ';
    return length;
}

static void reply_later(const struct pl_upstream_result *result, void *context)
{
    struct pl_http_deferred *deferred = context;
    const char *name = pl_upstream_outcome_name(result->outcome);

    if (result->outcome == PL_UPSTREAM_REPLIED)
        (void)!pl_http_deferred_reply(deferred, 200, NULL, result->reply.bytes,
                                      result->reply.length);
    else
        (void)!pl_http_deferred_reply(deferred, 502, NULL, name, strlen(name));
    free(deferred);
}

static void call(struct pl_http_exchange *exchange, void *context)
{
    struct pl_http_deferred *deferred = malloc(sizeof(*deferred));
    char text[512];
    size_t length = make_request(exchange, text, sizeof(text));
    struct pl_upstream_call settings = { .request = { .bytes = text, .length = length },
                                         .framer = frame_line,
                                         .done = reply_later,
                                         .context = deferred,
                                         .is_idempotent = true };
    struct pl_http_deferred copy;

    (void)context;
    *deferred = pl_http_defer(exchange);
    copy = *deferred;
    settings.client = deferred->token;
    if (pl_upstream_call(upstream, &settings, NULL) < 0) {
        (void)!pl_http_deferred_reply(&copy, 503, NULL, "busy", 4);
        free(deferred);
    }
}

static void lease(struct pl_http_exchange *exchange, void *context)
{
    struct pl_upstream_lease leased;
    char text[512], reply[512];
    size_t length = make_request(exchange, text, sizeof(text)), used = 0;
    int err = pl_upstream_lease(upstream, 5000, &leased);

    (void)context;
    if (err < 0) {
        pl_http_reply_text(exchange, 503, strerrorname_np(-err));
        return;
    }
    err = pl_upstream_write(&leased, text, length);
    while (err == 0 && (used == 0 || reply[used - 1] != '\n')) {
        size_t got = 0;

        err = pl_upstream_read(&leased, reply + used, sizeof(reply) - used, &got);
        if (err == 0 && got == 0)
            err = -EPIPE;
        used += got;
    }
    if (err == 0)
        pl_upstream_return(&leased);
    else
        pl_upstream_discard(&leased, true);
    if (err == 0)
        pl_http_reply(exchange, 200, NULL, reply, used);
    else
        pl_http_reply_text(exchange, 502, strerrorname_np(-err));
}

static int on_start(struct pl_server *server, void *context)
{
    (void)context;
    upstream = pl_server_upstream(server, "back");
    return upstream == NULL ? -ENOENT : 0;
}

static const struct pl_http_route routes[] = {
    { .method = "GET", .path = "/call", .handler = call },
    { .method = "GET", .path = "/lease", .handler = lease, .may_block = true },
};
static const struct pl_binding binding = { .protocol = &pl_http_protocol,
                                           .elements = routes,
                                           .element_bytes = sizeof(routes[0]),
                                           .count = 2 };
static const struct pl_app app = { .bytes = sizeof(app),
                                   .name = "relay",
                                   .bindings = &binding,
                                   .bindings_count = 1,
                                   .start = on_start };

/* ---- the test's own calls
 * ------------------------------------------------------------------------- */

struct asked {
    sem_t is_done;
    _Atomic uint32_t count;
    enum pl_upstream_outcome outcome;
    char reply[4096];
    bool was_reused;
};

static void note(const struct pl_upstream_result *result, void *context)
{
    struct asked *asked = context;

    asked->outcome = result->outcome;
    asked->was_reused = result->was_reused;
    snprintf(asked->reply, sizeof(asked->reply), "%.*s", (int)result->reply.length,
             result->reply.bytes);
    atomic_fetch_add(&asked->count, 1);
    sem_post(&asked->is_done);
}

static void begin(struct asked *asked, const char *text, struct pl_upstream_ticket *ticket)
{
    const struct pl_upstream_call settings = {
        .request = pl_view_of(text), .framer = frame_line, .done = note, .context = asked
    };

    memset(asked, 0, sizeof(*asked));
    sem_init(&asked->is_done, 0, 0);
    assert_int_equal(pl_upstream_call(upstream, &settings, ticket), 0);
}

static void await(struct asked *asked)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLIENT_DEADLINE_MS / 1000;
    if (sem_timedwait(&asked->is_done, &until) < 0)
        fail_msg("no end of a call after %d s", CLIENT_DEADLINE_MS / 1000);
    assert_int_equal(asked->count, 1);
    sem_destroy(&asked->is_done);
}

static enum pl_upstream_outcome ask(const char *text, char *reply)
{
    struct asked asked;

    begin(&asked, text, NULL);
    await(&asked);
    strcpy(reply, asked.reply);
    return asked.outcome;
}

static void expect_outcome(const char *text, enum pl_upstream_outcome outcome)
{
    char reply[4096];
    enum pl_upstream_outcome got = ask(text, reply);

    if (got != outcome)
        fail_msg("%s: %s, expected %s", text, pl_upstream_outcome_name(got),
                 pl_upstream_outcome_name(outcome));
}

static void expect_reply(const char *text, const char *expected)
{
    char reply[4096];
    enum pl_upstream_outcome got = ask(text, reply);

    if (got != PL_UPSTREAM_REPLIED)
        fail_msg("%s: %s", text, pl_upstream_outcome_name(got));
    assert_string_equal(reply, expected);
}

static struct pl_upstream_stats figures;

static uint64_t count_of(enum pl_upstream_counter counter)
{
    pl_upstream_stats(upstream, &figures);
    return figures.counters[counter];
}

#define COUNT(name) count_of(PL_UPSTREAM_COUNT_##name)

static void start_with(const char *more)
{
    char text[512];
    const char *sets[] = { text, NULL };

    backend_start(&backend);
    snprintf(text, sizeof(text), "upstreams=[{name: back, servers: [\"127.0.0.1:%u\"]%s}]",
             backend.port, more);
    server_rig_start(&rig, &app, sets);
}

/* The backend's ends of the pool's connections are descriptors of this process too. */
static void await_no_connection(void)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    /* Some may still stand in its backlog. */
    while ((atomic_load(&backend.open) > 0 || atomic_load(&backend.accepts) < COUNT(connects)) &&
           client_now_ms() < until_ms)
        client_pause_ms(1);
    assert_int_equal(backend.open, 0);
}

static void stop(void)
{
    assert_int_equal(pl_server_stop(rig.server, CLIENT_DEADLINE_MS / 2), 0);
    await_no_connection();
    server_rig_stop(&rig);
    backend_stop(&backend);
}

/* ---- cases
 * ---------------------------------------------------------------------------------------- */

static void a_call_is_answered_and_its_connection_used_again(void **state)
{
    (void)state;
    start_with("");
    expect_reply("echo one\n", "one\n");
    expect_reply("echo two\n", "two\n");
    assert_int_equal(backend.accepts, 1);
    assert_int_equal(COUNT(connects), 1);
    assert_int_equal(COUNT(leases), 2);
    assert_int_equal(COUNT(reuses), 1);
    assert_int_equal(figures.idle, 1);
    stop();
}

static void a_connection_with_surplus_bytes_is_not_used_again(void **state)
{
    (void)state;
    start_with("");
    expect_reply("extra one\n", "one\n");
    expect_reply("echo two\n", "two\n");
    assert_int_equal(backend.accepts, 2);
    stop();
}

static void a_late_byte_never_becomes_part_of_the_next_reply(void **state)
{
    (void)state;
    start_with("");
    for (uint32_t i = 0; i < 20; i++) {
        expect_reply("late 2 one\n", "one\n");
        client_await(&backend.lates, i + 1); /* on loopback it has arrived when it was sent */
        expect_reply("echo two\n", "two\n");
    }
    assert_true(COUNT(discards) > 0);
    stop();
}

static void a_connection_closed_while_idle_is_noticed(void **state)
{
    (void)state;
    start_with("");
    expect_reply("echo one\n", "one\n");
    backend_close_all(&backend);
    expect_reply("echo two\n", "two\n");
    assert_int_equal(backend.accepts, 2);
    stop();
}

static void failures_have_names_of_their_own(void **state)
{
    (void)state;
    start_with(
        ", message: 1KiB, timeouts: {first_byte: 100ms, total: 200ms}, eject: {failures: 0}");
    expect_outcome("close\n", PL_UPSTREAM_CLOSED);
    expect_outcome("reset\n", PL_UPSTREAM_CLOSED);
    expect_outcome("half one\n", PL_UPSTREAM_CLOSED);
    expect_outcome("silent\n", PL_UPSTREAM_FIRST_BYTE_TIMEOUT);
    expect_outcome("drip 30 a text that takes half a second\n", PL_UPSTREAM_TOTAL_TIMEOUT);
    expect_outcome("long 3000\n", PL_UPSTREAM_TOO_LONG);
    expect_reply("echo still\n", "still\n");
    stop();
}

static void a_refused_connection_fails(void **state)
{
    uint16_t port;

    (void)state;
    start_with(", eject: {failures: 0}");
    port = backend.port;
    backend_stop(&backend);
    expect_outcome("echo one\n", PL_UPSTREAM_CONNECT_FAILED);
    assert_int_equal(COUNT(connects_failed), 1);
    backend_start_at(&backend, port);
    expect_reply("echo two\n", "two\n");
    stop();
}

static void waiters_are_served_in_order_and_the_bound_holds(void **state)
{
    enum { CALLS = 40 };
    static struct asked asked[CALLS];
    char text[64];

    (void)state;
    start_with(", pool: {max: 2}");
    for (int i = 0; i < CALLS; i++) {
        snprintf(text, sizeof(text), "echo %d\n", i);
        begin(&asked[i], text, NULL);
    }
    for (int i = 0; i < CALLS; i++) {
        await(&asked[i]);
        snprintf(text, sizeof(text), "%d\n", i);
        assert_int_equal(asked[i].outcome, PL_UPSTREAM_REPLIED);
        assert_string_equal(asked[i].reply, text);
    }
    assert_true(backend.open_max <= 2);
    stop();
}

static void a_wait_ends_in_time_and_the_line_is_bounded(void **state)
{
    static struct asked first, second, third;
    const struct pl_upstream_call one_more = {
        .request = PL_VIEW("echo x\n"), .framer = frame_line, .done = note, .context = &third
    };

    (void)state;
    start_with(", pool: {max: 1, max_waiters: 1}, timeouts: {wait: 50ms}");
    begin(&first, "delay 300 slow\n", NULL);
    begin(&second, "echo waiting\n", NULL);
    assert_int_equal(pl_upstream_call(upstream, &one_more, NULL), -EAGAIN);
    await(&second);
    assert_int_equal(second.outcome, PL_UPSTREAM_WAIT_TIMEOUT);
    await(&first);
    assert_int_equal(first.outcome, PL_UPSTREAM_REPLIED);
    assert_int_equal(COUNT(refusals), 1);
    assert_int_equal(COUNT(waits_expired), 1);
    stop();
}

static void a_call_can_be_cancelled_at_any_stage(void **state)
{
    static struct asked first, second;
    struct pl_upstream_ticket waiting, running;

    (void)state;
    start_with(", pool: {max: 1}");
    begin(&first, "silent\n", &running);
    begin(&second, "echo waiting\n", &waiting);
    client_await(&backend.requests, 1);
    pl_upstream_cancel(&waiting);
    await(&second);
    assert_int_equal(second.outcome, PL_UPSTREAM_CANCELLED);
    pl_upstream_cancel(&running);
    await(&first);
    assert_int_equal(first.outcome, PL_UPSTREAM_CANCELLED);
    pl_upstream_cancel(&running); /* a second time, and of an old call, it does nothing */
    expect_reply("echo next\n", "next\n");
    stop();
}

static void connections_stand_ready_from_the_start(void **state)
{
    (void)state;
    start_with(", pool: {min_idle: 3, max: 4}");
    client_await(&backend.accepts, 3);
    expect_reply("echo one\n", "one\n");
    stop();
}

static void an_old_connection_is_retired(void **state)
{
    (void)state;
    start_with(", pool: {max_requests: 2, max_idle_time: 50ms}");
    expect_reply("echo 1\n", "1\n");
    expect_reply("echo 2\n", "2\n");
    expect_reply("echo 3\n", "3\n");
    assert_int_equal(backend.accepts, 2);
    await_no_connection();
    assert_int_equal(COUNT(retires), 1);
    stop();
}

static void a_lease_gives_the_descriptor_itself(void **state)
{
    struct pl_upstream_lease leased;
    char reply[16];
    size_t length;

    (void)state;
    start_with("");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pl_upstream_lease(upstream, 1000, &leased), 0);
        assert_int_equal(leased.was_reused, i > 0);
        assert_int_equal(pl_upstream_write(&leased, "echo hi\n", 8), 0);
        assert_int_equal(pl_upstream_read(&leased, reply, sizeof(reply), &length), 0);
        assert_memory_equal(reply, "hi\n", 3);
        pl_upstream_return(&leased);
    }
    expect_reply("echo two\n", "two\n");
    assert_int_equal(backend.accepts, 1);
    stop();
}

static void the_deadline_of_a_lease_governs(void **state)
{
    struct pl_upstream_lease leased, second;
    char reply[16];
    size_t length;

    (void)state;
    start_with(", pool: {max: 1}");
    assert_int_equal(pl_upstream_lease(upstream, 100, &leased), 0);
    assert_int_equal(pl_upstream_lease(upstream, 30, &second), -ETIMEDOUT);
    assert_int_equal(pl_upstream_write(&leased, "silent\n", 7), 0);
    assert_int_equal(pl_upstream_read(&leased, reply, sizeof(reply), &length), -ETIMEDOUT);
    pl_upstream_discard(&leased, true);
    assert_int_equal(pl_upstream_lease(upstream, 1000, &leased), 0);
    pl_upstream_return(&leased);
    stop();
}

static void calls_and_leases_stand_in_one_line(void **state)
{
    static struct asked asked;
    struct pl_upstream_lease leased;

    (void)state;
    start_with(", pool: {max: 1}");
    assert_int_equal(pl_upstream_lease(upstream, 5000, &leased), 0);
    begin(&asked, "delay 20 after\n", NULL);
    pl_upstream_return(&leased);
    assert_int_equal(pl_upstream_lease(upstream, 5000, &leased), 0);
    await(&asked); /* it was first */
    assert_int_equal(asked.outcome, PL_UPSTREAM_REPLIED);
    pl_upstream_return(&leased);
    assert_int_equal(backend.accepts, 1);
    stop();
}

/* ---- through the server
 * ----------------------------------------------------------------------------- */

struct crowd {
    pthread_t thread;
    const char *path;
    uint32_t number, count;
    uint32_t wrong;
};

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
            client_receive(fd, reply + used, 1);
            reply[++used] = '\0';
        } while (strstr(reply, "\r\n\r\n") == NULL || reply[used - 1] != '\n' ||
                 strstr(reply, "\r\n\r\n")[4] == '\0');
        if (strstr(reply, "200 OK") == NULL || strstr(reply, expected) == NULL)
            crowd->wrong++;
    }
    client_close(fd);
    return NULL;
}

static void tagged_exchanges_never_cross(void **state)
{
    enum { CROWD = 16 };
    static struct crowd crowd[CROWD];
    const char *scale = getenv("PL_TEST_SCALE");
    uint32_t count = 640u / (uint32_t)(scale == NULL ? 1 : atoi(scale));

    (void)state;
    start_with(", pool: {max: 6}");
    for (uint32_t i = 0; i < CROWD; i++) {
        /* A thread must be left to take replies in while others wait for a lease. */
        bool may_lease = server_current->threads > 2 && i < 2;

        crowd[i] =
            (struct crowd){ .path = may_lease ? "/lease" : "/call", .number = i, .count = count };
        assert_int_equal(pthread_create(&crowd[i].thread, NULL, ask_many, &crowd[i]), 0);
    }
    for (uint32_t i = 0; i < CROWD; i++) {
        pthread_join(crowd[i].thread, NULL);
        assert_int_equal(crowd[i].wrong, 0);
    }
    assert_int_equal(COUNT(leases), CROWD * count);
    assert_true(backend.open_max <= 6);
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

static void a_stop_in_the_middle_ends_every_call(void **state)
{
    enum { CALLS = 8 };
    static struct asked asked[CALLS];

    (void)state;
    start_with(", pool: {max: 2}, timeouts: {first_byte: 60s, total: 60s, wait: 60s}");
    for (int i = 0; i < CALLS; i++)
        begin(&asked[i], "silent\n", NULL);
    client_await(&backend.requests, 2);
    assert_int_equal(pl_server_stop(rig.server, 50), 0);
    for (int i = 0; i < CALLS; i++) {
        await(&asked[i]);
        assert_int_equal(asked[i].outcome, PL_UPSTREAM_STOPPED);
    }
    stop();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_call_is_answered_and_its_connection_used_again),
        cmocka_unit_test(a_connection_with_surplus_bytes_is_not_used_again),
        cmocka_unit_test(a_late_byte_never_becomes_part_of_the_next_reply),
        cmocka_unit_test(a_connection_closed_while_idle_is_noticed),
        cmocka_unit_test(failures_have_names_of_their_own),
        cmocka_unit_test(a_refused_connection_fails),
        cmocka_unit_test(waiters_are_served_in_order_and_the_bound_holds),
        cmocka_unit_test(a_wait_ends_in_time_and_the_line_is_bounded),
        cmocka_unit_test(a_call_can_be_cancelled_at_any_stage),
        cmocka_unit_test(connections_stand_ready_from_the_start),
        cmocka_unit_test(an_old_connection_is_retired),
        cmocka_unit_test(a_lease_gives_the_descriptor_itself),
        cmocka_unit_test(the_deadline_of_a_lease_governs),
        cmocka_unit_test(calls_and_leases_stand_in_one_line),
        cmocka_unit_test(tagged_exchanges_never_cross),
        cmocka_unit_test(a_client_that_hangs_up_leaves_nothing_behind),
        cmocka_unit_test(a_stop_in_the_middle_ends_every_call),
    };

    return server_run_cases(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
