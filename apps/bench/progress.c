/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* To the first column, and what stood there is gone; a line that is too long is cut, not wrapped.
 */
#define REWRITE "\r\033[K\033[?7l"
#define WRAP    "\033[?7h"

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* "45 s", "3 min 05 s", "2 h 10 min" */
static const char *duration(double seconds, char *text, size_t bytes)
{
    unsigned long whole = (unsigned long)(fmax(seconds, 0) + 0.5);

    if (whole < 60)
        snprintf(text, bytes, "%lu s", whole);
    else if (whole < 3600)
        snprintf(text, bytes, "%lu min %02lu s", whole / 60, whole % 60);
    else
        snprintf(text, bytes, "%lu h %02lu min", whole / 3600, whole / 60 % 60);
    return text;
}

void progress_begin(struct progress *progress, size_t steps, double step_s, bool is_quiet)
{
    char whole[32], each[32];

    *progress = (struct progress){ .steps = steps,
                                   .step_s = step_s,
                                   .begun_s = now_s(),
                                   .is_quiet = is_quiet,
                                   .is_terminal = isatty(STDERR_FILENO) == 1 };
    if (!is_quiet)
        fprintf(stderr, "%zu steps of about %s: about %s\n", steps,
                duration(step_s, each, sizeof(each)),
                duration(step_s * (double)steps, whole, sizeof(whole)));
}

static double left_s(const struct progress *progress)
{
    size_t done = progress->steps_begun - 1;
    size_t left = progress->steps > done ? progress->steps - done : 0;
    double pace_s = progress->step_s;

    if (done > 0)
        pace_s = (now_s() - progress->begun_s) / (double)done;
    return pace_s * (double)left;
}

void progress_step(struct progress *progress, const char *what)
{
    char left[32];

    progress->steps_begun++;
    if (progress->is_quiet)
        return;
    fprintf(stderr, "%s[%zu/%zu] %s, about %s left%s", progress->is_terminal ? REWRITE : "",
            progress->steps_begun, progress->steps, what,
            duration(left_s(progress), left, sizeof(left)), progress->is_terminal ? WRAP : "\n");
    fflush(stderr);
}

void progress_end(struct progress *progress)
{
    char taken[32];

    if (progress->is_quiet)
        return;
    fprintf(stderr, "%s%zu of %zu steps in %s\n", progress->is_terminal ? REWRITE WRAP : "",
            progress->steps_begun, progress->steps,
            duration(now_s() - progress->begun_s, taken, sizeof(taken)));
}
