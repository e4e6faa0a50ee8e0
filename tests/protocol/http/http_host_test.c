/* SPDX-License-Identifier: Apache-2.0 */
#include "http_host.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void host_is_matched_without_case_port_and_final_dot(void **state)
{
    static const struct {
        const char *pattern, *host;
        bool is_match;
    } rows[] = {
        { NULL, "", true },
        { NULL, "a.org:1", true },
        { "a.org", "a.org", true },
        { "a.org", "A.oRg", true },
        { "A.ORG", "a.org", true },
        { "a.org", "a.org:80", true },
        { "a.org", "a.org:", true },
        { "a.org", "a.org.", true },
        { "a.org", "a.org.:80", true },
        { "a.org.", "a.org", true },
        { "a.org", "a.org..", false },
        { "a.org", "", false },
        { "a.org", ".", false },
        { "a.org", ":80", false },
        { "a.org", "b.a.org", false },
        { "a.org", "a.or", false },
        { "a.org", "a.orgs", false },
        { "*.a.org", "b.a.org", true },
        { "*.a.org", "B.A.ORG.:8080", true },
        { "*.a.org", "c.b.a.org", true },
        { "*.a.org", "a.org", false },
        { "*.a.org", ".a.org", false },
        { "*.a.org", "ba.org", false },
        { "*.a.org", "b.a.org.uk", false },
        { "*.a.org", "", false },
        { "[::1]", "[::1]", true },
        { "[::1]", "[::1]:8080", true },
        { "[::a]", "[::A]:8080", true },
        { "[::1]", "[::11]", false },
        { "127.0.0.1", "127.0.0.1:8080", true },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (http_host_matches(rows[i].pattern, pl_view_of(rows[i].host)) != rows[i].is_match)
            fail_msg("%s and %s", rows[i].pattern == NULL ? "NULL" : rows[i].pattern, rows[i].host);
}

static void host_is_what_the_grammar_says_3986_3_2_2(void **state)
{
    static const struct {
        const char *host;
        bool is_valid, has_port;
    } rows[] = {
        { "a", true, false },
        { "a.b-c_d~e!$&'()*+,;=", true, false },
        { "a:80", true, true },
        { "a:", true, false },
        { "a:00080", true, true },
        { "a:000000080", true, true },
        { "a:65535", true, true },
        { "a:65536", false, false },
        { "a:99999999999999999999", false, false },
        { "a:b", false, false },
        { "a:1:2", false, false },
        { "", false, false },
        { ":80", false, false },
        { "ex%61mple", true, false },
        { "ex%aF", true, false },
        { "ex%zz", false, false },
        { "ex%4", false, false },
        { "ex%", false, false },
        { "u@a", false, false },
        { "a/b", false, false },
        { "a b", false, false },
        { "[::1]", true, false },
        { "[::1]:80", true, true },
        { "[::]", true, false },
        { "[1:2:3:4:5:6:7:8]", true, false },
        { "[1:2:3:4:5:6:7::]", true, false },
        { "[::ffff:1.2.3.4]", true, false },
        { "[ABCD:ef01::]:", true, false },
        { "[]", false, false },
        { "[:]", false, false },
        { "[:::]", false, false },
        { "[1:2]", false, false },
        { "[1:2:3:4:5:6:7:8:9]", false, false },
        { "[1:2:3:4:5:6:7:8::]", false, false },
        { "[1::2::3]", false, false },
        { "[12345::]", false, false },
        { "[1.2.3.4]", false, false },
        { "[::1.2.3.256]", false, false },
        { "[::1.2.3.04]", false, false },
        { "[::1%25eth0]", false, false },
        { "[fe80::1%eth0]", false, false },
        { "[::1", false, false },
        { "[::1]a", false, false },
        { "[::1]80", false, false },
        { "::1", false, false },
        { "[v1.a:b]", true, false },
        { "[VaF.~]:8", true, true },
        { "[v1.]", false, false },
        { "[v1]", false, false },
        { "[v.a]", false, false },
        { "[vg.a]", false, false },
        { "[v1.a%41]", false, false },
        { "[v1.a/b]", false, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool has_port = false;

        if (http_host_is_valid(pl_view_of(rows[i].host), &has_port) != rows[i].is_valid)
            fail_msg("%s", rows[i].host);
        if (rows[i].is_valid && has_port != rows[i].has_port)
            fail_msg("the port of %s", rows[i].host);
    }
}

static void pattern_is_a_name_or_a_star_above_one(void **state)
{
    static const struct {
        const char *pattern;
        bool is_pattern;
    } rows[] = {
        { NULL, true },       { "a", true },         { "a.org", true },
        { "a.org.", true },   { "*.org", true },     { "*.a-b_c.org", true },
        { "[::1]", true },    { "127.0.0.1", true }, { "", false },
        { "*", false },       { "*.", false },       { ".org", false },
        { "a..org", false },  { "a.*.org", false },  { "*a.org", false },
        { "*.*.org", false }, { "a.org:80", false }, { "a/b", false },
        { "[::1", false },    { "[::1]:80", false }, { "*.[::1]", false },
        { "a b", false },     { "%61.org", false },  { "\xc3\xa4.org", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (http_host_is_pattern(rows[i].pattern) != rows[i].is_pattern)
            fail_msg("%s", rows[i].pattern == NULL ? "NULL" : rows[i].pattern);
}

static void an_escape_in_a_host_means_its_byte_3986_6_2_2_2(void **state)
{
    static const struct {
        const char *pattern, *host;
        bool matches;
    } rows[] = {
        { "b.example", "%62.example", true },     { "b.example", "%42.eXample:80", true },
        { "b.example", "b%2eexample.", true },    { "*.example", "%62.example", true },
        { "*.example", "b%2Eexampl%65", true },   { "b.example", "%63.example", false },
        { "b.example", "b.example%3A80", false }, { "b.example", "b%2fexample", false },
        { "*.example", "%2Eexample", false },     { "b.example", "b.example%2e%2e", false },
    };
    char host[1024];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (http_host_matches(rows[i].pattern, pl_view_of(rows[i].host)) != rows[i].matches)
            fail_msg("%s, %s", rows[i].pattern, rows[i].host);
    memset(host, 'a', sizeof(host));
    memcpy(host, "%61", 3);
    assert_false(http_host_matches("a", (struct pl_view){ .bytes = host, .length = 1024 }));
}

static void exact_comes_before_star_comes_before_none(void **state)
{
    static const char *const order[] = { "b.a.org",   "a.org",   "b.org", "*.c.b.a.org",
                                         "*.b.a.org", "*.a.org", "*.org", NULL };

    (void)state;
    for (size_t i = 0; i < COUNT(order); i++)
        for (size_t k = 0; k < COUNT(order); k++) {
            int result = http_host_compare(order[i], order[k]);

            if (i == k ? result != 0 : i < k ? result >= 0 : result <= 0)
                fail_msg("%zu and %zu: %d", i, k, result);
        }
    assert_int_equal(http_host_compare("a.org", "A.ORG."), 0);
    assert_int_equal(http_host_compare("*.a.org", "*.A.ORG"), 0);
}

static void authority_of_a_target_is_found_9112_3_2_2(void **state)
{
    static const struct {
        const char *target;
        size_t path_offset;
        const char *host;
    } rows[] = {
        { "/a", 0, "" },
        { "*", 0, "" },
        { "http://a.org/b", 12, "a.org" },
        { "http://a.org:80?q", 15, "a.org:80" },
        { "http://a.org", 12, "a.org" },
        { "HTTP://[::1]/", 12, "[::1]" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_true(
            pl_view_equals(http_host_of_target(pl_view_of(rows[i].target), rows[i].path_offset),
                           pl_view_of(rows[i].host)));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_is_matched_without_case_port_and_final_dot),
        cmocka_unit_test(host_is_what_the_grammar_says_3986_3_2_2),
        cmocka_unit_test(pattern_is_a_name_or_a_star_above_one),
        cmocka_unit_test(an_escape_in_a_host_means_its_byte_3986_6_2_2_2),
        cmocka_unit_test(exact_comes_before_star_comes_before_none),
        cmocka_unit_test(authority_of_a_target_is_found_9112_3_2_2),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
