/* SPDX-License-Identifier: Apache-2.0 */
/* Forms of every shape, whole and cut at every byte: the same fields come out. */
#include <paceline/http.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char type[] = "multipart/form-data; boundary=aB3";

/* What was read, as text: name|file name|type=data; … and how it ended. */
struct reading {
    char text[2048];
    size_t used;
    enum pl_http_multipart_found end;
};

static void put(struct reading *reading, const char *bytes, size_t length)
{
    assert_true(reading->used + length < sizeof(reading->text));
    memcpy(reading->text + reading->used, bytes, length);
    reading->used += length;
    reading->text[reading->used] = '\0';
}

static void feed(struct pl_http_multipart *multipart, struct reading *reading, struct pl_view input)
{
    struct pl_view data;

    while (reading->end == PL_HTTP_MULTIPART_MORE) {
        enum pl_http_multipart_found found = pl_http_multipart_read(multipart, &input, &data);
        char field[700];

        switch (found) {
        case PL_HTTP_MULTIPART_MORE:
            assert_int_equal(input.length, 0);
            return;
        case PL_HTTP_MULTIPART_FIELD:
            snprintf(field, sizeof(field), "[%s|%s|%s]", multipart->name,
                     multipart->has_file_name ? multipart->file_name : "-", multipart->type);
            put(reading, field, strlen(field));
            break;
        case PL_HTTP_MULTIPART_DATA:
            assert_true(data.length > 0);
            put(reading, data.bytes, data.length);
            break;
        case PL_HTTP_MULTIPART_END:
        case PL_HTTP_MULTIPART_BROKEN:
            reading->end = found;
            break;
        }
    }
}

static void begin(struct pl_http_multipart *multipart, struct reading *reading)
{
    memset(reading, 0, sizeof(*reading));
    assert_int_equal(pl_http_multipart_init(multipart, pl_view_of(type)), 0);
}

/* Whole, in two at every place, and byte by byte. */
static void expect(const char *body, const char *text, enum pl_http_multipart_found end)
{
    size_t length = strlen(body);

    for (size_t at = 0; at <= length + 1; at++) {
        struct pl_http_multipart multipart;
        struct reading reading;
        size_t step = at <= length ? at : 1;

        begin(&multipart, &reading);
        if (at <= length) {
            feed(&multipart, &reading, (struct pl_view){ .bytes = body, .length = step });
            feed(&multipart, &reading,
                 (struct pl_view){ .bytes = body + at, .length = length - at });
        } else {
            for (size_t i = 0; i < length; i++)
                feed(&multipart, &reading, (struct pl_view){ .bytes = body + i, .length = 1 });
        }
        assert_int_equal(reading.end, end);
        if (end != PL_HTTP_MULTIPART_BROKEN)
            assert_string_equal(reading.text, text);
    }
}

static void fields_come_with_name_file_name_and_type(void **state)
{
    (void)state;
    expect("--aB3\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n"
           "--aB3\r\ncontent-type: image/png\r\n"
           "CONTENT-DISPOSITION: form-data; filename=\"x y.png\"; name=b\r\nX-Other: 1\r\n\r\n"
           "two\r\n--aB3--\r\n",
           "[a|-|text/plain]one[b|x y.png|image/png]two", PL_HTTP_MULTIPART_END);
}

static void what_only_looks_like_a_boundary_is_data(void **state)
{
    (void)state;
    expect("--aB3\r\nContent-Disposition: form-data; name=a\r\n\r\n"
           "\r\r\n\r\n-\r\n--\r\n--aB\r\n--aB4--aB3\r\r\n--aB3--",
           "[a|-|text/plain]\r\r\n\r\n-\r\n--\r\n--aB\r\n--aB4--aB3\r", PL_HTTP_MULTIPART_END);
}

static void preamble_epilogue_padding_and_empty_fields_are_read(void **state)
{
    (void)state;
    expect("preamble --aB3\r\n-\r\n--aB3 \t\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n"
           "\r\n--aB3\r\nContent-Disposition: form-data; name=b; filename=\"\"\r\n\r\n\r\n"
           "--aB3--\r\nepilogue\r\n--aB3\r\n",
           "[|-|text/plain][b||text/plain]", PL_HTTP_MULTIPART_END);
}

/* The content's own line end may be left out with it (RFC 2046, 5.1.1): body-part. */
static void a_field_without_content_swallows_no_other(void **state)
{
    (void)state;
    expect("--aB3\r\nContent-Disposition: form-data; name=a\r\n\r\n--aB3\r\n"
           "Content-Disposition: form-data; name=b\r\n\r\n--aB4\r\n--aB3\r\n"
           "Content-Disposition: form-data; name=c\r\n\r\n-\r\n--aB3--",
           "[a|-|text/plain][b|-|text/plain]--aB4[c|-|text/plain]-", PL_HTTP_MULTIPART_END);
}

static void quotes_in_names_are_read_as_browsers_write_them(void **state)
{
    (void)state;
    expect("--aB3\r\nContent-Disposition: form-data; name=\"a%22\\\\b\\\"c\"; "
           "filename=\"C:\\dir\\f\"; filename*=UTF-8''f\r\n\r\nx\r\n--aB3--",
           "[a%22\\b\"c|C:\\dir\\f|text/plain]x", PL_HTTP_MULTIPART_END);
}

static void a_form_that_ends_early_never_ends(void **state)
{
    (void)state;
    expect("--aB3\r\nContent-Disposition: form-data; name=a\r\n\r\none\r\n--aB3\r\n",
           "[a|-|text/plain]one", PL_HTTP_MULTIPART_MORE);
    expect("no boundary at all", "", PL_HTTP_MULTIPART_MORE);
    expect("", "", PL_HTTP_MULTIPART_MORE);
}

static void what_is_no_form_is_broken(void **state)
{
    static const char *const bodies[] = {
        "--aB3x\r\n",
        "--aB3-x",
        "--aB3\n",
        "--aB3\r\n\r\nno disposition\r\n--aB3--",
        "--aB3\r\nContent-Type: a/b\r\n\r\nx",
        "--aB3\r\nContent-Disposition: attachment; name=a\r\n\r\nx",
        "--aB3\r\nContent-Disposition: form-data\r\n\r\nx",
        "--aB3\r\nContent-Disposition: form-data; name\r\n\r\nx",
        "--aB3\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx",
        "--aB3\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\nx",
        "--aB3\r\nContent-Disposition: form-data; name=a x\r\n\r\nx",
        ("--aB3\r\nContent-Disposition: form-data; name=a\r\n"
         "Content-Disposition: form-data; name=b\r\n\r\nx"),
        "--aB3\r\nno colon\r\n\r\nx",
        "--aB3\r\n: no name\r\n\r\nx",
        "--aB3\r\nA: b\rC: d\r\n\r\nx",
        "--aB3\r\nA: b\nC: d\r\n\r\nx",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        expect(bodies[i], "", PL_HTTP_MULTIPART_BROKEN);
}

static void heads_are_bounded(void **state)
{
    struct pl_http_multipart multipart;
    struct reading reading;
    static const char line[] = "X: 0123456789012345678901234567890123456789\r\n";
    static char long_line[1100];

    (void)state;
    memset(long_line, 'x', sizeof(long_line));
    begin(&multipart, &reading);
    feed(&multipart, &reading, PL_VIEW("--aB3\r\n"));
    feed(&multipart, &reading, (struct pl_view){ .bytes = long_line, .length = sizeof(long_line) });
    assert_int_equal(reading.end, PL_HTTP_MULTIPART_BROKEN);
    begin(&multipart, &reading);
    feed(&multipart, &reading, PL_VIEW("--aB3\r\n"));
    for (int i = 0; i < 200; i++)
        feed(&multipart, &reading, pl_view_of(line));
    assert_int_equal(reading.end, PL_HTTP_MULTIPART_BROKEN);
}

static void the_boundary_is_the_types(void **state)
{
    static const char *const good[] = {
        "multipart/form-data;boundary=a",
        "Multipart/Form-Data ; charset=utf-8; Boundary=\"a b:c\"",
        ("multipart/form-data; boundary="
         "0123456789012345678901234567890123456789012345678901234567890123456789"),
    };
    static const char *const bad[] = {
        "",
        "text/plain; boundary=a",
        "multipart/form-data",
        "multipart/form-dataX; boundary=a",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"a ",
        "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=\"a\xff\"",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=a,b",
        ("multipart/form-data; boundary="
         "01234567890123456789012345678901234567890123456789012345678901234567890"),
    };
    struct pl_http_multipart multipart;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(pl_http_multipart_init(&multipart, pl_view_of(good[i])), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(pl_http_multipart_init(&multipart, pl_view_of(bad[i])), -EINVAL);
}

int main(void)
{
    static const struct CMUnitTest cases[] = {
        cmocka_unit_test(fields_come_with_name_file_name_and_type),
        cmocka_unit_test(what_only_looks_like_a_boundary_is_data),
        cmocka_unit_test(preamble_epilogue_padding_and_empty_fields_are_read),
        cmocka_unit_test(a_field_without_content_swallows_no_other),
        cmocka_unit_test(quotes_in_names_are_read_as_browsers_write_them),
        cmocka_unit_test(a_form_that_ends_early_never_ends),
        cmocka_unit_test(what_is_no_form_is_broken),
        cmocka_unit_test(heads_are_bounded),
        cmocka_unit_test(the_boundary_is_the_types),
    };

    return cmocka_run_group_tests(cases, NULL, NULL);
}
