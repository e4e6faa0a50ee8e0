/* SPDX-License-Identifier: Apache-2.0 */
#include "http_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The raw segments that are kept, each behind a '|'. */
static void list_segments(const char *raw, char *text, size_t size)
{
    struct http_path path;
    size_t used = 0;

    http_path_split(pl_view_of(raw), &path);
    assert_true(path.count <= HTTP_PATH_SEGMENTS_MAX);
    text[0] = '\0';
    for (uint16_t i = 0; i < path.count; i++) {
        struct pl_view segment = http_path_view(path.raw, path.segments[i]);

        used +=
            (size_t)snprintf(text + used, size - used, "|%.*s", (int)segment.length, segment.bytes);
    }
}

static void path_is_split_and_decoded_once_3986_5_2_4(void **state)
{
    static const struct {
        const char *raw, *segments, *text;
        bool is_normal;
    } rows[] = {
        { "/", "|", "", true },
        { "/a", "|a", "a", true },
        { "/a/", "|a|", "a/", true },
        { "/a/b", "|a|b", "a/b", true },
        { "//", "||", "/", true },
        { "/a//b", "|a||b", "a//b", true },
        { "/.", "|", "", false },
        { "/..", "|", "", false },
        { "/./", "|", "", false },
        { "/../a", "|a", "a", false },
        { "/../../a/..", "|", "", false },
        { "/a/.", "|a|", "a/", false },
        { "/a/..", "|", "", false },
        { "/a/b/..", "|a|", "a/", false },
        { "/a/b/../", "|a|", "a/", false },
        { "/a/b/../..", "|", "", false },
        { "/a/b/../../..", "|", "", false },
        { "/a/./b/../c", "|a|c", "a/c", false },
        { "/a//../b", "|a|b", "a/b", false },
        { "/a/b/c/./../../g", "|a|g", "a/g", false }, /* RFC 3986, 5.2.4 */
        { "/...", "|...", "...", true },
        { "/.a", "|.a", ".a", true },
        { "/a.", "|a.", "a.", true },
        { "/a../b", "|a..|b", "a../b", true },
        { "/..a", "|..a", "..a", true },
        { "/a.b/c..d/e", "|a.b|c..d|e", "a.b/c..d/e", true },
        { "/%2e", "|", "", false },
        { "/a/%2E%2e/b", "|b", "b", false },
        { "/a/.%2e", "|", "", false },
        { "/a/%2e./b", "|b", "b", false },
        { "/%2e%2e%2e", "|%2e%2e%2e", "...", false },
        { "/%252e/a", "|%252e|a", "%2e/a", false },
        { "/a%20b", "|a%20b", "a b", false },
        { "/%41%6a", "|%41%6a", "Aj", false },
        { "/%2541", "|%2541", "%41", false },
        { "/+", "|+", "+", true },
        { "/%C3%A4", "|%C3%A4", "\xc3\xa4", false },
        { "/a%2Fb", "|a%2Fb", "a%2Fb", false },
        { "/a%2f..%2Fb/..", "|", "", false },
        { "/..%2f", "|..%2f", "..%2f", false },
        { "/%2f/x", "|%2f|x", "%2f/x", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pl_view raw = pl_view_of(rows[i].raw);
        struct pl_view rest = { .bytes = raw.bytes + 1, .length = raw.length - 1 };
        char segments[128], text[128];
        int length = http_path_text(rest, text, sizeof(text));

        list_segments(rows[i].raw, segments, sizeof(segments));
        if (strcmp(segments, rows[i].segments) != 0 || strcmp(text, rows[i].text) != 0 ||
            length != (int)strlen(text) || http_path_is_normal(raw) != rows[i].is_normal)
            fail_msg("%s: '%s' and '%s'", rows[i].raw, segments, text);
        assert_true(http_path_is_well_formed(raw));
    }
}

static void broken_escape_and_nul_are_malformed(void **state)
{
    static const char *const rows[] = { "/a%",  "/a%4", "/%g0",  "/%0g", "/%00",
                                        "/%-1", "/% 1", "/%2%2", "/%",   "/a/%00/b" };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (http_path_is_well_formed(pl_view_of(rows[i])))
            fail_msg("%s is taken", rows[i]);
    /* An escape cut off by the end of the view is not read beyond it. */
    assert_false(http_path_is_well_formed((struct pl_view){ .bytes = "/%41", .length = 3 }));
    assert_true(http_path_is_well_formed(PL_VIEW("")));
}

/* More segments than are kept: those that stand again on a kept place are right. */
static void deep_path_is_counted_and_its_beginning_kept(void **state)
{
    char raw[400] = "", text[128];
    struct http_path path;

    (void)state;
    for (int i = 0; i < 60; i++)
        strncat(raw, "/x", sizeof(raw) - strlen(raw) - 1);
    http_path_split(pl_view_of(raw), &path);
    assert_int_equal(path.count, 60);
    for (int i = 0; i < 58; i++)
        strncat(raw, "/..", sizeof(raw) - strlen(raw) - 1);
    strncat(raw, "/y", sizeof(raw) - strlen(raw) - 1);
    list_segments(raw, text, sizeof(text));
    assert_string_equal(text, "|x|x|y");
}

static void segment_is_compared_decoded(void **state)
{
    static const struct {
        const char *segment, *text;
        bool is_equal;
    } rows[] = {
        { "", "", true },         { "a", "a", true },       { "%61", "a", true },
        { "a", "A", false },      { "a%2Fb", "a/b", true }, { "a%2fb", "a/b", true },
        { "%2561", "%61", true }, { "%61", "%61", false },  { "ab", "a", false },
        { "a", "ab", false },     { "%61b", "a", false },   { "+", " ", false },
        { "%ff", "\xff", true },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (http_segment_equals(pl_view_of(rows[i].segment), pl_view_of(rows[i].text)) !=
            rows[i].is_equal)
            fail_msg("%s and %s", rows[i].segment, rows[i].text);
}

static void text_stays_in_its_room(void **state)
{
    static const struct {
        const char *raw;
        int segment_length, path_length;
    } rows[] = {
        { "", 0, 0 },       { "1", 1, 1 },     { "123", 3, 3 },
        { "%31%32", 2, 2 }, { "a%2Fb", 3, 5 }, { "123/../4", 8, 1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t size = 0; size < 12; size++) {
            struct pl_view raw = pl_view_of(rows[i].raw);
            char text[16];

            memset(text, '#', sizeof(text));
            assert_int_equal(http_segment_text(raw, text, size),
                             size > (size_t)rows[i].segment_length ? rows[i].segment_length
                                                                   : -ENOBUFS);
            assert_int_equal(text[size], '#');
            assert_true(size == 0 || strlen(text) < size);
            memset(text, '#', sizeof(text));
            assert_int_equal(http_path_text(raw, text, size),
                             size > (size_t)rows[i].path_length ? rows[i].path_length : -ENOBUFS);
            assert_int_equal(text[size], '#');
            assert_true(size == 0 || strlen(text) < size);
        }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_is_split_and_decoded_once_3986_5_2_4),
        cmocka_unit_test(broken_escape_and_nul_are_malformed),
        cmocka_unit_test(deep_path_is_counted_and_its_beginning_kept),
        cmocka_unit_test(segment_is_compared_decoded),
        cmocka_unit_test(text_stays_in_its_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
