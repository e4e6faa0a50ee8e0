/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that a command leaves. Whether one can be written is known before anything is measured,
 * and what stands there stays until there is something to write.
 */
#ifndef BENCH_OUTPUT_FILE_H
#define BENCH_OUTPUT_FILE_H

#include <stddef.h>

/* Both take NULL and "-" for the standard output. Errors: EX_CANTCREAT with a sentence on stderr.
 */
int output_file_check(const char *path);
/* `bytes` are whole: it is written at once, in place, whatever kind of file it is. */
int output_file_write(const char *path, const char *bytes, size_t count);

#endif
