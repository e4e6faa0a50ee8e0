/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time behind one seam: monotonic, never set back. A turn reads it once; tests own it by replacing
 * these two functions at link time.
 */
#ifndef PL_BASE_CLOCK_H
#define PL_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since an unspecified start, never 0. Thread: any. */
int64_t pl_clock_ms(void);

/* Nanoseconds on the same clock. Thread: any. */
int64_t pl_clock_ns(void);

#endif
