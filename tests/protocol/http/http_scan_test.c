/* SPDX-License-Identifier: Apache-2.0 */
/* The vector says what the scalar says, and both what the documents say. */
#include "http_scan.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define LENGTH_MAX 70
#define SHIFTS     16

/* ---- the classes, written once more from the documents --------------------------------------- */

static bool is_one_of(int byte, const char *set)
{
    return byte != 0 && strchr(set, byte) != NULL;
}

static bool is_alpha(int byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

static bool is_digit(int byte)
{
    return byte >= '0' && byte <= '9';
}

/* RFC 9110, 5.6.2: tchar. */
static bool is_tchar(int byte)
{
    return is_alpha(byte) || is_digit(byte) || is_one_of(byte, "!#$%&'*+-.^_`|~");
}

/* RFC 3986, 2.3 and 2.2. */
static bool is_unreserved(int byte)
{
    return is_alpha(byte) || is_digit(byte) || is_one_of(byte, "-._~");
}

static bool is_sub_delim(int byte)
{
    return is_one_of(byte, "!$&'()*+,;=");
}

/* RFC 3986, 3.3 to 3.5 and 3.2.2: pchar with the '%' of pct-encoded, what separates path, query
 * and authority, and the brackets of an IP literal. No fragment reaches a server (RFC 9110, 7.1).
 */
static bool is_target(int byte)
{
    return is_unreserved(byte) || is_sub_delim(byte) || is_one_of(byte, "%:@/?[]");
}

/* RFC 9110, 5.5: field-vchar, which is VCHAR (RFC 5234, B.1) or obs-text, SP and HTAB. */
static bool is_value(int byte)
{
    return (byte >= 0x21 && byte <= 0x7e) || byte >= 0x80 || byte == ' ' || byte == '\t';
}

/* RFC 3986, 3.2.2: reg-name, without its escapes. */
static bool is_reg_name(int byte)
{
    return is_unreserved(byte) || is_sub_delim(byte);
}

static bool is_plain(int byte)
{
    return is_target(byte) && !is_one_of(byte, "%?#");
}

static const struct class_case {
    const char *name;
    enum http_class class;
    bool (*is_in)(int byte);
} classes[] = {
    { "token", HTTP_CLASS_TOKEN, is_tchar }, { "target", HTTP_CLASS_TARGET, is_target },
    { "value", HTTP_CLASS_VALUE, is_value }, { "host", HTTP_CLASS_HOST, is_reg_name },
    { "plain", HTTP_CLASS_PLAIN, is_plain },
};
#define CLASSES (sizeof(classes) / sizeof(classes[0]))

/* ---- the cases ------------------------------------------------------------------------------- */

static void each_class_is_that_of_the_documents(void **state)
{
    (void)state;
    for (size_t i = 0; i < CLASSES; i++)
        for (int byte = 0; byte < 256; byte++) {
            const unsigned char one = (unsigned char)byte;
            bool is_in = classes[i].is_in(byte);

            if (((http_classes[byte] & classes[i].class) != 0) != is_in)
                fail_msg("%s: byte 0x%02x is %sin the class", classes[i].name, (unsigned)byte,
                         is_in ? "" : "not ");
            assert_int_equal(http_scan_scalar(&one, 1, classes[i].class), is_in);
        }
}

/* Every scan that this CPU can do. */
static void expect_scan(const unsigned char *bytes, size_t length, const struct class_case *row,
                        size_t expected)
{
    size_t scalar = http_scan_scalar(bytes, length, row->class);
    size_t either = http_scan(bytes, length, row->class);
    size_t vector = http_scan_has_vector() ? http_scan_vector(bytes, length, row->class) : expected;

    if (scalar != expected || either != expected || vector != expected)
        fail_msg("%s, %zu bytes: scalar %zu, vector %zu, either %zu, expected %zu", row->name,
                 length, scalar, vector, either, expected);
}

/* A block of memory of exactly that length, so that a sanitizer sees what is read behind it. */
static unsigned char *filled(size_t length)
{
    unsigned char *bytes = malloc(length == 0 ? 1 : length);

    assert_non_null(bytes);
    memset(bytes, 'a', length);
    return bytes;
}

static void every_byte_is_found_at_every_place(void **state)
{
    (void)state;
    for (size_t length = 0; length <= LENGTH_MAX; length++) {
        unsigned char *bytes = filled(length);

        for (size_t i = 0; i < CLASSES; i++) {
            expect_scan(bytes, length, &classes[i], length);
            for (size_t at = 0; at < length; at++) {
                for (int byte = 0; byte < 256; byte++) {
                    bytes[at] = (unsigned char)byte;
                    expect_scan(bytes, length, &classes[i], classes[i].is_in(byte) ? length : at);
                }
                bytes[at] = 'a';
            }
        }
        free(bytes);
    }
}

static void the_first_of_several_is_found(void **state)
{
    unsigned char *bytes = filled(LENGTH_MAX);

    (void)state;
    for (size_t first = 0; first < LENGTH_MAX; first++)
        for (size_t second = first; second < LENGTH_MAX; second++) {
            bytes[first] = bytes[second] = '\n';
            for (size_t i = 0; i < CLASSES; i++)
                expect_scan(bytes, LENGTH_MAX, &classes[i], first);
            bytes[first] = bytes[second] = 'a';
        }
    free(bytes);
}

/* What stands behind the end belongs to somebody else. */
static void nothing_behind_the_end_counts(void **state)
{
    unsigned char *bytes = filled(LENGTH_MAX);

    (void)state;
    for (size_t length = 0; length < LENGTH_MAX; length++) {
        memset(bytes, 'a', length);
        memset(bytes + length, '\0', LENGTH_MAX - length);
        for (size_t i = 0; i < CLASSES; i++)
            expect_scan(bytes, length, &classes[i], length);
    }
    free(bytes);
}

static size_t expected_of(const unsigned char *bytes, size_t length, const struct class_case *row)
{
    size_t at = 0;

    while (at < length && row->is_in(bytes[at]))
        at++;
    return at;
}

/* Bytes of all kinds, mostly of the class, from every address modulo sixteen. */
static void no_address_is_too_odd(void **state)
{
    unsigned char bytes[SHIFTS + LENGTH_MAX];
    uint32_t random = 1;

    (void)state;
    for (int round = 0; round < 200; round++)
        for (size_t i = 0; i < CLASSES; i++) {
            for (size_t at = 0; at < sizeof(bytes); at++) {
                do {
                    random = random * 1664525u + 1013904223u;
                    bytes[at] = (unsigned char)(random >> 24);
                } while (!classes[i].is_in(bytes[at]) && (random >> 8 & 15) != 0);
            }
            for (size_t shift = 0; shift < SHIFTS; shift++)
                for (size_t length = 0; length <= LENGTH_MAX; length += 7)
                    expect_scan(bytes + shift, length, &classes[i],
                                expected_of(bytes + shift, length, &classes[i]));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_class_is_that_of_the_documents),
        cmocka_unit_test(every_byte_is_found_at_every_place),
        cmocka_unit_test(the_first_of_several_is_found),
        cmocka_unit_test(nothing_behind_the_end_counts),
        cmocka_unit_test(no_address_is_too_odd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
