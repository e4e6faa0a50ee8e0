/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of fields over one file, last modified on Sun, 06 Nov 1994 08:49:37 GMT. */
#include "http_conditional.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MODIFIED_S 784111777
#define NOW_S      1795251600
#define ETAG       "\"2a-5-ae1b981bc4aec40\""
#define MODIFIED   "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE     "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER      "Sun, 06 Nov 1994 08:49:38 GMT"

/* 304 and 412, or 200 to go on. */
static const struct condition_case {
    const char *fields;
    int status;
} cases[] = {
    { "", 200 },
    /* 13.1.2: weak comparison, a list, any */
    { "If-None-Match: " ETAG "\r\n", 304 },
    { "if-none-match: W/" ETAG "\r\n", 304 },
    { "If-None-Match: \"other\"\r\n", 200 },
    { "If-None-Match: \"a\", W/\"b,c\" ," ETAG "\r\n", 304 },
    { "If-None-Match: ,, \t" ETAG ",\r\n", 304 },
    { "If-None-Match: \"a\"\r\nIf-None-Match: " ETAG "\r\n", 304 },
    { "If-None-Match: *\r\n", 304 },
    { "If-None-Match:\r\n", 200 },
    { "If-None-Match: *, \"a\"\r\n", 200 },
    { "If-None-Match: w/" ETAG "\r\n", 200 },
    { "If-None-Match: 2a-5-ae1b981bc4aec40\r\n", 200 },
    { "If-None-Match: " ETAG " \"a\"\r\n", 200 },
    { "If-None-Match: " ETAG ", a\r\n", 200 },
    { "If-None-Match: " ETAG ", \"a\r\n", 200 },
    { "If-None-Match: \"a b\", " ETAG "\r\n", 200 },
    /* 13.1.3: ignored behind If-None-Match, when it is no date, and when it is a list */
    { "If-Modified-Since: " MODIFIED "\r\n", 304 },
    { "If-Modified-Since: " AFTER "\r\n", 304 },
    { "If-Modified-Since: " BEFORE "\r\n", 200 },
    { "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", 304 },
    { "If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n", 304 },
    { "If-Modified-Since: yesterday\r\n", 200 },
    { "If-Modified-Since: 784111777\r\n", 200 },
    { "If-Modified-Since: " MODIFIED "\r\nIf-Modified-Since: " MODIFIED "\r\n", 200 },
    { "If-Modified-Since: " MODIFIED "\r\nIf-None-Match: \"other\"\r\n", 200 },
    { "If-Modified-Since: " BEFORE "\r\nIf-None-Match: " ETAG "\r\n", 304 },
    /* 13.1.1: strong comparison */
    { "If-Match: " ETAG "\r\n", 200 },
    { "If-Match: *\r\n", 200 },
    { "If-Match: \"a\", " ETAG "\r\n", 200 },
    { "If-Match: W/" ETAG "\r\n", 412 },
    { "If-Match: \"other\"\r\n", 412 },
    { "If-Match:\r\n", 412 },
    { "If-Match: junk\r\n", 412 },
    /* 13.1.4: ignored behind If-Match, when it is no date, and when it is a list */
    { "If-Unmodified-Since: " MODIFIED "\r\n", 200 },
    { "If-Unmodified-Since: " AFTER "\r\n", 200 },
    { "If-Unmodified-Since: " BEFORE "\r\n", 412 },
    { "If-Unmodified-Since: never\r\n", 200 },
    { "If-Unmodified-Since: " BEFORE "\r\nIf-Unmodified-Since: " BEFORE "\r\n", 200 },
    { "If-Unmodified-Since: " BEFORE "\r\nIf-Match: " ETAG "\r\n", 200 },
    { "If-Unmodified-Since: " AFTER "\r\nIf-Match: \"other\"\r\n", 412 },
    /* 13.2.2: the first two are asked before the others */
    { "If-None-Match: " ETAG "\r\nIf-Match: \"other\"\r\n", 412 },
    { "If-None-Match: " ETAG "\r\nIf-Match: " ETAG "\r\n", 304 },
    { "If-Modified-Since: " MODIFIED "\r\nIf-Unmodified-Since: " BEFORE "\r\n", 412 },
    { "If-Modified-Since: " MODIFIED "\r\nIf-Unmodified-Since: " MODIFIED "\r\n", 304 },
};

/* 13.1.5: strong comparison, and an exact date. */
static const struct if_range_case {
    const char *fields;
    bool holds;
    int64_t now_s;
} if_ranges[] = {
    { "If-Range: " ETAG "\r\n", true, NOW_S },
    { "If-Range: W/" ETAG "\r\n", false, NOW_S },
    { "If-Range: \"other\"\r\n", false, NOW_S },
    { "If-Range: " ETAG ", \"other\"\r\n", false, NOW_S },
    { "If-Range: *\r\n", false, NOW_S },
    { "If-Range:\r\n", false, NOW_S },
    { "If-Range: " MODIFIED "\r\n", true, NOW_S },
    { "If-Range: Sunday, 06-Nov-94 08:49:37 GMT\r\n", true, NOW_S },
    { "If-Range: " AFTER "\r\n", false, NOW_S },
    { "If-Range: " BEFORE "\r\n", false, NOW_S },
    { "If-Range: " MODIFIED "\r\n", false, MODIFIED_S + 1 },
    { "If-Range: " ETAG "\r\nIf-Range: " ETAG "\r\n", false, NOW_S },
};

static const struct stat status = { .st_ino = 42,
                                    .st_size = 5,
                                    .st_mtim = { .tv_sec = MODIFIED_S, .tv_nsec = 123456 } };

struct request {
    char bytes[2048];
    struct pl_view message;
    struct http_head head;
    struct http_parser parser;
};

static void parse(struct request *request, const char *fields)
{
    int length = snprintf(request->bytes, sizeof(request->bytes),
                          "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);

    request->message = (struct pl_view){ .bytes = request->bytes, .length = (size_t)length };
    request->head = (struct http_head){ .fields_count = 0 };
    http_parser_init(&request->parser, 256, 2048);
    assert_int_equal(http_parse_head(&request->parser, &request->head, request->message),
                     HTTP_PARSE_HEAD);
}

static void conditions_hold_as_rfc_9110_13_says(void **state)
{
    static const int statuses[] = { [HTTP_CONDITION_TRUE] = 200,
                                    [HTTP_CONDITION_NOT_MODIFIED] = 304,
                                    [HTTP_CONDITION_FAILED] = 412 };
    struct http_validators validators;
    struct request request;

    (void)state;
    http_validators_init(&validators, &status, NOW_S, "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int result;

        parse(&request, cases[i].fields);
        result = statuses[http_check_conditions(&request.head, request.message,
                                                http_find_wishes(&request.head, request.message),
                                                &validators, NOW_S)];
        if (result != cases[i].status)
            fail_msg("%s: %d instead of %d", cases[i].fields, result, cases[i].status);
    }
}

static void if_range_holds_for_what_is_the_same_byte_for_byte(void **state)
{
    struct http_validators validators;
    struct request request;

    (void)state;
    http_validators_init(&validators, &status, NOW_S, "");
    for (size_t i = 0; i < sizeof(if_ranges) / sizeof(if_ranges[0]); i++) {
        parse(&request, if_ranges[i].fields);
        if (http_if_range_holds(&request.head, request.message, &validators, if_ranges[i].now_s) !=
            if_ranges[i].holds)
            fail_msg("%s", if_ranges[i].fields);
    }
}

static void expect_lines(const struct http_validators *validators, const char *text)
{
    assert_int_equal(validators->lines_length, strlen(text));
    assert_memory_equal(validators->lines, text, strlen(text));
}

static void validators_say_which_file_it_is(void **state)
{
    struct http_validators validators;
    struct stat other = status;

    (void)state;
    http_validators_init(&validators, &status, NOW_S, "");
    expect_lines(&validators,
                 "Last-Modified: " MODIFIED "\r\nAccept-Ranges: bytes\r\nETag: " ETAG "\r\n");
    assert_false(validators.is_of_now);
    other.st_mtim.tv_nsec++;
    http_validators_init(&validators, &other, MODIFIED_S, "-gz");
    expect_lines(&validators, "Last-Modified: " MODIFIED "\r\nAccept-Ranges: bytes\r\nETag: "
                              "\"2a-5-ae1b981bc4aec41-gz\"\r\n");
    assert_true(validators.is_of_now);
}

static void any_number_fits(void **state)
{
    struct http_validators validators;
    struct stat other;

    (void)state;
    memset(&other, 0xff, sizeof(other));
    other.st_mtim.tv_sec = INT64_MAX;
    http_validators_init(&validators, &other, NOW_S, "-gz");
    assert_true(http_etag(&validators).length <= HTTP_ETAG_BYTES_MAX);
    assert_int_equal(validators.modified_s, 253402300799);
    other.st_mtim.tv_sec = -1;
    http_validators_init(&validators, &other, NOW_S, "");
    assert_int_equal(validators.modified_s, 0);
}

static void wishes_are_found_in_any_case(void **state)
{
    struct request request;

    (void)state;
    parse(&request, "RANGE: x\r\nif-rangf: x\r\nAccept-Encodinh: x\r\nIF-Match: x\r\n");
    assert_int_equal(http_find_wishes(&request.head, request.message),
                     HTTP_WISH_RANGE | HTTP_WISH_IF_MATCH);
    parse(&request, "accept-encoding:\r\nif-range: x\r\n");
    assert_int_equal(http_find_wishes(&request.head, request.message),
                     HTTP_WISH_ACCEPT_ENCODING | HTTP_WISH_IF_RANGE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_hold_as_rfc_9110_13_says),
        cmocka_unit_test(if_range_holds_for_what_is_the_same_byte_for_byte),
        cmocka_unit_test(validators_say_which_file_it_is),
        cmocka_unit_test(any_number_fits),
        cmocka_unit_test(wishes_are_found_in_any_case),
    };

    return cmocka_run_group_tests_name("http_conditional", tests, NULL, NULL);
}
