/* SPDX-License-Identifier: Apache-2.0 */
/* Case files: what is read, and which mistake is named with its line. */
#include "case_text.h"
#include "script.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BEGIN "case one\nrule RFC 9112, 3\nlevel must\n"
#define END   "send x\nexpect status 200\n"

static int read_text(struct case_list *list, enum suite suite, const char *text,
                     struct case_error *error)
{
    *list = (struct case_list){ .count = 0 };
    *error = (struct case_error){ .text = "" };
    return case_list_read(list, suite, "group", "test.case", text, strlen(text), error);
}

static void a_case_is_read_whole(void **state)
{
    struct case_list list;
    struct case_error error;

    (void)state;
    assert_int_equal(read_text(&list, SUITE_HTTP,
                               "# a comment\n\n" BEGIN "why because\nknown nginx: says no\n"
                               "clients 3\ntimeout 700\nhead 1 3\nalone\n"
                               "send GET\\r\\n\\x41\\0\ncut\nsend-repeat 3 ab\nfence\n"
                               "expect status 4xx 501 | responses 0\nexpect no-fence\n",
                               &error),
                     0);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.cases[0].id, "one");
    assert_string_equal(list.cases[0].group, "group");
    assert_string_equal(list.cases[0].rule, "RFC 9112, 3");
    assert_string_equal(list.cases[0].why, "because");
    assert_string_equal(list.cases[0].known, "nginx: says no");
    assert_int_equal(list.cases[0].clients_count, 3);
    assert_int_equal(list.cases[0].timeout_ms, 700);
    assert_true(list.cases[0].is_alone);
    assert_true(list.cases[0].is_head[0] && !list.cases[0].is_head[1] && list.cases[0].is_head[2]);
    assert_int_equal(list.cases[0].steps_count, 4);
    assert_int_equal(list.cases[0].steps[0].text_length, 7);
    assert_memory_equal(list.cases[0].steps[0].text, "GET\r\nA\0", 7);
    assert_int_equal(list.cases[0].steps[1].kind, STEP_PAUSE);
    assert_int_equal(list.cases[0].steps[2].count, 3);
    assert_int_equal(list.cases[0].predicates_count, 3);
    assert_true(list.cases[0].predicates[0].is_alternative);
    assert_string_equal(list.cases[0].predicates[0].source, "status 4xx 501");
    case_list_deinit(&list);
}

static void mistakes_are_named_with_their_line(void **state)
{
    static const struct {
        enum suite suite;
        const char *text;
        const char *said;
    } rows[] = {
        { SUITE_HTTP, "send x\n", "test.case:1: 'send' outside of a case" },
        { SUITE_HTTP, BEGIN "sned x\n", "test.case:4: unknown key 'sned', expected case" },
        { SUITE_HTTP, "case a b\n", "test.case:1: expected 'case' and one word" },
        { SUITE_HTTP, "case\n", "test.case:1: expected 'case' and one word" },
        { SUITE_HTTP, BEGIN END BEGIN END, "test.case:6: case 'one' stands twice" },
        { SUITE_HTTP, BEGIN "send x\n", "test.case:1: case 'one' has no 'expect'" },
        { SUITE_HTTP, BEGIN "expect fence\n", "test.case:1: case 'one' has no 'send'" },
        { SUITE_HTTP, "case one\n" END, "test.case:1: case 'one' has no 'rule'" },
        { SUITE_HTTP, BEGIN "level maybe\n", "test.case:4: unknown level 'maybe', expected must" },
        { SUITE_HTTP, BEGIN "send a\\q\n", "test.case:4: unknown escape, expected \\r" },
        { SUITE_HTTP, BEGIN "send a\\x4\n", "test.case:4: unknown escape" },
        { SUITE_HTTP, BEGIN "send a\\\n", "test.case:4: unknown escape" },
        { SUITE_HTTP, BEGIN "send-repeat many x\n", "test.case:4: expected a number of repetit" },
        { SUITE_HTTP, BEGIN "send-repeat 60000000 xx\n", "test.case:4: too many bytes" },
        { SUITE_HTTP, BEGIN "send-repeat 18446744073709551617 x\n", "test.case:4: expected" },
        { SUITE_HTTP, BEGIN "pause -1\n", "test.case:4: expected milliseconds" },
        { SUITE_HTTP, BEGIN "clients 0\n", "test.case:4: expected at least one client" },
        { SUITE_HTTP, BEGIN "head 0\n", "test.case:4: expected the number of a response" },
        { SUITE_HTTP, BEGIN "split twice\n", "test.case:4: unknown 'split twice'" },
        { SUITE_HTTP, BEGIN "sned x\n", "reset, leave, read-late, await" },
        { SUITE_HTTP, BEGIN "await echo\n", "test.case:4: unknown 'await echo'" },
        { SUITE_HTTP, BEGIN "known nginx\n", "test.case:4: expected 'known SERVER: " },
        { SUITE_HTTP, BEGIN "transport sctp\n", "test.case:4: unknown transport 'sctp'" },
        { SUITE_HTTP, BEGIN "expect echo\n",
          "unknown expectation 'echo', expected one of: status" },
        { SUITE_LINE, BEGIN "expect status 200\n", "unknown expectation 'status'" },
        { SUITE_HTTP, BEGIN "expect status\n", "wrong 'status', expected statuses such as" },
        { SUITE_HTTP, BEGIN "expect status 4x4\n", "wrong 'status', expected statuses such as" },
        { SUITE_HTTP, BEGIN "expect status 200 | fenec\n", "unknown expectation 'fenec'" },
        { SUITE_HTTP, BEGIN "expect responses 3-1\n", "wrong 'responses', expected a count" },
        { SUITE_HTTP, BEGIN "expect responses\n", "wrong 'responses', expected a count" },
        { SUITE_HTTP, BEGIN "expect fence now\n", "wrong 'fence', expected nothing behind it" },
        { SUITE_HTTP, BEGIN "expect body 0 x\n",
          "wrong 'body', expected the number of a response" },
        { SUITE_HTTP, BEGIN "expect field 1\n", "wrong 'field', expected a text" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct case_list list;
        struct case_error error;
        int err = read_text(&list, rows[i].suite, rows[i].text, &error);

        if (err != -EINVAL || strstr(error.text, rows[i].said) == NULL ||
            strncmp(error.text, "test.case:", 10) != 0)
            fail_msg("row %zu: %d '%s', expected '%s'", i, err, error.text, rows[i].said);
        case_list_deinit(&list);
    }
}

static void the_built_in_cases_are_read(void **state)
{
    struct case_list http = { .count = 0 }, line = { .count = 0 };
    struct case_error error = { .text = "" };

    (void)state;
    assert_int_equal(case_list_read_built_in(&http, SUITE_HTTP, &error), 0);
    assert_int_equal(case_list_read_built_in(&line, SUITE_LINE, &error), 0);
    assert_true(http.count >= 150);
    assert_true(line.count >= 60);
    case_list_deinit(&http);
    case_list_deinit(&line);
}

static void a_directory_without_cases_is_a_mistake(void **state)
{
    struct case_list list = { .count = 0 };
    struct case_error error = { .text = "" };

    (void)state;
    assert_int_equal(case_list_read_directory(&list, SUITE_HTTP, "/nowhere", &error), -EINVAL);
    assert_non_null(strstr(error.text, "/nowhere/http: "));
}

/* ---- scripts --------------------------------------------------------------------------------- */

static void check_script(const char *steps, bool is_behind, const char *bytes, size_t actions_count)
{
    const struct script_options options = { .is_behind = is_behind };
    struct target target = { .host = "h:1" };
    struct case_list list;
    struct case_error error;
    struct script script;
    char text[500];

    snprintf(text, sizeof(text), BEGIN "%sexpect fence\n", steps);
    assert_int_equal(read_text(&list, SUITE_HTTP, text, &error), 0);
    script_init(&script, &list.cases[0], &target, &options);
    assert_int_equal(script.length, strlen(bytes));
    assert_memory_equal(script.bytes, bytes, script.length);
    assert_int_equal(script.actions_count, actions_count);
    script_deinit(&script);
    case_list_deinit(&list);
}

#define HIDDEN "GET /hidden.txt HTTP/1.1\r\nHost: h:1\r\n\r\n"
#define GOOD   "GET /plain.txt HTTP/1.1\r\nHost: h:1\r\n\r\n"
#define FENCE  "GET /fence.txt HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\n\r\n"

static void variables_are_replaced_and_others_stay(void **state)
{
    (void)state;
    _Static_assert(sizeof(HIDDEN) - 1 == 39, "what @hidden-length@ stands for below");
    check_script("send a@host@b\n", false, "ah:1b", 1);
    check_script("send @hidden-length@ @hidden-hex@ @hidden@\n", false, "39 27 " HIDDEN, 1);
    check_script("send me@home, @nobody@ @\n", false, "me@home, @nobody@ @", 1);
    check_script("send user@@host@\n", false, "user@h:1", 1);
}

static void sends_are_joined_until_a_pause(void **state)
{
    (void)state;
    check_script("send a\nsend-repeat 3 b\nfence\n", false, "abbb" FENCE, 1);
    check_script("send a\ncut\nsend b\n", false, "ab", 3);
    check_script("send a\nsplit every 1\nsend b\n", false, "ab", 2);
    check_script("send a\nfence\n", true, GOOD "a" FENCE, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_case_is_read_whole),
        cmocka_unit_test(mistakes_are_named_with_their_line),
        cmocka_unit_test(the_built_in_cases_are_read),
        cmocka_unit_test(a_directory_without_cases_is_a_mistake),
        cmocka_unit_test(variables_are_replaced_and_others_stay),
        cmocka_unit_test(sends_are_joined_until_a_pause),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
