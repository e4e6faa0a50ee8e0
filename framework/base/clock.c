/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include <time.h>

int64_t pl_clock_ns(void)
{
    struct timespec now;

    /* CLOCK_MONOTONIC cannot fail with a valid address (clock_gettime(2)). */
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t pl_clock_ms(void)
{
    return pl_clock_ns() / 1000000 + 1;
}
