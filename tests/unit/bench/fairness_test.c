/* SPDX-License-Identifier: Apache-2.0 */
/* The bound on what greedy clients may cost, the setting it follows from, and the table. */
#include "fairness_bound.h"
#include "fairness_table.h"
#include "report_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TABLE_COLUMNS_MAX 100

/* ---- the bound ------------------------------------------------------------------------------- */

static void the_bound_is_two_turns_of_each_greedy_client_by_the_threads(void **state)
{
    (void)state;
    assert_true(fairness_bound_us(1, 150, 1) == 300);
    assert_true(fairness_bound_us(4, 150, 1) == 1200);
    assert_true(fairness_bound_us(4, 150, 4) == 300);
    assert_true(fairness_bound_us(4, 150, 0) == 1200);
}

static void without_a_turn_there_is_no_bound(void **state)
{
    (void)state;
    assert_true(isnan(fairness_bound_us(4, 0, 1)));
    assert_true(isnan(fairness_bound_us(4, (double)NAN, 1)));
}

/* ---- the setting ----------------------------------------------------------------------------- */

static double turn_of(const char *config)
{
    char *copy = strdup(config);
    FILE *file = fmemopen(copy, strlen(copy), "r");
    double turn_us;

    assert_non_null(file);
    turn_us = fairness_read_turn_us(file);
    fclose(file);
    free(copy);
    return turn_us;
}

static void a_turns_time_is_read_in_its_unit(void **state)
{
    static const struct {
        const char *text;
        double us;
    } times[] = { { "150us", 150 }, { "0us", 0 }, { "2ms", 2000 }, { "10s", 10e6 } };
    char config[128];

    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        snprintf(config, sizeof(config), "dispatch:\n  model: reactor\n  turn:\n    time: %s\n",
                 times[i].text);
        assert_true(turn_of(config) == times[i].us);
    }
}

static void only_the_outer_dispatch_counts(void **state)
{
    (void)state;
    assert_true(turn_of("dispatch:\n  turn:\n    bytes: 16KiB\n    time: 150us\n  queue:\n"
                        "    time: 3us\nservices:\n  - name: web\n    dispatch:\n      turn:\n"
                        "        time: 7us\n") == 150);
    assert_true(isnan(turn_of("services:\n  - name: web\n    dispatch:\n      turn:\n"
                              "        time: 7us\n")));
    assert_true(isnan(turn_of("other:\n  turn:\n    time: 7us\n")));
    assert_true(isnan(turn_of("dispatch:\n  turn:\n    bytes: 1B\n  queue:\n    time: 7us\n")));
}

static void what_is_no_time_is_not_known(void **state)
{
    (void)state;
    assert_true(isnan(turn_of("\n")));
    assert_true(isnan(turn_of("dispatch:\n  turn:\n    time: soon\n")));
    assert_true(isnan(turn_of("dispatch:\n  turn:\n    time: 7 apples\n")));
    assert_true(isnan(turn_of("dispatch:\n  turn:\n    time: \n")));
}

/* ---- the table ------------------------------------------------------------------------------- */

static void fill(struct report_row *row, double value)
{
    for (size_t i = 0; i < FAIRNESS_COLUMNS_COUNT; i++)
        series_add(&row->cells[i], value);
}

static void set(struct report_row *row, enum fairness_column column, double value)
{
    row->cells[column] = (struct series){ .count = 0 };
    series_add(&row->cells[column], value);
}

static struct report_row *add_good_row(struct report *report)
{
    struct report_row *row = fairness_table_add_row(report, "reactor+0", 4, 1200);

    fill(row, 70);
    set(row, FAIRNESS_SERVED, 100);
    set(row, FAIRNESS_ALONE_SERVED, 100);
    return row;
}

/* Owner: the caller. */
static char *print(const struct report *report)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);

    assert_non_null(out);
    fairness_table_print(report, out);
    fclose(out);
    return text;
}

static void assert_printed(const struct report *report, const char *words, bool is_there)
{
    char *text = print(report);

    if ((strstr(text, words) != NULL) != is_there)
        fail_msg("%s '%s' in:\n%s", is_there ? "no" : "there is", words, text);
    free(text);
}

static int begin(void **state)
{
    *state = calloc(1, sizeof(struct report));
    assert_non_null(*state);
    fairness_table_init(*state);
    return 0;
}

static int end(void **state)
{
    free(*state);
    return 0;
}

static void the_widest_row_fits_the_page(void **state)
{
    static const double values[] = { 0, -1, 123.456, 999999, -99999, 1e6, 123456789 };
    struct report *report = *state;
    char *text;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct report_row *row = fairness_table_add_row(
            report, i % 2 == 0 ? "half_sync_half_async" : "half_sync_half_async+1024", 1000, 99999);

        fill(row, values[i]);
        set(row, FAIRNESS_SERVED, 100);
    }
    text = print(report);
    for (char *rest = text, *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n"))
        if (text_width(line) > TABLE_COLUMNS_MAX)
            fail_msg("%zu columns: %s", text_width(line), line);
    free(text);
}

static void what_is_too_long_is_given_in_millions(void **state)
{
    struct report *report = *state;
    struct report_row *row = add_good_row(report);

    set(row, FAIRNESS_OFFERED, 1234567);
    set(row, FAIRNESS_OFF_P99, 2345678);
    assert_printed(report, "   1.2M ", true);
    assert_printed(report, "   2.3s ", true);
}

static void a_row_that_keeps_its_bounds_has_no_mark(void **state)
{
    struct report *report = *state;

    add_good_row(report);
    assert_printed(report,
                   "\nreactor+0                 4     70  100.0      70     70     70     70     "
                   "70     70     70   1200\n",
                   true);
    assert_printed(report, "!", false);
    assert_printed(report, "~", false);
    assert_printed(report, "?", false);
    assert_printed(report, "Bounds: 2 met, 0 missed, 0 not measured.\n", true);
}

static void what_misses_its_bound_is_marked(void **state)
{
    struct report *report = *state;

    set(add_good_row(report), FAIRNESS_SERVED, 94.9);
    set(add_good_row(report), FAIRNESS_GROWTH, 1201);
    assert_printed(report, "   94.9! ", true);
    assert_printed(report, "   1201!  1200\n", true);
    assert_printed(report, "\n!  served", true);
    assert_printed(report, "Bounds: 2 met, 2 missed, 0 not measured.\n", true);
}

static void a_busy_generator_is_said_in_its_row(void **state)
{
    struct report *report = *state;

    set(add_good_row(report), FAIRNESS_BUSY_OFF, 81);
    assert_printed(report, " 1200 ~\n", true);
    assert_printed(report, "\n~  the generator", true);
}

static void a_machine_without_room_for_the_polite_is_said_in_its_row(void **state)
{
    struct report *report = *state;

    set(add_good_row(report), FAIRNESS_ALONE_SERVED, 80);
    assert_printed(report, " 1200 ?\n", true);
    assert_printed(report, "\n?  alone", true);
}

static void a_row_without_figures_has_dashes_and_its_note(void **state)
{
    struct report *report = *state;
    struct report_row *row = fairness_table_add_row(report, "proactor", 1, (double)NAN);

    snprintf(row->note, sizeof(row->note), "it did not start");
    assert_false(fairness_table_has_figures(report));
    assert_printed(report, "proactor                  1      -      -       -", true);
    assert_printed(report, "proactor, 1 greedy: it did not start\n", true);
    assert_printed(report, "Bounds: 0 met, 0 missed, 1 not measured.\n", true);
    add_good_row(report);
    assert_true(fairness_table_has_figures(report));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bound_is_two_turns_of_each_greedy_client_by_the_threads),
        cmocka_unit_test(without_a_turn_there_is_no_bound),
        cmocka_unit_test(a_turns_time_is_read_in_its_unit),
        cmocka_unit_test(only_the_outer_dispatch_counts),
        cmocka_unit_test(what_is_no_time_is_not_known),
        cmocka_unit_test_setup_teardown(the_widest_row_fits_the_page, begin, end),
        cmocka_unit_test_setup_teardown(what_is_too_long_is_given_in_millions, begin, end),
        cmocka_unit_test_setup_teardown(a_row_that_keeps_its_bounds_has_no_mark, begin, end),
        cmocka_unit_test_setup_teardown(what_misses_its_bound_is_marked, begin, end),
        cmocka_unit_test_setup_teardown(a_busy_generator_is_said_in_its_row, begin, end),
        cmocka_unit_test_setup_teardown(a_machine_without_room_for_the_polite_is_said_in_its_row,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_row_without_figures_has_dashes_and_its_note, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
