/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many bytes of a kind stand at the beginning: the loop that a parser spends its time in.
 * Sixteen at a time where the CPU can (SSSE3, asked at run time), one by one elsewhere; a test
 * proves that both say the same. Two byte shuffles know any set; the string instructions of SSE4.2
 * know eight ranges, and a token has nine.
 */
#ifndef PL_HTTP_SCAN_H
#define PL_HTTP_SCAN_H

#include <paceline/view.h>

#include <stdbool.h>
#include <stddef.h>

enum http_class {
    HTTP_CLASS_TOKEN = 1,  /* tchar: RFC 9110, 5.6.2 */
    HTTP_CLASS_TARGET = 2, /* what may stand in a request target: RFC 3986 without its parts */
    HTTP_CLASS_VALUE = 4,  /* field-vchar, SP and HTAB: RFC 9110, 5.5 */
    HTTP_CLASS_HOST = 8,   /* of a reg-name (RFC 3986, 3.2.2), what means itself: no % */
    HTTP_CLASS_PLAIN = 16, /* of a target, what means itself: none of % ? # */
};

/* The class of each byte, as a set. */
extern const unsigned char http_classes[256];

size_t http_scan_scalar(const unsigned char *bytes, size_t length, enum http_class class);
/* False where the CPU has no SSSE3: http_scan_vector() must not be called. */
static inline bool http_scan_has_vector(void)
{
#ifdef __x86_64__
    return __builtin_cpu_supports("ssse3");
#else
    return false;
#endif
}
size_t http_scan_vector(const unsigned char *bytes, size_t length, enum http_class class);

/* Too short for the vector, or too short to be worth it. */
#define HTTP_SCAN_SHORT 16

static inline size_t http_scan(const unsigned char *bytes, size_t length, enum http_class class)
{
    return length >= HTTP_SCAN_SHORT && http_scan_has_vector()
               ? http_scan_vector(bytes, length, class)
               : http_scan_scalar(bytes, length, class);
}

/* Without the white space (RFC 9110, 5.6.3) around it. */
struct pl_view http_trim(struct pl_view text);

#endif
