/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a form: its pairs, put together again, are the input, and what is decoded is what a
 * plain reading of the escapes gives, in every room from none to enough.
 */
#include "guarded.h"
#include "http_exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_BYTES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

/* What pl_http_query_value() and pl_http_form_value() ask of a request: here there is none. */
struct pl_view pl_http_query(const struct pl_http_exchange *exchange)
{
    (void)exchange;
    abort();
}

struct pl_view pl_http_body(const struct pl_http_exchange *exchange)
{
    (void)exchange;
    abort();
}

bool pl_http_field(const struct pl_http_exchange *exchange, const char *name,
                   struct pl_view *ret_value)
{
    (void)exchange;
    (void)name;
    (void)ret_value;
    abort();
}

/* ---- the reference ----------------------------------------------------------------------------
 */

static int digit(char byte)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = byte == '\0' ? NULL : strchr(digits, byte);

    return at == NULL ? -1 : (int)((at - digits) & 15);
}

/* The decoded text's length, or -1 for what no form may hold. */
static int decode(struct pl_view raw, char *text)
{
    int used = 0;

    for (size_t i = 0; i < raw.length; i++) {
        char byte = raw.bytes[i] == '+' ? ' ' : raw.bytes[i];

        if (byte == '%') {
            if (raw.length - i < 3 || digit(raw.bytes[i + 1]) < 0 || digit(raw.bytes[i + 2]) < 0)
                return -1;
            byte = (char)(digit(raw.bytes[i + 1]) * 16 + digit(raw.bytes[i + 2]));
            i += 2;
        }
        if (byte == '\0')
            return -1;
        text[used++] = byte;
    }
    return used;
}

/* ---- the comparison ---------------------------------------------------------------------------
 */

static void check_decoding(struct pl_view raw)
{
    static char expected[INPUT_BYTES_MAX], text[INPUT_BYTES_MAX + 1];
    int length = decode(raw, expected), found = pl_http_form_decode(raw, text, raw.length + 1);

    if (length < 0) {
        if (found != -EINVAL || text[0] != '\0')
            fail("a malformed text is taken");
        return;
    }
    if (found != length || memcmp(text, expected, (size_t)length) != 0 || text[length] != '\0')
        fail("the text differs");
    memset(text, 'x', sizeof(text));
    if (pl_http_form_decode(raw, text, (size_t)length + 1) != length || text[length + 1] == '\0')
        fail("a text that fits finds no room, or takes more");
    if (pl_http_form_decode(raw, text, (size_t)length) != -ENOBUFS ||
        (length > 0 && text[0] != '\0'))
        fail("a text has too little room, and is given");
}

/* The pair stands where the last ended, behind nothing but '&'. Returns where it ends. */
static const char *check_pair(const char *at, struct pl_view name, struct pl_view value,
                              const char *end)
{
    while (at < end && *at == '&')
        at++;
    if (name.bytes != at || name.length > (size_t)(end - at) ||
        (name.length > 0 && memchr(name.bytes, '=', name.length) != NULL))
        fail("the name stands elsewhere");
    at += name.length;
    if (at < end && *at == '=') {
        if (value.bytes != at + 1)
            fail("the value stands elsewhere");
        at = value.bytes;
    } else if (value.length > 0) {
        fail("a value without its sign");
    }
    if (value.length > (size_t)(end - at) ||
        (value.length > 0 && memchr(value.bytes, '&', value.length) != NULL))
        fail("the value is longer than its pair");
    at += value.length;
    if (at < end && *at != '&')
        fail("the pair ends early");
    return at;
}

static void check(const char *bytes, size_t length)
{
    struct pl_view rest = { .bytes = bytes, .length = length }, name, value;
    const char *at = bytes, *end = bytes + length;

    while (pl_http_form_next(&rest, &name, &value)) {
        at = check_pair(at, name, value, end);
        check_decoding(name);
        check_decoding(value);
    }
    while (at < end && *at == '&')
        at++;
    if (at != end)
        fail("pairs are left");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_BYTES_MAX)
        return 0;
    check(guarded_end(data, size), size);
    check(guarded_begin(data, size), size);
    return 0;
}
