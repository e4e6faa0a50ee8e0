/* SPDX-License-Identifier: Apache-2.0 */
/* An error of start-up, with the sentence an operator reads. */
#ifndef PACELINE_ERROR_H
#define PACELINE_ERROR_H

#include <paceline/attributes.h>

#define PL_ERROR_BYTES 512

struct pl_error {
    int exit_code; /* from sysexits.h: what the process ends with */
    char message[PL_ERROR_BYTES];
};

/*
 * Fills `error` (which may be NULL) and returns `result`, so that a failing function ends in
 * one line: return pl_error_set(error, EX_OSERR, -err, "cannot open %s", path);
 *
 * Thread: any.
 */
PL_API int pl_error_set(struct pl_error *error, int exit_code, int result, const char *format, ...)
    PL_PRINTF(4, 5);

#endif
