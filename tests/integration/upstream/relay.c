/* SPDX-License-Identifier: Apache-2.0 */
#include "relay.h"

#include "rig.h"
#include "socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct server_rig rig;
struct backend backend;
struct pl_upstream *upstream;
struct pl_upstream_stats figures;

/* ---- an application that asks for what stands in the query */

enum pl_upstream_frame frame_line(struct pl_view input, bool is_ended, uint64_t scratch[4],
                                  size_t *ret_bytes)
{
    const char *end = memchr(input.bytes + scratch[0], '\n', input.length - scratch[0]);

    (void)is_ended;
    scratch[0] = input.length;
    if (end == NULL)
        return PL_UPSTREAM_MORE;
    scratch[0] = (uint64_t)(end - input.bytes); /* the same bytes may be looked at again */
    *ret_bytes = (size_t)(end - input.bytes) + 1;
    return strncmp(input.bytes, "last", 4) == 0 ? PL_UPSTREAM_WHOLE_END : PL_UPSTREAM_WHOLE;
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

void relay_call(struct pl_http_exchange *exchange, void *context)
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

void relay_lease(struct pl_http_exchange *exchange, void *context)
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

int relay_on_start(struct pl_server *server, void *context)
{
    (void)context;
    upstream = pl_server_upstream(server, "back");
    return upstream == NULL ? -ENOENT : 0;
}

static const struct pl_http_route routes[] = {
    { .method = "GET", .path = "/call", .handler = relay_call },
    { .method = "GET", .path = "/lease", .handler = relay_lease, .may_block = true },
};
static const struct pl_binding binding = { .protocol = &pl_http_protocol,
                                           .elements = routes,
                                           .element_bytes = sizeof(routes[0]),
                                           .count = 2 };
static const struct pl_app app = { .bytes = sizeof(app),
                                   .name = "relay",
                                   .bindings = &binding,
                                   .bindings_count = 1,
                                   .start = relay_on_start };

/* ---- the test's own calls */

void note(const struct pl_upstream_result *result, void *context)
{
    struct asked *asked = context;

    asked->outcome = result->outcome;
    asked->was_reused = result->was_reused;
    snprintf(asked->reply, sizeof(asked->reply), "%.*s", (int)result->reply.length,
             result->reply.bytes);
    atomic_fetch_add(&asked->count, 1);
    sem_post(&asked->is_done);
}

void begin(struct asked *asked, const char *text, struct pl_upstream_ticket *ticket)
{
    const struct pl_upstream_call settings = {
        .request = pl_view_of(text), .framer = frame_line, .done = note, .context = asked
    };

    memset(asked, 0, sizeof(*asked));
    sem_init(&asked->is_done, 0, 0);
    assert_int_equal(pl_upstream_call(upstream, &settings, ticket), 0);
}

void await(struct asked *asked)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLIENT_DEADLINE_MS / 1000;
    if (sem_timedwait(&asked->is_done, &until) < 0)
        fail_msg("no end of a call after %d s", CLIENT_DEADLINE_MS / 1000);
    assert_int_equal(asked->count, 1);
    sem_destroy(&asked->is_done);
}

enum pl_upstream_outcome ask(const char *text, char *reply)
{
    struct asked asked;

    begin(&asked, text, NULL);
    await(&asked);
    strcpy(reply, asked.reply);
    return asked.outcome;
}

enum pl_upstream_outcome ask_idempotent(const char *text)
{
    struct asked asked = { .count = 0 };
    const struct pl_upstream_call settings = { .request = pl_view_of(text),
                                               .framer = frame_line,
                                               .done = note,
                                               .context = &asked,
                                               .is_idempotent = true };

    sem_init(&asked.is_done, 0, 0);
    assert_int_equal(pl_upstream_call(upstream, &settings, NULL), 0);
    await(&asked);
    return asked.outcome;
}

void expect_outcome(const char *text, enum pl_upstream_outcome outcome)
{
    char reply[4096];
    enum pl_upstream_outcome got = ask(text, reply);

    if (got != outcome)
        fail_msg("%s: %s, expected %s", text, pl_upstream_outcome_name(got),
                 pl_upstream_outcome_name(outcome));
}

void expect_reply(const char *text, const char *expected)
{
    char reply[4096];
    enum pl_upstream_outcome got = ask(text, reply);

    if (got != PL_UPSTREAM_REPLIED)
        fail_msg("%s: %s", text, pl_upstream_outcome_name(got));
    assert_string_equal(reply, expected);
}

uint64_t count_of(enum pl_upstream_counter counter)
{
    pl_upstream_stats(upstream, &figures);
    return figures.counters[counter];
}

void start_relay(const char *const *sets)
{
    server_rig_start(&rig, &app, sets);
}

void expect_ok(int fd)
{
    char reply[1024];
    size_t length = client_receive_all(fd, reply, sizeof(reply) - 1);

    reply[length] = '\0';
    if (strstr(reply, " 200 OK\r\n") == NULL)
        fail_msg("not the reply that was expected: %s", reply);
}

void start_upstream(const char *settings)
{
    char text[1024];
    const char *sets[] = { text, NULL };

    snprintf(text, sizeof(text), "upstreams=[{name: back, %s}]", settings);
    server_rig_start(&rig, &app, sets);
}

void start_with(const char *more)
{
    char text[768];

    backend_start(&backend);
    snprintf(text, sizeof(text), "servers: [\"127.0.0.1:%u\"]%s", backend.port, more);
    start_upstream(text);
}

/* A port that is free could become anybody's: of a program beside this one, or of the very socket
 * that connects to it. Bound, it refuses. */
static int dead_fd = -1;

void kill_one(struct backend *one)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(one->port),
                                   .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };

    backend_stop(one);
    dead_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(dead_fd >= 0);
    (void)setsockopt(dead_fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    assert_int_equal(bind(dead_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    descriptors_add(&rig.descriptors_before, dead_fd);
}

void bury(void)
{
    pl_close_fd(&dead_fd);
}

void start_again(struct backend *one, uint16_t port)
{
    bury();
    backend_start_at(one, port);
    descriptors_add(&rig.descriptors_before, one->listener);
    descriptors_add(&rig.descriptors_before, one->wake);
}

/* The backend's ends of the pool's connections are descriptors of this process too. Some may still
 * stand in its backlog. */
void await_no_connection_of(uint64_t connects)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    while ((atomic_load(&backend.open) > 0 || atomic_load(&backend.accepts) < connects) &&
           client_now_ms() < until_ms)
        client_pause_ms(1);
    assert_int_equal(backend.open, 0);
}

void await_no_connection(void)
{
    await_no_connection_of(COUNT(connects));
}

void expect_no_buffer_taken(void)
{
    struct pl_stats *stats = calloc(1, sizeof(*stats));

    assert_non_null(stats);
    pl_server_stats(rig.server, stats);
    assert_int_equal(stats->counters[PL_STAT_buffers_taken],
                     stats->counters[PL_STAT_buffers_given]);
    free(stats);
}

void stop_server(void)
{
    assert_int_equal(pl_server_stop(rig.server, CLIENT_DEADLINE_MS / 2), 0);
    pl_upstream_stats(upstream, &figures);
    assert_int_equal(figures.open, 0);
    assert_int_equal(figures.idle, 0);
    assert_int_equal(figures.waiting, 0);
    expect_no_buffer_taken();
    server_rig_stop(&rig);
}

void close_stopped(void)
{
    pl_server_close(rig.server);
    rig.server = NULL;
    await_no_connection_of(0);
    descriptors_expect_no_new(&rig.descriptors_before);
    backend_stop(&backend);
}

void stop(void)
{
    assert_int_equal(pl_server_stop(rig.server, CLIENT_DEADLINE_MS / 2), 0);
    await_no_connection();
    stop_server();
    backend_stop(&backend);
}
