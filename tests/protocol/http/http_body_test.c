/* SPDX-License-Identifier: Apache-2.0 */
/* Where a message ends, and for whom it is: RFC 9110, 7.2; RFC 9112, 3.2, 6, 7 and 9. */
#include "http_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define H     "Host: a\r\n"
#define POST  "POST / HTTP/1.1\r\n" H
#define CHUNK POST "Transfer-Encoding: chunked\r\n\r\n"

static const struct http_case cases[] = {
    /* ---- Host: RFC 9112, 3.2 ---- */
    REFUSES("missing_host_is_refused_9112_3_2", 400, "GET / HTTP/1.1\r\n\r\n"),
    REFUSES("two_hosts_are_refused_9112_3_2", 400, "GET / HTTP/1.1\r\n" H H "\r\n"),
    REFUSES("two_hosts_in_1_0_are_refused_9112_3_2", 400, "GET / HTTP/1.0\r\n" H H "\r\n"),
    REFUSES("list_of_hosts_is_refused_9112_3_2", 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    REFUSES("empty_host_is_refused_9110_4_2_1", 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    REFUSES("host_of_a_port_alone_is_refused_9110_4_2_1", 400,
            "GET / HTTP/1.1\r\nHost: :80\r\n\r\n"),
    TAKES("host_with_port_is_taken_9110_7_2", "GET / HTTP/1.1\r\nHost: a.b-c:8080\r\n\r\n"),
    TAKES("host_with_empty_port_is_taken_3986_3_2_3", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n"),
    TAKES("host_of_an_ipv6_address_is_taken_9110_7_2", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
    TAKES("host_with_an_escape_is_taken_3986_3_2_2", "GET / HTTP/1.1\r\nHost: a%20b\r\n\r\n"),
    REFUSES("host_with_a_port_of_letters_is_refused_9112_3_2", 400,
            "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
    REFUSES("host_with_two_ports_is_refused_9112_3_2", 400,
            "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n"),
    REFUSES("host_with_user_is_refused_9112_3_2", 400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    REFUSES("host_with_a_path_is_refused_9112_3_2", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    REFUSES("host_with_a_scheme_is_refused_9112_3_2", 400,
            "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n"),
    REFUSES("host_with_an_open_bracket_is_refused_9112_3_2", 400,
            "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    REFUSES("host_with_words_behind_the_bracket_is_refused_9112_3_2", 400,
            "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n"),
    REFUSES("host_with_a_high_byte_is_refused_9112_3_2", 400,
            "GET / HTTP/1.1\r\nHost: a\xff\r\n\r\n"),

    /* ---- Content-Length: RFC 9110, 8.6; RFC 9112, 6.2 and 6.3 ---- */
    TAKES("length_of_zero_has_no_body_9112_6_2", POST "Content-Length: 0\r\n\r\n", .body = ""),
    TAKES("body_of_its_length_is_taken_9112_6_2", POST "Content-Length: 5\r\n\r\nhello",
          .body = "hello"),
    TAKES("bytes_behind_the_body_stay_9112_6_2", POST "Content-Length: 5\r\n\r\nhelloGET",
          .rest = 3, .body = "hello"),
    TAKES("length_with_leading_zeros_is_taken_9110_8_6", POST "Content-Length: 0005\r\n\r\nhello",
          .body = "hello"),
    TAKES("name_of_the_length_in_any_case_is_taken_9110_5_1", POST "cONTENT-lENGTH: 5\r\n\r\nhello",
          .body = "hello"),
    TAKES("get_with_a_body_is_taken_9112_6", "GET / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nab",
          .body = "ab"),
    TAKES("request_without_length_has_no_body_9112_6_3", POST "\r\nhello", .rest = 5, .body = ""),
    TAKES("length_in_1_0_is_taken_9112_6_3", "POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nab",
          .body = "ab", .is_closing = true),
    AWAITS("missing_byte_of_the_body_is_awaited_9112_6_3", POST "Content-Length: 5\r\n\r\nhell"),
    AWAITS("whole_missing_body_is_awaited_9112_6_3", POST "Content-Length: 5\r\n\r\n"),
    REFUSES("two_different_lengths_are_refused_9112_6_3", 400,
            POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
    REFUSES("two_equal_lengths_are_refused_9112_6_3", 400,
            POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    REFUSES("list_of_lengths_is_refused_9112_6_3", 400, POST "Content-Length: 5, 5\r\n\r\nhello"),
    REFUSES("length_with_a_comma_is_refused_9112_6_3", 400, POST "Content-Length: 5,\r\n\r\nhello"),
    REFUSES("length_with_plus_is_refused_9110_8_6", 400, POST "Content-Length: +5\r\n\r\nhello"),
    REFUSES("length_with_minus_is_refused_9110_8_6", 400, POST "Content-Length: -5\r\n\r\nhello"),
    REFUSES("negative_zero_is_refused_9110_8_6", 400, POST "Content-Length: -0\r\n\r\n"),
    REFUSES("empty_length_is_refused_9110_8_6", 400, POST "Content-Length:\r\n\r\nhello"),
    REFUSES("hexadecimal_length_is_refused_9110_8_6", 400, POST "Content-Length: 0x5\r\n\r\nhello"),
    REFUSES("length_with_a_fraction_is_refused_9110_8_6", 400,
            POST "Content-Length: 5.0\r\n\r\nhello"),
    REFUSES("length_with_an_exponent_is_refused_9110_8_6", 400, POST "Content-Length: 1e1\r\n\r\n"),
    REFUSES("length_with_inner_space_is_refused_9110_8_6", 400,
            POST "Content-Length: 1 2\r\n\r\nhello"),
    REFUSES("quoted_length_is_refused_9110_8_6", 400, POST "Content-Length: \"5\"\r\n\r\nhello"),
    REFUSES("length_over_63_bits_is_too_large_9110_8_6", 413,
            POST "Content-Length: 9223372036854775808\r\n\r\n"),
    REFUSES("length_over_64_bits_is_too_large_9110_8_6", 413,
            POST "Content-Length: 18446744073709551621\r\n\r\nhello"),
    REFUSES("length_of_many_digits_is_too_large_9110_8_6", 413,
            POST "Content-Length: 99999999999999999999999999999999999999\r\n\r\n"),
    REFUSES("length_over_the_limit_is_too_large_9110_15_5_14", 413,
            POST "Content-Length: 9\r\n\r\n", .body_max = 8),
    TAKES("length_at_the_limit_is_taken_9110_15_5_14", POST "Content-Length: 8\r\n\r\n12345678",
          .body_max = 8),

    /* ---- Transfer-Encoding: RFC 9112, 6.1 ---- */
    TAKES("chunked_body_is_taken_9112_6_1", CHUNK "5\r\nhello\r\n0\r\n\r\n", .body = "hello",
          .is_chunked = true),
    TAKES("coding_in_any_case_is_taken_9112_7", POST "Transfer-Encoding: CHUnked\r\n\r\n0\r\n\r\n",
          .body = "", .is_chunked = true),
    TAKES("coding_with_empty_list_elements_is_taken_9110_5_6_1",
          POST "Transfer-Encoding: , chunked ,\r\n\r\n0\r\n\r\n", .body = "", .is_chunked = true),
    REFUSES("length_beside_chunked_is_refused_9112_6_1", 400,
            POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    REFUSES("length_behind_chunked_is_refused_9112_6_1", 400,
            POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    REFUSES("chunked_in_1_0_is_refused_9112_6_1", 400,
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    REFUSES("chunked_twice_in_one_field_is_refused_9112_6_1", 400,
            POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    REFUSES("chunked_in_two_fields_is_refused_9112_6_1", 400,
            POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    REFUSES("chunked_that_is_not_last_is_refused_9112_6_3", 400,
            POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    REFUSES("chunked_before_another_field_is_refused_9112_6_3", 400,
            POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n"),
    REFUSES("gzip_before_chunked_is_not_implemented_9112_6_1", 501,
            POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    REFUSES("gzip_before_chunked_in_two_lines_is_not_implemented_9112_6_1", 501,
            POST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    REFUSES("gzip_alone_leaves_the_end_open_9112_6_3", 400,
            POST "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n"),
    REFUSES("unknown_coding_beside_a_length_is_refused_9112_6_1", 400,
            POST "Content-Length: 5\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    REFUSES("coding_identity_leaves_the_end_open_9112_6_3", 400,
            POST "Transfer-Encoding: identity\r\n\r\nhello"),
    REFUSES("unknown_coding_alone_leaves_the_end_open_9112_6_3", 400,
            POST "Transfer-Encoding: cow\r\n\r\nhello"),
    REFUSES("xchunked_is_not_chunked_9112_6_3", 400,
            POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    REFUSES("quoted_chunked_is_not_chunked_9112_6_3", 400,
            POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    REFUSES("chunked_with_a_parameter_is_refused_9112_7_1", 400,
            POST "Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n"),
    REFUSES("coding_split_by_a_space_is_not_chunked_9112_6_3", 400,
            POST "Transfer-Encoding: chun ked\r\n\r\n0\r\n\r\n"),
    REFUSES("vertical_tab_before_chunked_is_refused_9110_5_5", 400,
            POST "Transfer-Encoding: \x0b"
                 "chunked\r\n\r\n0\r\n\r\n"),
    REFUSES("empty_coding_is_refused_9112_6_1", 400, POST "Transfer-Encoding:\r\n\r\nhello"),
    REFUSES("coding_of_commas_is_refused_9112_6_1", 400, POST "Transfer-Encoding: ,,\r\n\r\nhello"),

    /* ---- chunks: RFC 9112, 7.1 ---- */
    TAKES("chunks_are_joined_9112_7_1", CHUNK "3\r\nfoo\r\n3\r\nbar\r\n0\r\n\r\n", .body = "foobar",
          .is_chunked = true),
    TAKES("hexadecimal_size_in_any_case_is_taken_9112_7_1",
          CHUNK "a\r\n0123456789\r\nB\r\n"
                "0123456789a\r\n0\r\n\r\n",
          .body = "01234567890123456789a", .is_chunked = true),
    TAKES("size_with_leading_zeros_is_taken_9112_7_1", CHUNK "005\r\nhello\r\n000\r\n\r\n",
          .body = "hello", .is_chunked = true),
    TAKES("line_ends_in_a_chunk_are_data_9112_7_1", CHUNK "4\r\n\r\n\r\n\r\n0\r\n\r\n",
          .body = "\r\n\r\n", .is_chunked = true),
    TAKES("bytes_behind_the_last_chunk_stay_9112_7_1", CHUNK "0\r\n\r\nGET", .rest = 3, .body = "",
          .is_chunked = true),
    TAKES("extension_is_ignored_9112_7_1_1", CHUNK "5;a=b\r\nhello\r\n0;c\r\n\r\n", .body = "hello",
          .is_chunked = true),
    TAKES("quoted_extension_is_ignored_9112_7_1_1", CHUNK "5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n",
          .body = "hello", .is_chunked = true),
    TAKES("white_space_before_an_extension_is_ignored_9112_7_1_1",
          CHUNK "5 \t;a=b\r\nhello\r\n0\r\n\r\n", .body = "hello", .is_chunked = true),
    TAKES("white_space_behind_the_semicolon_is_ignored_9112_7_1_1",
          CHUNK "5; a = b\r\nhello\r\n0\r\n\r\n", .body = "hello", .is_chunked = true),
    TAKES("trailer_is_dropped_9112_7_1_2", CHUNK "2\r\nhi\r\n0\r\nA: b\r\nC:\r\n\r\n", .body = "hi",
          .is_chunked = true),
    TAKES("framing_in_a_trailer_changes_nothing_9110_6_5_1",
          CHUNK "2\r\nhi\r\n0\r\nContent-Length: 9\r\nHost: b\r\n\r\nrest", .rest = 4, .body = "hi",
          .is_chunked = true),
    AWAITS("chunk_without_its_line_end_is_awaited_9112_7_1", CHUNK "5\r\nhello"),
    AWAITS("missing_last_chunk_is_awaited_9112_7_1", CHUNK "5\r\nhello\r\n"),
    AWAITS("missing_end_of_trailers_is_awaited_9112_7_1", CHUNK "5\r\nhello\r\n0\r\n"),
    AWAITS("missing_last_byte_is_awaited_9112_7_1", CHUNK "0\r\n\r"),
    REFUSES("empty_size_is_refused_9112_7_1", 400, CHUNK "\r\nhello\r\n0\r\n\r\n"),
    REFUSES("size_with_minus_is_refused_9112_7_1", 400, CHUNK "-1\r\nhello\r\n0\r\n\r\n"),
    REFUSES("size_with_plus_is_refused_9112_7_1", 400, CHUNK "+5\r\nhello\r\n0\r\n\r\n"),
    REFUSES("size_with_0x_is_refused_9112_7_1", 400, CHUNK "0x5\r\nhello\r\n0\r\n\r\n"),
    REFUSES("size_of_other_letters_is_refused_9112_7_1", 400, CHUNK "g\r\nhello\r\n0\r\n\r\n"),
    REFUSES("size_with_an_underscore_is_refused_9112_7_1", 400, CHUNK "0_5\r\nhello\r\n0\r\n\r\n"),
    REFUSES("space_before_the_size_is_refused_9112_7_1", 400, CHUNK " 5\r\nhello\r\n0\r\n\r\n"),
    REFUSES("space_behind_the_size_is_refused_9112_7_1", 400, CHUNK "5 \r\nhello\r\n0\r\n\r\n"),
    REFUSES("size_with_inner_space_is_refused_9112_7_1", 400, CHUNK "0 5\r\nhello\r\n0\r\n\r\n"),
    TAKES("extensions_of_all_forms_are_ignored_9112_7_1_1",
          CHUNK "5 ; a ; b\t=\tc;d=\"\" ; e=\"\\\"\\\\ \xe4;\"\r\nhello\r\n0\r\n\r\n",
          .body = "hello", .is_chunked = true),
    REFUSES("extension_without_name_is_refused_9112_7_1_1", 400, CHUNK "5;\r\nhello\r\n0\r\n\r\n"),
    REFUSES("empty_extension_is_refused_9112_7_1_1", 400, CHUNK "5;;a\r\nhello\r\n0\r\n\r\n"),
    REFUSES("extension_without_value_is_refused_9112_7_1_1", 400,
            CHUNK "5;a=\r\nhello\r\n0\r\n\r\n"),
    REFUSES("extension_of_two_words_is_refused_9112_7_1_1", 400,
            CHUNK "5;a b\r\nhello\r\n0\r\n\r\n"),
    REFUSES("extension_with_two_values_is_refused_9112_7_1_1", 400,
            CHUNK "5;a=b=c\r\nhello\r\n0\r\n\r\n"),
    REFUSES("extension_with_a_high_byte_is_refused_9112_7_1_1", 400,
            CHUNK "5;\xe4\r\nhello\r\n0\r\n\r\n"),
    REFUSES("space_behind_an_extension_is_refused_9112_7_1_1", 400,
            CHUNK "5;a \r\nhello\r\n0\r\n\r\n"),
    REFUSES("space_behind_a_value_is_refused_9112_7_1_1", 400,
            CHUNK "5;a=b \r\nhello\r\n0\r\n\r\n"),
    REFUSES("open_quote_in_an_extension_is_refused_9112_7_1_1", 400,
            CHUNK "5;a=\"b\r\nhello\r\n0\r\n\r\n"),
    REFUSES("words_behind_a_quoted_value_are_refused_9112_7_1_1", 400,
            CHUNK "5;a=\"b\"c\r\nhello\r\n0\r\n\r\n"),
    REFUSES("extension_without_semicolon_is_refused_9112_7_1_1", 400,
            CHUNK "5 a=b\r\nhello\r\n0\r\n\r\n"),
    REFUSES("semicolon_without_size_is_refused_9112_7_1", 400, CHUNK ";a\r\n\r\n"),
    REFUSES("size_line_ended_by_bare_lf_is_refused_9112_2_2", 400, CHUNK "5\nhello\r\n0\r\n\r\n"),
    REFUSES("size_line_ended_by_bare_cr_is_refused_9112_2_2", 400, CHUNK "5\rhello\r\n0\r\n\r\n"),
    REFUSES("bare_lf_in_an_extension_is_refused_9112_7_1_1", 400,
            CHUNK "5;a\nb\r\nhello\r\n0\r\n\r\n"),
    REFUSES("bare_cr_in_an_extension_is_refused_9112_7_1_1", 400,
            CHUNK "5;a\rb\r\nhello\r\n0\r\n\r\n"),
    REFUSES("control_byte_in_an_extension_is_refused_9112_7_1_1", 400,
            CHUNK "5;a\0\r\nhello\r\n0\r\n\r\n"),
    REFUSES("chunk_longer_than_its_size_is_refused_9112_7_1", 400, CHUNK "4\r\nhello\r\n0\r\n\r\n"),
    REFUSES("chunk_ended_by_bare_lf_is_refused_9112_7_1", 400, CHUNK "5\r\nhello\n0\r\n\r\n"),
    REFUSES("chunk_without_line_end_is_refused_9112_7_1", 400, CHUNK "5\r\nhello0\r\n\r\n"),
    TAKES("size_with_many_leading_zeros_is_taken_9112_7_1",
          CHUNK "0000000000000000005\r\nhello\r\n00000000000000000000\r\n\r\n", .body = "hello",
          .is_chunked = true),
    REFUSES("size_that_overflows_is_too_large_9112_7_1", 413, CHUNK "fffffffffffffffff\r\nhello"),
    REFUSES("chunk_over_the_limit_is_too_large_9110_15_5_14", 413, CHUNK "9\r\n", .body_max = 8),
    REFUSES("chunks_over_the_limit_together_are_too_large_9110_15_5_14", 413,
            CHUNK "5\r\nhello\r\n4\r\n", .body_max = 8),
    TAKES("chunks_at_the_limit_together_are_taken_9110_15_5_14",
          CHUNK "5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n", .body = "helloabc", .body_max = 8,
          .is_chunked = true),
    REFUSES("trailer_without_colon_is_refused_9112_7_1_2", 400, CHUNK "0\r\nabc\r\n\r\n"),
    REFUSES("trailer_with_space_before_the_colon_is_refused_9112_5_1", 400,
            CHUNK "0\r\nA : b\r\n\r\n"),
    REFUSES("trailer_without_name_is_refused_9112_7_1_2", 400, CHUNK "0\r\n: b\r\n\r\n"),
    REFUSES("folded_trailer_is_refused_9112_5_2", 400, CHUNK "0\r\nA: b\r\n c\r\n\r\n"),
    REFUSES("trailer_with_a_nul_is_refused_9110_5_5", 400, CHUNK "0\r\nA: \0\r\n\r\n"),
    REFUSES("trailer_ended_by_bare_lf_is_refused_9112_2_2", 400, CHUNK "0\r\nA: b\n\r\n"),
    REFUSES("trailers_ended_by_bare_lf_are_refused_9112_2_2", 400, CHUNK "0\r\n\n"),
    REFUSES("trailers_ended_by_bare_cr_are_refused_9112_2_2", 400, CHUNK "0\r\n\rX"),

    /* ---- persistence: RFC 9112, 9.3 and 9.6 ---- */
    TAKES("close_ends_the_connection_9112_9_6", "GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n",
          .is_closing = true),
    TAKES("close_in_any_case_is_heard_9110_7_6_1",
          "GET / HTTP/1.1\r\n" H "Connection: CLOSE\r\n\r\n", .is_closing = true),
    TAKES("close_in_a_list_is_heard_9110_7_6_1",
          "GET / HTTP/1.1\r\n" H "Connection: a,close , b\r\n\r\n", .is_closing = true),
    TAKES("close_in_a_second_field_is_heard_9110_7_6_1",
          "GET / HTTP/1.1\r\n" H "Connection: a\r\nConnection: close\r\n\r\n", .is_closing = true),
    TAKES("close_wins_over_keep_alive_9112_9_3",
          "GET / HTTP/1.1\r\n" H "Connection: keep-alive, close\r\n\r\n", .is_closing = true),
    TAKES("word_that_contains_close_is_not_close_9110_7_6_1",
          "GET / HTTP/1.1\r\n" H "Connection: closed\r\n\r\n"),
    TAKES("keep_alive_in_1_0_persists_9112_9_3",
          "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"),
    TAKES("close_in_1_0_wins_over_keep_alive_9112_9_3",
          "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", .is_closing = true),

    /* ---- Expect: RFC 9110, 10.1.1 ---- */
    TAKES("expectation_of_100_is_heard_9110_10_1_1",
          POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx", .expects_continue = true),
    TAKES("expectation_in_any_case_is_heard_9110_10_1_1",
          POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx", .expects_continue = true),
    TAKES("expectation_of_100_in_1_0_is_ignored_9110_10_1_1",
          "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
          .is_closing = true),
    REFUSES("other_expectation_fails_9110_15_5_18", 417, POST "Expect: cake\r\n\r\n"),
    REFUSES("other_expectation_fails_behind_that_of_100_9110_15_5_18", 417,
            POST "Expect: 100-continue\r\nExpect: cake\r\n\r\n"),
    REFUSES("missing_host_counts_before_an_expectation_9112_3_2", 400,
            "GET / HTTP/1.1\r\nExpect: cake\r\n\r\n"),
    REFUSES("broken_length_counts_before_an_expectation_9112_6_3", 400,
            POST "Expect: cake\r\nContent-Length: x\r\n\r\n"),
    REFUSES("broken_length_of_many_digits_is_broken_9112_6_3", 400,
            POST "Content-Length: 99999999999999999999999x\r\n\r\n"),
    REFUSES("missing_host_counts_before_a_length_too_large_9112_3_2", 400,
            "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
};

static void refused_chunks_stay_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static struct http_reader reader;
        char more[] = "0\r\n\r\n";
        size_t raw = 0, body_end = 0;

        http_reader_init(&reader, 256, 1024, cases[i].body_max > 0 ? cases[i].body_max : 4096);
        if (http_reader_feed(&reader, cases[i].bytes, cases[i].length) != HTTP_OUTCOME_REFUSED ||
            !reader.has_head || reader.status != 400)
            continue;
        if (http_chunked_decode(&reader.chunked, more, &raw, sizeof(more) - 1, &body_end, 4096,
                                0) != HTTP_CHUNK_ERROR)
            fail_msg("%s: not refused when looked at again", cases[i].name);
    }
}

static void endless_extensions_and_trailers_are_refused(void **state)
{
    static const char *const heads[] = { CHUNK "1;", CHUNK "0\r\nA: ", CHUNK "1 " };
    static struct http_reader reader;

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        uint32_t bytes = 0;

        http_reader_init(&reader, 256, 1024, 4096);
        http_reader_feed(&reader, heads[i], strlen(heads[i]));
        while (http_reader_feed(&reader, " ", 1) == HTTP_OUTCOME_MORE)
            assert_true(bytes++ < 20000);
        assert_int_equal(reader.status, 400);
    }
}

static void many_small_extensions_are_refused_in_the_end(void **state)
{
    static struct http_reader reader;
    uint32_t chunks = 0;

    (void)state;
    http_reader_init(&reader, 256, 1024, 65536);
    http_reader_feed(&reader, CHUNK, strlen(CHUNK));
    while (http_reader_feed(&reader, "1;aaaaaaaaaaaaaaaa\r\nx\r\n", 23) == HTTP_OUTCOME_MORE)
        assert_true(chunks++ < 2000);
    assert_int_equal(reader.status, 400);
}

static void text_is_compared_without_regard_to_case(void **state)
{
    (void)state;
    assert_true(http_equals_ignoring_case(PL_VIEW("Chunked"), "chunked"));
    assert_false(http_equals_ignoring_case(PL_VIEW("chunke"), "chunked"));
    assert_false(http_equals_ignoring_case(PL_VIEW("chunkedd"), "chunked"));
    assert_false(http_equals_ignoring_case(PL_VIEW(""), "a"));
    assert_true(http_equals_ignoring_case(PL_VIEW(""), ""));
    assert_false(http_equals_ignoring_case(PL_VIEW("@"), "`"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_chunks_stay_refused),
        cmocka_unit_test(endless_extensions_and_trailers_are_refused),
        cmocka_unit_test(many_small_extensions_are_refused_in_the_end),
        cmocka_unit_test(text_is_compared_without_regard_to_case),
    };
    int failed = http_table_run("body", cases, sizeof(cases) / sizeof(cases[0]));

    return failed + cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
