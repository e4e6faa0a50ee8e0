/* SPDX-License-Identifier: Apache-2.0 */
/* Where a response ends: a table, each entry whole, byte by byte, and with something behind it. */
#include <paceline/http_client.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define OK "HTTP/1.1 200 OK\r\n"

static const struct response_case {
    const char *name;
    const char *bytes;
    enum pl_upstream_frame expected; /* MORE: only the end of input completes it, or nothing does */
    int status;
    const char *body;
    bool is_to_head;
    bool is_until_close;
} cases[] = {
    { "length_9112_6_3", OK "Content-Length: 5\r\n\r\nhello", PL_UPSTREAM_WHOLE, 200, "hello" },
    { "length_of_zero", OK "Content-Length: 0\r\n\r\n", PL_UPSTREAM_WHOLE, 200, "" },
    { "close_is_said_9112_9_6", OK "Connection: x, Close\r\nContent-Length: 1\r\n\r\nx",
      PL_UPSTREAM_WHOLE_END, 200, "x" },
    { "1_0_does_not_persist_9112_9_3", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
      PL_UPSTREAM_WHOLE_END, 200, "x" },
    { "1_0_that_keeps_alive",
      "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", PL_UPSTREAM_WHOLE,
      200, "x" },
    { "chunked_9112_7_1",
      OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
      PL_UPSTREAM_WHOLE, 200, "abcde" },
    { "chunked_with_trailers_9112_7_1_2",
      OK "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n", PL_UPSTREAM_WHOLE, 200,
      "a" },
    { "no_body_with_204_9110_15_3_5", "HTTP/1.1 204 No Content\r\n\r\n", PL_UPSTREAM_WHOLE, 204,
      "" },
    { "no_body_with_304_9110_15_4_5", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
      PL_UPSTREAM_WHOLE, 304, "" },
    { "no_body_to_head_9110_9_3_2", OK "Content-Length: 9\r\n\r\n", PL_UPSTREAM_WHOLE, 200, "",
      .is_to_head = true },
    { "interim_is_passed_over_9110_15_2",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK
      "Content-Length: 2\r\n\r\nok",
      PL_UPSTREAM_WHOLE, 200, "ok" },
    { "until_the_close_9112_6_3", OK "\r\nabc", PL_UPSTREAM_WHOLE_END, 200, "abc",
      .is_until_close = true },
    { "no_reason_phrase_9112_4", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", PL_UPSTREAM_WHOLE,
      200, "" },
    { "upgrade_is_refused_9110_15_2_2", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
      PL_UPSTREAM_REFUSED },
    { "two_lengths", OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", PL_UPSTREAM_REFUSED },
    { "length_and_coding_9112_6_1",
      OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", PL_UPSTREAM_REFUSED },
    { "coding_we_do_not_know", OK "Transfer-Encoding: gzip\r\n\r\n", PL_UPSTREAM_REFUSED },
    { "negative_length", OK "Content-Length: -1\r\n\r\n", PL_UPSTREAM_REFUSED },
    { "broken_chunk", OK "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", PL_UPSTREAM_REFUSED },
    { "other_protocol", "SSH-2.0-OpenSSH\r\n", PL_UPSTREAM_REFUSED },
    { "other_version", "HTTP/2.0 200 OK\r\n\r\n", PL_UPSTREAM_REFUSED },
    { "status_of_two_digits", "HTTP/1.1 20 OK\r\n\r\n", PL_UPSTREAM_REFUSED },
    { "status_below_100", "HTTP/1.1 099 OK\r\n\r\n", PL_UPSTREAM_REFUSED },
    { "lf_alone_ends_the_line", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", PL_UPSTREAM_REFUSED },
    { "control_byte_in_the_reason", "HTTP/1.1 200 O\001K\r\n\r\n", PL_UPSTREAM_REFUSED },
    { "folded_field", OK "A: b\r\n c\r\n\r\n", PL_UPSTREAM_REFUSED },
};

static enum pl_upstream_frame ask(const struct response_case *one, size_t length, bool is_ended,
                                  uint64_t scratch[4], size_t *ret_bytes)
{
    /* A copy of just these bytes, so that a look behind them is seen by the sanitizer. */
    char *copy = malloc(length == 0 ? 1 : length);
    struct pl_view input = { .bytes = copy, .length = length };
    enum pl_upstream_frame found;

    assert_non_null(copy);
    memcpy(copy, one->bytes, length);
    found = one->is_to_head ? pl_http_frame_response_to_head(input, is_ended, scratch, ret_bytes)
                            : pl_http_frame_response(input, is_ended, scratch, ret_bytes);
    free(copy);
    return found;
}

static void fail_case(const struct response_case *one, const char *what, size_t at)
{
    fail_msg("%s: %s at byte %zu", one->name, what, at);
}

static void ends_where_it_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct response_case *one = &cases[i];
        size_t length = strlen(one->bytes), bytes = 0;
        uint64_t scratch[4] = { 0 };

        if (ask(one, length, one->is_until_close, scratch, &bytes) != one->expected)
            fail_case(one, "another result", length);
        if (one->expected != PL_UPSTREAM_REFUSED && bytes != length)
            fail_case(one, "another end", bytes);
    }
}

static void byte_by_byte_it_ends_at_the_last(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct response_case *one = &cases[i];
        size_t length = strlen(one->bytes), bytes = 0;
        enum pl_upstream_frame found = PL_UPSTREAM_MORE;
        uint64_t scratch[4] = { 0 };
        size_t at = 0;

        for (; at <= length && found == PL_UPSTREAM_MORE; at++)
            found = ask(one, at, one->is_until_close && at == length, scratch, &bytes);
        if (found != one->expected)
            fail_case(one, "another result", at - 1);
        if (one->expected != PL_UPSTREAM_REFUSED && at - 1 != length)
            fail_case(one, "it ended early", at - 1);
    }
}

static void what_is_read_is_what_was_sent(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct response_case *one = &cases[i];
        struct pl_http_response response;
        char body[64];
        size_t length = 0;
        int err = pl_http_read_response(pl_view_of(one->bytes), one->is_to_head, &response);

        if (one->expected == PL_UPSTREAM_REFUSED) {
            assert_int_equal(err, -EINVAL);
            continue;
        }
        if (err != 0 || response.status != one->status)
            fail_case(one, "cannot be read", 0);
        assert_int_equal(pl_http_response_body(&response, body, sizeof(body), &length), 0);
        assert_int_equal(length, strlen(one->body));
        assert_memory_equal(body, one->body, length);
    }
}

static void fields_are_found_in_any_case(void **state)
{
    static const char bytes[] = OK "ETag:  \"x\" \r\nX: 1\r\nx: 2\r\nContent-Length: 0\r\n\r\n";
    struct pl_http_response response;
    struct pl_view value;

    (void)state;
    assert_int_equal(pl_http_read_response(pl_view_of(bytes), false, &response), 0);
    assert_true(pl_http_response_field(&response, "etag", &value));
    assert_true(pl_view_equals(value, PL_VIEW("\"x\"")));
    assert_true(pl_http_response_field(&response, "X", &value));
    assert_true(pl_view_equals(value, PL_VIEW("1")));
    assert_false(pl_http_response_field(&response, "ETa", &value));
    assert_false(pl_http_response_field(&response, "Set-Cookie", &value));
}

static void a_body_that_does_not_fit_is_said(void **state)
{
    struct pl_http_response response;
    char body[4];
    size_t length = 9;

    (void)state;
    assert_int_equal(
        pl_http_read_response(PL_VIEW(OK "Content-Length: 5\r\n\r\nhello"), false, &response), 0);
    assert_int_equal(pl_http_response_body(&response, body, sizeof(body), &length), -ENOSPC);
    assert_int_equal(pl_http_read_response(
                         PL_VIEW(OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
                         false, &response),
                     0);
    assert_int_equal(pl_http_response_body(&response, body, sizeof(body), &length), -ENOSPC);
    assert_int_equal(length, 9);
}

static void a_long_chunked_body_goes_through_the_window(void **state)
{
    enum { CHUNK = 5000, CHUNKS = 9 };
    static char bytes[CHUNKS * (CHUNK + 16) + 256], body[CHUNKS * CHUNK];
    size_t used = (size_t)sprintf(bytes, OK "Transfer-Encoding: chunked\r\n\r\n"), length;
    struct pl_http_response response;

    (void)state;
    for (int i = 0; i < CHUNKS; i++) {
        used += (size_t)sprintf(bytes + used, "%x\r\n", CHUNK);
        memset(bytes + used, 'a' + i, CHUNK);
        used += CHUNK;
        used += (size_t)sprintf(bytes + used, "\r\n");
    }
    used += (size_t)sprintf(bytes + used, "0\r\n\r\n");
    assert_int_equal(
        pl_http_read_response((struct pl_view){ .bytes = bytes, .length = used }, false, &response),
        0);
    assert_int_equal(pl_http_response_body(&response, body, sizeof(body), &length), 0);
    assert_int_equal(length, sizeof(body));
    for (int i = 0; i < CHUNKS; i++)
        assert_int_equal(body[i * CHUNK + CHUNK - 1], 'a' + i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_where_it_ends),
        cmocka_unit_test(byte_by_byte_it_ends_at_the_last),
        cmocka_unit_test(what_is_read_is_what_was_sent),
        cmocka_unit_test(fields_are_found_in_any_case),
        cmocka_unit_test(a_body_that_does_not_fit_is_said),
        cmocka_unit_test(a_long_chunked_body_goes_through_the_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
