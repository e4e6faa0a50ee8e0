/* SPDX-License-Identifier: Apache-2.0 */
/* Roles of threads as a picture: who handed over, who slept, what is refused. */
#include "timeline.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include <cmocka.h>

#define ARROW "marker-end=\"url(#tl-head)\" d=\""
/* The legend's. */
#define ARROWS_WITHOUT_ANY 1

struct fixture {
    struct timeline_options options;
    char *svg; /* of the last drawing */
    size_t svg_bytes;
    char said[1024]; /* on stderr, by the last drawing */
    int code;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    if (fixture == NULL)
        return -1;
    fixture->options.from_ms = NAN;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    free(fixture->svg);
    free(fixture);
    return 0;
}

/* Draws with stderr kept. */
static const char *draw_bytes(struct fixture *fixture, const char *text, size_t bytes)
{
    FILE *in = tmpfile(), *said = tmpfile(), *out;
    int kept = dup(STDERR_FILENO);

    free(fixture->svg);
    fixture->svg = NULL;
    out = open_memstream(&fixture->svg, &fixture->svg_bytes);
    assert_true(in != NULL && said != NULL && out != NULL && kept >= 0);
    assert_int_equal(fwrite(text, 1, bytes, in), bytes);
    rewind(in);
    assert_true(dup2(fileno(said), STDERR_FILENO) >= 0);
    fixture->code = timeline_draw(in, "roles.txt", out, &fixture->options);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    close(kept);
    rewind(said);
    fixture->said[fread(fixture->said, 1, sizeof(fixture->said) - 1, said)] = '\0';
    fclose(in);
    fclose(said);
    fclose(out);
    return fixture->svg;
}

static const char *draw(struct fixture *fixture, const char *text)
{
    draw_bytes(fixture, text, strlen(text));
    if (fixture->code != 0)
        fail_msg("%s", fixture->said);
    return fixture->svg;
}

static unsigned occurrences(const char *text, const char *part)
{
    unsigned count = 0;

    for (text = strstr(text, part); text != NULL; text = strstr(text + 1, part))
        count++;
    return count;
}

static void assert_arrows(struct fixture *fixture, const char *text, unsigned expected)
{
    unsigned found = occurrences(draw(fixture, text), ARROW) - ARROWS_WITHOUT_ANY;

    if (found != expected)
        fail_msg("%u arrows instead of %u:\n%s", found, expected, text);
}

static void assert_well_formed(const char *svg)
{
    FILE *reader = popen("python3 -c 'import sys, xml.dom.minidom; "
                         "xml.dom.minidom.parse(sys.stdin.buffer)'",
                         "w");

    assert_non_null(reader);
    fputs(svg, reader);
    assert_int_equal(pclose(reader), 0);
}

/* ---- hand-overs ------------------------------------------------------------------------------ */

/* The time at which lf-1 takes what lf-0 gave up at 1 ms. */
#define LEADERS(taken)                                                                             \
    "lf-0 0 leader\nlf-0 1000000 processing\nlf-0 9000000 idle\n"                                  \
    "lf-1 0 idle\nlf-1 " taken " leader\nlf-1 9000000 idle\n"

static void leadership_that_is_taken_in_time_is_an_arrow(void **state)
{
    assert_arrows(*state, LEADERS("1000500"), 1);
    assert_arrows(*state, LEADERS("1000000"), 1);
    assert_arrows(*state, LEADERS("2000000"), 1);
    assert_arrows(*state, LEADERS("2000001"), 0);
    assert_arrows(*state, LEADERS("999999"), 0);
}

static void the_arrow_goes_from_the_old_leader_to_the_new(void **state)
{
    struct fixture *fixture = *state;

    fixture->options.length_ms = 8;
    draw(fixture, LEADERS("2000000"));
    /* 1 and 2 of 8 ms; from the lower edge of the first row to the upper of the second. */
    assert_non_null(strstr(fixture->svg, ARROW "M236.00 100.00L336.00 108.00\"/>"));
}

static void leadership_is_handed_over_once(void **state)
{
    /* lf-1 takes it and sleeps; lf-2 finds nothing to take. */
    assert_arrows(*state,
                  "lf-0 0 leader\nlf-0 1000 processing\nlf-0 9000 idle\n"
                  "lf-1 0 idle\nlf-1 2000 leader\nlf-1 3000 idle\n"
                  "lf-2 0 idle\nlf-2 4000 leader\n",
                  1);
    /* The same thread leads again; one that goes to sleep hands nothing over. */
    assert_arrows(*state,
                  "lf-0 0 leader\nlf-0 10 processing\nlf-0 20 leader\nlf-0 30 idle\n"
                  "lf-1 0 idle\nlf-1 40 leader\nlf-1 50 idle\n",
                  0);
}

/* A worker that leaves idle at `woken`, while io-0 processed from 1 to 2 ms. */
#define QUEUE(before, woken)                                                                       \
    "io-0 0 idle\nio-0 1000000 processing\nio-0 2000000 idle\nio-0 9000000 idle\n"                 \
    "worker-0 0 " before "\nworker-0 " woken " processing\nworker-0 9000000 idle\n"

static void an_io_thread_hands_over_to_who_leaves_idle(void **state)
{
    assert_arrows(*state, QUEUE("idle", "1500000"), 1);
    assert_arrows(*state, QUEUE("idle", "2900000"), 1);
    assert_arrows(*state, QUEUE("idle", "3000001"), 0);
    assert_arrows(*state, QUEUE("idle", "900000"), 0);
    assert_arrows(*state, QUEUE("processing", "1500000"), 0);
    /* While it waits it leads, and nobody takes that over. */
    assert_arrows(*state,
                  "io-0 0 leader\nio-0 1000 processing\nio-0 2000 leader\n"
                  "worker-0 0 idle\nworker-0 1500 processing\nworker-0 9000 idle\n",
                  1);
}

static void loops_hand_nothing_over(void **state)
{
    assert_arrows(*state,
                  "loop-0 0 leader\nloop-0 1000 processing\nloop-0 5000 leader\n"
                  "loop-1 0 processing\nloop-1 2000 leader\nloop-1 5000 processing\n",
                  0);
}

static void where_several_lead_nobody_hands_over(void **state)
{
    assert_arrows(*state,
                  "lf-0 0 leader\nlf-0 1000 processing\nlf-0 5000 idle\n"
                  "lf-1 0 leader\nlf-1 4000 processing\n"
                  "lf-2 0 idle\nlf-2 2000 leader\nlf-2 5000 idle\n",
                  0);
}

/* ---- the window ------------------------------------------------------------------------------ */

static void threads_without_a_role_in_the_window_are_counted(void **state)
{
    struct fixture *fixture = *state;
    static const char text[] = "lf-0 0 leader\nlf-0 30000000 processing\n"
                               "lf-1 0 idle\nlf-1 25000000 leader\nlf-1 30000000 idle\n"
                               "lf-2 100 idle\nlf-3 200 idle\nlf-4 28000000 processing\n";

    fixture->options.from_ms = 0;
    draw(fixture, text);
    assert_non_null(strstr(fixture->svg, ">lf-0</text>"));
    assert_null(strstr(fixture->svg, ">lf-1</text>"));
    assert_non_null(strstr(fixture->svg, " 3 more threads slept. 1 more thread: nothing recorded "
                                         "here."));

    fixture->options.from_ms = 24;
    fixture->options.length_ms = 3;
    draw(fixture, text);
    assert_non_null(strstr(fixture->svg, ">lf-1</text>"));
    assert_non_null(strstr(fixture->svg, "Begins 24.000 ms after"));
    assert_non_null(strstr(fixture->svg, " 2 more threads slept."));
}

static void an_arrow_that_leaves_the_window_is_not_drawn(void **state)
{
    struct fixture *fixture = *state;
    static const char text[] = "lf-0 0 leader\nlf-0 1000000 processing\nlf-0 9000000 idle\n"
                               "lf-1 0 processing\nlf-1 500000 idle\nlf-1 2000000 leader\n";

    fixture->options.from_ms = 0;
    fixture->options.length_ms = 3;
    assert_arrows(fixture, text, 1);
    fixture->options.length_ms = 1.5;
    assert_arrows(fixture, text, 0);
    fixture->options.from_ms = 1.5;
    assert_arrows(fixture, text, 0);
}

static void without_a_wish_the_busiest_window_is_shown(void **state)
{
    draw(*state, "lf-0 1000000 leader\nlf-0 40000000 processing\n"
                 "lf-1 101000000 leader\nlf-1 102000000 processing\nlf-1 103000000 idle\n"
                 "lf-1 200000000 idle\n");
    assert_non_null(strstr(((struct fixture *)*state)->svg, "Begins 100.000 ms after"));
}

static void a_window_outside_of_the_record_is_refused(void **state)
{
    static const struct timeline_options wrong[] = {
        { .from_ms = 1001, .length_ms = 0 }, { .from_ms = -1, .length_ms = 0 },
        { .from_ms = 0, .length_ms = -1 },   { .from_ms = 0, .length_ms = NAN },
        { .from_ms = 0, .length_ms = 1e9 },  { .from_ms = INFINITY, .length_ms = 1 },
    };
    static const char text[] = "a 0 leader\na 1000000000 idle\n";
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        fixture->options = wrong[i];
        draw_bytes(fixture, text, strlen(text));
        assert_int_equal(fixture->code, EX_USAGE);
        assert_int_equal(fixture->svg_bytes, 0);
        assert_int_equal(strncmp(fixture->said, "timeline: ", 10), 0);
    }
}

/* ---- the picture ----------------------------------------------------------------------------- */

static void the_picture_is_well_formed_and_scales(void **state)
{
    struct fixture *fixture = *state;

    fixture->options.title = "<two> & \"three\" threads\x01\xff";
    draw(fixture, LEADERS("1000500"));
    assert_well_formed(fixture->svg);
    assert_int_equal(strncmp(fixture->svg, "<svg ", 5), 0);
    assert_non_null(strstr(fixture->svg, "viewBox=\"0 0 960 "));
    assert_non_null(strstr(fixture->svg, "prefers-color-scheme: dark"));
    draw(fixture, "only 5 idle\n");
    assert_well_formed(fixture->svg);
}

static void the_same_record_gives_the_same_bytes(void **state)
{
    struct fixture *fixture = *state;
    char *first = strdup(draw(fixture, QUEUE("idle", "1500000")));

    assert_non_null(first);
    assert_string_equal(first, draw(fixture, QUEUE("idle", "1500000")));
    free(first);
}

/* Two threads that take turns at leading every microsecond. */
static void a_dense_record_stays_readable(void **state)
{
    struct fixture *fixture = *state;
    char *text;
    size_t bytes;
    FILE *lines = open_memstream(&text, &bytes);

    assert_non_null(lines);
    for (unsigned thread = 0; thread < 2; thread++)
        for (unsigned i = 0; i < 10000; i++)
            fprintf(lines, "lf-%u %u %s\n", thread, i * 1000 + (thread == 0 ? 0 : 500) + 1,
                    i % 2 == thread ? "leader" : "processing");
    fclose(lines);
    draw(fixture, text);
    free(text);
    assert_well_formed(fixture->svg);
    assert_in_range(occurrences(fixture->svg, ARROW), 50, 102);
    assert_non_null(strstr(fixture->svg, "hand-overs; one arrow for every "));
}

/* ---- refusals -------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    const char *said;
} malformed[] = {
    { "\n", "roles.txt:1: expected THREAD_NAME TIME_NS ROLE, parted by single blanks\n" },
    { "lf-0 5\n", "roles.txt:1: expected THREAD_NAME TIME_NS ROLE" },
    { "lf-0 5 idle \n", "roles.txt:1: expected THREAD_NAME TIME_NS ROLE" },
    { "lf-0 5 idle x y\n", "roles.txt:1: expected THREAD_NAME TIME_NS ROLE" },
    { "lf-0  5 idle\n", "roles.txt:1: expected THREAD_NAME TIME_NS ROLE" },
    { "lf-0 5 idle\n 6 idle\n", "roles.txt:2: \"\" is no thread name, expected 1 to 31 of" },
    { "l<f 5 idle\n", "\"l<f\" is no thread name" },
    { "abcdefghijklmnopqrstuvwxyz-12345 5 idle\n", "is no thread name" },
    { "lf-0 x idle\n", "roles.txt:1: \"x\" is no time, expected nanoseconds as digits\n" },
    { "lf-0 -1 idle\n", "\"-1\" is no time" },
    { "lf-0 +1 idle\n", "\"+1\" is no time" },
    { "lf-0 1.5 idle\n", "\"1.5\" is no time" },
    { "lf-0 0x1 idle\n", "\"0x1\" is no time" },
    { "lf-0 9223372036854775808 idle\n", "is no time" },
    { "lf-0 99999999999999999999999 idle\n", "is no time" },
    { "lf-0 1 Leader\n", "\"Leader\" is no role, expected idle, leader or processing\n" },
    { "lf-0 1 idle\r\n", "is no role" },
    { "lf-0 2 idle\nlf-0 1 leader\n",
      "roles.txt:2: time 1 is before the line above it, expected a thread's times to ascend\n" },
    { "a 1 idle\nb 1 idle\na 2 idle\n", "roles.txt:3: thread \"a\" again after another thread, "
                                        "expected all of its lines together\n" },
    { "lf-0 1 idle\nlf-0 2 idle", "roles.txt:2: the line does not end, expected at most 127" },
};

static void malformed_lines_are_named(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        draw_bytes(fixture, malformed[i].text, strlen(malformed[i].text));
        assert_int_equal(fixture->code, EX_DATAERR);
        assert_int_equal(fixture->svg_bytes, 0);
        if (strstr(fixture->said, malformed[i].said) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", malformed[i].said, fixture->said);
    }
}

static void what_is_no_text_is_refused(void **state)
{
    static const char with_nul[] = "lf-0 1 idle\n\0lf-0 2 idle\n";
    char long_line[400];
    struct fixture *fixture = *state;

    draw_bytes(fixture, with_nul, sizeof(with_nul) - 1);
    assert_int_equal(fixture->code, EX_DATAERR);
    memset(long_line, 'a', sizeof(long_line));
    draw_bytes(fixture, long_line, sizeof(long_line));
    assert_int_equal(fixture->code, EX_DATAERR);
    assert_non_null(strstr(fixture->said, "roles.txt:1: the line does not end"));
    draw_bytes(fixture, "", 0);
    assert_int_equal(fixture->code, EX_DATAERR);
}

static void more_threads_than_a_picture_holds_are_refused(void **state)
{
    struct fixture *fixture = *state;
    char *text;
    size_t bytes;
    FILE *lines = open_memstream(&text, &bytes);

    assert_non_null(lines);
    for (unsigned i = 0; i <= TIMELINE_THREADS_MAX; i++)
        fprintf(lines, "lf-%u 1 idle\n", i);
    fclose(lines);
    draw_bytes(fixture, text, bytes);
    free(text);
    assert_int_equal(fixture->code, EX_DATAERR);
    assert_non_null(strstr(fixture->said, "roles.txt:257: one thread too many, expected at most"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(leadership_that_is_taken_in_time_is_an_arrow),
        CASE(the_arrow_goes_from_the_old_leader_to_the_new),
        CASE(leadership_is_handed_over_once),
        CASE(an_io_thread_hands_over_to_who_leaves_idle),
        CASE(loops_hand_nothing_over),
        CASE(where_several_lead_nobody_hands_over),
        CASE(threads_without_a_role_in_the_window_are_counted),
        CASE(an_arrow_that_leaves_the_window_is_not_drawn),
        CASE(without_a_wish_the_busiest_window_is_shown),
        CASE(a_window_outside_of_the_record_is_refused),
        CASE(the_picture_is_well_formed_and_scales),
        CASE(the_same_record_gives_the_same_bytes),
        CASE(a_dense_record_stays_readable),
        CASE(malformed_lines_are_named),
        CASE(what_is_no_text_is_refused),
        CASE(more_threads_than_a_picture_holds_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
