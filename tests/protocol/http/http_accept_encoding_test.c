/* SPDX-License-Identifier: Apache-2.0 */
#include "http_accept_encoding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct encoding_case {
    const char *fields;
    uint16_t br, gzip, identity;
} cases[] = {
    { "", 0, 0, 1 },
    { "Accept-Encoding:\r\n", 0, 0, 1 },
    { "Accept-Encoding: gzip\r\n", 0, 1000, 1 },
    { "accept-encoding: GZIP\r\n", 0, 1000, 1 },
    { "Accept-Encoding: x-gzip\r\n", 0, 1000, 1 },
    { "Accept-Encoding: gzip, deflate, br\r\n", 1000, 1000, 1 },
    { "Accept-Encoding: gzip;q=0.5, br;q=0.25\r\n", 250, 500, 1 },
    { "Accept-Encoding: gzip ;\tQ=0.001 , ,\r\n", 0, 1, 1 },
    { "Accept-Encoding: br;q=1.000, gzip;q=0.\r\n", 1000, 0, 1 },
    { "Accept-Encoding: gzip;q=0\r\n", 0, 0, 1 },
    { "Accept-Encoding: *\r\n", 1000, 1000, 1000 },
    { "Accept-Encoding: *;q=0.3, gzip\r\n", 300, 1000, 300 },
    { "Accept-Encoding: gzip, *;q=0\r\n", 0, 1000, 0 },
    { "Accept-Encoding: *;q=0\r\n", 0, 0, 0 },
    { "Accept-Encoding: *;q=0, identity\r\n", 0, 0, 1000 },
    { "Accept-Encoding: identity;q=0, gzip;q=0.1\r\n", 0, 100, 0 },
    { "Accept-Encoding: identity, gzip;q=0.5\r\n", 0, 500, 1000 },
    { "Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n", 1000, 1000, 1 },
    { "Accept-Encoding: gzipped, brotli\r\n", 0, 0, 1 },
    /* wrong anywhere: identity alone */
    { "Accept-Encoding: gzip;q=2\r\n", 0, 0, 1 },
    { "Accept-Encoding: gzip;q=1.001\r\n", 0, 0, 1 },
    { "Accept-Encoding: gzip;q=0.0001\r\n", 0, 0, 1 },
    { "Accept-Encoding: gzip;q=.5\r\n", 0, 0, 1 },
    { "Accept-Encoding: gzip;q=0,5\r\n", 0, 0, 1 },
    { "Accept-Encoding: gzip;q=-1\r\n", 0, 0, 1 },
    { "Accept-Encoding: gzip;q=\r\n", 0, 0, 1 },
    { "Accept-Encoding: gzip;\r\n", 0, 0, 1 },
    { "Accept-Encoding: gzip;level=9\r\n", 0, 0, 1 },
    { "Accept-Encoding: gzip;q=1;q=1\r\n", 0, 0, 1 },
    { "Accept-Encoding: gzip br\r\n", 0, 0, 1 },
    { "Accept-Encoding: ;q=1\r\n", 0, 0, 1 },
    { "Accept-Encoding: br\r\nAccept-Encoding: gzip;;\r\n", 0, 0, 1 },
};

static void codings_are_read_as_rfc_9110_12_5_3_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_head head = { .fields_count = 0 };
        struct http_parser parser;
        struct http_codings codings;
        char bytes[512];
        int length =
            snprintf(bytes, sizeof(bytes), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", cases[i].fields);
        struct pl_view message = { .bytes = bytes, .length = (size_t)length };

        http_parser_init(&parser, 256, 1024);
        assert_int_equal(http_parse_head(&parser, &head, message), HTTP_PARSE_HEAD);
        http_read_codings(&head, message, &codings);
        if (codings.weights[HTTP_CODING_BR] != cases[i].br ||
            codings.weights[HTTP_CODING_GZIP] != cases[i].gzip ||
            codings.weights[HTTP_CODING_IDENTITY] != cases[i].identity)
            fail_msg("%s: br %u, gzip %u, identity %u", cases[i].fields,
                     codings.weights[HTTP_CODING_BR], codings.weights[HTTP_CODING_GZIP],
                     codings.weights[HTTP_CODING_IDENTITY]);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(codings_are_read_as_rfc_9110_12_5_3_says),
    };

    return cmocka_run_group_tests_name("http_accept_encoding", tests, NULL, NULL);
}
