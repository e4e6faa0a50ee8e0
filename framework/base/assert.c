/* SPDX-License-Identifier: Apache-2.0 */
#include "assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void pl_assert_failed(const char *condition, const char *file, int line,
                                const char *function)
{
    char text[256];
    int length = snprintf(text, sizeof(text), "paceline: %s:%d: %s: assertion failed: %s\n", file,
                          line, function, condition);

    /* Straight to the descriptor: the log may be what broke. */
    if (length > 0 && write(STDERR_FILENO, text, (size_t)length) < 0)
        abort();
    abort();
}
