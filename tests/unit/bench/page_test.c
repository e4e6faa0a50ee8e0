/* SPDX-License-Identifier: Apache-2.0 */
/* The page of a planted report, which asks nobody, and the files that a command leaves. With a path
 * as its argument the program writes one there, for a browser to look at. */
#include "output_file.h"
#include "planted_report.h"
#include "report_plot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#include <cmocka.h>

#define PAGE_BYTES_MAX (1024 * 1024)

struct fixture {
    char folder[64]; /* also where gnuplot's files go meanwhile */
    char path[80];
    struct report *report;
    char page[PAGE_BYTES_MAX];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    if (fixture == NULL)
        return -1;
    *state = fixture;
    fixture->report = planted_report();
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/page_test.XXXXXX");
    if (fixture->report == NULL || mkdtemp(fixture->folder) == NULL ||
        setenv("TMPDIR", fixture->folder, 1) != 0)
        return -1;
    snprintf(fixture->path, sizeof(fixture->path), "%s/page.html", fixture->folder);
    return 0;
}

/* Fails when anything but the page was left in the folder. */
static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    int err;

    unlink(fixture->path);
    err = rmdir(fixture->folder);
    free(fixture->report);
    free(fixture);
    return err;
}

static const char *read_page(struct fixture *fixture)
{
    FILE *in = fopen(fixture->path, "re");

    assert_non_null(in);
    fixture->page[fread(fixture->page, 1, sizeof(fixture->page) - 1, in)] = '\0';
    fclose(in);
    return fixture->page;
}

static const char *page_of(struct fixture *fixture)
{
    assert_int_equal(report_write_page(fixture->report, fixture->path), 0);
    return read_page(fixture);
}

static unsigned occurrences(const char *text, const char *part)
{
    unsigned count = 0;

    for (text = strstr(text, part); text != NULL; text = strstr(text + 1, part))
        count++;
    return count;
}

static void every_column_has_a_plot_and_every_identifier_one_owner(void **state)
{
    const char *page = page_of(*state);

    assert_int_equal(occurrences(page, "<figure>"), COLUMNS);
    assert_int_equal(occurrences(page, "</svg>"), COLUMNS);
    assert_int_equal(occurrences(page, "id=\"plot0-gnuplot_canvas\""), 1);
    assert_int_equal(occurrences(page, "id='plot2-gpDot'"), 1);
    assert_int_equal(occurrences(page, "id=\"gnuplot"), 0);
    assert_true(occurrences(page, "href='#plot1-") > 0);
    assert_int_equal(occurrences(page, "href='#gp"), 0);
}

static void the_page_asks_nobody(void **state)
{
    const char *page = page_of(*state);

    assert_int_equal(occurrences(page, "<script"), 0);
    assert_int_equal(occurrences(page, "src="), 0);
    assert_int_equal(occurrences(page, "http://") + occurrences(page, "https://"),
                     occurrences(page, "=\"http://www.w3.org/"));
    assert_int_equal(occurrences(page, "@import"), 0);
}

static void names_cannot_break_out_of_their_place(void **state)
{
    struct fixture *fixture = *state;
    struct report_row *row = &fixture->report->rows[FIRST];
    const char *page;

    snprintf(row->name, sizeof(row->name), "</th><script>'\nquit`id`\n\\\x01");
    page = page_of(fixture);
    assert_int_equal(occurrences(page, "<script"), 0);
    assert_true(occurrences(page, "&lt;script") > COLUMNS);
    assert_int_equal(occurrences(page, "</svg>"), COLUMNS);
}

static void what_was_not_measured_has_no_plot(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned row = 0; row < ROWS; row++)
        fixture->report->rows[row].cells[RATE].count = 0;
    assert_int_equal(occurrences(page_of(fixture), "<figure>"), COLUMNS - 1);
}

static void figures_without_a_range_are_drawn_too(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned row = FIRST; row <= SLOW; row++)
        for (unsigned i = 0; i < ROUNDS; i++) {
            fixture->report->rows[row].cells[CPU].values[i] = 0;
            fixture->report->rows[row].cells[RATE].values[i] = -1e12;
        }
    assert_int_equal(occurrences(page_of(fixture), "</svg>"), COLUMNS);
}

/* ---- failures -------------------------------------------------------------------------------- */

static void without_gnuplot_nothing_is_left_behind(void **state)
{
    struct fixture *fixture = *state;
    char *path = strdup(getenv("PATH"));
    int err;

    setenv("PATH", fixture->folder, 1);
    err = report_write_page(fixture->report, fixture->path);
    setenv("PATH", path, 1);
    free(path);
    assert_int_equal(err, EX_UNAVAILABLE);
    assert_int_equal(access(fixture->path, F_OK), -1);
}

static void a_page_that_cannot_be_written_is_said(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(mkdir(fixture->path, 0700), 0);
    assert_int_equal(report_write_page(fixture->report, fixture->path), EX_CANTCREAT);
    assert_int_equal(report_write_page(fixture->report, "/nowhere/at/all.html"), EX_CANTCREAT);
    assert_int_equal(rmdir(fixture->path), 0);
}

static void without_gnuplot_the_old_page_stays(void **state)
{
    struct fixture *fixture = *state;
    char *path = strdup(getenv("PATH"));

    assert_int_equal(output_file_write(fixture->path, "old", 3), 0);
    setenv("PATH", fixture->folder, 1);
    assert_int_equal(report_write_page(fixture->report, fixture->path), EX_UNAVAILABLE);
    setenv("PATH", path, 1);
    free(path);
    assert_string_equal(read_page(fixture), "old");
}

/* ---- files ----------------------------------------------------------------------------------- */

static void a_look_at_a_file_changes_nothing(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(output_file_check(fixture->path), 0);
    assert_int_equal(access(fixture->path, F_OK), -1);
    assert_int_equal(output_file_write(fixture->path, "old", 3), 0);
    assert_int_equal(output_file_check(fixture->path), 0);
    assert_string_equal(read_page(fixture), "old");
    assert_int_equal(output_file_check(NULL), 0);
    assert_int_equal(output_file_check("-"), 0);
    assert_int_equal(output_file_check("/dev/null"), 0);
}

static void what_cannot_be_a_file_has_one_exit_code(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(output_file_check(fixture->folder), EX_CANTCREAT);
    assert_int_equal(output_file_check("/nowhere/at/all"), EX_CANTCREAT);
    assert_int_equal(output_file_check(""), EX_CANTCREAT);
    assert_int_equal(output_file_write("/dev/full", "text", 4), EX_CANTCREAT);
    assert_int_equal(output_file_write("/nowhere/at/all", "text", 4), EX_CANTCREAT);
}

static void what_is_no_svg_is_refused(void **state)
{
    static char text[] = "gnuplot was full\n";
    FILE *in = fmemopen(text, sizeof(text) - 1, "r"), *out = fopen("/dev/null", "we");

    (void)state;
    assert_true(in != NULL && out != NULL);
    assert_int_equal(svg_inline(in, "a-", out), -1);
    fclose(in);
    fclose(out);
}

static void only_tags_are_changed_when_an_svg_moves_into_a_page(void **state)
{
    static char text[] = "<?xml version=\"1.0\"?>\n<svg><title>x</title><g id='a' fill='black' "
                         "color=\"black\"><use href='#a' clip=\"url(#b)\"/> id='a' 'black' "
                         "url(#b)</g></svg>\n";
    FILE *in = fmemopen(text, sizeof(text) - 1, "r"), *out;
    char *moved;
    size_t bytes;

    (void)state;
    out = open_memstream(&moved, &bytes);
    assert_true(in != NULL && out != NULL);
    assert_int_equal(svg_inline(in, "p-", out), 0);
    fclose(in);
    fclose(out);
    assert_string_equal(moved, "<svg><g id='p-a' fill='currentColor' color=\"currentColor\">"
                               "<use href='#p-a' clip=\"url(#p-b)\"/> id='a' 'black' "
                               "url(#b)</g></svg>\n");
    free(moved);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(every_column_has_a_plot_and_every_identifier_one_owner),
        CASE(the_page_asks_nobody),
        CASE(names_cannot_break_out_of_their_place),
        CASE(what_was_not_measured_has_no_plot),
        CASE(figures_without_a_range_are_drawn_too),
        CASE(without_gnuplot_nothing_is_left_behind),
        CASE(a_page_that_cannot_be_written_is_said),
        CASE(without_gnuplot_the_old_page_stays),
        CASE(a_look_at_a_file_changes_nothing),
        CASE(what_cannot_be_a_file_has_one_exit_code),
        CASE(what_is_no_svg_is_refused),
        CASE(only_tags_are_changed_when_an_svg_moves_into_a_page),
    };

    if (argc == 2) {
        struct report *report = planted_report();
        int err = report == NULL ? -1 : report_write_page(report, argv[1]);

        free(report);
        return err == 0 ? 0 : 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
