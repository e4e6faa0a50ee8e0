/* SPDX-License-Identifier: Apache-2.0 */
#include "setting_value.h"

#include "alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

union value {
    bool is_on;
    uint32_t count;
    uint64_t bytes;
    int64_t duration;
    int word;
    char *text;
};

static const char *const words[] = { "leader_followers|leader_follower|lf", "reactor", NULL };
static const char *const automatic[] = { "auto", NULL };

static const struct pl_setting rows[] = {
    [PL_SETTING_BOOL] = { .name = "b", .type = PL_SETTING_BOOL },
    [PL_SETTING_COUNT] = { .name = "c", .type = PL_SETTING_COUNT },
    [PL_SETTING_BYTES] = { .name = "y", .type = PL_SETTING_BYTES },
    [PL_SETTING_DURATION] = { .name = "d", .type = PL_SETTING_DURATION },
    [PL_SETTING_MODE] = { .name = "m", .type = PL_SETTING_MODE },
    [PL_SETTING_TEXT] = { .name = "t", .type = PL_SETTING_TEXT },
    [PL_SETTING_PATH] = { .name = "p", .type = PL_SETTING_PATH },
    [PL_SETTING_WORD] = { .name = "w", .type = PL_SETTING_WORD, .words = words },
};

static int parse(const struct pl_setting *row, const char *text, union value *value, char *problem)
{
    problem[0] = '\0';
    return pl_setting_parse(row, text, value, problem, 384);
}

static void good_values_are_read_and_shown(void **state)
{
    static const struct {
        enum pl_setting_type type;
        const char *text;
        int64_t value;
        const char *shown;
    } table[] = {
        { PL_SETTING_BOOL, "true", 1, "true" },
        { PL_SETTING_BOOL, "yes", 1, "true" },
        { PL_SETTING_BOOL, "on", 1, "true" },
        { PL_SETTING_BOOL, "false", 0, "false" },
        { PL_SETTING_BOOL, "no", 0, "false" },
        { PL_SETTING_BOOL, "off", 0, "false" },
        { PL_SETTING_COUNT, "0", 0, "0" },
        { PL_SETTING_COUNT, "0012", 12, "12" },
        { PL_SETTING_COUNT, "4294967294", 4294967294, "4294967294" },
        { PL_SETTING_BYTES, "0", 0, "0B" },
        { PL_SETTING_BYTES, "0KiB", 0, "0B" },
        { PL_SETTING_BYTES, "500B", 500, "500B" },
        { PL_SETTING_BYTES, "1536B", 1536, "1536B" },
        { PL_SETTING_BYTES, "2048B", 2048, "2KiB" },
        { PL_SETTING_BYTES, "64KiB", 65536, "64KiB" },
        { PL_SETTING_BYTES, "3MiB", 3 << 20, "3MiB" },
        { PL_SETTING_BYTES, "1GiB", 1 << 30, "1GiB" },
        { PL_SETTING_BYTES, "8589934591GiB", 8589934591ll << 30, "8589934591GiB" },
        { PL_SETTING_DURATION, "0", 0, "0us" },
        { PL_SETTING_DURATION, "150us", 150, "150us" },
        { PL_SETTING_DURATION, "20ms", 20000, "20ms" },
        { PL_SETTING_DURATION, "90s", 90000000, "90s" },
        { PL_SETTING_DURATION, "60s", 60000000, "1min" },
        { PL_SETTING_DURATION, "60min", 3600000000, "1h" },
        { PL_SETTING_DURATION, "24h", 86400000000, "24h" },
        { PL_SETTING_MODE, "0660", 0660, "0660" },
        { PL_SETTING_MODE, "7777", 07777, "7777" },
        { PL_SETTING_MODE, "0", 0, "0000" },
        { PL_SETTING_WORD, "leader_followers", 0, "leader_followers" },
        { PL_SETTING_WORD, "lf", 0, "leader_followers" },
        { PL_SETTING_WORD, "reactor", 1, "reactor" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct pl_setting *row = &rows[table[i].type];
        union value value = { .bytes = 0 };
        char problem[384], shown[64];

        if (parse(row, table[i].text, &value, problem) != 0)
            fail_msg("'%s': %s", table[i].text, problem);
        assert_true(value.duration == table[i].value);
        pl_setting_format(row, &value, shown, sizeof(shown));
        assert_string_equal(shown, table[i].shown);
        /* What is shown is read back as the same. */
        memset(&value, 0, sizeof(value));
        assert_int_equal(parse(row, shown, &value, problem), 0);
        assert_true(value.duration == table[i].value);
    }
}

static void bad_values_leave_the_setting_and_say_what_was_expected(void **state)
{
    static const struct {
        enum pl_setting_type type;
        const char *text, *expected;
    } table[] = {
        { PL_SETTING_BOOL, "maybe", "expected true or false" },
        { PL_SETTING_BOOL, "", "expected true or false" },
        { PL_SETTING_BOOL, "True", "expected true or false" },
        { PL_SETTING_COUNT, "", "expected a whole number" },
        { PL_SETTING_COUNT, "-1", "expected a whole number" },
        { PL_SETTING_COUNT, "+1", "expected a whole number" },
        { PL_SETTING_COUNT, " 1", "expected a whole number" },
        { PL_SETTING_COUNT, "1 ", "expected a whole number" },
        { PL_SETTING_COUNT, "0x10", "expected a whole number" },
        { PL_SETTING_COUNT, "1.5", "expected a whole number" },
        { PL_SETTING_COUNT, "4294967295", "expected a whole number" },
        { PL_SETTING_COUNT, "99999999999999999999", "expected a whole number" },
        { PL_SETTING_COUNT, "auto", "expected a whole number" },
        { PL_SETTING_BYTES, "64", "expected bytes with their unit" },
        { PL_SETTING_BYTES, "64KB", "expected bytes with their unit" },
        { PL_SETTING_BYTES, "64 KiB", "expected bytes with their unit" },
        { PL_SETTING_BYTES, "8589934592GiB", "expected bytes with their unit" },
        { PL_SETTING_BYTES, "9223372036854775808B", "expected bytes with their unit" },
        { PL_SETTING_DURATION, "10", "expected a duration with its unit" },
        { PL_SETTING_DURATION, "10m", "expected a duration with its unit" },
        { PL_SETTING_DURATION, "1.5s", "expected a duration with its unit" },
        { PL_SETTING_DURATION, "3000000000h", "expected a duration with its unit" },
        { PL_SETTING_MODE, "0888", "expected permission bits" },
        { PL_SETTING_MODE, "10000", "expected permission bits" },
        { PL_SETTING_MODE, "rw-", "expected permission bits" },
        { PL_SETTING_WORD, "leader", "expected one of leader_followers, reactor" },
        { PL_SETTING_WORD, "", "expected one of" },
        { PL_SETTING_WORD, "leader_followers|leader_follower", "expected one of" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        union value value = { .bytes = 0x0101010101010101 };
        char problem[384];

        if (parse(&rows[table[i].type], table[i].text, &value, problem) != -EINVAL)
            fail_msg("type %d takes '%s'", (int)table[i].type, table[i].text);
        assert_true(value.bytes == 0x0101010101010101);
        if (strstr(problem, table[i].expected) == NULL)
            fail_msg("'%s': %s", table[i].text, problem);
    }
}

static void bounds_count_and_are_named_in_their_unit(void **state)
{
    static const struct pl_setting row = {
        .name = "idle", .type = PL_SETTING_DURATION, .min = 1000, .max = 60000000
    };
    union value value = { .bytes = 0 };
    char problem[384];

    (void)state;
    assert_int_equal(parse(&row, "1ms", &value, problem), 0);
    assert_int_equal(parse(&row, "60s", &value, problem), 0);
    assert_int_equal(parse(&row, "999us", &value, problem), -EINVAL);
    assert_non_null(strstr(problem, "from 1ms to 1min, not '999us'"));
    assert_int_equal(parse(&row, "61s", &value, problem), -EINVAL);
    assert_true(value.duration == 60000000);
}

static void auto_is_a_count_of_its_own(void **state)
{
    static const struct pl_setting row = {
        .name = "threads", .type = PL_SETTING_COUNT, .max = 8, .words = automatic
    };
    union value value = { .count = 0 };
    char problem[384], shown[32];

    (void)state;
    assert_int_equal(parse(&row, "auto", &value, problem), 0);
    assert_int_equal(value.count, UINT32_MAX);
    pl_setting_format(&row, &value, shown, sizeof(shown));
    assert_string_equal(shown, "auto");
    assert_int_equal(parse(&row, "8", &value, problem), 0);
    assert_int_equal(value.count, 8);
    assert_int_equal(parse(&row, "9", &value, problem), -EINVAL);
    assert_non_null(strstr(problem, "expected auto or a whole number, from 0 to 8"));
}

static void a_text_replaces_the_one_before(void **state)
{
    union value value = { .text = NULL };
    char problem[384];
    char *shown = NULL;
    size_t length;
    FILE *out = open_memstream(&shown, &length);

    (void)state;
    assert_int_equal(parse(&rows[PL_SETTING_TEXT], "first", &value, problem), 0);
    assert_int_equal(parse(&rows[PL_SETTING_TEXT], "a \"b\" \\ c\n\t", &value, problem), 0);
    pl_setting_print_text(value.text, out);
    fclose(out);
    assert_string_equal(shown, "\"a \\\"b\\\" \\\\ c\\n\\t\"");
    free(shown);
    pl_free(value.text);
}

static void a_long_wrong_value_is_cut_in_the_message(void **state)
{
    char text[5000], problem[384];
    union value value;

    (void)state;
    memset(text, 'z', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(parse(&rows[PL_SETTING_COUNT], text, &value, problem), -EINVAL);
    assert_true(strlen(problem) < 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_values_are_read_and_shown),
        cmocka_unit_test(bad_values_leave_the_setting_and_say_what_was_expected),
        cmocka_unit_test(bounds_count_and_are_named_in_their_unit),
        cmocka_unit_test(auto_is_a_count_of_its_own),
        cmocka_unit_test(a_text_replaces_the_one_before),
        cmocka_unit_test(a_long_wrong_value_is_cut_in_the_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
