/* SPDX-License-Identifier: Apache-2.0 */
#include "http_scan.h"

#include "http_parse.h"

#ifdef __x86_64__
#include <tmmintrin.h>
#endif

/* The set of a byte's classes, as bits of enum http_class. */
const unsigned char http_classes[256] = {
    ['\t'] = 0x04,        [' '] = 0x04, ['!'] = 0x1f,           ['"'] = 0x04,  ['#'] = 0x05,
    ['$'] = 0x1f,         ['%'] = 0x07, ['&'] = 0x1f,           ['\''] = 0x1f, ['('] = 0x1e,
    [')'] = 0x1e,         ['*'] = 0x1f, ['+'] = 0x1f,           [','] = 0x1e,  ['-'] = 0x1f,
    ['.'] = 0x1f,         ['/'] = 0x16, ['0' ... '9'] = 0x1f,   [':'] = 0x16,  [';'] = 0x1e,
    ['<'] = 0x04,         ['='] = 0x1e, ['>'] = 0x04,           ['?'] = 0x06,  ['@'] = 0x16,
    ['A' ... 'Z'] = 0x1f, ['['] = 0x16, ['\\'] = 0x04,          [']'] = 0x16,  ['^'] = 0x05,
    ['_'] = 0x1f,         ['`'] = 0x05, ['a' ... 'z'] = 0x1f,   ['{'] = 0x04,  ['|'] = 0x05,
    ['}'] = 0x04,         ['~'] = 0x1f, [0x80 ... 0xff] = 0x04,
};

size_t http_scan_scalar(const unsigned char *bytes, size_t length, enum http_class class)
{
    size_t at = 0;

    while (at < length && (http_classes[bytes[at]] & class))
        at++;
    return at;
}

#ifdef __x86_64__

enum lane { LANE_TOKEN, LANE_TARGET, LANE_VALUE, LANE_HOST, LANE_PLAIN, LANES_COUNT };

/* A class as a picture of ASCII, eight rows by sixteen columns: for each low half of a byte (the
 * column) the set of high halves (the rows) with which it is in the class. */
static const unsigned char columns[LANES_COUNT][16] = {
    [LANE_TOKEN] = { 0xe8, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xf8, 0xf8, 0xf4, 0x54, 0xd0,
                     0x54, 0xf4, 0x70 },
    [LANE_TARGET] = { 0xb8, 0xfc, 0xf8, 0xf8, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0x7c, 0x54,
                      0x7c, 0xd4, 0x7c },
    [LANE_VALUE] = { 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xfd, 0xfc, 0xfc, 0xfc,
                     0xfc, 0xfc, 0x7c },
    [LANE_HOST] = { 0xa8, 0xfc, 0xf8, 0xf8, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc, 0xfc, 0xf4, 0x5c, 0x54,
                    0x5c, 0xd4, 0x70 },
    [LANE_PLAIN] = { 0xb8, 0xfc, 0xf8, 0xf8, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0x7c, 0x54,
                     0x7c, 0xd4, 0x74 },
};

/* The row's own bit; bytes from 0x80 on have none. */
static const unsigned char rows[16] = { 1, 2, 4, 8, 16, 32, 64, 128 };

__attribute__((target("ssse3"))) size_t http_scan_vector(const unsigned char *bytes, size_t length,
                                                         enum http_class class)
{
    const __m128i low_half = _mm_set1_epi8(0x0f);
    /* A class is one bit: its place is its lane. */
    const __m128i column_sets =
        _mm_loadu_si128((const __m128i *)(const void *)columns[__builtin_ctz(class)]);
    const __m128i row_bits = _mm_loadu_si128((const __m128i *)(const void *)rows);
    size_t at = 0;

    for (; length - at >= 16; at += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)(bytes + at));
        __m128i set = _mm_shuffle_epi8(column_sets, _mm_and_si128(block, low_half));
        __m128i row = _mm_shuffle_epi8(row_bits, _mm_and_si128(_mm_srli_epi16(block, 4), low_half));
        unsigned out = (unsigned)_mm_movemask_epi8(
            _mm_cmpeq_epi8(_mm_and_si128(set, row), _mm_setzero_si128()));

        /* Bytes from 0x80 on may stand in a value and nowhere else. */
        if (class == HTTP_CLASS_VALUE)
            out &= ~(unsigned)_mm_movemask_epi8(block);
        if (out != 0)
            return at + (size_t)__builtin_ctz(out);
    }
    return at + http_scan_scalar(bytes + at, length - at, class);
}

#else

size_t http_scan_vector(const unsigned char *bytes, size_t length, enum http_class class)
{
    return http_scan_scalar(bytes, length, class);
}

#endif

struct pl_view http_trim(struct pl_view text)
{
    while (text.length > 0 && (*text.bytes == ' ' || *text.bytes == '\t')) {
        text.bytes++;
        text.length--;
    }
    while (text.length > 0 &&
           (text.bytes[text.length - 1] == ' ' || text.bytes[text.length - 1] == '\t'))
        text.length--;
    return text;
}
