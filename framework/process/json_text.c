/* SPDX-License-Identifier: Apache-2.0 */
#include "json_text.h"

#include <string.h>

static void put_bytes(struct pl_json *json, const char *bytes, size_t length)
{
    if (json->is_full || length >= json->size - json->used) {
        json->is_full = true;
        return;
    }
    memcpy(json->text + json->used, bytes, length);
    json->used += length;
    json->text[json->used] = '\0';
}

/* The least that a sequence of this length may stand for: a longer form of less is no UTF-8. */
static const uint32_t least_of_length[] = { 0, 0, 0x80, 0x800, 0x10000 };

static size_t length_by_first(unsigned char first)
{
    if (first >= 0xf0 && first <= 0xf4)
        return 4;
    if (first >= 0xe0)
        return first <= 0xef ? 3 : 0;
    return first >= 0xc2 && first <= 0xdf ? 2 : 0;
}

/* How many bytes the character at `text` has; 0: it is none (RFC 3629, 4). */
static size_t utf8_length(const char *text)
{
    size_t length = length_by_first((unsigned char)text[0]);
    uint32_t character = (unsigned char)text[0] & (0x7fu >> length);

    for (size_t i = 1; i < length; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80) /* a NUL ends here, too */
            return 0;
        character = character << 6 | ((unsigned char)text[i] & 0x3f);
    }
    if (length == 0 || character < least_of_length[length] || character > 0x10ffff ||
        (character >= 0xd800 && character <= 0xdfff))
        return 0;
    return length;
}

/* Writes what stands at `text` and returns how many bytes of it that was. */
static size_t put_character(struct pl_json *json, const char *text)
{
    unsigned char byte = (unsigned char)*text;
    size_t length;

    if (byte == '"' || byte == '\\') {
        pl_json_put(json, "\\%c", byte);
        return 1;
    }
    if (byte < 0x20 || byte == 0x7f) {
        pl_json_put(json, "\\u%04x", byte);
        return 1;
    }
    if (byte < 0x80) {
        put_bytes(json, text, 1);
        return 1;
    }
    length = utf8_length(text);
    if (length == 0) {
        pl_json_put(json, "\\ufffd");
        return 1;
    }
    put_bytes(json, text, length);
    return length;
}

void pl_json_put_text(struct pl_json *json, const char *text)
{
    put_bytes(json, "\"", 1);
    while (*text != '\0' && !json->is_full)
        text += put_character(json, text);
    put_bytes(json, "\"", 1);
}

void pl_json_put_named_text(struct pl_json *json, const char *name, const char *text)
{
    pl_json_put(json, ",\"%s\":", name);
    pl_json_put_text(json, text);
}
