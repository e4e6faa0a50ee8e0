/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line may say. What ends the program is in tests/integration/bench_test.sh. */
#include "arguments.h"
#include "request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void numbers_are_plain_and_within_bounds(void **state)
{
    static const char *const wrong[] = { "",   "-1",    "1e3", "0x10", " 1",
                                         "1 ", "1.2.3", "101", "nan",  "0.5" };
    double number = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(number_read(wrong[i], 1, 100, &number));
    assert_true(number == 7);
    assert_true(number_read("1", 1, 100, &number) && number == 1);
    assert_true(number_read("99.5", 1, 100, &number) && number == 99.5);
}

static void addresses_are_read_and_printed(void **state)
{
    static const char *const texts[] = { "127.0.0.1:8080", "[::1]:80", "127.0.0.9:65535" };
    char text[80];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct address address = argument_address("target", texts[i]);

        address_print(&address, text, sizeof(text));
        assert_string_equal(text, texts[i]);
    }
}

static void a_list_has_whole_words_only(void **state)
{
    (void)state;
    assert_true(list_has(NULL, "echo"));
    assert_true(list_has("echo", "echo"));
    assert_true(list_has("file,echo", "echo"));
    assert_false(list_has("file,echoes", "echo"));
    assert_false(list_has("file,ech", "echo"));
    assert_false(list_has("", "echo"));
}

static void a_list_is_taken_word_by_word(void **state)
{
    const char *list = "file,echo,one";
    char word[8];

    (void)state;
    assert_true(argument_word("only", &list, word, sizeof(word)));
    assert_string_equal(word, "file");
    assert_true(argument_word("only", &list, word, sizeof(word)));
    assert_string_equal(word, "echo");
    assert_true(argument_word("only", &list, word, sizeof(word)));
    assert_string_equal(word, "one");
    assert_false(argument_word("only", &list, word, sizeof(word)));
}

static void requests_say_whom_they_ask(void **state)
{
    struct address target = address_loopback(8080);
    struct request request;

    (void)state;
    request_http(&request, &target, "/ping", "Accept: */*\r\n", true);
    assert_string_equal(request.bytes, "GET /ping HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
                                       "Accept: */*\r\nConnection: close\r\n\r\n");
    assert_int_equal(request.length, strlen(request.bytes));
    request_line(&request, "hello");
    assert_string_equal(request.bytes, "hello\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_plain_and_within_bounds),
        cmocka_unit_test(addresses_are_read_and_printed),
        cmocka_unit_test(a_list_has_whole_words_only),
        cmocka_unit_test(a_list_is_taken_word_by_word),
        cmocka_unit_test(requests_say_whom_they_ask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
