/* SPDX-License-Identifier: Apache-2.0 */
#include "http_path.h"

#include <errno.h>
#include <string.h>

bool http_path_is_normal(struct pl_view path)
{
    const char *at = path.bytes, *end = path.bytes + path.length;

    if (http_scan((const unsigned char *)path.bytes, path.length, HTTP_CLASS_PLAIN) < path.length)
        return false;
    while (at < end && (at = memchr(at, '.', (size_t)(end - at))) != NULL) {
        const char *begin = at;

        while (at < end && *at == '.')
            at++;
        if (begin > path.bytes && begin[-1] == '/' && at - begin <= 2 && (at == end || *at == '/'))
            return false;
    }
    return true;
}

bool http_path_is_well_formed(struct pl_view path)
{
    size_t at = 0;

    while (at < path.length)
        if (http_next_byte(path, &at) <= 0)
            return false;
    return true;
}

int http_path_dots(struct pl_view segment)
{
    size_t at = 0;
    int dots = 0;

    while (at < segment.length && dots < 3) {
        if (http_next_byte(segment, &at) != '.')
            return 0;
        dots++;
    }
    return dots < 3 ? dots : 0;
}

/* The segment at `offset`, up to the next slash. */
static struct pl_view segment_at(struct pl_view path, size_t offset)
{
    const char *begin = path.bytes + offset;
    size_t left = path.length - offset;
    const char *slash = left > 0 ? memchr(begin, '/', left) : NULL;

    return (struct pl_view){ .bytes = begin,
                             .length = slash == NULL ? left : (size_t)(slash - begin) };
}

static void push(struct http_path *path, size_t offset, size_t length)
{
    if (path->count < HTTP_PATH_SEGMENTS_MAX)
        path->segments[path->count] =
            (struct http_path_span){ .offset = (uint16_t)offset, .length = (uint16_t)length };
    path->count++;
}

/* A stack whose upper part is only counted: what is popped down to there is pushed anew. */
void http_path_split(struct pl_view path, struct http_path *ret_path)
{
    size_t offset = 1;

    ret_path->raw = path;
    ret_path->count = 0;
    while (offset <= path.length) {
        struct pl_view segment = segment_at(path, offset);
        size_t next = offset + segment.length + 1;
        int dots = http_path_dots(segment);

        /* Above the root is the root (RFC 3986, 5.2.4). */
        if (dots == 2 && ret_path->count > 0)
            ret_path->count--;
        if (dots == 0)
            push(ret_path, offset, segment.length);
        else if (next > path.length)
            push(ret_path, path.length, 0); /* what they leave ends in a slash */
        offset = next;
    }
    if (path.length == 0)
        push(ret_path, 0, 0);
}

bool http_segment_equals(struct pl_view segment, struct pl_view text)
{
    size_t at = 0, i = 0;

    if (segment.length < text.length)
        return false;
    for (; at < segment.length && i < text.length; i++)
        if (http_next_byte(segment, &at) != (unsigned char)text.bytes[i])
            return false;
    return at == segment.length && i == text.length;
}

static int refuse_room(char *text, size_t size)
{
    if (size > 0)
        text[0] = '\0';
    return -ENOBUFS;
}

int http_segment_text(struct pl_view segment, char *ret_text, size_t size)
{
    size_t at = 0, used = 0;

    while (at < segment.length) {
        int byte = http_next_byte(segment, &at);

        if (used + 1 >= size)
            return refuse_room(ret_text, size);
        ret_text[used++] = (char)byte;
    }
    if (used >= size)
        return refuse_room(ret_text, size);
    ret_text[used] = '\0';
    return (int)used;
}

static bool is_encoded_slash(struct pl_view segment, size_t at)
{
    return segment.length - at >= 3 && segment.bytes[at] == '%' && segment.bytes[at + 1] == '2' &&
           (segment.bytes[at + 2] | 0x20) == 'f';
}

/* Writes as much of a segment as there is room for; returns the bytes that all of it needs. */
static size_t write_segment(struct pl_view segment, char *text, size_t size)
{
    size_t at = 0, used = 0;

    while (at < segment.length) {
        bool is_kept = is_encoded_slash(segment, at);
        int byte = is_kept ? '%' : http_next_byte(segment, &at);

        if (used < size)
            text[used] = (char)byte;
        used++;
        if (is_kept) /* the two digits are bytes of their own */
            for (size_t end = at++ + 3; at < end; at++, used++)
                if (used < size)
                    text[used] = segment.bytes[at];
    }
    return used;
}

/* The last segment of the first `end` bytes. */
static struct pl_view segment_before(struct pl_view path, size_t end)
{
    size_t begin = end;

    while (begin > 0 && path.bytes[begin - 1] != '/')
        begin--;
    return (struct pl_view){ .bytes = path.bytes + begin, .length = end - begin };
}

/* From the last segment to the first, so that one that `..` takes away needs no room: the text
 * grows towards the front of its room and is moved there at the end. */
int http_path_text(struct pl_view path, char *ret_text, size_t size)
{
    size_t end = path.length, left, skipped = 0;
    bool is_last = true, is_first = false;

    if (size == 0)
        return -ENOBUFS;
    left = size - 1;
    for (; !is_first; is_last = false) {
        struct pl_view segment = segment_before(path, end);
        int dots = http_path_dots(segment);
        size_t length = write_segment(segment, NULL, 0) + (is_last ? 0 : 1);

        is_first = segment.bytes == path.bytes;
        end -= segment.length + (is_first ? 0 : 1);
        if (dots == 2)
            skipped++;
        if (dots != 0)
            continue;
        if (skipped > 0) {
            skipped--;
            continue;
        }
        if (length > left)
            return refuse_room(ret_text, size);
        left -= length;
        (void)write_segment(segment, ret_text + left, length);
        if (!is_last)
            ret_text[left + length - 1] = '/';
    }
    memmove(ret_text, ret_text + left, size - 1 - left);
    ret_text[size - 1 - left] = '\0';
    return (int)(size - 1 - left);
}
