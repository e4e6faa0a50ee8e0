/* SPDX-License-Identifier: Apache-2.0 */
#include "http_types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* A file with this text; the caller removes it. */
static void write_types(char *path, const char *text)
{
    int fd;

    snprintf(path, 64, "/tmp/http_types_test.XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static struct http_types *read_types(const char *path)
{
    struct pl_error error = { .message = "" };
    struct http_types *types = NULL;

    if (http_types_new(path, &types, &error) < 0)
        fail_msg("%s", error.message);
    return types;
}

static void file_is_asked_first_and_the_own_table_then(void **state)
{
    static const struct {
        const char *path, *type;
    } rows[] = {
        { "a.html", "text/x-other; charset=utf-8" },
        { "a.first", "application/first" },
        { "dir.css/b.Second", "application/first" },
        { "A.CSS", "text/css; charset=utf-8" },
        { "a.json", "application/json" },
        { "a.unknown", "application/octet-stream" },
        { "a.tar.gz", "application/gzip" },
        { "a.", "application/octet-stream" },
        { "css", "application/octet-stream" },
        { ".css", "text/css; charset=utf-8" },
        { "dir.css/name", "application/octet-stream" },
        { "", "application/octet-stream" },
    };
    struct http_types *types;
    char path[64];

    (void)state;
    write_types(path, "# a comment\n\n"
                      "application/first\tfirst  SECOND # html\r\n"
                      "application/nothing\n"
                      "application/later first\n"
                      "text/x-other html");
    types = read_types(path);
    unlink(path);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(http_types_find(types, rows[i].path), rows[i].type);
    http_types_free(types);
}

static void mistake_is_named_with_its_line(void **state)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        { "text/a a\nnonsense b\n", ":2: not a media type" },
        { "text/ a\n", ":1: not a media type" },
        { "/a a\n", ":1: not a media type" },
        { "text/a/b a\n", ":1: not a media type" },
        { "text/a; charset=x a\n", ":1: not a media type" },
        { "\n\ntext/a a \"b\"\n", ":3: not the ending of a name" },
        { "text/a abcdefghijklmnopqrstuvwxyz0123456789\n", ":1: not the ending of a name" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pl_error error = { .message = "" };
        struct http_types *types = NULL;
        char path[64], expected[256];

        write_types(path, rows[i].text);
        assert_true(http_types_new(path, &types, &error) < 0);
        snprintf(expected, sizeof(expected), "%s%s", path, rows[i].message);
        assert_string_equal(error.message, expected);
        unlink(path);
    }
}

static void line_beyond_the_bound_is_a_mistake(void **state)
{
    struct pl_error error = { .message = "" };
    struct http_types *types = NULL;
    char path[64], text[3000];

    (void)state;
    memset(text, ' ', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    write_types(path, text);
    assert_true(http_types_new(path, &types, &error) < 0);
    assert_non_null(strstr(error.message, ":1: "));
    unlink(path);
}

static void missing_file_is_an_error_if_it_was_asked_for(void **state)
{
    struct pl_error error = { .message = "" };
    struct http_types *types = NULL;

    (void)state;
    assert_true(http_types_new("/nowhere/mime.types", &types, &error) < 0);
    assert_string_equal(error.message, "http.mime_types: cannot open '/nowhere/mime.types': "
                                       "No such file or directory");
    types = read_types(NULL);
    assert_string_equal(http_types_find(types, "a.html"), "text/html; charset=utf-8");
    http_types_free(types);
}

static void text_and_its_like_are_compressible(void **state)
{
    (void)state;
    assert_true(http_type_is_compressible("text/html; charset=utf-8"));
    assert_true(http_type_is_compressible("application/json"));
    assert_true(http_type_is_compressible("image/svg+xml"));
    assert_true(http_type_is_compressible("application/manifest+json"));
    assert_false(http_type_is_compressible("application/jsonp"));
    assert_false(http_type_is_compressible("image/png"));
    assert_false(http_type_is_compressible("application/gzip"));
    assert_false(http_type_is_compressible("application/octet-stream"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_is_asked_first_and_the_own_table_then),
        cmocka_unit_test(mistake_is_named_with_its_line),
        cmocka_unit_test(line_beyond_the_bound_is_a_mistake),
        cmocka_unit_test(missing_file_is_an_error_if_it_was_asked_for),
        cmocka_unit_test(text_and_its_like_are_compressible),
    };

    return cmocka_run_group_tests_name("http_types", tests, NULL, NULL);
}
