/* SPDX-License-Identifier: Apache-2.0 */
/* The access log: a line for each exchange, whatever became of it, and nothing lost or mixed. */
#include "web.h"

#include "log_files.h"

#include <paceline/stats.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_BYTES (8 * 1024 * 1024)

static char path[128], text[TEXT_BYTES];

static void in_folder(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s", server_rig_folder(&web.rig), name);
}

/* Starts with an access log at `path`. `sets`: more of them, at most four. */
static void start_there(const char *format, const char *const *sets)
{
    char file_set[256], format_set[128];
    const char *all[8] = { file_set, format_set };

    for (size_t i = 0; sets != NULL && sets[i] != NULL && i < 4; i++)
        all[2 + i] = sets[i];
    snprintf(file_set, sizeof(file_set), "services.0.http.access_log.file=%s", path);
    snprintf(format_set, sizeof(format_set), "services.0.http.access_log.format=%s", format);
    web_start(all);
}

/* The same in the rig's folder. */
static void start(const char *format, const char *const *sets)
{
    in_folder("access");
    start_there(format, sets);
}

static size_t read_whole(const char *name, char *bytes, size_t size)
{
    int fd = open(name, O_RDONLY);
    size_t used = 0;
    ssize_t length;

    assert_true(fd >= 0);
    while ((length = read(fd, bytes + used, size - used)) > 0)
        used += (size_t)length;
    close(fd);
    return used;
}

static uint32_t count_lines(const char *bytes, size_t length)
{
    uint32_t count = 0;

    for (size_t i = 0; i < length; i++)
        count += bytes[i] == '\n';
    return count;
}

/* Reads the file into `text` when it holds this many lines, and sees that there are no more. */
static void await_lines(uint32_t wanted)
{
    int64_t until = client_now_ms() + CLIENT_DEADLINE_MS;
    uint32_t count;

    for (;;) {
        size_t length = read_whole(path, text, sizeof(text) - 1);

        text[length] = '\0';
        count = count_lines(text, length);
        if (count >= wanted || client_now_ms() > until)
            break;
        client_pause_ms(2);
    }
    if (count != wanted)
        fail_msg("%u lines instead of %u:\n%s", count, wanted, text);
}

/* The next line at *at, without its newline. */
static char *take_line(char **at)
{
    char *line = *at, *end = strchr(line, '\n');

    assert_non_null(end);
    *end = '\0';
    *at = end + 1;
    return line;
}

static void expect_within(const char *line, const char *part)
{
    if (strstr(line, part) == NULL)
        fail_msg("no %s in %s", part, line);
}

static void every_kind_of_exchange_has_its_line(void **state)
{
    static const struct {
        const char *target;
        int status;
        long bytes; /* -1: the text of an error, whatever it says */
    } table[] = {
        { "/direct?a=b", 200, 7 },
        { "/block", 200, 6 },
        { "/section", 200, 8 },
        { "/later", 200, 6 },
        { "/later-stream", 200, 8 },
        { "/stream", 200, 3072 },
        { "/stream-block", 200, 3072 },
        { "/silent", 500, -1 },
        { "/silent-block", 500, -1 },
        { "/empty", 204, 0 },
        { "/empty-block", 204, 0 },
        { "/huge", 200, HUGE_BYTES },
        { "/huge-block", 200, HUGE_BYTES },
        { "/none", 404, -1 },
        { "/%64irect", 200, 7 },
        { "/fixed", 200, 6 },
        { "/fixed-304", 304, 0 },
        { "/fixed-204", 204, 0 },
    };
    static const char *const sets[] = { web_fixed_routes, NULL };
    char *at = text;
    int fd;

    (void)state;
    start("json", sets);
    fd = client_connect(web.rig.port);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        web_get(fd, table[i].target, table[i].status, NULL);
    await_lines(sizeof(table) / sizeof(table[0]));
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *line = take_line(&at);
        char part[256];

        snprintf(part, sizeof(part),
                 "\"client\":\"127.0.0.1\",\"method\":\"GET\",\"target\":\"%s\","
                 "\"version\":\"HTTP/1.1\",\"status\":%d,\"request_bytes\":%zu,\"bytes\":",
                 table[i].target, table[i].status, strlen(table[i].target) + 26);
        expect_within(line, part);
        snprintf(part, sizeof(part), "\"bytes\":%ld,\"duration_us\":", table[i].bytes);
        if (table[i].bytes >= 0)
            expect_within(line, part);
        expect_within(line,
                      "\"referer\":null,\"user_agent\":null,\"host\":\"a\",\"aborted\":false}");
    }
    client_close(fd);
    web_stop();
}

static void a_request_with_a_body_and_head_are_counted(void **state)
{
    char *at = text;
    struct reply reply;
    int fd;

    (void)state;
    start("json", NULL);
    fd = client_connect(web.rig.port);
    client_say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    reply_expect(fd, 200, "hello");
    client_say(fd, "POST /echo-block HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
    reply_expect(fd, 200, "hello");
    client_say(fd, "HEAD /direct HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read(fd, &reply, true);
    client_say(fd, "HEAD /stream-many HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read(fd, &reply, true);
    client_say(fd, "POST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    reply_expect(fd, 200, NULL);
    client_say(fd, "POST /sum-block HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    reply_expect(fd, 200, NULL);
    await_lines(6);
    expect_within(take_line(&at), "\"status\":200,\"request_bytes\":56,\"bytes\":5,");
    expect_within(take_line(&at), "\"status\":200,\"request_bytes\":71,\"bytes\":5,");
    expect_within(take_line(&at), "\"method\":\"HEAD\",\"target\":\"/direct\"");
    expect_within(take_line(&at), "\"status\":200,\"request_bytes\":39,\"bytes\":0,");
    expect_within(take_line(&at), "\"status\":200,\"request_bytes\":55,\"bytes\":34,");
    expect_within(take_line(&at), "\"status\":200,\"request_bytes\":61,\"bytes\":34,");
    client_close(fd);
    web_stop();
}

static void refusals_say_what_is_known(void **state)
{
    static const char *const sets[] = { "services.0.http.max_target=32B",
                                        "services.0.http.max_head=512B", "limits.message=1KiB",
                                        "timeouts.header=100ms", NULL };
    static const struct {
        const char *request;
        const char *line; /* from the request line on */
    } table[] = {
        { "\x16\x03\x01\r\n\r\n", "\"-\" 400 16 \"-\" \"-\"" },
        { "GET\r\n\r\n", "\"GET\" 400 16 \"-\" \"-\"" },
        { "GET /a\"b HTTP/1.1\nX", "\"GET /a\" 400 16 \"-\" \"-\"" },
        { "GET /a HTTP/2.0\r\n\r\n", "\"GET /a HTTP/2\" 505 31 \"-\" \"-\"" },
        { "GET /a HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\n y\r\n\r\n",
          "\"GET /a HTTP/1.1\" 400 16 \"-\" \"x\"" },
        { "GET /a HTTP/1.1\r\nReferer: r\r\n\r\n", "\"GET /a HTTP/1.1\" 400 16 \"r\" \"-\"" },
        { "GET /012345678901234567890123456789012345 HTTP/1.1\r\n\r\n",
          "\"GET /012345678901234567890123456789012345\" 414 17 \"-\" \"-\"" },
        { "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
          "\"POST /echo HTTP/1.1\" 413 22 \"-\" \"-\"" },
        { "GET /a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
          "\"GET /a HTTP/1.0\" 400 16 \"-\" \"-\"" },
        { "BREW / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
          "\"BREW / HTTP/1.1\" 501 20 \"-\" \"-\"" },
        { "GET /slow", "\"GET /slow\" 408 20 \"-\" \"-\"" },
        { "GET /direct HTTP/1.1\r\nHost: a\r\nUser-Agent: a\"b\\c\t\xe9\r\nReferer: \r\n"
          "Connection: close\r\n\r\n",
          "\"GET /direct HTTP/1.1\" 200 7 \"\" \"a\\x22b\\x5cc\\x09\\xe9\"" },
    };
    char *at = text;

    (void)state;
    start("combined", sets);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        int fd = client_connect(web.rig.port);
        char rest[4096];

        client_say(fd, table[i].request);
        (void)client_receive_all(fd, rest, sizeof(rest));
        client_close(fd);
    }
    await_lines(sizeof(table) / sizeof(table[0]));
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *line = take_line(&at);
        const char *request = strstr(line, "+0000] ");

        assert_memory_equal(line, "127.0.0.1 - - [", 15);
        assert_non_null(request);
        assert_string_equal(request + 7, table[i].line);
    }
    web_stop();
}

static void what_was_aborted_is_marked(void **state)
{
    static const struct {
        const char *request;
        const char *line;
    } table[] = {
        { "GET /released HTTP/1.1\r\nHost: a\r\n\r\n", "\"target\":\"/released\",\"version\":"
                                                       "\"HTTP/1.1\",\"status\":null" },
        { "GET /stream-endless HTTP/1.1\r\nHost: a\r\n\r\n",
          "\"target\":\"/stream-endless\",\"version\":\"HTTP/1.1\",\"status\":200" },
        { "GET /stream-broken HTTP/1.1\r\nHost: a\r\n\r\n",
          "\"target\":\"/stream-broken\",\"version\":\"HTTP/1.1\",\"status\":200" },
        { "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345",
          "\"target\":\"/echo\",\"version\":\"HTTP/1.1\",\"status\":null,\"request_bytes\":57" },
    };

    (void)state;
    start("json", NULL);
    for (uint32_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        int fd = client_connect(web.rig.port);
        char *at = text;

        client_say(fd, table[i].request);
        if (i == 0)
            client_await(&web.answerers_begun, 1);
        else if (i < 3)
            client_receive(fd, (char[16]){ 0 }, 16);
        /* One that has only finished sending is still answered; a reset takes back what was sent.
         */
        if (i == 3)
            client_close(fd);
        else
            client_reset(fd);
        await_lines(i + 1);
        for (uint32_t k = 0; k < i; k++)
            (void)take_line(&at);
        expect_within(at, table[i].line);
        expect_within(at, "\"aborted\":true}\n");
    }
    /* Who leaves before the head is complete has asked for nothing. */
    {
        int fd = client_connect(web.rig.port);

        client_say(fd, "GET / HTTP");
        client_close(fd);
        web_await_no_connection();
        await_lines(4);
    }
    web_stop();
}

/* The answer comes while the handler, or who answers later, has the request's bytes. */
static void a_handler_that_takes_too_long_has_the_line_of_its_refusal(void **state)
{
    static const char *const sets[] = { "timeouts.handler=50ms", NULL };
    uint32_t lines = server_has_pool() ? 2 : 1;
    char *at = text;

    (void)state;
    start("combined", sets);
    for (uint32_t i = 0; i < lines; i++) {
        int fd = client_connect(web.rig.port);

        web_get(fd, i == 0 ? "/released?a" : "/block-long?b", 503, NULL);
        client_expect_end(fd);
        client_close(fd);
    }
    await_lines(lines);
    expect_within(take_line(&at), "\"GET /released?a HTTP/1.1\" 503 24 \"-\" \"-\"");
    if (lines == 2)
        expect_within(take_line(&at), "\"GET /block-long?b HTTP/1.1\" 503 24 \"-\" \"-\"");
    web_stop();
}

#define CONNS  4
#define ROUNDS 10
#define BATCH  40

/* A batch of pipelined requests whose numbers go on, through handlers of every kind. */
static void send_batch(int fd, int conn, int round)
{
    static const char *const targets[] = { "direct", "direct", "later",  "block",
                                           "direct", "empty",  "stream", "none" };
    char requests[BATCH * 64];
    size_t used = 0;

    for (int i = 0; i < BATCH; i++)
        used += (size_t)snprintf(requests + used, sizeof(requests) - used,
                                 "GET /%s?c=%d&n=%d HTTP/1.1\r\nHost: a\r\n\r\n", targets[i % 8],
                                 conn, round * BATCH + i);
    client_send(fd, requests, used);
}

/* The file is renamed and opened again while requests come. */
static void rotation_under_load_loses_nothing_and_keeps_the_order(void **state)
{
    int fds[CONNS], next[CONNS] = { 0 };
    char moved[160], *line, *at = text;
    size_t length;

    (void)state;
    start("combined", NULL);
    snprintf(moved, sizeof(moved), "%s.1", path);
    for (int k = 0; k < CONNS; k++)
        fds[k] = client_connect(web.rig.port);
    for (int round = 0; round < ROUNDS; round++) {
        for (int k = 0; k < CONNS; k++)
            send_batch(fds[k], k, round);
        if (round == ROUNDS / 2) {
            assert_int_equal(rename(path, moved), 0);
            pl_log_files_reopen();
        }
        for (int k = 0; k < CONNS; k++)
            for (int i = 0; i < BATCH; i++)
                reply_expect(fds[k], i % 8 == 7 ? 404 : i % 8 == 5 ? 204 : 200, NULL);
    }
    for (int64_t until = client_now_ms() + CLIENT_DEADLINE_MS;;) {
        length = read_whole(moved, text, sizeof(text) - 1);
        if (access(path, F_OK) == 0)
            length += read_whole(path, text + length, sizeof(text) - 1 - length);
        text[length] = '\0';
        if (count_lines(text, length) >= CONNS * ROUNDS * BATCH || client_now_ms() > until)
            break;
        client_pause_ms(2);
    }
    assert_int_equal(count_lines(text, length), CONNS * ROUNDS * BATCH);
    for (int i = 0; i < CONNS * ROUNDS * BATCH; i++) {
        int conn, number;

        line = take_line(&at);
        assert_int_equal(sscanf(strchr(line, '?'), "?c=%d&n=%d", &conn, &number), 2);
        assert_int_equal(number, next[conn]);
        next[conn]++;
    }
    for (int k = 0; k < CONNS; k++)
        client_close(fds[k]);
    web_stop();
}

static uint64_t files_dropped(void)
{
    struct pl_stats stats;

    pl_server_stats(web.rig.server, &stats);
    return stats.log_files_dropped;
}

/* Whatever the file does, requests are answered; what it did not take is counted. */
static void load_and_await_drops(uint64_t before)
{
    int64_t until = client_now_ms() + CLIENT_DEADLINE_MS;
    int fd = client_connect(web.rig.port);

    while (files_dropped() == before) {
        assert_true(client_now_ms() < until);
        send_batch(fd, 0, 0);
        for (int i = 0; i < BATCH; i++)
            reply_expect(fd, i % 8 == 7 ? 404 : i % 8 == 5 ? 204 : 200, NULL);
    }
    client_close(fd);
}

static void a_file_that_cannot_be_written_stalls_nothing(void **state)
{
    uint64_t before;
    int reader;

    (void)state;
    snprintf(path, sizeof(path), "/dev/full");
    start_there("json", NULL);
    load_and_await_drops(files_dropped());
    web_stop();

    in_folder("fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    start_there("json", NULL);
    before = files_dropped();
    load_and_await_drops(before); /* it is full */
    close(reader);
    load_and_await_drops(files_dropped()); /* nobody reads */
    web_stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(every_kind_of_exchange_has_its_line),
    cmocka_unit_test(a_request_with_a_body_and_head_are_counted),
    cmocka_unit_test(refusals_say_what_is_known),
    cmocka_unit_test(what_was_aborted_is_marked),
    cmocka_unit_test(a_handler_that_takes_too_long_has_the_line_of_its_refusal),
    cmocka_unit_test(rotation_under_load_loses_nothing_and_keeps_the_order),
    cmocka_unit_test(a_file_that_cannot_be_written_stalls_nothing),
};

const struct case_group web_access = CASE_GROUP(cases);
