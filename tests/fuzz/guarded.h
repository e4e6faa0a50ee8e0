/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that stand against a page nobody may read: a byte too far ends the program, under every
 * compiler and without a sanitizer. */
#ifndef PL_TESTS_GUARDED_H
#define PL_TESTS_GUARDED_H

#include <stddef.h>

#define GUARDED_BYTES_MAX (64 * 1024)

/* The copy ends where the page begins. Valid until the next call. */
const char *guarded_end(const void *bytes, size_t length);

/* The copy begins where the page ends. Valid until the next call. */
const char *guarded_begin(const void *bytes, size_t length);

#endif
