/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator of a long measurement sees: lines in a file, one rewritten line on a terminal,
 * nothing when quiet. */
#include "progress.h"

#include <fnmatch.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* Runs a measurement of three steps whose stderr is `fd`. */
static void measure(int fd, bool is_quiet)
{
    struct progress progress;
    int kept = dup(STDERR_FILENO);

    assert_true(kept >= 0);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    progress_begin(&progress, 3, 50, is_quiet);
    progress_step(&progress, "reactor, round 1 of 3");
    progress_step(&progress, "reactor, round 2 of 3");
    progress_end(&progress);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    close(kept);
}

/* What has been written so far; all of it, since the writer has returned. */
static const char *read_all(int fd)
{
    static char text[2048];
    struct pollfd one = { .fd = fd, .events = POLLIN };
    size_t length = 0;

    while (length < sizeof(text) - 1 && poll(&one, 1, 0) == 1 && (one.revents & POLLIN) != 0) {
        ssize_t got = read(fd, text + length, sizeof(text) - 1 - length);

        if (got <= 0)
            break;
        length += (size_t)got;
    }
    text[length] = '\0';
    return text;
}

static void without_a_terminal_a_step_is_a_line(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    measure(ends[1], false);
    /* The pace of the first step is the test's own and stays open. */
    assert_int_equal(fnmatch("3 steps of about 50 s: about 2 min 30 s\n"
                             "\\[1/3\\] reactor, round 1 of 3, about 2 min 30 s left\n"
                             "\\[2/3\\] reactor, round 2 of 3, about * left\n"
                             "2 of 3 steps in *\n",
                             read_all(ends[0]), 0),
                     0);
    close(ends[0]);
    close(ends[1]);
}

static void on_a_terminal_one_line_is_rewritten(void **state)
{
    const char *text;
    int outer, inner;

    (void)state;
    assert_int_equal(openpty(&outer, &inner, NULL, NULL, NULL), 0);
    measure(inner, false);
    text = read_all(outer);
    assert_non_null(strstr(text, "\r\033[K\033[?7l[1/3] reactor, round 1 of 3"));
    assert_non_null(strstr(text, "left\033[?7h\r\033[K"));
    assert_null(strstr(text, "left\r\n"));
    assert_non_null(strstr(text, "2 of 3 steps in "));
    close(outer);
    close(inner);
}

static void quiet_means_nothing(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    measure(ends[1], true);
    assert_string_equal(read_all(ends[0]), "");
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_terminal_a_step_is_a_line),
        cmocka_unit_test(on_a_terminal_one_line_is_rewritten),
        cmocka_unit_test(quiet_means_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
