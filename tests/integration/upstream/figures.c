/* SPDX-License-Identifier: Apache-2.0 */
/* What an upstream counts, and how it is told. */
#include "relay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- JSON (RFC 8259), as far as a line of figures goes ---- */

static const char *skip_value(const char *at);

static const char *skip_string(const char *at)
{
    assert_true(*at == '"');
    for (at++; *at != '"'; at++)
        assert_true(*at >= ' ' && *at != '\\');
    return at + 1;
}

static const char *skip_list(const char *at, char end, bool has_names)
{
    if (at[1] == end)
        return at + 2;
    do {
        at++;
        if (has_names) {
            at = skip_string(at);
            assert_true(*at++ == ':');
        }
        at = skip_value(at);
    } while (*at == ',');
    assert_true(*at == end);
    return at + 1;
}

static const char *skip_value(const char *at)
{
    char *end;

    if (*at == '{')
        return skip_list(at, '}', true);
    if (*at == '[')
        return skip_list(at, ']', false);
    if (*at == '"')
        return skip_string(at);
    (void)strtod(at, &end);
    assert_true(end > at);
    return end;
}

static uint64_t number_after(const char *text, const char *name)
{
    char key[64];
    const char *at;

    snprintf(key, sizeof(key), "\"%s\":", name);
    at = strstr(text, key);
    if (at == NULL)
        fail_msg("no %s in %s", key, text);
    return strtoull(at + strlen(key), NULL, 10);
}

static void the_line_is_json_with_every_upstream(void **state)
{
    static char text[64 * 1024];
    const char *upstreams;
    int length;

    (void)state;
    start_with("}, {name: idle.one, servers: [\"127.0.0.1:1\"]");
    expect_reply("echo one\n", "one\n");
    expect_reply("echo two\n", "two\n");
    length = pl_server_stats_to_json(rig.server, text, sizeof(text));
    assert_int_equal(length, strlen(text));
    assert_int_equal(*skip_value(text), '\0');
    upstreams = strstr(text, "\"upstreams\":[{\"name\":\"back\"");
    assert_non_null(upstreams);
    assert_non_null(strstr(upstreams, "{\"name\":\"idle.one\""));
    assert_int_equal(number_after(upstreams, "leases"), 2);
    assert_int_equal(number_after(upstreams, "reuses"), 1);
    assert_int_equal(number_after(upstreams, "connects"), 1);
    assert_int_equal(number_after(upstreams, "idle"), 1);
    assert_int_equal(number_after(strstr(upstreams, "latency_us"), "count"), 2);
    /* Figures go on changing, some by a digit: not all sizes just below are too small any more. */
    for (int size = 0; size <= length - 100; size++)
        assert_int_equal(pl_server_stats_to_json(rig.server, text, (size_t)size), -ENOSPC);
    /* Those of one reading stand still: every size but the last is too small. */
    pl_upstream_stats(upstream, &figures);
    length = pl_upstream_stats_to_json(&figures, text, sizeof(text));
    assert_int_equal(length, strlen(text));
    for (int size = 0; size <= length; size++)
        assert_int_equal(pl_upstream_stats_to_json(&figures, text, (size_t)size), -ENOSPC);
    assert_int_equal(pl_upstream_stats_to_json(&figures, text, (size_t)length + 1), length);
    stop();
}

static void the_latency_of_calls_and_leases_is_recorded(void **state)
{
    struct pl_upstream_lease leased;
    char reply[16];
    size_t length;

    (void)state;
    start_with("");
    expect_reply("delay 20 x\n", "x\n");
    assert_int_equal(pl_upstream_lease(upstream, CLIENT_DEADLINE_MS, &leased), 0);
    assert_int_equal(pl_upstream_write(&leased, "delay 20 x\n", 11), 0);
    assert_int_equal(pl_upstream_read(&leased, reply, sizeof(reply), &length), 0);
    pl_upstream_return(&leased);
    pl_upstream_stats(upstream, &figures);
    assert_true(figures.latency_us.sum >= 40000);
    stop();
}

static void failures_timeouts_and_cancels_are_counted(void **state)
{
    static struct asked asked;
    struct pl_upstream_ticket ticket;

    (void)state;
    /* A server of its own: whoever waits for a close must not be told of a time-out before. */
    start_with(", eject: {failures: 0}");
    expect_outcome("close\n", PL_UPSTREAM_CLOSED);
    assert_int_equal(COUNT(failures), 1);
    assert_int_equal(COUNT(timeouts), 0);
    stop();
    start_with(", timeouts: {first_byte: 30ms}, eject: {failures: 0}");
    expect_outcome("silent\n", PL_UPSTREAM_FIRST_BYTE_TIMEOUT);
    assert_int_equal(COUNT(timeouts), 1);
    assert_int_equal(COUNT(failures), 1);
    begin(&asked, "delay 600000 x\n", &ticket);
    pl_upstream_cancel(&ticket);
    await(&asked);
    assert_true(asked.outcome == PL_UPSTREAM_CANCELLED ||
                asked.outcome == PL_UPSTREAM_FIRST_BYTE_TIMEOUT);
    assert_int_equal(COUNT(cancels), asked.outcome == PL_UPSTREAM_CANCELLED);
    stop();
}

/* Only where the event loop runs the handlers itself. */
static void a_lease_on_the_loop_itself_is_counted(void **state)
{
    bool is_alone = !server_has_pool();
    int fd;

    (void)state;
    start_with("");
    fd = client_connect(rig.port);
    client_say(fd, "GET /lease?echo+x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect_ok(fd);
    client_close(fd);
    assert_int_equal(COUNT(blocking_on_loop), is_alone ? 1 : 0);
    stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(the_line_is_json_with_every_upstream),
    cmocka_unit_test(the_latency_of_calls_and_leases_is_recorded),
    cmocka_unit_test(failures_timeouts_and_cancels_are_counted),
    cmocka_unit_test(a_lease_on_the_loop_itself_is_counted),
};
const struct case_group upstream_figures = CASE_GROUP(cases);
