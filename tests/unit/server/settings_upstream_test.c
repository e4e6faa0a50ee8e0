/* SPDX-License-Identifier: Apache-2.0 */
/* `upstreams:` in the configuration: what is taken, and where each mistake is said to stand. */
#include "settings_rig.h"

/* Line 2 of the file is `upstreams: ` and the text. */
static int read_upstreams(const char *text)
{
    return settings_rig_read("services: [{listen: ['127.0.0.1:0']}]\nupstreams: %s", text);
}

static void what_stands_there_is_taken(void **state)
{
    const struct pl_upstream_settings *upstream;

    (void)state;
    if (read_upstreams("[{name: back, servers: ['127.0.0.1:80', '[::1]:80', 'unix:/run/x', "
                       "'redis.internal:6379'], policy: least_connections, message: 1KiB, "
                       "pool: {min_idle: 1, max: 2, max_idle_time: 3s, max_lifetime: 4s, "
                       "max_requests: 5, max_waiters: 6}, timeouts: {connect: 7ms, wait: 8ms, "
                       "first_byte: 9ms, total: 10ms}, eject: {failures: 11, time: 12s}, "
                       "refresh: 13s}, {name: b-2_x.y, servers: ['a:1']}]") < 0)
        fail_msg("%s", rig.error.message);
    assert_int_equal(rig.settings.upstreams.count, 2);
    upstream = rig.settings.upstreams.items;
    assert_string_equal(upstream->name, "back");
    assert_int_equal(upstream->servers.count, 4);
    assert_int_equal(upstream->policy, PL_UPSTREAM_LEAST_CONNECTIONS);
    assert_int_equal(upstream->pool.min_idle, 1);
    assert_int_equal(upstream->pool.max, 2);
    assert_int_equal(upstream->pool.max_idle_us, 3000000);
    assert_int_equal(upstream->pool.max_lifetime_us, 4000000);
    assert_int_equal(upstream->pool.max_requests, 5);
    assert_int_equal(upstream->pool.max_waiters, 6);
    assert_int_equal(upstream->timeouts.connect_us, 7000);
    assert_int_equal(upstream->timeouts.wait_us, 8000);
    assert_int_equal(upstream->timeouts.first_byte_us, 9000);
    assert_int_equal(upstream->timeouts.total_us, 10000);
    assert_int_equal(upstream->eject.failures, 11);
    assert_int_equal(upstream->eject.time_us, 12000000);
    assert_int_equal(upstream->refresh_us, 13000000);
    assert_int_equal(upstream->message_bytes_max, 1024);
    assert_int_equal(upstream[1].policy, PL_UPSTREAM_ROUND_ROBIN);
}

static void every_mistake_names_its_place_and_what_was_expected(void **state)
{
    static const struct {
        const char *text;
        const char *message; /* behind the file's name */
    } table[] = {
        { "5", ":2:12: 'upstreams': expected a list" },
        { "[5]", ":2:13: expected keys such as 'name:'" },
        { "[{}]", ":2:13: upstreams[0]: no name; expected `name:`" },
        { "[{name: 'a b'}]", ":2:13: upstreams[0]: this is no name; expected" },
        { "[{name: ''}]", ":2:13: upstreams[0]: this is no name" },
        { "[{nam: a}]", ":2:14: unknown key 'nam' (did you mean 'name'?)" },
        { "[{name: a}]", ":2:13: upstream a: 0 `servers`; expected a list of 1 to 32" },
        { "[{name: a, servers: []}]", ":2:13: upstream a: 0 `servers`" },
        { "[{name: a, servers: 'b:1'}]", ":2:32: 'servers': expected a list" },
        { "[{name: a, servers: [[]]}]", ":2:33: 'servers': expected a text" },
        { "[{name: a, servers: ['b']}]",
          ":2:13: upstream a: servers: 'b' is no address to connect to; expected NAME:PORT, "
          "ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH" },
        { "[{name: a, servers: ['127.0.0.1:0']}]", "'127.0.0.1:0' is no address" },
        { "[{name: a, servers: ['127.0.0:1']}]", "'127.0.0:1' is no address" },
        { "[{name: a, servers: ['::1:80']}]", "'::1:80' is no address" },
        { "[{name: a, servers: ['udp:1.2.3.4:80']}]", "'udp:1.2.3.4:80' is no address" },
        { "[{name: a, servers: ['b:99999']}]", "'b:99999' is no address" },
        { "[{name: a, servers: ['b:1']},\n {name: a, servers: ['b:1']}]",
          ":3:2: upstreams[1]: the name 'a' is taken by upstreams[0]" },
        { "[{name: a, policy: random}]",
          ":2:31: 'policy': expected one of round_robin, least_connections" },
        { "[{name: a, pool: 5}]", ":2:29: expected keys such as 'min_idle:'" },
        { "[{name: a, pool: {max: 0}}]", ":2:35: 'max': expected a whole number, from 1" },
        { "[{name: a, pool: {maxx: 1}}]", ":2:30: unknown key 'maxx' (did you mean 'max'?)" },
        { "[{name: a, pool: {min_idle: -1}}]", ":2:40: 'min_idle': expected a whole number" },
        { "[{name: a, pool: {max_waiters: x}}]", ":2:43: 'max_waiters': expected a whole" },
        { "[{name: a, pool: {max_requests: 1s}}]", ":2:44: 'max_requests': expected a whole" },
        { "[{name: a, pool: {max_idle_time: 5}}]", ":2:45: 'max_idle_time': expected a duration" },
        { "[{name: a, pool: {max_lifetime: 0s}}]", ":2:44: 'max_lifetime': expected a duration" },
        { "[{name: a, servers: ['b:1'], pool: {min_idle: 3, max: 2}}]",
          ":2:13: upstream a: pool.min_idle is 3, more than pool.max, 2" },
        { "[{name: a, timeouts: {connect: 1}}]", ":2:43: 'connect': expected a duration" },
        { "[{name: a, timeouts: {wait: never}}]", ":2:40: 'wait': expected a duration" },
        { "[{name: a, timeouts: {first_byte: 2d}}]", ":2:46: 'first_byte': expected a duration" },
        { "[{name: a, timeouts: {total: 25h}}]", ":2:41: 'total': expected a duration" },
        { "[{name: a, eject: {failures: -1}}]", ":2:41: 'failures': expected a whole number" },
        { "[{name: a, eject: {time: 2h}}]", ":2:37: 'time': expected a duration" },
        { "[{name: a, message: 1MiB}]", ":2:32: 'message': expected bytes with their unit" },
        { "[{name: a, refresh: 1ms}]", ":2:32: 'refresh': expected a duration" },
        { "[{name: a, name: b}]", ":2:23: " },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char wanted[512];

        snprintf(wanted, sizeof(wanted), "%s%s", table[i].message[0] == ':' ? rig.path : "",
                 table[i].message);
        if (read_upstreams(table[i].text) != -EINVAL)
            fail_msg("taken: %s", table[i].text);
        assert_int_equal(rig.error.exit_code, EX_CONFIG);
        if (strstr(rig.error.message, wanted) == NULL ||
            strstr(rig.error.message, rig.path) == NULL)
            fail_msg("%s\n  gives    %s\n  expected %s", table[i].text, rig.error.message, wanted);
    }
}

static void too_many_are_refused_where_they_stand(void **state)
{
    static char text[8192];
    char wanted[128];
    size_t used = 0;

    (void)state;
    for (int i = 0; i <= PL_UPSTREAMS_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 "\n  - {name: u%d, servers: ['b:1']}", i);
    assert_int_equal(read_upstreams(text), -EINVAL);
    snprintf(wanted, sizeof(wanted), "%s:%d:5: more than %d upstreams", rig.path,
             3 + PL_UPSTREAMS_MAX, PL_UPSTREAMS_MAX);
    if (strstr(rig.error.message, wanted) == NULL)
        fail_msg("%s\n  expected %s", rig.error.message, wanted);

    used = (size_t)snprintf(text, sizeof(text), "[{name: a, servers: [");
    for (int i = 0; i <= PL_UPSTREAM_SERVERS_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "'b:1', ");
    snprintf(text + used, sizeof(text) - used, "]}]");
    assert_int_equal(read_upstreams(text), -EINVAL);
    assert_non_null(
        strstr(rig.error.message, "upstream a: 33 `servers`; expected a list of 1 to 32"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SETTINGS_CASE(what_stands_there_is_taken),
        SETTINGS_CASE(every_mistake_names_its_place_and_what_was_expected),
        SETTINGS_CASE(too_many_are_refused_where_they_stand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
