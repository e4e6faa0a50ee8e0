/* SPDX-License-Identifier: Apache-2.0 */
#include "served.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Atomic uint32_t served_holding, served_holding_max, served_releases;

/* ---- bytes that both sides know ---------------------------------------------------------------
 */

static char file_bytes[SERVED_FILE_BYTES], body_bytes[SERVED_BODY_BYTES + 256];
const char *served_file_bytes = file_bytes;
static int file_fd = -1;

static void make_bytes(void)
{
    for (size_t i = 0; i < sizeof(file_bytes); i++)
        file_bytes[i] = (char)('a' + (i + i / 251) % 26);
    for (size_t i = 0; i < sizeof(body_bytes); i++)
        body_bytes[i] = (char)('A' + (i * 7 + i / 509) % 26);
}

const char *served_body(uint64_t number)
{
    return body_bytes + number % 256;
}

uint32_t served_sum(const char *bytes, size_t length)
{
    uint32_t sum = 2166136261u;

    for (size_t i = 0; i < length; i++)
        sum = (sum ^ (unsigned char)bytes[i]) * 16777619u;
    return sum;
}

void served_write_part(char *bytes, uint64_t number, uint32_t part)
{
    int used =
        snprintf(bytes, SERVED_PART_BYTES, "%llu part %u\n", (unsigned long long)number, part);

    memset(bytes + used, 'a' + (int)(part % 26), SERVED_PART_BYTES - (size_t)used);
}

/* ---- handlers ---- */

static uint64_t number_of(const struct pl_http_exchange *exchange)
{
    struct pl_view query = pl_http_query(exchange);
    uint64_t number = 0;

    for (size_t i = 0; i < query.length; i++)
        number = number * 10 + (uint64_t)(query.bytes[i] - '0');
    return number;
}

static void reply_number(struct pl_http_exchange *exchange)
{
    char text[32];

    snprintf(text, sizeof(text), "%llu\n", (unsigned long long)number_of(exchange));
    pl_http_reply_text(exchange, 200, text);
}

static void get(struct pl_http_exchange *exchange, void *context)
{
    (void)context;
    reply_number(exchange);
}

static void block(struct pl_http_exchange *exchange, void *context)
{
    (void)context;
    client_pause_ms(1);
    reply_number(exchange);
}

/* Bounded: a test that has failed releases nobody. */
static void hold(struct pl_http_exchange *exchange, void *context)
{
    uint32_t until = atomic_load(&served_releases) + 1;

    (void)context;
    if (atomic_fetch_add(&served_holding, 1) >= atomic_load(&served_holding_max))
        until = 0;
    for (int i = 0; i < 3 * CLIENT_DEADLINE_MS && atomic_load(&served_releases) < until; i++)
        client_pause_ms(1);
    atomic_fetch_sub(&served_holding, 1);
    reply_number(exchange);
}

/* As the admin service does it, from a thread that the swap is to end. */
static void swap(struct pl_http_exchange *exchange, void *context)
{
    const struct swap_variant *variant =
        &swap_variants[number_of(exchange) * 5 % swap_variants_count];
    struct pl_swap_report report;
    struct pl_error error;

    (void)context;
    if (pl_server_swap(rig.server, "default", variant->changes, &report, &error) < 0)
        pl_http_reply_text(exchange, 500, error.message);
    else
        reply_number(exchange);
}

static void post(struct pl_http_exchange *exchange, void *context)
{
    struct pl_view body = pl_http_body(exchange);
    char text[64];

    (void)context;
    snprintf(text, sizeof(text), "%llu %08x\n", (unsigned long long)number_of(exchange),
             served_sum(body.bytes, body.length));
    pl_http_reply_text(exchange, 200, text);
}

struct upload {
    uint64_t number;
    size_t bytes;
    char body[SERVED_BODY_BYTES];
};

static enum pl_http_consume take_part(struct pl_http_exchange *exchange, struct pl_view part,
                                      bool is_last, void *context)
{
    struct upload *upload = context;
    char text[64];

    if (exchange != NULL && part.length <= sizeof(upload->body) - upload->bytes) {
        memcpy(upload->body + upload->bytes, part.bytes, part.length);
        upload->bytes += part.length;
    }
    if (exchange != NULL && !is_last)
        return PL_HTTP_TAKEN;
    if (exchange != NULL) {
        snprintf(text, sizeof(text), "%llu %08x\n", (unsigned long long)upload->number,
                 served_sum(upload->body, upload->bytes));
        pl_http_reply_text(exchange, 200, text);
    }
    free(upload);
    return PL_HTTP_TAKEN;
}

static void receive(struct pl_http_exchange *exchange, void *context)
{
    struct upload *upload = malloc(sizeof(*upload));

    (void)context;
    if (upload == NULL)
        abort();
    upload->number = number_of(exchange);
    upload->bytes = 0;
    pl_http_receive_body(exchange, take_part, upload);
}

struct stream {
    uint64_t number;
    uint32_t part;
};

static enum pl_http_produce produce(struct pl_http_exchange *exchange, void *context)
{
    struct stream *stream = context;
    char part[SERVED_PART_BYTES];

    if (exchange == NULL || stream->part == SERVED_STREAM_PARTS) {
        free(stream);
        return PL_HTTP_DONE;
    }
    served_write_part(part, stream->number, stream->part);
    if (pl_http_write(exchange, part, sizeof(part)) == 0)
        stream->part++;
    return PL_HTTP_MORE;
}

static void stream(struct pl_http_exchange *exchange, void *context)
{
    struct stream *stream = malloc(sizeof(*stream));

    (void)context;
    if (stream == NULL)
        abort();
    *stream = (struct stream){ .number = number_of(exchange) };
    pl_http_reply_stream(exchange, 200, "text/plain", produce, stream);
}

static void later(struct pl_http_exchange *exchange, void *context)
{
    answerer_defer(exchange, number_of(exchange), *(const bool *)context);
}

static void file(struct pl_http_exchange *exchange, void *context)
{
    char text[32];

    (void)context;
    snprintf(text, sizeof(text), "%llu", (unsigned long long)number_of(exchange));
    if (pl_http_add_field(exchange, "X-Number", text) < 0)
        abort();
    pl_http_reply_file(exchange, 200, "text/plain", fcntl(file_fd, F_DUPFD_CLOEXEC, 0), 0,
                       SERVED_FILE_BYTES);
}

static const bool is_whole = false, is_stream = true;

const struct pl_http_route served_routes[] = {
    { .method = "GET", .path = "/get", .handler = get },
    { .method = "GET", .path = "/block", .handler = block, .may_block = true },
    { .method = "GET", .path = "/hold", .handler = hold },
    { .method = "GET", .path = "/hold-may-block", .handler = hold, .may_block = true },
    { .method = "GET", .path = "/swap", .handler = swap },
    { .method = "GET", .path = "/swap-may-block", .handler = swap, .may_block = true },
    { .method = "POST", .path = "/post", .handler = post },
    { .method = "POST", .path = "/upload", .handler = receive, .streams_body = true },
    { .method = "GET", .path = "/stream", .handler = stream },
    { .method = "GET", .path = "/later", .handler = later, .context = (void *)(size_t)&is_whole },
    { .method = "GET",
      .path = "/later-stream",
      .handler = later,
      .context = (void *)(size_t)&is_stream },
    { .method = "GET", .path = "/file", .handler = file },
    { .method = "GET", .path = "/call", .handler = relay_call },
    { .method = "GET", .path = "/lease", .handler = relay_lease, .may_block = true },
};
const size_t served_routes_count = sizeof(served_routes) / sizeof(served_routes[0]);

/* ---- the server ---- */

static const struct pl_binding bindings[] = {
    { .protocol = &pl_http_protocol,
      .elements = served_routes,
      .element_bytes = sizeof(served_routes[0]),
      .count = sizeof(served_routes) / sizeof(served_routes[0]) },
};
static const struct pl_protocol *const protocols[] = { &pl_line_protocol };
static struct pl_app app = { .bytes = sizeof(app),
                             .name = "served",
                             .bindings = bindings,
                             .bindings_count = 1,
                             .protocols = protocols };
static bool is_relaying;

static void open_file(void)
{
    FILE *stream = tmpfile();

    make_bytes();
    assert_non_null(stream);
    assert_int_equal(fwrite(file_bytes, 1, sizeof(file_bytes), stream), sizeof(file_bytes));
    assert_int_equal(fflush(stream), 0);
    file_fd = fcntl(fileno(stream), F_DUPFD_CLOEXEC, 0);
    fclose(stream);
    assert_true(file_fd >= 0);
}

static void start(const char *const *sets)
{
    server_current = server_combinations;
    atomic_store(&served_holding, 0);
    atomic_store(&served_holding_max, UINT32_MAX);
    atomic_store(&served_releases, 0);
    if (file_fd < 0)
        open_file();
    answerer_begin();
    server_rig_start(&rig, &app, sets);
}

void served_start(const char *const *sets)
{
    app.start = NULL;
    app.protocols_count = 0;
    is_relaying = false;
    start(sets);
}

void served_start_beside_lines(const char *const *sets)
{
    app.start = NULL;
    app.protocols_count = 1;
    is_relaying = false;
    start(sets);
}

#define SETS_MAX 8

void served_start_relaying(const char *const *sets)
{
    const char *all[SETS_MAX + 2];
    char text[256];
    size_t count = 0;

    for (; sets != NULL && sets[count] != NULL && count < SETS_MAX; count++)
        all[count] = sets[count];
    backend_start(&backend);
    /* Who leases keeps a loop from all calls: none may wait for what another has. */
    snprintf(text, sizeof(text),
             "upstreams=[{name: back, servers: [\"127.0.0.1:%u\"], pool: {max: 256}}]",
             backend.port);
    all[count++] = text;
    all[count] = NULL;
    app.start = relay_on_start;
    app.protocols_count = 0;
    is_relaying = true;
    start(all);
}

void served_await_no_connection(void)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;
    struct pl_stats *stats = calloc(1, sizeof(*stats));

    assert_non_null(stats);
    do {
        if (client_now_ms() > until_ms)
            fail_msg("%llu connections are still open", (unsigned long long)stats->conns_open);
        client_pause_ms(1);
        pl_server_stats(rig.server, stats);
    } while (stats->conns_open > 0);
    free(stats);
}

void served_stop(void)
{
    atomic_fetch_add(&served_releases, 1);
    served_await_no_connection();
    answerer_end();
    if (is_relaying) {
        stop();
    } else {
        assert_int_equal(pl_server_stop(rig.server, CLIENT_DEADLINE_MS / 2), 0);
        expect_no_buffer_taken();
        server_rig_stop(&rig);
    }
}
