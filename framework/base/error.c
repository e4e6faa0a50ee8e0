/* SPDX-License-Identifier: Apache-2.0 */
#include <paceline/error.h>

#include <stdarg.h>
#include <stdio.h>

int pl_error_set(struct pl_error *error, int exit_code, int result, const char *format, ...)
{
    va_list args;

    if (error == NULL)
        return result;
    error->exit_code = exit_code;
    va_start(args, format);
    vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    return result;
}
