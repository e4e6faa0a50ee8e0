/* SPDX-License-Identifier: Apache-2.0 */
#include "reply.h"

#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The longest body that a template may have. */
#define BODY_BYTES_MAX ((size_t)1 << 30)

/* ---- the template ------------------------------------------------------------------------------
 */

/* The value of a field in the first `head` bytes, or NULL. */
static const char *find_field(const char *bytes, size_t head, const char *name)
{
    size_t name_length = strlen(name);

    for (size_t at = 0; at < head; at++) {
        const char *line = bytes + at;

        if (at > 0 && bytes[at - 1] != '\n')
            continue;
        if (head - at <= name_length || strncasecmp(line, name, name_length) != 0 ||
            line[name_length] != ':')
            continue;
        at += name_length + 1;
        while (at < head && (bytes[at] == ' ' || bytes[at] == '\t'))
            at++;
        return bytes + at;
    }
    return NULL;
}

static size_t head_length(const char *bytes, size_t length)
{
    const char *end = memmem(bytes, length, "\r\n\r\n", 4);

    return end == NULL ? 0 : (size_t)(end - bytes) + 4;
}

void reply_template_init(struct reply_template *template, const char *bytes, size_t length)
{
    size_t head = length > 5 && memcmp(bytes, "HTTP/", 5) == 0 ? head_length(bytes, length) : 0;
    const char *date = find_field(bytes, head, "Date");

    *template = (struct reply_template){ .bytes = must_alloc(length, 1), .length = length };
    memcpy(template->bytes, bytes, length);
    if (date == NULL || (size_t)(date - bytes) + REPLY_DATE_BYTES > head)
        return;
    template->mask_from = (size_t)(date - bytes);
    template->mask_to = template->mask_from + REPLY_DATE_BYTES;
}

void reply_template_deinit(struct reply_template *template)
{
    free(template->bytes);
    *template = (struct reply_template){ .bytes = NULL };
}

/* ---- checking ----------------------------------------------------------------------------------
 */

static void find_fault(const char *expected, const char *got, size_t offset,
                       struct reply_fault *ret_fault)
{
    while (*expected == *got) {
        expected++;
        got++;
        offset++;
    }
    *ret_fault = (struct reply_fault){ .offset = offset,
                                       .expected = (unsigned char)*expected,
                                       .got = (unsigned char)*got };
}

/* Compares [from, to) of the template with what came for the same range. */
static bool check_range(const struct reply_template *template, const char *came, size_t from,
                        size_t to, struct reply_fault *ret_fault)
{
    if (from >= to || memcmp(template->bytes + from, came, to - from) == 0)
        return true;
    find_fault(template->bytes + from, came, from, ret_fault);
    return false;
}

static size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t max_of(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* One reply, or the rest of it; `from` is where in the reply `came` begins. */
static bool check_piece(const struct reply_template *template, const char *came, size_t from,
                        size_t to, struct reply_fault *ret_fault)
{
    size_t before = min_of(to, template->mask_from);
    size_t behind = max_of(from, template->mask_to);

    if (template->mask_from == template->mask_to)
        return check_range(template, came, from, to, ret_fault);
    return check_range(template, came, from, before, ret_fault) &&
           (behind >= to || check_range(template, came + (behind - from), behind, to, ret_fault));
}

bool reply_check(const struct reply_template *template, size_t *at, const char *bytes,
                 size_t length, size_t *ret_completed, struct reply_fault *ret_fault)
{
    *ret_completed = 0;
    while (length > 0) {
        size_t piece = min_of(length, template->length - *at);

        if (!check_piece(template, bytes, *at, *at + piece, ret_fault))
            return false;
        bytes += piece;
        length -= piece;
        *at += piece;
        if (*at == template->length) {
            *at = 0;
            ++*ret_completed;
        }
    }
    return true;
}

/* ---- framing -----------------------------------------------------------------------------------
 */

enum reply_framing reply_frame_http(const char *bytes, size_t length, size_t *ret_head,
                                    size_t *ret_length)
{
    size_t head = head_length(bytes, length), body = 0;
    const char *value;

    if (length >= 5 && memcmp(bytes, "HTTP/", 5) != 0)
        return REPLY_MALFORMED;
    if (head == 0)
        return REPLY_PARTIAL;
    value = find_field(bytes, head, "Content-Length");
    if (value == NULL)
        return REPLY_UNBOUNDED;
    for (; *value >= '0' && *value <= '9'; value++) {
        body = body * 10 + (size_t)(*value - '0');
        if (body > BODY_BYTES_MAX)
            return REPLY_MALFORMED;
    }
    *ret_head = head;
    *ret_length = head + body;
    return length < head + body ? REPLY_PARTIAL : REPLY_COMPLETE;
}
