/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a request: request line, field lines, and what ends them (RFC 9112, 2 to 5). */
#include "http_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define H "Host: a\r\n"

static const struct http_case cases[] = {
    /* ---- request line: RFC 9112, 3 ---- */
    TAKES("plain_get_is_taken_9112_3", "GET / HTTP/1.1\r\n" H "\r\n", .target = "/|"),
    TAKES("head_is_taken_9110_9_3_2", "HEAD /x HTTP/1.1\r\n" H "\r\n", .target = "/x|"),
    TAKES("method_of_any_token_is_taken_9110_9_1",
          "M-SEARCH!#$%&'*+.^_`|~ / HTTP/1.1\r\n" H "\r\n"),
    TAKES("method_of_24_bytes_is_taken_9112_3", "ABCDEFGHIJKLMNOPQRSTUVWX / HTTP/1.1\r\n" H "\r\n"),
    REFUSES("method_of_25_bytes_is_not_implemented_9112_3", 501,
            "ABCDEFGHIJKLMNOPQRSTUVWXY / HTTP/1.1\r\n" H "\r\n"),
    REFUSES("endless_method_is_not_implemented_9112_3", 501, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    REFUSES("method_with_a_separator_is_refused_9110_9_1", 400, "GE(T / HTTP/1.1\r\n" H "\r\n"),
    REFUSES("method_with_a_colon_is_refused_9110_9_1", 400, "GET: / HTTP/1.1\r\n" H "\r\n"),
    REFUSES("method_with_a_nul_is_refused_9110_9_1", 400, "GE\0T / HTTP/1.1\r\n" H "\r\n"),
    REFUSES("method_with_a_high_byte_is_refused_9110_9_1", 400, "GE\xc3T / HTTP/1.1\r\n" H "\r\n"),
    REFUSES("empty_method_is_refused_9112_3", 400, " / HTTP/1.1\r\n" H "\r\n"),
    REFUSES("tab_before_the_method_is_refused_9112_3", 400, "\tGET / HTTP/1.1\r\n" H "\r\n"),
    REFUSES("tab_behind_the_method_is_refused_9112_3", 400, "GET\t/ HTTP/1.1\r\n" H "\r\n"),
    REFUSES("two_spaces_before_the_target_are_refused_9112_3", 400, "GET  / HTTP/1.1\r\n" H "\r\n"),
    REFUSES("two_spaces_before_the_version_are_refused_9112_3", 400,
            "GET /  HTTP/1.1\r\n" H "\r\n"),
    REFUSES("tab_before_the_version_is_refused_9112_3", 400, "GET /\tHTTP/1.1\r\n" H "\r\n"),
    REFUSES("space_behind_the_version_is_refused_9112_3", 400, "GET / HTTP/1.1 \r\n" H "\r\n"),
    REFUSES("missing_target_is_refused_9112_3", 400, "GET HTTP/1.1\r\n" H "\r\n"),
    REFUSES("missing_version_is_refused_9112_3", 400, "GET /\r\n" H "\r\n"),
    REFUSES("target_with_a_space_is_refused_9112_3_2", 400, "GET /a b HTTP/1.1\r\n" H "\r\n"),
    REFUSES("line_of_garbage_is_refused_9112_3", 400, "\x16\x03\x01\x02\x05\x01"),
    REFUSES("line_feed_alone_is_refused_9112_3", 400, "\n\n\n"),
    AWAITS("nothing_is_awaited_9112_2_1", ""),
    AWAITS("half_a_method_is_awaited_9112_2_1", "GE"),
    AWAITS("half_a_request_line_is_awaited_9112_2_1", "GET / HTTP/1."),
    AWAITS("head_without_its_empty_line_is_awaited_9112_2_1", "GET / HTTP/1.1\r\n" H),
    AWAITS("head_without_its_last_byte_is_awaited_9112_2_1", "GET / HTTP/1.1\r\n" H "\r"),
    TAKES("empty_line_before_the_request_is_ignored_9112_2_2", "\r\nGET / HTTP/1.1\r\n" H "\r\n"),
    REFUSES("second_empty_line_before_the_request_is_refused_9112_2_2", 400,
            "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"),
    REFUSES("bare_cr_before_the_request_is_refused_9112_2_2", 400, "\rGET / HTTP/1.1\r\n" H "\r\n"),
    REFUSES("white_space_behind_the_request_line_is_refused_9112_2_2", 400,
            "GET / HTTP/1.1\r\n " H "\r\n"),
    REFUSES("tab_behind_the_request_line_is_refused_9112_2_2", 400,
            "GET / HTTP/1.1\r\n\t" H "\r\n"),
    TAKES("bytes_behind_the_head_stay_9112_9_3_2", "GET / HTTP/1.1\r\n" H "\r\nGET ", .rest = 4),

    /* ---- line ends: RFC 9112, 2.2 ---- */
    REFUSES("request_line_ended_by_bare_lf_is_refused_9112_2_2", 400, "GET / HTTP/1.1\n" H "\r\n"),
    REFUSES("field_line_ended_by_bare_lf_is_refused_9112_2_2", 400,
            "GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n"),
    REFUSES("head_ended_by_bare_lf_is_refused_9112_2_2", 400, "GET / HTTP/1.1\r\n" H "\n"),
    REFUSES("bare_cr_in_the_request_line_is_refused_9112_2_2", 400,
            "GET /\r HTTP/1.1\r\n" H "\r\n"),
    REFUSES("bare_cr_behind_the_version_is_refused_9112_2_2", 400, "GET / HTTP/1.1\r" H "\r\n"),
    REFUSES("bare_cr_in_a_value_is_refused_9112_2_2", 400,
            "GET / HTTP/1.1\r\n" H "A: b\rc\r\n\r\n"),
    REFUSES("bare_cr_at_the_end_is_refused_9112_2_2", 400, "GET / HTTP/1.1\r\n" H "\rX"),
    REFUSES("two_cr_before_lf_are_refused_9112_2_2", 400, "GET / HTTP/1.1\r\r\n" H "\r\n"),
    REFUSES("value_ended_by_two_cr_is_refused_9112_2_2", 400,
            "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),

    /* ---- versions: RFC 9110, 2.5; RFC 9112, 2.3 ---- */
    TAKES("version_1_0_closes_by_default_9112_9_3", "GET / HTTP/1.0\r\n\r\n", .is_closing = true),
    TAKES("higher_minor_version_is_read_as_1_1_9110_2_5", "GET / HTTP/1.9\r\n" H "\r\n"),
    REFUSES("version_2_0_is_not_supported_9110_15_6_6", 505, "GET / HTTP/2.0\r\n" H "\r\n"),
    REFUSES("version_3_0_is_not_supported_9110_15_6_6", 505, "GET / HTTP/3.0\r\n" H "\r\n"),
    REFUSES("version_0_9_is_not_supported_9110_15_6_6", 505, "GET / HTTP/0.9\r\n" H "\r\n"),
    REFUSES("preface_of_http_2_is_not_supported_9113_3_4", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    REFUSES("lower_case_version_is_refused_9112_2_3", 400, "GET / http/1.1\r\n" H "\r\n"),
    REFUSES("other_protocol_is_refused_9112_2_3", 400, "GET / HTTQ/1.1\r\n" H "\r\n"),
    REFUSES("version_without_slash_is_refused_9112_2_3", 400, "GET / HTTP 1.1\r\n" H "\r\n"),
    REFUSES("version_without_minor_is_refused_9112_2_3", 400, "GET / HTTP/1\r\n" H "\r\n"),
    REFUSES("version_with_letters_is_refused_9112_2_3", 400, "GET / HTTP/1.x\r\n" H "\r\n"),
    REFUSES("version_with_two_minor_digits_is_refused_9112_2_3", 400,
            "GET / HTTP/1.10\r\n" H "\r\n"),
    REFUSES("version_with_two_major_digits_is_refused_9112_2_3", 400,
            "GET / HTTP/11.1\r\n" H "\r\n"),
    REFUSES("version_with_a_comma_is_refused_9112_2_3", 400, "GET / HTTP/1,1\r\n" H "\r\n"),

    /* ---- target forms: RFC 9112, 3.2 ---- */
    TAKES("origin_form_with_query_is_split_9112_3_2_1", "GET /a/b?c=d&e HTTP/1.1\r\n" H "\r\n",
          .target = "/a/b|c=d&e"),
    TAKES("second_question_mark_belongs_to_the_query_3986_3_4", "GET /a?b?c HTTP/1.1\r\n" H "\r\n",
          .target = "/a|b?c"),
    TAKES("empty_query_is_taken_3986_3_4", "GET /a? HTTP/1.1\r\n" H "\r\n", .target = "/a|"),
    TAKES("two_slashes_are_a_path_9112_3_2_1", "GET //a HTTP/1.1\r\n" H "\r\n", .target = "//a|"),
    TAKES("escapes_stay_as_sent_3986_2_1", "GET /%41%2f HTTP/1.1\r\n" H "\r\n",
          .target = "/%41%2f|"),
    TAKES("absolute_form_is_taken_9112_3_2_2", "GET http://h/p?q HTTP/1.1\r\n" H "\r\n",
          .target = "/p|q"),
    TAKES("absolute_form_with_port_is_taken_9112_3_2_2", "GET http://h:80/p HTTP/1.1\r\n" H "\r\n",
          .target = "/p|"),
    TAKES("absolute_form_with_address_is_taken_9112_3_2_2",
          "GET http://[::1]:8/p HTTP/1.1\r\n" H "\r\n", .target = "/p|"),
    TAKES("absolute_form_with_upper_case_scheme_is_taken_9110_4_2_3",
          "GET HTTP://h/p HTTP/1.1\r\n" H "\r\n", .target = "/p|"),
    TAKES("absolute_form_without_path_is_taken_9112_3_2_2", "GET http://h HTTP/1.1\r\n" H "\r\n",
          .target = "|"),
    TAKES("absolute_form_with_only_a_query_is_taken_9112_3_2_2",
          "GET http://h?q HTTP/1.1\r\n" H "\r\n", .target = "|q"),
    TAKES("absolute_form_in_1_0_is_taken_9112_3_2_2", "GET http://h/ HTTP/1.0\r\n\r\n",
          .target = "/|", .is_closing = true),
    REFUSES("absolute_form_needs_host_too_9112_3_2", 400, "GET http://h/ HTTP/1.1\r\n\r\n"),
    REFUSES("absolute_form_without_host_is_refused_9110_4_2_1", 400,
            "GET http:///p HTTP/1.1\r\n" H "\r\n"),
    REFUSES("absolute_form_with_only_a_port_is_refused_9110_4_2_1", 400,
            "GET http://:80/p HTTP/1.1\r\n" H "\r\n"),
    REFUSES("absolute_form_with_user_is_refused_9110_4_2_4", 400,
            "GET http://u:p@h/ HTTP/1.1\r\n" H "\r\n"),
    REFUSES("absolute_form_with_a_port_of_letters_is_refused_3986_3_2_3", 400,
            "GET http://h:x/ HTTP/1.1\r\n" H "\r\n"),
    REFUSES("other_scheme_is_refused_9110_4_2", 400, "GET ftp://h/ HTTP/1.1\r\n" H "\r\n"),
    REFUSES("scheme_alone_is_refused_9112_3_2_2", 400, "GET http:// HTTP/1.1\r\n" H "\r\n"),
    REFUSES("authority_form_of_get_is_refused_9112_3_2_3", 400, "GET h:80 HTTP/1.1\r\n" H "\r\n"),
    REFUSES("connect_is_not_implemented_9110_9_3_6", 501, "CONNECT h:80 HTTP/1.1\r\n" H "\r\n"),
    REFUSES("connect_without_port_is_refused_9110_9_3_6", 400, "CONNECT h HTTP/1.1\r\n" H "\r\n"),
    REFUSES("connect_to_an_empty_port_is_refused_9110_9_3_6", 400,
            "CONNECT h: HTTP/1.1\r\n" H "\r\n"),
    REFUSES("connect_to_a_path_is_refused_9112_3_2_3", 400, "CONNECT /a HTTP/1.1\r\n" H "\r\n"),
    TAKES("asterisk_form_of_options_is_taken_9112_3_2_4", "OPTIONS * HTTP/1.1\r\n" H "\r\n",
          .target = "*|"),
    REFUSES("asterisk_form_of_get_is_refused_9112_3_2_4", 400, "GET * HTTP/1.1\r\n" H "\r\n"),
    REFUSES("asterisk_with_more_is_refused_9112_3_2_4", 400, "OPTIONS *x HTTP/1.1\r\n" H "\r\n"),
    REFUSES("relative_path_is_refused_9112_3_2", 400, "GET a/b HTTP/1.1\r\n" H "\r\n"),
    REFUSES("query_without_path_is_refused_9112_3_2", 400, "GET ?a HTTP/1.1\r\n" H "\r\n"),
    REFUSES("fragment_is_refused_9112_3_2", 400, "GET /a#b HTTP/1.1\r\n" H "\r\n"),
    REFUSES("fragment_behind_a_query_is_refused_9112_3_2", 400, "GET /a?b#c HTTP/1.1\r\n" H "\r\n"),
    REFUSES("half_escape_in_the_query_is_refused_3986_2_1", 400, "GET /?a%4 HTTP/1.1\r\n" H "\r\n"),
    REFUSES("wrong_escape_in_the_query_is_refused_3986_2_1", 400,
            "GET /?a=b?c%41%zz HTTP/1.1\r\n" H "\r\n"),
    TAKES("escapes_in_the_query_stay_as_sent_3986_2_1", "GET /?%41?%7a=%00[] HTTP/1.1\r\n" H "\r\n",
          .target = "/|%41?%7a=%00[]"),
    REFUSES("quote_in_the_target_is_refused_3986_2", 400, "GET /\"a HTTP/1.1\r\n" H "\r\n"),
    REFUSES("backslash_in_the_target_is_refused_3986_2", 400, "GET /\\a HTTP/1.1\r\n" H "\r\n"),
    REFUSES("braces_in_the_target_are_refused_3986_2", 400, "GET /{a} HTTP/1.1\r\n" H "\r\n"),
    REFUSES("high_byte_in_the_target_is_refused_3986_2", 400,
            "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n"),
    REFUSES("nul_in_the_target_is_refused_3986_2", 400, "GET /\0 HTTP/1.1\r\n" H "\r\n"),
    REFUSES("del_in_the_target_is_refused_3986_2", 400, "GET /\x7f HTTP/1.1\r\n" H "\r\n"),

    /* ---- field syntax: RFC 9112, 5 ---- */
    TAKES("field_without_space_behind_the_colon_is_taken_9112_5",
          "GET / HTTP/1.1\r\nHost:a\r\n\r\n"),
    TAKES("white_space_around_a_value_is_dropped_9112_5_1",
          "GET / HTTP/1.1\r\nHost: \t a \t \r\n\r\n"),
    TAKES("empty_value_is_taken_9110_5_5", "GET / HTTP/1.1\r\n" H "A:\r\n\r\n"),
    TAKES("value_of_white_space_is_empty_9112_5_1", "GET / HTTP/1.1\r\n" H "A: \t \r\n\r\n"),
    TAKES("value_with_inner_space_and_tab_is_taken_9110_5_5",
          "GET / HTTP/1.1\r\n" H "A: b \t c\r\n\r\n"),
    TAKES("value_with_high_bytes_is_taken_9110_5_5", "GET / HTTP/1.1\r\n" H "A: \x80\xff\r\n\r\n"),
    TAKES("value_with_colons_is_taken_9110_5_5", "GET / HTTP/1.1\r\n" H "A: :b::\r\n\r\n"),
    TAKES("name_of_any_token_is_taken_9110_5_1",
          "GET / HTTP/1.1\r\n" H "!#$%&'*+-.^_`|~9: x\r\n\r\n"),
    TAKES("name_in_any_case_is_taken_9110_5_1", "GET / HTTP/1.1\r\nhOsT: a\r\n\r\n"),
    REFUSES("space_before_the_colon_is_refused_9112_5_1", 400,
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    REFUSES("tab_before_the_colon_is_refused_9112_5_1", 400, "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n"),
    REFUSES("name_with_a_space_is_refused_9110_5_1", 400, "GET / HTTP/1.1\r\n" H "A b: c\r\n\r\n"),
    REFUSES("empty_name_is_refused_9112_5", 400, "GET / HTTP/1.1\r\n" H ": c\r\n\r\n"),
    REFUSES("line_without_colon_is_refused_9112_5", 400, "GET / HTTP/1.1\r\n" H "abc\r\n\r\n"),
    REFUSES("name_with_a_nul_is_refused_9110_5_1", 400, "GET / HTTP/1.1\r\n" H "A\0: c\r\n\r\n"),
    REFUSES("name_with_a_high_byte_is_refused_9110_5_1", 400,
            "GET / HTTP/1.1\r\n" H "A\xe4: c\r\n\r\n"),
    REFUSES("name_with_parentheses_is_refused_9110_5_1", 400,
            "GET / HTTP/1.1\r\n" H "A(): c\r\n\r\n"),
    REFUSES("name_with_a_slash_is_refused_9110_5_1", 400, "GET / HTTP/1.1\r\n" H "A/B: c\r\n\r\n"),
    REFUSES("folded_line_is_refused_9112_5_2", 400, "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n"),
    REFUSES("line_folded_by_a_tab_is_refused_9112_5_2", 400,
            "GET / HTTP/1.1\r\n" H "A: b\r\n\tc\r\n\r\n"),
    REFUSES("line_of_white_space_is_refused_9112_5_2", 400, "GET / HTTP/1.1\r\n" H " \r\n\r\n"),
    REFUSES("value_with_a_nul_is_refused_9110_5_5", 400, "GET / HTTP/1.1\r\n" H "A: b\0c\r\n\r\n"),
    REFUSES("value_with_a_control_byte_is_refused_9110_5_5", 400,
            "GET / HTTP/1.1\r\n" H "A: b\x01"
            "c\r\n\r\n"),
    REFUSES("value_with_del_is_refused_9110_5_5", 400, "GET / HTTP/1.1\r\n" H "A: b\x7f\r\n\r\n"),
    REFUSES("value_with_escape_is_refused_9110_5_5", 400,
            "GET / HTTP/1.1\r\n" H "A: \x1b[m\r\n\r\n"),

    /* ---- limits: RFC 9110, 15.5.15; RFC 6585, 5 ---- */
    TAKES("target_at_the_limit_is_taken_9110_15_5_15", "GET /2345678 HTTP/1.1\r\n" H "\r\n",
          .target_max = 8),
    REFUSES("target_over_the_limit_is_too_long_9110_15_5_15", 414,
            "GET /23456789 HTTP/1.1\r\n" H "\r\n", .target_max = 8),
    REFUSES("target_over_the_limit_is_too_long_before_its_end_9110_15_5_15", 414, "GET /23456789",
            .target_max = 8),
    TAKES("head_at_the_limit_is_taken_6585_5", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", .head_max = 27),
    REFUSES("head_over_the_limit_is_too_large_6585_5", 431, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            .head_max = 26),
    REFUSES("endless_field_name_is_too_large_6585_5", 431, "GET / HTTP/1.1\r\nAAAAAAAAAAAAAAAAA",
            .head_max = 32),
    REFUSES("endless_value_is_too_large_6585_5", 431,
            "GET / HTTP/1.1\r\nA: bbbbbbbbbbbbbbbbbbbbbbbb", .head_max = 32),
    REFUSES("endless_white_space_is_too_large_6585_5", 431,
            "GET / HTTP/1.1\r\nA:                      ", .head_max = 32),
    REFUSES("target_that_fills_the_head_is_too_long_9110_15_5_15", 414,
            "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", .head_max = 32),
};

/* ---- what a table of literals cannot show -----------------------------------------------------
 */

static size_t fields_request(char *bytes, size_t size, int count)
{
    size_t used = (size_t)snprintf(bytes, size, "GET / HTTP/1.1\r\n");

    for (int i = 0; i < count; i++)
        used +=
            (size_t)snprintf(bytes + used, size - used, i == 0 ? "Host: a\r\n" : "F%d: v\r\n", i);
    return used + (size_t)snprintf(bytes + used, size - used, "\r\n");
}

static int parse_whole(const char *bytes, size_t length, struct http_head *head)
{
    struct http_parser parser;

    head->fields_count = 0;
    http_parser_init(&parser, 8192, 16384);
    switch (http_parse_head(&parser, head, (struct pl_view){ .bytes = bytes, .length = length })) {
    case HTTP_PARSE_MORE:
        return 1;
    case HTTP_PARSE_HEAD:
        return 0;
    case HTTP_PARSE_ERROR:
        break;
    }
    return parser.status;
}

static void fields_at_the_limit_are_taken_and_one_more_is_too_large(void **state)
{
    static struct http_head head;
    char bytes[4096];

    (void)state;
    assert_int_equal(
        parse_whole(bytes, fields_request(bytes, sizeof(bytes), HTTP_FIELDS_MAX), &head), 0);
    assert_int_equal(head.fields_count, HTTP_FIELDS_MAX);
    assert_int_equal(
        parse_whole(bytes, fields_request(bytes, sizeof(bytes), HTTP_FIELDS_MAX + 1), &head), 431);
}

static void every_byte_in_a_name_is_a_token_byte_or_refused(void **state)
{
    static const char tokens[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static struct http_head head;

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char bytes[] = "GET / HTTP/1.1\r\nAxB: c\r\n\r\n";
        bool is_token = byte != 0 && strchr(tokens, byte) != NULL;
        /* A colon ends the name: what follows is a value. */
        int expected = is_token || byte == ':' ? 0 : 400;

        bytes[17] = (char)byte;
        assert_int_equal(http_is_token_byte((unsigned char)byte) != 0, is_token);
        if (parse_whole(bytes, sizeof(bytes) - 1, &head) != expected)
            fail_msg("byte %d", byte);
    }
}

static void every_byte_in_a_value_is_visible_or_refused(void **state)
{
    static struct http_head head;

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char bytes[] = "GET / HTTP/1.1\r\nA: bxc\r\n\r\n";
        int expected = byte == '\t' || (byte >= 0x20 && byte != 0x7f) ? 0 : 400;

        bytes[20] = (char)byte;
        if (parse_whole(bytes, sizeof(bytes) - 1, &head) != expected)
            fail_msg("byte %d", byte);
    }
}

static void spans_name_the_bytes_they_were_found_at(void **state)
{
    static const char bytes[] = "\r\nGET /x HTTP/1.1\r\nHost: \t a \t\r\nEmpty: \r\n\r\nrest";
    struct pl_view input = PL_VIEW(bytes);
    static struct http_head head;

    (void)state;
    assert_int_equal(parse_whole(bytes, sizeof(bytes) - 1, &head), 0);
    assert_int_equal(head.length, sizeof(bytes) - 1 - 4);
    assert_true(pl_view_equals(http_view(input, head.method), PL_VIEW("GET")));
    assert_true(pl_view_equals(http_view(input, head.target), PL_VIEW("/x")));
    assert_int_equal(head.fields_count, 2);
    assert_true(pl_view_equals(http_view(input, head.fields[0].name), PL_VIEW("Host")));
    assert_true(pl_view_equals(http_view(input, head.fields[0].value), PL_VIEW("a")));
    assert_true(pl_view_equals(http_view(input, head.fields[1].name), PL_VIEW("Empty")));
    assert_int_equal(head.fields[1].value.length, 0);
}

/* A model may look at a refused head twice: once to find that a worker must answer, once to. */
static void refused_head_stays_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pl_view input = { .bytes = cases[i].bytes, .length = cases[i].length };
        static struct http_head head;
        struct http_parser parser;
        int status;

        head.fields_count = 0;
        http_parser_init(&parser, 256, 1024);
        if (http_parse_head(&parser, &head, input) != HTTP_PARSE_ERROR)
            continue;
        status = parser.status;
        for (int again = 0; again < 3; again++)
            if (http_parse_head(&parser, &head, input) != HTTP_PARSE_ERROR ||
                parser.status != status)
                fail_msg("%s: not refused when looked at again", cases[i].name);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_at_the_limit_are_taken_and_one_more_is_too_large),
        cmocka_unit_test(every_byte_in_a_name_is_a_token_byte_or_refused),
        cmocka_unit_test(every_byte_in_a_value_is_visible_or_refused),
        cmocka_unit_test(spans_name_the_bytes_they_were_found_at),
        cmocka_unit_test(refused_head_stays_refused),
    };
    int failed = http_table_run("head", cases, sizeof(cases) / sizeof(cases[0]));

    return failed + cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
