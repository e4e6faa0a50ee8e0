/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a path: what is split, normalised and matched must be what RFC 3986, 5.2.4 says,
 * word for word, of the path with its escaped dots decoded.
 */
#include "http_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http_service service;

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

static void add_routes(void)
{
    static const char *const paths[] = { "/", "/a", "/a/{b}", "/a/{b}/c/*", "/{a}/{b}/{c}", "/*" };

    if (service.routes_count > 0)
        return;
    service.roots_count = 0;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct http_route route = { .method = "GET", .path = paths[i] };

        if (http_pattern_read(paths[i], &route) != NULL)
            fail("a pattern is refused");
        (void)http_insert_route(&service, &route);
    }
}

/* ---- the reference ----------------------------------------------------------------------------
 */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void decode_dots(const char *raw, size_t length, char *text)
{
    size_t used = 0;

    for (size_t i = 0; i < length; i++) {
        bool is_dot = length - i >= 3 && raw[i] == '%' && raw[i + 1] == '2' &&
                      (raw[i + 2] == 'e' || raw[i + 2] == 'E');

        text[used++] = raw[i];
        if (is_dot)
            text[used - 1] = '.';
        i += is_dot ? 2 : 0;
    }
    text[used] = '\0';
}

/* The steps B, C and E; a path that begins with '/' never meets A and D. `in` ends in a NUL. */
static size_t remove_dot_segments(char *in, char *out)
{
    static char slash[] = "/";
    size_t used = 0;

    while (*in != '\0') {
        if (begins(in, "/./")) {
            in += 2;
        } else if (strcmp(in, "/.") == 0) {
            in = slash;
        } else if (begins(in, "/../") || strcmp(in, "/..") == 0) {
            in = in[3] == '/' ? in + 3 : slash;
            while (used > 0 && out[--used] != '/')
                ;
        } else {
            do
                out[used++] = *in++;
            while (*in != '\0' && *in != '/');
        }
    }
    out[used] = '\0';
    return used;
}

static int digit(char byte)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = byte == '\0' ? NULL : strchr(digits, byte);

    return at == NULL ? -1 : (int)((at - digits) & 15);
}

/* Decodes all but slashes. Returns false for what no path may hold. */
static bool decode(const char *raw, size_t length, char *text, size_t *ret_length)
{
    size_t used = 0;

    for (size_t i = 0; i < length; i++) {
        bool is_escape = raw[i] == '%';
        int byte = (unsigned char)raw[i];

        if (is_escape) {
            if (length - i < 3 || digit(raw[i + 1]) < 0 || digit(raw[i + 2]) < 0)
                return false;
            byte = digit(raw[i + 1]) * 16 + digit(raw[i + 2]);
        }
        if (byte == '\0')
            return false;
        if (is_escape && byte == '/') {
            memcpy(text + used, raw + i, 3);
            used += 3;
        } else {
            text[used++] = (char)byte;
        }
        i += is_escape ? 2 : 0;
    }
    *ret_length = used;
    return true;
}

/* ---- the comparison ---------------------------------------------------------------------------
 */

static void check_segments(struct pl_view raw, const char *expected, size_t expected_length)
{
    struct http_path path;
    char text[PATH_BYTES_MAX + 2];
    size_t used = 0;

    http_path_split(raw, &path);
    if (path.count == 0)
        fail("a path without segments");
    for (uint16_t i = 0; i < path.count && i < HTTP_PATH_SEGMENTS_MAX; i++) {
        struct pl_view segment = http_path_view(raw, path.segments[i]);
        int length;

        if ((size_t)path.segments[i].offset + segment.length > raw.length)
            fail("a segment beyond the path");
        text[used++] = '/';
        length = http_path_text(segment, text + used, sizeof(text) - used);
        if (length < 0)
            fail("a segment finds no room");
        used += (size_t)length;
    }
    if (used > expected_length || memcmp(text, expected, used) != 0 ||
        (path.count <= HTTP_PATH_SEGMENTS_MAX && used != expected_length))
        fail("the segments differ");
}

static void check_text(struct pl_view raw, const char *expected, size_t expected_length)
{
    struct pl_view rest = { .bytes = raw.bytes + 1, .length = raw.length - 1 };
    char text[PATH_BYTES_MAX + 2] = "/";
    int length = http_path_text(rest, text + 1, expected_length); /* no byte more than it needs */

    if (length < 0 || (size_t)length + 1 != expected_length ||
        memcmp(text, expected, expected_length) != 0)
        fail("the text differs");
    if (expected_length > 1 && http_path_text(rest, text + 1, expected_length - 1) >= 0)
        fail("the text has too little room");
    if (http_path_is_normal(raw) &&
        (raw.length != expected_length || memcmp(raw.bytes, expected, raw.length) != 0))
        fail("a path that is normal changes");
}

/* The route that takes everything has the whole path in its wildcard. */
static void check_routes(struct pl_view raw, const char *expected, size_t expected_length)
{
    struct http_asked asked = { .method = PL_VIEW("GET"), .host = PL_VIEW(""), .path = raw };
    struct http_found found;
    char text[PATH_BYTES_MAX + 1];
    struct pl_view wildcard;

    if (http_find_route(&service, &asked, &found) != HTTP_MATCH_ROUTE)
        fail("no route");
    if (found.route->is_literal) {
        if (expected_length != found.route->path_length ||
            memcmp(expected, found.route->path, expected_length) != 0)
            fail("another literal");
        return;
    }
    for (uint16_t i = 0; i < found.params.count; i++)
        if ((size_t)found.params.spans[i].offset + found.params.spans[i].length > raw.length)
            fail("a parameter beyond the path");
    if (!found.route->has_wildcard)
        return;
    wildcard = http_path_view(raw, found.params.spans[found.params.count - 1]);
    if (http_path_text(wildcard, text, sizeof(text)) < 0)
        fail("the wildcard finds no room");
    if (strlen(text) > expected_length ||
        memcmp(text, expected + expected_length - strlen(text), strlen(text)) != 0)
        fail("the wildcard differs");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char raw[PATH_BYTES_MAX + 1], dotted[PATH_BYTES_MAX + 1], removed[PATH_BYTES_MAX + 1];
    static char expected[PATH_BYTES_MAX + 1];
    struct pl_view path = { .bytes = raw };
    size_t expected_length;

    if (size >= PATH_BYTES_MAX)
        return 0;
    add_routes();
    if (size == 0 || data[0] != '/')
        raw[path.length++] = '/';
    if (size > 0)
        memcpy(raw + path.length, data, size);
    path.length += size;
    if (!decode(raw, path.length, expected, &expected_length)) {
        struct http_asked asked = { .method = PL_VIEW("GET"), .host = PL_VIEW(""), .path = path };
        struct http_found found;

        if (http_path_is_well_formed(path) || http_path_is_normal(path) ||
            http_find_route(&service, &asked, &found) != HTTP_MATCH_MALFORMED)
            fail("a malformed path is taken");
        return 0;
    }
    if (!http_path_is_well_formed(path))
        fail("a path is refused");
    decode_dots(raw, path.length, dotted);
    if (!decode(removed, remove_dot_segments(dotted, removed), expected, &expected_length))
        fail("what is left of a path is malformed");
    check_segments(path, expected, expected_length);
    check_text(path, expected, expected_length);
    check_routes(path, expected, expected_length);
    return 0;
}
