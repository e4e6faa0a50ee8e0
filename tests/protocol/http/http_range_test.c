/* SPDX-License-Identifier: Apache-2.0 */
#include "http_range.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* What comes of it: "ignored", "416", or the ranges as FIRST+LENGTH. */
static const struct range_case {
    const char *value;
    uint64_t size;
    const char *result;
} cases[] = {
    { "bytes=0-4", 100, "0+5" },
    { "bytes=0-0", 100, "0+1" },
    { "bytes=99-99", 100, "99+1" },
    { "bytes=10-", 100, "10+90" },
    { "bytes=-10", 100, "90+10" },
    { "bytes=-100", 100, "0+100" },
    { "bytes=-1000", 100, "0+100" },
    { "bytes=0-1000", 100, "0+100" },
    { "BYTES=0-4", 100, "0+5" },
    { "bytes= 0-4", 100, "0+5" },
    { "bytes=007-0009", 100, "7+3" },
    { "bytes=0-99999999999999999999999999", 100, "0+100" },
    { "bytes=-99999999999999999999999999", 100, "0+100" },
    { "bytes=0-18446744073709551615", UINT64_MAX, "0+18446744073709551615" },
    /* several, in the order they were asked for */
    { "bytes=0-4,10-14", 100, "0+5 10+5" },
    { "bytes=10-14, 0-4", 100, "10+5 0+5" },
    { "bytes=0-4 ,\t-5", 100, "0+5 95+5" },
    { "bytes=,0-4,,10-14,", 100, "0+5 10+5" },
    { "bytes=0-4,200-300", 100, "0+5" },
    { "bytes=200-300,-0,7-", 100, "7+93" },
    /* those that overlap or touch are one, in the place of the first */
    { "bytes=0-4,5-9", 100, "0+10" },
    { "bytes=5-9,0-4", 100, "0+10" },
    { "bytes=0-10,5-20", 100, "0+21" },
    { "bytes=0-99,5-20", 100, "0+100" },
    { "bytes=0-4,20-24,4-20", 100, "0+25" },
    { "bytes=50-59,0-4,20-24,5-19", 100, "50+10 0+25" },
    { "bytes=0-4,6-9,5-5,80-", 100, "0+10 80+20" },
    /* more than two that overlap are no honest mistake */
    { "bytes=0-10,0-10,0-10", 100, "0+11" },
    { "bytes=0-10,0-10,0-10,0-10", 100, "ignored" },
    { "bytes=0-,0-,0-,0-", 100, "ignored" },
    /* 16 are the most */
    { "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30",
      100, "0+1 2+1 4+1 6+1 8+1 10+1 12+1 14+1 16+1 18+1 20+1 22+1 24+1 26+1 28+1 30+1" },
    { "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30,"
      "32-32",
      100, "ignored" },
    { "bytes=100-", 100, "416" },
    { "bytes=100-200", 100, "416" },
    { "bytes=18446744073709551615-", 100, "416" },
    { "bytes=99999999999999999999999999-", 100, "416" },
    { "bytes=-0", 100, "416" },
    { "bytes=200-300,-0", 100, "416" },
    { "bytes=0-", 0, "416" },
    { "bytes=0-0", 0, "416" },
    { "bytes=-5", 0, "ignored" },
    { "bytes=-0", 0, "416" },
    { "bytes=4-0", 100, "ignored" },
    { "bytes=0-4,4-0", 100, "ignored" },
    { "bytes=", 100, "ignored" },
    { "bytes=,", 100, "ignored" },
    { "bytes=-", 100, "ignored" },
    { "bytes=--5", 100, "ignored" },
    { "bytes=5", 100, "ignored" },
    { "bytes=0-4-8", 100, "ignored" },
    { "bytes=0 -4", 100, "ignored" },
    { "bytes=0- 4", 100, "ignored" },
    { "bytes=a-b", 100, "ignored" },
    { "bytes=0-4;", 100, "ignored" },
    { "bytes=+1-4", 100, "ignored" },
    { "bytes=0x1-4", 100, "ignored" },
    { "bytes =0-4", 100, "ignored" },
    { "bytes 0-4", 100, "ignored" },
    { "items=0-4", 100, "ignored" },
    { "byte=0-4", 100, "ignored" },
    { "bytes", 100, "ignored" },
    { "0-4", 100, "ignored" },
    { "", 100, "ignored" },
};

static void describe(enum http_ranges ranges, const struct http_range_set *set, char *text,
                     size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    switch (ranges) {
    case HTTP_RANGES_IGNORED:
        snprintf(text, size, "ignored");
        break;
    case HTTP_RANGES_UNSATISFIABLE:
        snprintf(text, size, "416");
        break;
    case HTTP_RANGES_FOUND:
        for (size_t i = 0; i < set->count; i++)
            used +=
                (size_t)snprintf(text + used, size - used, "%s%" PRIu64 "+%" PRIu64,
                                 i == 0 ? "" : " ", set->ranges[i].first, set->ranges[i].length);
        break;
    }
}

static void ranges_are_read_as_rfc_9110_14_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t length = strlen(cases[i].value);
        char *exact = malloc(length + 1); /* so that a read behind the end is found */
        struct http_range_set set;
        char text[512];

        memcpy(exact, cases[i].value, length);
        describe(http_read_ranges((struct pl_view){ .bytes = exact, .length = length },
                                  cases[i].size, 16, &set),
                 &set, text, sizeof(text));
        free(exact);
        if (strcmp(text, cases[i].result) != 0)
            fail_msg("'%s' of %" PRIu64 ": %s instead of %s", cases[i].value, cases[i].size, text,
                     cases[i].result);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_read_as_rfc_9110_14_says),
    };

    return cmocka_run_group_tests_name("http_range", tests, NULL, NULL);
}
