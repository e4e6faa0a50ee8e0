/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few milliseconds of a server's threads as a picture: a row per thread, coloured by role,
 * hand-overs as arrows.
 */
#ifndef BENCH_TIMELINE_H
#define BENCH_TIMELINE_H

#include <stdio.h>

/* As many threads as a picture has room for, with some that sleep. */
#define TIMELINE_THREADS_MAX 256
/* What 256 threads with 4096 entries a ring write; 16 bytes each. */
#define TIMELINE_CHANGES_MAX (1024 * 1024)

struct timeline_options {
    const char *title; /* NULL: none; "leader_followers, 8 threads" */
    double from_ms;    /* after the first change of the file; NAN: where most changes are */
    double length_ms;  /* 0: 20 ms */
};

/*
 * Reads lines "THREAD_NAME TIME_NS ROLE" and writes one SVG. ROLE is idle, leader or processing,
 * times are nanoseconds of CLOCK_MONOTONIC, a thread's lines stand together and ascend. The same
 * input gives the same bytes.
 *
 * Errors: an exit code of sysexits.h with a sentence on stderr: EX_DATAERR for a line that is none
 * of these ("roles.txt:7: ...") and for a record without lines, EX_NOINPUT when it cannot be read,
 * EX_USAGE for a window outside of the record, EX_CANTCREAT, EX_OSERR. Nothing is written then, but
 * for EX_CANTCREAT.
 */
int timeline_draw(FILE *in, const char *in_name, FILE *out, const struct timeline_options *options);

#endif
