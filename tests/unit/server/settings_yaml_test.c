/* SPDX-License-Identifier: Apache-2.0 */
#include "alloc.h"
#include "model.h"
#include "settings_rig.h"

static int read_text(const char *text)
{
    return settings_rig_read_bytes(text, strlen(text));
}

static void read_good(const char *text)
{
    if (read_text(text) != 0)
        fail_msg("%s", rig.error.message);
}

static int set(const char *assignment)
{
    memset(&rig.error, 0, sizeof(rig.error));
    return pl_settings_set(&rig.schema, assignment, &rig.settings, &rig.error);
}

static void set_good(const char *assignment)
{
    if (set(assignment) != 0)
        fail_msg("%s", rig.error.message);
}

static const struct pl_service_settings *service(size_t index)
{
    assert_true(index < rig.settings.services.count);
    return &((const struct pl_service_settings *)rig.settings.services.items)[index];
}

#define SERVICE "services: [ { listen: [ '127.0.0.1:0' ] } ]\n"

static void a_small_file_gets_all_defaults(void **state)
{
    (void)state;
    read_good(SERVICE);
    assert_int_equal(rig.settings.services.count, 1);
    assert_string_equal(service(0)->name, "line");
    assert_int_equal(service(0)->backlog, 1024);
    assert_true(service(0)->has_nodelay);
    assert_int_equal(service(0)->unix_mode, 0660);
    assert_true(rig.settings.timeouts.idle_us == 60000000);
    assert_true(rig.settings.limits.message == 65536);
    assert_int_equal(rig.settings.dispatch.threads, UINT32_MAX);
}

static void every_group_is_read(void **state)
{
    (void)state;
    read_good(
        "dispatch: { model: reactor, threads: 3, arming: edge,\n"
        "            turn: { time: 0, bytes: 1MiB }, queue: { max: 7, full: refuse } }\n"
        "limits: { connections: 100, buffers: 8MiB, message: 1KiB, rate_min: 0B }\n"
        "timeouts: { header: 1s, body: 2s, idle: 3s, write: 4s, handler: 5s, drain: 6s }\n"
        "log: { level: debug, format: json }\n"
        "services:\n"
        "  - name: web\n    protocol: http\n    listen: [ '127.0.0.1:1', 'unix:/x' ]\n"
        "  - protocol: line\n    listen: [ 'udp:127.0.0.1:2' ]\n    line: { max_line: 9B }\n");
    assert_string_equal(pl_models[rig.settings.dispatch.model]->name, "reactor");
    assert_int_equal(rig.settings.dispatch.arming, 1);
    assert_true(rig.settings.dispatch.turn.time_us == 0);
    assert_true(rig.settings.dispatch.turn.bytes == 1 << 20);
    assert_int_equal(rig.settings.dispatch.queue.max, 7);
    assert_int_equal(rig.settings.dispatch.queue.full, 1);
    assert_int_equal(rig.settings.limits.connections, 100);
    assert_true(rig.settings.limits.buffers == 8 << 20);
    assert_true(rig.settings.timeouts.drain_us == 6000000);
    assert_int_equal(rig.settings.log.level, 3);
    assert_int_equal(rig.settings.log.format, 1);
    assert_int_equal(rig.settings.services.count, 2);
    assert_string_equal(service(0)->name, "web");
    assert_int_equal(service(0)->listen.count, 2);
    assert_true(*(const uint64_t *)service(1)->module == 9);
}

/* Each: the file, and what the message must hold; "FILE" stands for its name. */
static void every_mistake_names_its_place_and_what_was_expected(void **state)
{
    static const struct {
        const char *text, *message;
    } table[] = {
        { "", "FILE: no services" },
        { "services: []", "FILE: no services" },
        { "dispatch: [", "FILE:2:1: not YAML: " },
        { "a: b: c", "FILE:1:5: not YAML: " },
        { "- 1", "FILE:1:1: expected keys such as 'dispatch:'" },
        { "text", "FILE:1:1: expected keys such as 'dispatch:'" },
        { "servics: []", "FILE:1:1: unknown key 'servics' (did you mean 'services'?)" },
        { "\n\nqqqqqq: 1", "FILE:3:1: unknown key 'qqqqqq'; expected dispatch, limits" },
        { "dispatch:\n  modl: reactor", "FILE:2:3: unknown key 'modl' (did you mean 'model'?)" },
        { "dispatch: { model: reacter }",
          "FILE:1:20: 'model': expected one of leader_followers, " },
        { "dispatch: { model: reacter }", "not 'reacter' (did you mean 'reactor'?)" },
        { "dispatch: { threads: 5000 }", "FILE:1:22: 'threads': expected auto or a whole number" },
        { "dispatch: { threads: [] }",
          "'threads': expected auto or a whole number, from 0 to 1024, "
          "not a list" },
        { "dispatch: { threads: {} }", "not a group of keys" },
        { "dispatch: 5", "FILE:1:11: expected keys such as 'model:'" },
        { "dispatch: { model: leader_followers, threads: 0 }\n" SERVICE,
          "dispatch.threads: leader_followers needs at least 1 thread, not 0" },
        { "log: {}\nlog: {}", "FILE:2:1: 'log' stands twice; the first is in line 1" },
        { "[a]: 1", "FILE:1:1: expected a key" },
        { "timeouts: { idle: 5 }", "FILE:1:19: 'idle': expected a duration with its unit" },
        { "limits: { message: 1GiB }", "'message': expected bytes with their unit, such as 64KiB, "
                                       "from 1KiB to 512KiB, not '1GiB'" },
        { "services: { a: 1 }", "FILE:1:11: 'services': expected a list" },
        { "services: [ 5 ]", "FILE:1:13: expected keys such as 'name:'" },
        { "services: [ { listen: 5 } ]", "FILE:1:23: 'listen': expected a list" },
        { "services: [ {} ]", "FILE:1:13: services[0] (line): no `listen`" },
        { "services: [ { listen: [ 'x' ] } ]",
          "FILE:1:13: services[0] (line): listen: 'x': the port" },
        { "services: [ { listen: [ [] ] } ]", "FILE:1:25: 'listen': expected a text" },
        { "services: [ { protocol: http, listen: [ 'udp:1.2.3.4:5' ] } ]",
          "protocol http has no datagrams" },
        { "services: [ { protocol: line, http: {} } ]",
          "'http' belongs to a service with `protocol: http`, this one has `protocol: line`" },
        { "services: [ { htpp: {} } ]", "FILE:1:15: unknown key 'htpp' (did you mean 'http'?)" },
        { "services: [ { line: { max_lin: 1B } } ]", "(did you mean 'max_line'?)" },
        { "services: [ { name: line, listen: [ '1.2.3.4:5' ] }, "
          "{ name: line, listen: [ '1.2.3.4:6' ] } ]",
          "FILE:1:54: services[1]: the name 'line' is taken by services[0]" },
        { "services: [ { name: '', listen: [ '1.2.3.4:5' ] } ]", "services[0]: the name is empty" },
        { "services: [ { name: default, listen: [ '1.2.3.4:5' ] } ]",
          "services[0]: the name 'default' means all that share a dispatch" },
        { "services: [ { name: "
          "a-name-that-is-longer-than-what-every-view-of-a-server-has-room-for-it, "
          "listen: [ '1.2.3.4:5' ] } ]",
          "services[0]: the name is longer than 63 bytes" },
        { SERVICE "---\nlog: {}", "FILE:3:1: a second document; expected one" },
        { "services: [ { name: \"a\\0b\" } ]", "'name': the value holds a NUL" },
        { "\"log\\0x\": {}\n" SERVICE, "FILE:1:1: the key holds a NUL" },
        { "log: *nothing", "FILE:1:6: not YAML: " },
        { "log: { level: verbose }", "'level': expected one of error, warning, info, debug" },
        { "services: [ { unix_mode: 0999 } ]", "'unix_mode': expected permission bits" },
        { "services: [ { nodelay: 1 } ]", "'nodelay': expected true or false, not '1'" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char wanted[512];
        bool has_file = strncmp(table[i].message, "FILE", 4) == 0;

        snprintf(wanted, sizeof(wanted), "%s%s", has_file ? rig.path : "",
                 table[i].message + (has_file ? 4 : 0));
        if (read_text(table[i].text) != -EINVAL)
            fail_msg("taken: %s", table[i].text);
        assert_int_equal(rig.error.exit_code, EX_CONFIG);
        if (strstr(rig.error.message, wanted) == NULL)
            fail_msg("%s\n  gives    %s\n  expected %s", table[i].text, rig.error.message, wanted);
    }
}

static void a_missing_file_is_66_and_a_bad_one_78(void **state)
{
    (void)state;
    assert_int_equal(
        pl_settings_read(&rig.schema, "/nonexistent/x.yaml", &rig.settings, &rig.error), -ENOENT);
    assert_int_equal(rig.error.exit_code, EX_NOINPUT);
    assert_non_null(strstr(rig.error.message, "/nonexistent/x.yaml: cannot be read"));
    assert_true(pl_settings_read(&rig.schema, "/tmp", &rig.settings, &rig.error) < 0);
    assert_int_equal(rig.error.exit_code, EX_NOINPUT);
    assert_true(pl_settings_read(&rig.schema, "/dev/null", &rig.settings, &rig.error) < 0);
    assert_int_equal(rig.error.exit_code, EX_NOINPUT);
    assert_int_equal(read_text("x: 1"), -EINVAL);
    assert_int_equal(rig.error.exit_code, EX_CONFIG);
}

static void a_huge_file_is_refused_unread(void **state)
{
    size_t size = PL_YAML_BYTES_MAX + 1;
    char *text = malloc(size);

    (void)state;
    memset(text, '#', size);
    assert_int_equal(settings_rig_read_bytes(text, size), -EFBIG);
    assert_int_equal(rig.error.exit_code, EX_CONFIG);
    /* One byte less is a comment. */
    assert_int_equal(settings_rig_read_bytes(text, size - 1), -EINVAL);
    assert_non_null(strstr(rig.error.message, "no services"));
    free(text);
}

static void deep_nesting_is_refused(void **state)
{
    static const char *const openers[] = { "[", "{a: ", "- " };
    char *text = malloc(PL_YAML_BYTES_MAX);

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        size_t length = 0;

        while (length + 8 < 200000)
            length += (size_t)sprintf(text + length, "%s", openers[i]);
        assert_int_equal(settings_rig_read_bytes(text, length), -EINVAL);
        assert_int_equal(rig.error.exit_code, EX_CONFIG);
    }
    free(text);
}

/* Two hundred times two hundred values by two hundred names. */
static void an_alias_bomb_is_refused_before_it_goes_off(void **state)
{
    char text[16384];
    size_t length = 0;

    (void)state;
    length += (size_t)sprintf(text, "services:\n  - listen: &a0 [ ");
    for (int i = 0; i < 200; i++)
        length += (size_t)sprintf(text + length, "'1.2.3.4:5', ");
    length += (size_t)sprintf(text + length, "]\n");
    for (int i = 0; i < 200; i++)
        length += (size_t)sprintf(text + length, "  - listen: *a0\n");
    assert_int_equal(read_text(text), -EINVAL);
    assert_non_null(strstr(rig.error.message, "more than"));
    /* One node that holds itself. */
    assert_int_equal(read_text("services: &s [ { listen: *s } ]"), -EINVAL);
    assert_int_equal(read_text("services: &s\n  - *s\n"), -EINVAL);
    assert_int_equal(read_text("dispatch: &d { turn: *d }"), -EINVAL);
}

static void texts_by_alias_count_where_they_stand(void **state)
{
    size_t size = 400000, length = 0;
    char *text = malloc(size);

    (void)state;
    length += (size_t)sprintf(text, "services: [ { listen: [ &a '1.2.3.4:5'");
    for (int i = 0; i < PL_YAML_NODES_MAX + 10; i++)
        length += (size_t)sprintf(text + length, ", *a");
    length += (size_t)sprintf(text + length, " ] } ]");
    assert_int_equal(settings_rig_read_bytes(text, length), -EINVAL);
    assert_non_null(strstr(rig.error.message, "more than"));
    free(text);
}

static void a_service_inherits_the_outer_dispatch_key_by_key(void **state)
{
    (void)state;
    read_good(
        "services:\n"
        "  - { name: a, listen: [ '1.2.3.4:5' ] }\n"
        "  - { name: b, listen: [ '1.2.3.4:6' ], dispatch: { threads: 7 } }\n"
        "  - { name: c, listen: [ '1.2.3.4:6' ], dispatch: { turn: { bytes: 1B } } }\n"
        "dispatch: { model: proactor, threads: 5, turn: { time: 1ms }, queue: { max: 9 } }\n");
    assert_false(service(0)->has_dispatch);
    assert_int_equal(service(0)->dispatch.threads, 5);
    assert_true(service(1)->has_dispatch);
    assert_int_equal(service(1)->dispatch.threads, 7);
    assert_int_equal(service(1)->dispatch.model, rig.settings.dispatch.model);
    assert_int_equal(service(1)->dispatch.queue.max, 9);
    assert_true(service(2)->dispatch.turn.bytes == 1);
    assert_true(service(2)->dispatch.turn.time_us == 1000);
    assert_int_equal(service(2)->dispatch.threads, 5);
    /* A later --set reaches those that follow, and only them. */
    set_good("dispatch.threads=2");
    assert_int_equal(service(0)->dispatch.threads, 2);
    assert_int_equal(service(1)->dispatch.threads, 7);
    set_good("services.a.dispatch.threads=4");
    set_good("dispatch.threads=3");
    assert_int_equal(service(0)->dispatch.threads, 4);
}

static void set_reaches_every_kind_of_key(void **state)
{
    (void)state;
    read_good("services:\n  - { name: web, protocol: http, listen: [ '1.2.3.4:5' ] }\n"
              "  - { listen: [ '1.2.3.4:6' ] }\n");
    set_good("timeouts.idle=5s");
    assert_true(rig.settings.timeouts.idle_us == 5000000);
    set_good("dispatch.turn.bytes=1KiB");
    assert_true(rig.settings.dispatch.turn.bytes == 1024);
    set_good("services.web.listen=[127.0.0.1:0, 'unix:/a=b']");
    assert_int_equal(service(0)->listen.count, 2);
    assert_string_equal(((char **)service(0)->listen.items)[1], "unix:/a=b");
    set_good("services.1.line.max_line=77B");
    assert_true(*(const uint64_t *)service(1)->module == 77);
    set_good("services.1.name=other");
    assert_string_equal(service(1)->name, "other");
    set_good("services=[ { listen: [ '1.2.3.4:7' ] } ]");
    assert_int_equal(rig.settings.services.count, 1);
    assert_string_equal(service(0)->name, "line");
}

static void a_wrong_set_says_so(void **state)
{
    static const struct {
        const char *assignment, *message;
        int exit_code;
    } table[] = {
        { "timeouts.idle", "--set: expected KEY=VALUE", EX_USAGE },
        { "=5", "--set: expected KEY=VALUE", EX_USAGE },
        { "timeouts.idl=5s", "--set timeouts.idl: there is no such key", EX_CONFIG },
        { "timeouts=5s", "there is no such key", EX_CONFIG },
        { "timeouts.idle.x=5s", "there is no such key", EX_CONFIG },
        { "services.7.name=x", "there is no such key", EX_CONFIG },
        { "services.0=x", "there is no such key", EX_CONFIG },
        { "services.0.http.root=x", "there is no such key", EX_CONFIG },
        { ".=x", "there is no such key", EX_CONFIG },
        { "timeouts.idle=", "--set timeouts.idle: the value is empty", EX_CONFIG },
        { "timeouts.idle=5", "--set timeouts.idle: 'idle': expected a duration", EX_CONFIG },
        { "timeouts.idle=[5s]", "not a list", EX_CONFIG },
        { "services.0.listen=5", "'listen': expected a list", EX_CONFIG },
        { "services.0.listen=[", "not YAML", EX_CONFIG },
        { "dispatch.model=x", "'model': expected one of", EX_CONFIG },
    };

    (void)state;
    read_good(SERVICE);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (set(table[i].assignment) >= 0)
            fail_msg("taken: %s", table[i].assignment);
        if (strstr(rig.error.message, table[i].message) == NULL)
            fail_msg("%s gives: %s", table[i].assignment, rig.error.message);
        assert_int_equal(rig.error.exit_code, table[i].exit_code);
    }
}

/* The module's struct is that of the protocol, whatever came first. */
static void another_protocol_brings_settings_of_its_own(void **state)
{
    char *printed = NULL;
    size_t length = 0;
    FILE *out;

    (void)state;
    read_good("services: [ { protocol: line, listen: [ '1.2.3.4:5' ], line: { max_line: 9B } } ]");
    set_good("services.0.protocol=http");
    out = open_memstream(&printed, &length);
    pl_settings_print(rig.schema.rows, &rig.settings, &settings_rig_modules, 0, out);
    fclose(out);
    assert_non_null(strstr(printed, "    http:\n"));
    free(printed);
    set_good("services.0.protocol=line");
    assert_true(*(const uint64_t *)service(0)->module == 8192);
}

static char *print(void)
{
    char *printed = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&printed, &length);

    pl_settings_print(rig.schema.rows, &rig.settings, &settings_rig_modules, 0, out);
    fclose(out);
    return printed;
}

static void what_is_printed_is_read_back_as_the_same(void **state)
{
    static const char *const files[] = {
        SERVICE,
        "dispatch: { model: half_sync_half_async, threads: 3, turn: { time: 0, bytes: 0 } }\n"
        "log: { format: json }\nlimits: { rate_min: 0 }\n"
        "services: [ { protocol: http, listen: [ '[::1]:1' ] },\n"
        "  { name: \"a 'b' \\\"c\\\" \\\\ : # \\n\\t\\r\\x01\\e\\x7f \\u00e9\", listen: [ "
        "'1.2.3.4:6' ] } ]",
        "services: [ { listen: [ \"unix:/tmp/a \\\"b\\\" \\\\ c # \\n\" ] } ]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char *first, *second, *name, *listen;

        read_good(files[i]);
        name = pl_alloc_string(service(rig.settings.services.count - 1)->name);
        listen = pl_alloc_string(*(char **)service(0)->listen.items);
        first = print();
        if (read_text(first) != 0)
            fail_msg("%s\n%s", rig.error.message, first);
        second = print();
        assert_string_equal(service(rig.settings.services.count - 1)->name, name);
        assert_string_equal(*(char **)service(0)->listen.items, listen);
        /* The outer dispatch is printed for each service too, so only that may differ. */
        assert_string_equal(second, first);
        pl_free(name);
        pl_free(listen);
        free(first);
        free(second);
    }
}

static void a_long_text_is_printed_whole(void **state)
{
    char text[9000];
    char *first, *again;
    int length = sprintf(text, "services: [ { protocol: http, listen: [ '1.2.3.4:5' ], http: { "
                               "routes: [ { path: /, reply: { text: '");

    (void)state;
    memset(text + length, 'n', 8000);
    sprintf(text + length + 8000, "' } } ] } } ]");
    read_good(text);
    first = print();
    text[length + 8000] = '\0';
    assert_non_null(strstr(first, text + length));
    read_good(first);
    again = print();
    assert_string_equal(again, first);
    free(again);
    free(first);
}

static void a_relative_path_is_relative_to_the_file(void **state)
{
    char printed[256];
    char *all;

    (void)state;
    read_good("services: [ { protocol: http, listen: [ '1.2.3.4:5' ],\n"
              "  http: { root: www } } ]");
    all = print();
    snprintf(printed, sizeof(printed), "\"/tmp/www\"");
    assert_non_null(strstr(all, printed));
    free(all);
}

static void an_empty_path_is_no_folder(void **state)
{
    char *all;

    (void)state;
    read_good("services: [ { protocol: http, listen: [ '1.2.3.4:5' ],\n"
              "  http: { root: '', access_log: { file: '' } } } ]");
    all = print();
    assert_null(strstr(all, "/tmp"));
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SETTINGS_CASE(a_small_file_gets_all_defaults),
        SETTINGS_CASE(every_group_is_read),
        SETTINGS_CASE(every_mistake_names_its_place_and_what_was_expected),
        SETTINGS_CASE(a_missing_file_is_66_and_a_bad_one_78),
        SETTINGS_CASE(an_empty_path_is_no_folder),
        SETTINGS_CASE(a_huge_file_is_refused_unread),
        SETTINGS_CASE(deep_nesting_is_refused),
        SETTINGS_CASE(an_alias_bomb_is_refused_before_it_goes_off),
        SETTINGS_CASE(texts_by_alias_count_where_they_stand),
        SETTINGS_CASE(a_service_inherits_the_outer_dispatch_key_by_key),
        SETTINGS_CASE(set_reaches_every_kind_of_key),
        SETTINGS_CASE(a_wrong_set_says_so),
        SETTINGS_CASE(another_protocol_brings_settings_of_its_own),
        SETTINGS_CASE(what_is_printed_is_read_back_as_the_same),
        SETTINGS_CASE(a_long_text_is_printed_whole),
        SETTINGS_CASE(a_relative_path_is_relative_to_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
