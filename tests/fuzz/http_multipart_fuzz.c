/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a form with files. The first line of the input is the field Content-Type, the rest
 * the body. However the body is cut, the same fields come out; and of a body that is whole, their
 * bytes are those that a plain search for the delimiter finds.
 */
#include "guarded.h"

#include <paceline/http.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_BYTES_MAX 8192

/* Splits one input is tried at; longer inputs are split at some places only. */
#define SPLITS_MAX 256

/* The shortest field: its head's one line, `content-disposition:form-data;name=""`, the ends of two
 * lines, a delimiter of one byte. */
#define FIELDS_MAX (INPUT_BYTES_MAX / 40 + 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct field {
    char name[256], file_name[256], type[128];
    bool has_file_name;
    size_t data_offset, data_bytes; /* of its bytes in `data` */
};

struct reading {
    struct pl_http_multipart multipart;
    struct field fields[FIELDS_MAX];
    size_t fields_count;
    char data[INPUT_BYTES_MAX]; /* of all fields, one behind the other */
    size_t data_bytes;
    enum pl_http_multipart_found end; /* MORE while neither the end nor a mistake was met */
};

static struct reading whole, split;

__attribute__((noreturn)) static void fail(const char *what, size_t at)
{
    fprintf(stderr, "%s, %zu\n", what, at);
    abort();
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static void copy_text(char *to, const char *from, size_t size)
{
    const char *end = memchr(from, '\0', size);

    if (end == NULL)
        fail("a text without its end", size);
    memcpy(to, from, (size_t)(end - from) + 1);
}

static void take_field(struct reading *reading)
{
    const struct pl_http_multipart *multipart = &reading->multipart;
    struct field *field = &reading->fields[reading->fields_count];

    if (reading->fields_count++ == FIELDS_MAX)
        fail("more fields than the input has bytes for", reading->fields_count);
    *field = (struct field){ .has_file_name = multipart->has_file_name,
                             .data_offset = reading->data_bytes };
    copy_text(field->name, multipart->name, sizeof(field->name));
    copy_text(field->file_name, multipart->file_name, sizeof(field->file_name));
    copy_text(field->type, multipart->type, sizeof(field->type));
}

static bool is_inside(struct pl_view data, const char *bytes, size_t length)
{
    return data.bytes >= bytes && data.bytes <= bytes + length &&
           data.length <= (size_t)(bytes + length - data.bytes);
}

static void take_data(struct reading *reading, struct pl_view data, struct pl_view piece)
{
    const struct pl_http_multipart *multipart = &reading->multipart;

    if (data.length == 0 || reading->fields_count == 0)
        fail("no data, or of no field", data.length);
    if (!is_inside(data, piece.bytes, piece.length) &&
        !is_inside(data, multipart->delimiter, multipart->delimiter_bytes))
        fail("data of somewhere else", data.length);
    if (data.length > sizeof(reading->data) - reading->data_bytes)
        fail("more data than was given", reading->data_bytes);
    memcpy(reading->data + reading->data_bytes, data.bytes, data.length);
    reading->data_bytes += data.length;
    reading->fields[reading->fields_count - 1].data_bytes += data.length;
}

static void feed(struct reading *reading, struct pl_view piece)
{
    struct pl_view input = piece, data;

    for (;;) {
        enum pl_http_multipart_found found =
            pl_http_multipart_read(&reading->multipart, &input, &data);

        if (!is_inside(input, piece.bytes, piece.length))
            fail("the input is left", input.length);
        if (reading->end != PL_HTTP_MULTIPART_MORE && found != PL_HTTP_MULTIPART_MORE &&
            found != PL_HTTP_MULTIPART_BROKEN)
            fail("something behind the end", input.length);
        switch (found) {
        case PL_HTTP_MULTIPART_MORE:
            if (input.length > 0)
                fail("input is left over", input.length);
            return;
        case PL_HTTP_MULTIPART_FIELD:
            take_field(reading);
            break;
        case PL_HTTP_MULTIPART_DATA:
            take_data(reading, data, piece);
            break;
        case PL_HTTP_MULTIPART_END:
            reading->end = found;
            break;
        case PL_HTTP_MULTIPART_BROKEN:
            reading->end = found;
            return;
        }
    }
}

static bool begin(struct reading *reading, struct pl_view type)
{
    type.bytes = guarded_end(type.bytes, type.length);
    reading->fields_count = reading->data_bytes = 0;
    reading->end = PL_HTTP_MULTIPART_MORE;
    return pl_http_multipart_init(&reading->multipart, type) == 0;
}

static void feed_at_end(struct reading *reading, const char *bytes, size_t length)
{
    feed(reading, (struct pl_view){ .bytes = guarded_end(bytes, length), .length = length });
}

/* ---- the comparisons --------------------------------------------------------------------------
 */

static bool is_same_field(const struct field *left, const struct field *right)
{
    return strcmp(left->name, right->name) == 0 && strcmp(left->file_name, right->file_name) == 0 &&
           strcmp(left->type, right->type) == 0 && left->has_file_name == right->has_file_name &&
           left->data_offset == right->data_offset && left->data_bytes == right->data_bytes;
}

static void compare(size_t at)
{
    if (whole.end != split.end || whole.fields_count != split.fields_count)
        fail("another end, or other fields, split at", at);
    if (whole.data_bytes != split.data_bytes ||
        memcmp(whole.data, split.data, whole.data_bytes) != 0)
        fail("other data, split at", at);
    for (size_t i = 0; i < whole.fields_count; i++)
        if (!is_same_field(&whole.fields[i], &split.fields[i]))
            fail("another field, split at", at);
}

/* Where the text stands next, from `at` on; `length` when nowhere. */
static size_t find(const char *bytes, size_t length, size_t at, const char *text)
{
    size_t text_bytes = strlen(text);

    for (; at + text_bytes <= length; at++)
        if (memcmp(bytes + at, text, text_bytes) == 0)
            return at;
    return length;
}

/* The fields of a whole form, found by searching: line end, delimiter, head, empty line, data. */
static void check_data(const char *body, size_t length, const char *delimiter)
{
    static char lined[INPUT_BYTES_MAX + 3];
    size_t at, end, data_bytes, count = 0;

    memcpy(lined, "\r\n", 2); /* the body's beginning is the beginning of a line */
    memcpy(lined + 2, body, length);
    length += 2;
    lined[length] = '\0';
    at = find(lined, length, 0, delimiter);
    while (at < length) {
        at += strlen(delimiter);
        at += strspn(lined + at, " \t");
        if (strncmp(lined + at, "--", 2) == 0)
            break;
        at = find(lined, length, at, "\r\n\r\n") + 4;
        end = find(lined, length, at - 2, delimiter);
        data_bytes = end < at ? 0 : end - at;
        if (count == whole.fields_count || whole.fields[count].data_bytes != data_bytes ||
            memcmp(whole.data + whole.fields[count].data_offset, lined + at, data_bytes) != 0)
            fail("the data of a field are others than the search finds", count);
        count++;
        at = end;
    }
    if (count != whole.fields_count)
        fail("fewer fields than the search finds", count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *body = size > 0 ? memchr(data, '\n', size) : NULL;
    struct pl_view type = { .bytes = (const char *)data };
    size_t length, step;

    if (body == NULL || size > INPUT_BYTES_MAX)
        return 0;
    type.length = (size_t)(body++ - type.bytes);
    length = size - type.length - 1;
    if (!begin(&whole, type))
        return 0;
    feed(&whole, (struct pl_view){ .bytes = guarded_begin(body, length), .length = length });
    if (whole.end == PL_HTTP_MULTIPART_END)
        check_data(body, length, whole.multipart.delimiter);
    step = length / SPLITS_MAX + 1;
    for (size_t at = 0; at <= length; at += step) {
        (void)begin(&split, type);
        feed_at_end(&split, body, at);
        feed_at_end(&split, body + at, length - at);
        compare(at);
    }
    (void)begin(&split, type);
    for (size_t at = 0; at < length; at++)
        feed_at_end(&split, body + at, 1);
    compare(length);
    return 0;
}
