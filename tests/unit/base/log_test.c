/* SPDX-License-Identifier: Apache-2.0 */
/* What the log writes is caught where it leaves: write() to stderr. */
#include "log_rings.h"

#include <paceline/error.h>
#include <paceline/limits.h>
#include <paceline/log.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

ssize_t __real_write(int fd, const void *bytes, size_t length);
ssize_t __wrap_write(int fd, const void *bytes, size_t length);

static char caught[1 << 20];
static size_t caught_length;
static bool is_catching, is_stuttering;

ssize_t __wrap_write(int fd, const void *bytes, size_t length)
{
    static int calls;

    if (fd != STDERR_FILENO || !is_catching)
        return __real_write(fd, bytes, length);
    if (is_stuttering && ++calls % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    if (is_stuttering && length > 7)
        length = 7;
    memcpy(caught + caught_length, bytes, length);
    caught_length += length;
    caught[caught_length] = '\0';
    return (ssize_t)length;
}

static int setup(void **state)
{
    (void)state;
    caught_length = 0;
    caught[0] = '\0';
    is_catching = true;
    is_stuttering = false;
    pl_log_configure(PL_LOG_INFO, PL_LOG_TEXT);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    is_catching = false;
    pl_log_configure(PL_LOG_INFO, PL_LOG_TEXT);
    return 0;
}

static void a_line_has_time_level_and_text(void **state)
{
    (void)state;
    PL_LOG(PL_LOG_WARNING, "conn %u: %s", 7u, "gone");
    assert_non_null(strstr(caught, "Z warning conn 7: gone\n"));
    assert_int_equal(caught[4], '-');
    assert_int_equal(caught[10], 'T');
    assert_int_equal(caught[19], '.');
}

static void levels_above_the_configured_one_are_not_written(void **state)
{
    (void)state;
    PL_LOG(PL_LOG_DEBUG, "no");
    assert_int_equal(caught_length, 0);
    pl_log_configure(PL_LOG_ERROR, PL_LOG_TEXT);
    PL_LOG(PL_LOG_WARNING, "no");
    assert_int_equal(caught_length, 0);
    PL_LOG(PL_LOG_ERROR, "yes");
    assert_non_null(strstr(caught, "yes"));
}

static void control_bytes_become_printable(void **state)
{
    (void)state;
    PL_LOG(PL_LOG_INFO, "a\nb\x1b[31mc\x7f\td\re");
    assert_non_null(strstr(caught, " a?b?[31mc??d?e\n"));
    assert_int_equal(strcspn(caught, "\n"), caught_length - 1);
}

static void json_is_escaped(void **state)
{
    (void)state;
    pl_log_configure(PL_LOG_INFO, PL_LOG_JSON);
    PL_LOG(PL_LOG_INFO, "say \"hi\" \\ %c end", 0xe9);
    assert_non_null(
        strstr(caught, "\"level\":\"info\",\"message\":\"say \\\"hi\\\" \\\\ \\u00e9 end\"}"));
}

static void a_long_line_is_cut_in_both_formats(void **state)
{
    char text[4 * PL_LOG_LINE_BYTES];

    (void)state;
    memset(text, '"', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    PL_LOG(PL_LOG_INFO, "%s", text);
    assert_int_equal(caught[caught_length - 1], '\n');
    assert_true(caught_length < PL_LOG_LINE_BYTES + 64);
    setup(state);
    pl_log_configure(PL_LOG_INFO, PL_LOG_JSON);
    PL_LOG(PL_LOG_INFO, "%s", text);
    assert_string_equal(caught + caught_length - 5, "\\\"\"}\n");
}

static void a_site_writes_once_a_second_and_says_how_often_it_did_not(void **state)
{
    struct pl_log_rate rate = { .window_ms = 0 };

    (void)state;
    pl_log_write_rated(&rate, PL_LOG_INFO, "often");
    /* A second that does not end, however long the rest takes. */
    atomic_fetch_add(&rate.window_ms, 3600000);
    for (int i = 0; i < 99; i++)
        pl_log_write_rated(&rate, PL_LOG_INFO, "often");
    assert_ptr_equal(strstr(strstr(caught, "often") + 1, "often"), NULL);
    assert_int_equal(atomic_load(&rate.suppressed), 99);
    atomic_fetch_sub(&rate.window_ms, 3600000 + 1000); /* a second later */
    pl_log_write_rated(&rate, PL_LOG_INFO, "often");
    assert_non_null(strstr(caught, "the line above stands for 99 more"));
    assert_int_equal(atomic_load(&rate.suppressed), 0);
}

static void an_output_that_stutters_loses_nothing(void **state)
{
    (void)state;
    is_stuttering = true;
    PL_LOG(PL_LOG_INFO, "a line that takes several writes to leave");
    assert_non_null(strstr(caught, " a line that takes several writes to leave\n"));
}

static void *write_too_many(void *argument)
{
    (void)argument;
    if (pl_log_thread_begin() < 0)
        return NULL;
    for (int i = 0; i < PL_LOG_RING_LINES + 10; i++)
        PL_LOG(PL_LOG_INFO, "number %d.", i);
    pl_log_thread_end();
    return NULL;
}

static void a_full_ring_drops_counts_and_says_so(void **state)
{
    uint64_t dropped_before = pl_log_dropped();
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, write_too_many, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(caught_length, 0); /* it never waits for the output */
    assert_true(pl_log_drain());
    assert_non_null(strstr(caught, "number 0."));
    assert_non_null(strstr(caught, "number 127."));
    assert_null(strstr(caught, "number 128."));
    assert_non_null(strstr(caught, "log: 10 lines dropped"));
    assert_int_equal(pl_log_dropped() - dropped_before, 10);
    assert_false(pl_log_drain());
}

static void a_waiting_writer_can_be_told_to_stop(void **state)
{
    (void)state;
    pl_log_stop_waiting();
    pl_log_wait(); /* returns at once: the word came before */
}

static void an_error_carries_code_result_and_sentence(void **state)
{
    struct pl_error error;
    char text[2 * PL_ERROR_BYTES];

    (void)state;
    assert_int_equal(pl_error_set(&error, 78, -EINVAL, "%s:%d", "x", 5), -EINVAL);
    assert_int_equal(error.exit_code, 78);
    assert_string_equal(error.message, "x:5");
    assert_int_equal(pl_error_set(NULL, 78, -ENOMEM, "nobody reads it"), -ENOMEM);
    memset(text, 'e', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(pl_error_set(&error, 1, -1, "%s", text), -1);
    assert_int_equal(strlen(error.message), PL_ERROR_BYTES - 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_line_has_time_level_and_text),
        CASE(levels_above_the_configured_one_are_not_written),
        CASE(control_bytes_become_printable),
        CASE(json_is_escaped),
        CASE(a_long_line_is_cut_in_both_formats),
        CASE(a_site_writes_once_a_second_and_says_how_often_it_did_not),
        CASE(an_output_that_stutters_loses_nothing),
        CASE(a_full_ring_drops_counts_and_says_so),
        CASE(a_waiting_writer_can_be_told_to_stop),
        CASE(an_error_carries_code_result_and_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
