/* SPDX-License-Identifier: Apache-2.0 */
#include "http_date.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Sat, 21 Nov 2026 09:00:00 GMT */
#define NOW_S 1795251600

static const struct date_case {
    const char *text;
    bool is_valid;
    int64_t seconds;
    int64_t now_s; /* 0: NOW_S */
} cases[] = {
    { "Sun, 06 Nov 1994 08:49:37 GMT", true, 784111777 },
    { "Sunday, 06-Nov-94 08:49:37 GMT", true, 784111777 },
    { "Sun Nov  6 08:49:37 1994", true, 784111777 },
    { "Wed Nov 16 08:49:37 1994", true, 784975777 },
    { "Thu, 01 Jan 1970 00:00:00 GMT", true, 0 },
    { "Wed, 31 Dec 1969 23:59:59 GMT", true, -1 },
    { "Sat, 21 Nov 2026 09:00:00 GMT", true, NOW_S },
    { "Thu, 29 Feb 2024 12:00:00 GMT", true, 1709208000 },
    { "Tue, 29 Feb 2000 00:00:00 GMT", true, 951782400 },
    { "Fri, 31 Dec 9999 23:59:59 GMT", true, 253402300799 },
    { "Sat, 01 Jan 0000 00:00:00 GMT", true, -62167219200 },
    /* A leap second is the second that follows. */
    { "Sat, 31 Dec 2016 23:59:60 GMT", true, 1483228800 },
    /* 50 years to the second are the future, one more is the past: 5.6.7. */
    { "Saturday, 21-Nov-76 09:00:00 GMT", true, 3373174800 },
    { "Sunday, 21-Nov-76 09:00:01 GMT", true, 217414801 },
    { "Saturday, 21-Nov-76 09:00:01 GMT", false },
    { "Friday, 31-Dec-99 00:00:00 GMT", true, 946598400 },
    { "Friday, 01-Jan-27 00:00:00 GMT", true, 1798761600 },
    { "Thursday, 01-Jan-70 00:00:00 GMT", false },
    { "Wednesday, 01-Jan-70 00:00:00 GMT", true, 3155760000 },
    /* In 2099 the year 05 is that of the next century. */
    { "Thursday, 01-Jan-05 00:00:00 GMT", true, 4260211200, 4070908800 },
    { "Sat, 06 Nov 1994 08:49:37 GMT", false }, /* it was a Sunday */
    { "Wed, 29 Feb 2023 12:00:00 GMT", false },
    { "Thu, 29 Feb 1900 12:00:00 GMT", false },
    { "Thu, 31 Nov 1994 08:49:37 GMT", false },
    { "Sun, 00 Nov 1994 08:49:37 GMT", false },
    { "Sun, 06 Nov 1994 24:00:00 GMT", false },
    { "Sun, 06 Nov 1994 08:60:37 GMT", false },
    { "Sun, 06 Nov 1994 08:49:61 GMT", false },
    { "sun, 06 Nov 1994 08:49:37 GMT", false },
    { "Sun, 06 nov 1994 08:49:37 GMT", false },
    { "Sun, 06 Nov 1994 08:49:37 gmt", false },
    { "Sun, 06 Nov 1994 08:49:37 UTC", false },
    { "Sun, 06 Nov 1994 08:49:37 +0000", false },
    { "Sun, 06 Nov 1994 08:49:37", false },
    { "Sun, 06 Nov 1994 08:49:37 GMT ", false },
    { " Sun, 06 Nov 1994 08:49:37 GMT", false },
    { "Sun, 6 Nov 1994 08:49:37 GMT", false },
    { "Sun,06 Nov 1994 08:49:37 GMT", false },
    { "Sun, 06  Nov 1994 08:49:37 GMT", false },
    { "Sun, 06-Nov-1994 08:49:37 GMT", false },
    { "Sun, 06-Nov-94 08:49:37 GMT", false },
    { "Sunday, 06 Nov 1994 08:49:37 GMT", false },
    { "Sunday, 6-Nov-94 08:49:37 GMT", false },
    { "Sunday, 06-Nov-94 08:49:37", false },
    { "Sun Nov 06 08:49:37 1994", true, 784111777 }, /* 2DIGIT is allowed */
    { "Sun Nov 6 08:49:37 1994", false },
    { "Sun Nov   6 08:49:37 1994", false },
    { "Sun Nov  6 08:49:37 94", false },
    { "Sun Nov  6 08:49:37 1994 GMT", false },
    { "Sun", false },
    { "Sun, ", false },
    { "Sunday", false },
    { "0", false },
    { "784111777", false },
    { "", false },
};

static void dates_are_read_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct date_case *row = &cases[i];
        size_t length = strlen(row->text);
        char *exact = malloc(length + 1); /* so that a read behind the end is found */
        int64_t seconds = 7;
        bool is_valid;

        memcpy(exact, row->text, length);
        is_valid = http_date_parse((struct pl_view){ .bytes = exact, .length = length },
                                   row->now_s == 0 ? NOW_S : row->now_s, &seconds);
        free(exact);
        if (is_valid != row->is_valid || seconds != (is_valid ? row->seconds : 7))
            fail_msg("'%s': %s, %lld", row->text, is_valid ? "valid" : "not valid",
                     (long long)seconds);
    }
}

static void every_day_is_written_as_it_is_read(void **state)
{
    (void)state;
    for (int64_t seconds = -62167219200; seconds <= 253402300799; seconds += 86400 * 13 + 12345) {
        char text[HTTP_DATE_BYTES];
        int64_t read;

        http_date_format(seconds, text);
        assert_true(http_date_parse((struct pl_view){ .bytes = text, .length = sizeof(text) },
                                    NOW_S, &read));
        assert_true(read == seconds);
    }
}

static void date_is_written_as_imf_fixdate(void **state)
{
    char text[HTTP_DATE_BYTES];

    (void)state;
    http_date_format(784111777, text);
    assert_memory_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT", sizeof(text));
    http_date_format(INT64_MAX, text);
    assert_memory_equal(text, "Fri, 31 Dec 9999", 16);
    http_date_format(INT64_MIN, text);
    assert_memory_equal(text, "Sat, 01 Jan 0000", 16);
    http_date_format(1709208000, text);
    assert_memory_equal(text, "Thu, 29 Feb 2024 12:00:00 GMT", sizeof(text));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_read_strictly),
        cmocka_unit_test(every_day_is_written_as_it_is_read),
        cmocka_unit_test(date_is_written_as_imf_fixdate),
    };

    return cmocka_run_group_tests_name("http_date", tests, NULL, NULL);
}
