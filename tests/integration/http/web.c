/* SPDX-License-Identifier: Apache-2.0 */
#include "web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct web web;

static struct pl_binding bindings[2];
static const struct pl_app app = {
    .bytes = sizeof(app), .name = "http-test", .bindings = bindings, .bindings_count = 2
};

const char web_fixed_routes[] =
    "services.0.http.routes=[{path: /fixed, reply: {text: \"fixed\\n\"}}, "
    "{path: /fixed-304, reply: {status: 304, text: body}}, "
    "{path: /fixed-204, reply: {status: 204, text: body}}, "
    "{path: /fixed-202, method: POST, reply: {status: 202, text: taken}}, "
    "{path: /fixed-options, method: OPTIONS, reply: {status: 202, text: taken}}, "
    "{path: /fixed-503, method: POST, reply: {status: 503, type: text/html, text: busy}}]";

void web_start(const char *const *sets)
{
    atomic_store(&web.answerers_begun, 0);
    atomic_store(&web.answerers_ended, 0);
    atomic_store(&web.blocked, 0);
    atomic_store(&web.releases, 0);
    atomic_store(&web.producers_dropped, 0);
    atomic_store(&web.consumers_dropped, 0);
    bindings[0] = web_binding;
    bindings[1] = web_part_binding;
    server_rig_start(&web.rig, &app, sets);
}

void web_stop(void)
{
    atomic_store(&web.releases, 1);
    client_await(&web.answerers_ended, atomic_load(&web.answerers_begun));
    server_rig_stop(&web.rig);
}

void web_await_no_connection(void)
{
    int64_t until = client_now_ms() + CLIENT_DEADLINE_MS;
    struct pl_stats stats;

    for (pl_server_stats(web.rig.server, &stats); stats.conns_open > 0;
         pl_server_stats(web.rig.server, &stats)) {
        if (client_now_ms() > until)
            fail_msg("%llu connections are still open", (unsigned long long)stats.conns_open);
        client_pause_ms(1);
    }
}

/* ---- reading replies ------------------------------------------------------------------------ */

bool reply_has(const struct reply *reply, const char *text)
{
    return strstr(reply->head, text) != NULL;
}

static void read_line(int fd, char *line, size_t size)
{
    size_t length = 0;

    do {
        assert_true(length + 1 < size);
        client_receive(fd, line + length++, 1);
    } while (length < 2 || line[length - 1] != '\n');
    line[length] = '\0';
}

static void read_chunked(int fd, struct reply *reply)
{
    for (;;) {
        char line[64];
        size_t length;

        read_line(fd, line, sizeof(line));
        length = strtoul(line, NULL, 16);
        assert_true(reply->length + length <= sizeof(web.body));
        client_receive(fd, web.body + reply->length, length);
        reply->length += length;
        client_expect(fd, "\r\n");
        if (length == 0)
            return;
    }
}

void reply_read_head(int fd, struct reply *reply)
{
    size_t used = 0;

    *reply = (struct reply){ .body = web.body };
    do {
        read_line(fd, reply->head + used, sizeof(reply->head) - used);
        if (strcmp(reply->head + used, "\r\n") == 0)
            break;
        used += strlen(reply->head + used);
    } while (true);
    assert_int_equal(sscanf(reply->head, "HTTP/1.1 %d ", &reply->status), 1);
}

void reply_read(int fd, struct reply *reply, bool is_head)
{
    const char *length;

    reply_read_head(fd, reply);
    if (is_head || reply->status == 204 || reply->status == 304)
        return;
    if (reply_has(reply, "Transfer-Encoding: chunked")) {
        read_chunked(fd, reply);
        return;
    }
    length = strstr(reply->head, "Content-Length: ");
    if (length == NULL) {
        reply->length = client_receive_all(fd, web.body, sizeof(web.body));
        return;
    }
    reply->length = strtoul(length + 16, NULL, 10);
    assert_true(reply->length <= sizeof(web.body));
    client_receive(fd, web.body, reply->length);
}

void reply_expect(int fd, int status, const char *body)
{
    struct reply reply;

    reply_read(fd, &reply, false);
    assert_int_equal(reply.status, status);
    if (body == NULL)
        return;
    assert_int_equal(reply.length, strlen(body));
    assert_memory_equal(reply.body, body, reply.length);
}

void web_get(int fd, const char *path, int status, const char *body)
{
    char request[512];

    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    client_say(fd, request);
    reply_expect(fd, status, body);
}
