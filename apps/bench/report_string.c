/* SPDX-License-Identifier: Apache-2.0 */
/* Strings that someone else named, as JSON and HTML want them. */
#include "report_text.h"

#include <stdint.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Bytes of the code point that begins here; 0 when it is none (RFC 3629, 3). */
static size_t code_point_bytes(const char *text)
{
    unsigned char first = (unsigned char)text[0], second;

    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4 || !is_continuation(text[1]))
        return 0;
    second = (unsigned char)text[1];
    if (first < 0xe0)
        return 2;
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
        (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f) ||
        !is_continuation(text[2]))
        return 0;
    if (first < 0xf0)
        return 3;
    return is_continuation(text[3]) ? 4 : 0;
}

size_t text_width(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += !is_continuation(*text);
    return width;
}

/* Passes one code point, or what replaces a byte that begins none. */
static const char *write_code_point(const char *text, FILE *out)
{
    size_t bytes = code_point_bytes(text);

    if (bytes == 0) {
        fputs(REPLACEMENT, out);
        return text + 1;
    }
    fwrite(text, 1, bytes, out);
    return text + bytes;
}

void text_write_json(const char *text, FILE *out)
{
    fputc('"', out);
    while (*text != '\0') {
        unsigned char byte = (unsigned char)*text;

        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte), text++;
        else if (byte < 0x20 || byte == 0x7f)
            fprintf(out, "\\u%04x", byte), text++;
        else
            text = write_code_point(text, out);
    }
    fputc('"', out);
}

static const char *html_entity(char byte)
{
    switch (byte) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void text_write_html(const char *text, FILE *out)
{
    while (*text != '\0') {
        unsigned char byte = (unsigned char)*text;
        const char *entity = html_entity(*text);

        if (entity != NULL)
            fputs(entity, out), text++;
        else if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f)
            fputs(REPLACEMENT, out), text++;
        else
            text = write_code_point(text, out);
    }
}
