/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two configurations, how it is said, and what of it may apply at once. */
#include "settings_diff.h"
#include "settings_rig.h"

static struct pl_settings older;
static struct pl_settings_diff diff;

static int setup(void **state)
{
    memset(&older, 0, sizeof(older));
    memset(&diff, 0, sizeof(diff));
    return settings_rig_setup(state);
}

static int teardown(void **state)
{
    pl_settings_diff_free(&diff);
    pl_settings_free(rig.schema.rows, &older, &settings_rig_modules);
    return settings_rig_teardown(state);
}

static void read_good(const char *text)
{
    if (settings_rig_read("%s", text) != 0)
        fail_msg("%s", rig.error.message);
}

static void read_both(const char *before, const char *after)
{
    read_good(before);
    older = rig.settings;
    memset(&rig.settings, 0, sizeof(rig.settings));
    read_good(after);
}

static void compare(const char *before, const char *after)
{
    read_both(before, after);
    assert_int_equal(pl_settings_diff(&rig.schema, &older, &rig.settings, &diff), 0);
}

static void expect(uint32_t index, const char *key, const char *before, const char *after,
                   bool is_live)
{
    const struct pl_settings_change *change;

    assert_true(index < diff.count);
    change = &diff.changes[index];
    assert_string_equal(change->key, key);
    assert_string_equal(change->before, before);
    assert_string_equal(change->after, after);
    assert_int_equal(change->is_live, is_live);
}

#define LISTEN  "listen: [ '127.0.0.1:0' ]"
#define SERVICE "services: [ { name: a, " LISTEN " } ]\n"

static void the_same_differs_in_nothing(void **state)
{
    (void)state;
    compare(SERVICE, "# other lines, other order\n" SERVICE "timeouts: { idle: 60000ms }\n");
    assert_int_equal(diff.count, 0);
}

static void values_are_said_as_they_are_printed(void **state)
{
    (void)state;
    compare(SERVICE, "dispatch: { model: reactor, threads: 4, turn: { time: 1ms } }\n"
                     "limits: { buffers: 8MiB }\nlog: { level: debug }\n"
                     "services: [ { name: a, " LISTEN ", unix_mode: 0600, nodelay: no } ]\n");
    assert_int_equal(diff.count, 7);
    expect(0, "dispatch.model", "leader_followers", "reactor", true);
    expect(1, "dispatch.threads", "auto", "4", true);
    expect(2, "dispatch.turn.time", "150us", "1ms", true);
    expect(3, "limits.buffers", "256MiB", "8MiB", true);
    expect(4, "log.level", "info", "debug", true);
    expect(5, "services.a.nodelay", "true", "false", true);
    expect(6, "services.a.unix_mode", "0660", "0600", true);
}

static void texts_are_quoted_and_lists_stand_in_a_line(void **state)
{
    (void)state;
    compare("services: [ { name: a, listen: [ '127.0.0.1:0' ] } ]\n",
            "services: [ { name: a, listen: [ '127.0.0.1:0', 'unix:/tmp/\"x' ] } ]\n"
            "timeline: { entries: 1, file: /t }\n");
    assert_int_equal(diff.count, 3);
    expect(0, "services.a.listen", "[ \"127.0.0.1:0\" ]",
           "[ \"127.0.0.1:0\", \"unix:/tmp/\\\"x\" ]", true);
    expect(1, "timeline.entries", "0", "1", false);
    expect(2, "timeline.file", "\"\"", "\"/t\"", false);
}

static void services_are_matched_by_name(void **state)
{
    (void)state;
    compare("services: [ { name: a, " LISTEN " }, { name: b, " LISTEN " }, { name: c, " LISTEN
            " } ]\n",
            "services: [ { name: c, " LISTEN ", line: { max_line: 1KiB } }, { name: d, " LISTEN
            " }, { name: a, " LISTEN " } ]\n");
    assert_int_equal(diff.count, 3);
    expect(0, "services.b", "present", "absent", true);
    expect(1, "services.c.line.max_line", "8KiB", "1KiB", true);
    expect(2, "services.d", "absent", "present", true);
}

static void items_without_a_name_are_matched_by_number(void **state)
{
    (void)state;
#define HTTP(routes)                                                                               \
    "services: [ { name: a, protocol: http, " LISTEN ", http: { routes: [ " routes " ] } } ]\n"
    compare(HTTP("{ path: /x }, { path: /y }"), HTTP("{ path: /x, reply: { text: t } }"));
    assert_int_equal(diff.count, 2);
    expect(0, "services.a.http.routes.1", "present", "absent", true);
    expect(1, "services.a.http.routes.0.reply.text", "not set", "\"t\"", true);
#undef HTTP
}

static void another_protocol_is_one_change(void **state)
{
    (void)state;
    compare("services: [ { name: a, protocol: http, " LISTEN ", http: { root: / } } ]\n", SERVICE);
    assert_int_equal(diff.count, 1);
    expect(0, "services.a.protocol", "http", "line", true);
}

static void a_service_that_follows_the_outer_dispatch_says_nothing_of_its_own(void **state)
{
    (void)state;
    compare(SERVICE "dispatch: { threads: 2 }\n", SERVICE "dispatch: { threads: 3 }\n");
    assert_int_equal(diff.count, 1);
    expect(0, "dispatch.threads", "2", "3", true);
}

static void a_dispatch_of_its_own_that_comes_is_a_change(void **state)
{
    (void)state;
    compare(SERVICE, "services: [ { name: a, " LISTEN ", dispatch: { model: proactor } } ]\n");
    assert_int_equal(diff.count, 2);
    expect(0, "services.a.dispatch", "absent", "present", true);
    expect(1, "services.a.dispatch.model", "leader_followers", "proactor", true);
}

#define UPSTREAM(more) "upstreams: [ { name: u, servers: [ '127.0.0.1:9' ]" more " } ]\n"

static void upstreams_wait_for_the_next_start(void **state)
{
    (void)state;
    compare(SERVICE UPSTREAM(""), SERVICE UPSTREAM(", pool: { max: 7 }"));
    assert_int_equal(diff.count, 1);
    expect(0, "upstreams.u.pool.max", "32", "7", false);
}

static void a_long_value_is_cut(void **state)
{
    char text[1024];

    (void)state;
    read_good(SERVICE);
    older = rig.settings;
    memset(&rig.settings, 0, sizeof(rig.settings));
    snprintf(text, sizeof(text), SERVICE "timeline: { entries: 1, file: /%0500d }\n", 0);
    read_good(text);
    assert_int_equal(pl_settings_diff(&rig.schema, &older, &rig.settings, &diff), 0);
    assert_int_equal(diff.count, 2);
    assert_int_equal(strlen(diff.changes[1].after), PL_CHANGE_TEXT_BYTES - 1);
    assert_string_equal(diff.changes[1].after + PL_CHANGE_TEXT_BYTES - 4, "...");
}

static void what_applies_at_the_start_is_kept(void **state)
{
    (void)state;
    read_both(SERVICE UPSTREAM("") "timeline: { entries: 5, file: /old }\n",
              SERVICE UPSTREAM(", pool: { max: 7 }") "timeouts: { idle: 5s }\n"
                                                     "timeline: { entries: 9, file: /new }\n");
    assert_int_equal(pl_settings_keep(&rig.schema, &older, &rig.settings), 0);
    /* The older may be freed at once. */
    assert_int_equal(pl_settings_diff(&rig.schema, &older, &rig.settings, &diff), 0);
    pl_settings_free(rig.schema.rows, &older, &settings_rig_modules);
    assert_int_equal(diff.count, 1);
    expect(0, "timeouts.idle", "1min", "5s", true);
    assert_string_equal(rig.settings.timeline.file, "/old");
    assert_int_equal(rig.settings.timeline.entries, 5);
    assert_int_equal(((struct pl_upstream_settings *)rig.settings.upstreams.items)[0].pool.max, 32);
    assert_string_equal(
        *(char **)((struct pl_upstream_settings *)rig.settings.upstreams.items)[0].servers.items,
        "127.0.0.1:9");
}

static void every_key_of_the_tables_can_be_told_apart(void **state)
{
    (void)state;
    compare(SERVICE, "services: [ { name: a, " LISTEN " }, { name: b, " LISTEN " } ]\n"
                     "timeouts: { header: 1s, body: 1s, idle: 1s, write: 1s, handler: 1s,"
                     " drain: 1s }\n"
                     "limits: { connections: 9, buffers: 9MiB, message: 9KiB, rate_min: 9B }\n");
    assert_int_equal(diff.count, 11);
    for (uint32_t i = 0; i < diff.count; i++)
        assert_true(diff.changes[i].is_live);
}

#define DIFF_CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        DIFF_CASE(the_same_differs_in_nothing),
        DIFF_CASE(values_are_said_as_they_are_printed),
        DIFF_CASE(texts_are_quoted_and_lists_stand_in_a_line),
        DIFF_CASE(services_are_matched_by_name),
        DIFF_CASE(items_without_a_name_are_matched_by_number),
        DIFF_CASE(another_protocol_is_one_change),
        DIFF_CASE(a_service_that_follows_the_outer_dispatch_says_nothing_of_its_own),
        DIFF_CASE(a_dispatch_of_its_own_that_comes_is_a_change),
        DIFF_CASE(upstreams_wait_for_the_next_start),
        DIFF_CASE(a_long_value_is_cut),
        DIFF_CASE(what_applies_at_the_start_is_kept),
        DIFF_CASE(every_key_of_the_tables_can_be_told_apart),
    };

    return cmocka_run_group_tests_name("settings_diff", cases, NULL, NULL);
}
