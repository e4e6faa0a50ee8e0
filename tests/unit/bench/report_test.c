/* SPDX-License-Identifier: Apache-2.0 */
/* One planted report as a table and as JSON: what differs, what is missed, what failed. */
#include "planted_report.h"
#include "report_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct fixture {
    struct report *report;
    char *text;
    size_t bytes;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    if (fixture == NULL)
        return -1;
    fixture->report = planted_report();
    if (fixture->report == NULL) {
        free(fixture);
        return -1;
    }
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    free(fixture->text);
    free(fixture->report);
    free(fixture);
    return 0;
}

static const char *written(struct fixture *fixture, void write(const struct report *, FILE *))
{
    FILE *out;

    free(fixture->text);
    fixture->text = NULL;
    out = open_memstream(&fixture->text, &fixture->bytes);
    assert_non_null(out);
    write(fixture->report, out);
    assert_int_equal(fclose(out), 0);
    return fixture->text;
}

static void assert_says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void a_cell_stands_to_the_best_of_its_column(void **state)
{
    struct fixture *fixture = *state;
    struct report *report = fixture->report;

    assert_int_equal(report_standing(report, SLOW, CPU), STANDING_WORSE);
    assert_int_equal(report_standing(report, SLOW, RATE), STANDING_WORSE);
    assert_int_equal(report_standing(report, SLOW, SWITCHES), STANDING_NONE);
    assert_int_equal(report_standing(report, MISSING, CPU), STANDING_NONE);
    assert_int_equal(report_standing(report, FIRST, CPU) + report_standing(report, AGAIN, CPU),
                     STANDING_BEST + STANDING_SAME);
    report->rows[SLOW].cells[CPU].count = SERIES_PAIRS_MIN - 1;
    assert_int_equal(report_standing(report, SLOW, CPU), STANDING_UNKNOWN);
}

static void a_target_is_met_in_its_columns_direction(void **state)
{
    struct fixture *fixture = *state;
    struct report *report = fixture->report;

    assert_int_equal(report_target(report, FIRST, CPU), TARGET_MET);
    assert_int_equal(report_target(report, SLOW, CPU), TARGET_MISSED);
    assert_int_equal(report_target(report, FIRST, RATE), TARGET_MET);
    assert_int_equal(report_target(report, MISSING, RATE), TARGET_NOT_MEASURED);
    assert_int_equal(report_target(report, AGAIN, CPU), TARGET_NONE);
    report->rows[FIRST].targets[RATE] = 250000;
    assert_int_equal(report_target(report, FIRST, RATE), TARGET_MISSED);
}

static void the_table_is_aligned_and_marked(void **state)
{
    struct fixture *fixture = *state;

    assert_string_equal(
        written(fixture, report_print),
        "Echo under every model\n"
        "\n"
        "                    CPU us/req   requests/s,  switches\n"
        "                                 closed loop\n"
        "per_core           4.10 ±0.00   200000 ±100   1.5 ±0.0\n"
        "per_core again     4.10 ±0.00=  200000 ±100=  1.5 ±0.0\n"
        "naïve \"queue\" <&\\  9.50 ±0.00!   90000 ±45    1.5 ±0.0\n"
        "h2o                   -              -          -\n"
        "\n"
        "A cell is the median ± half the distance between its quartiles.\n"
        "=  no difference to the column's best: chance explains it, or it is below 1 %.\n"
        "!  Target missed: naïve \"queue\" <&\\, CPU us/req: 9.50, to be at most 5.00.\n"
        "Target not measured: h2o, requests/s, closed loop: at least 100000.\n"
        "Targets: 2 met, 1 missed, 1 not measured.\n"
        "naïve \"queue\" <&\\, switches: measured in 8 of 9 rounds.\n"
        "h2o: not installed (Debian: h2o)\n"
        "The same contender twice (per_core, per_core again): no difference in any column.\n");
}

/* As wide as the cells of nine scenarios are. */
static void plant_columns(struct report *report, size_t count)
{
    for (size_t column = COLUMNS; column < count; column++) {
        report->columns[column] = report->columns[CPU];
        for (unsigned row = 0; row < ROWS; row++) {
            report->rows[row].cells[column] = report->rows[row].cells[CPU];
            report->rows[row].targets[column] = report->rows[row].targets[CPU];
        }
    }
    report->columns_count = count;
}

static unsigned occurrences(const char *text, const char *part)
{
    unsigned count = 0;

    for (text = strstr(text, part); text != NULL; text = strstr(text + 1, part))
        count++;
    return count;
}

static void a_table_that_is_too_wide_becomes_several(void **state)
{
    struct fixture *fixture = *state;
    char text[8192];
    char *rest = text;
    unsigned cells = 0, tables = 0;

    plant_columns(fixture->report, 9);
    snprintf(text, sizeof(text), "%s", written(fixture, report_print));
    *strstr(text, "A cell is") = '\0';
    for (const char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        assert_true(text_width(line) <= 100);
        if (strncmp(line, "per_core again ", 15) == 0) {
            tables++;
            cells += occurrences(line, "±");
        }
    }
    assert_int_equal(tables, 2);
    assert_int_equal(cells, 9);
}

static void too_few_rounds_are_said(void **state)
{
    struct fixture *fixture = *state;
    const char *text;

    for (unsigned row = 0; row < ROWS; row++)
        for (unsigned column = 0; column < COLUMNS; column++)
            if (fixture->report->rows[row].cells[column].count > 3)
                fixture->report->rows[row].cells[column].count = 3;
    text = written(fixture, report_print);
    assert_says(text, "?  too few rounds to tell a difference to the column's best from chance: "
                      "8 are needed.\n");
    assert_says(text, "too few rounds to compare, 8 are needed.\n");
}

static void a_difference_by_chance_is_named(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned i = 0; i < ROUNDS; i++)
        fixture->report->rows[AGAIN].cells[RATE].values[i] *= 1.1;
    assert_says(written(fixture, report_print),
                "The same contender twice (per_core, per_core again): chance alone made a "
                "difference in: requests/s, closed loop. Trust no difference there.\n");
}

static void without_a_second_row_nothing_is_said_of_chance(void **state)
{
    struct fixture *fixture = *state;

    fixture->report->same_a = fixture->report->same_b = -1;
    assert_null(strstr(written(fixture, report_print), "The same contender"));
    assert_says(written(fixture, report_write_json), "\"same\":null}");
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* Feeds the text to a strict reader, and what it prints to the caller. */
static void assert_python_agrees(const char *text, const char *checks)
{
    char command[2048];
    FILE *reader;

    snprintf(command, sizeof(command),
             "python3 -c '\n"
             "import json, sys\n"
             "def refuse(word): raise ValueError(word)\n"
             "r = json.loads(sys.stdin.buffer.read().decode(\"utf-8\"), parse_constant=refuse)\n"
             "%s'",
             checks);
    reader = popen(command, "w");
    assert_non_null(reader);
    fputs(text, reader);
    assert_int_equal(pclose(reader), 0);
}

static void json_holds_every_value_and_what_follows(void **state)
{
    assert_python_agrees(
        written(*state, report_write_json),
        "cells = [row[\"cells\"] for row in r[\"rows\"]]\n"
        "assert len(cells) == 4 and len(r[\"columns\"]) == 3\n"
        "assert r[\"method\"] == \"Nine rounds.\\n\\nOn two CPUs\\tshared.\"\n"
        "assert r[\"rows\"][2][\"name\"] == \"na\\u00efve \\\"queue\\\" <&\\\\\"\n"
        "assert r[\"columns\"][1] == {\"key\": \"rate\", \"better\": \"more\",\n"
        "    \"heading\": \"requests/s, closed loop\"}\n"
        "assert len(cells[0][\"cpu_us\"][\"values\"]) == 9\n"
        "assert cells[2][\"switches\"][\"values\"][3] is None\n"
        "assert cells[2][\"switches\"][\"measured\"] == 8\n"
        "assert cells[3][\"rate\"][\"median\"] is None and cells[3][\"rate\"][\"values\"] == []\n"
        "assert cells[2][\"cpu_us\"][\"differs_from_best\"] is True\n"
        "assert cells[2][\"cpu_us\"][\"target\"] == 5 and not "
        "cells[2][\"cpu_us\"][\"target_met\"]\n"
        "assert cells[0][\"cpu_us\"][\"target_met\"] is True\n"
        "assert cells[2][\"switches\"][\"differs_from_best\"] is None\n"
        "assert r[\"same\"] == {\"rows\": [0, 1],\n"
        "    \"differ\": {\"cpu_us\": False, \"rate\": False, \"switches\": False}}\n");
}

static void names_with_broken_bytes_still_give_strict_json(void **state)
{
    static const char *const broken[] = { "cut \xc3",    "\xff",         "\xe2\x82",
                                          "\xc0\x80",    "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                          "\x01\x1f\x7f" };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        snprintf(fixture->report->rows[FIRST].name, sizeof(fixture->report->rows[FIRST].name), "%s",
                 broken[i]);
        assert_python_agrees(written(fixture, report_write_json),
                             "assert r[\"rows\"][0][\"name\"]");
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_cell_stands_to_the_best_of_its_column),
        CASE(a_target_is_met_in_its_columns_direction),
        CASE(the_table_is_aligned_and_marked),
        CASE(a_table_that_is_too_wide_becomes_several),
        CASE(too_few_rounds_are_said),
        CASE(a_difference_by_chance_is_named),
        CASE(without_a_second_row_nothing_is_said_of_chance),
        CASE(json_holds_every_value_and_what_follows),
        CASE(names_with_broken_bytes_still_give_strict_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
