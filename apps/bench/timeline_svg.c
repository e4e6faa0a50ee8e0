/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record as a picture:
 *
 *     lf-0  ___####________     a row per thread: processing high, leading half as high, idle a
 * line lf-1  ==\_____####___     arrows where one handed over to another 0    2    4    6 ms
 *
 * All numbers are printed with two decimals, so the same record gives the same bytes.
 */
#include "report_text.h"
#include "timeline_record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define WIDTH         960
#define LEFT          136 /* where time begins; names stand before it */
#define RIGHT         936
#define TOP           76
#define ROW_HEIGHT    28
#define BAR_HEIGHT    20
#define LEGEND_Y      58
#define LENGTH_MS     20.0
#define LENGTH_MS_MAX 3600e3
#define TICKS_MAX     10
#define BAR_WIDTH_MIN 0.5
#define ARROWS_MAX    100
#define NOT_SHOWN     SIZE_MAX
#define NS_PER_MS     1e6
#define AXIS_HEIGHT   30
#define LINE_HEIGHT   22

struct picture {
    FILE *out;
    const struct record *record;
    const struct timeline_options *options;
    uint64_t begin_ns, end_ns;         /* the window */
    size_t rows[TIMELINE_THREADS_MAX]; /* of each thread; NOT_SHOWN */
    size_t rows_count, slept_count, unknown_count;
    struct hand_over *hand_overs; /* owned; those within the window stand first */
    size_t hand_overs_count;
};

static const char styles[] =
    "<style>\n"
    ".tl-ground { fill: #fff } .tl-text { fill: #1b1f23; font: 15px system-ui, sans-serif }\n"
    ".tl-title { font-size: 18px; font-weight: 600 } .tl-end { text-anchor: end }\n"
    ".tl-middle { text-anchor: middle } .tl-line { stroke: #d0d7de; fill: none }\n"
    ".tl-idle { fill: #8b949e } .tl-leader { fill: #e69f00 } .tl-processing { fill: #0072b2 }\n"
    ".tl-arrow { stroke: #1b1f23; stroke-width: 1.2; fill: none } .tl-head { fill: #1b1f23 }\n"
    "@media (prefers-color-scheme: dark) {\n"
    ".tl-ground { fill: #14171a } .tl-text { fill: #e6e9ec } .tl-line { stroke: #3a424a }\n"
    ".tl-processing { fill: #3d9bdc } .tl-arrow { stroke: #e6e9ec } .tl-head { fill: #e6e9ec }\n"
    "}\n</style>\n"
    "<defs><marker id=\"tl-head\" viewBox=\"0 0 6 6\" refX=\"6\" refY=\"3\" markerWidth=\"6\" "
    "markerHeight=\"6\" orient=\"auto\"><path class=\"tl-head\" d=\"M0 0L6 3L0 6z\"/></marker>"
    "</defs>\n";

/* ---- the window ------------------------------------------------------------------------------ */

static int by_number(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* Where the window begins that has the most changes in it; the first of several. */
static int find_busiest(const struct record *record, uint64_t length_ns, uint64_t *ret_begin_ns)
{
    size_t count = record->changes_count, most = 0, end = 0;
    uint64_t *times = reallocarray(NULL, count, sizeof(*times));

    if (times == NULL)
        return EX_OSERR;
    for (size_t i = 0; i < count; i++)
        times[i] = record->changes[i].time_ns;
    qsort(times, count, sizeof(*times), by_number);
    for (size_t begin = 0; begin < count; begin++) {
        while (end < count && times[end] - times[begin] <= length_ns)
            end++;
        if (end - begin > most) {
            most = end - begin;
            *ret_begin_ns = times[begin];
        }
    }
    free(times);
    return 0;
}

static int refuse(const char *what)
{
    fprintf(stderr, "timeline: %s\n", what);
    return EX_USAGE;
}

/* No longer than the record, so that little is not drawn as much nothing. */
static int choose_window(struct picture *picture)
{
    const struct record *record = picture->record;
    double length_ms = picture->options->length_ms, from_ms = picture->options->from_ms;
    double whole_ms = (double)(record->end_ns - record->begin_ns) / NS_PER_MS;
    uint64_t length_ns;
    int err = 0;

    if (!(length_ms >= 0 && length_ms <= LENGTH_MS_MAX))
        return refuse("expected a length of up to an hour, in ms");
    if (!isnan(from_ms) && !(from_ms >= 0 && from_ms <= whole_ms))
        return refuse("the window begins outside of what was recorded");
    length_ms = length_ms > 0 ? length_ms : LENGTH_MS;
    length_ms = fmin(length_ms, isnan(from_ms) ? whole_ms : whole_ms - from_ms);
    length_ns = (uint64_t)fmax(length_ms * NS_PER_MS, 1000);
    picture->begin_ns = record->begin_ns;
    if (isnan(from_ms))
        err = find_busiest(record, length_ns, &picture->begin_ns);
    else
        picture->begin_ns += (uint64_t)(from_ms * NS_PER_MS);
    picture->end_ns = picture->begin_ns + length_ns;
    return err;
}

static double length_ms_of(const struct picture *picture)
{
    return (double)(picture->end_ns - picture->begin_ns) / NS_PER_MS;
}

static double x_of(const struct picture *picture, uint64_t time_ns)
{
    uint64_t since_ns = time_ns <= picture->begin_ns ? 0 : time_ns - picture->begin_ns;
    double share = (double)since_ns / (double)(picture->end_ns - picture->begin_ns);

    return LEFT + fmin(share, 1) * (RIGHT - LEFT);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static bool is_in_window(const struct picture *picture, size_t change)
{
    return picture->record->changes[change].time_ns < picture->end_ns &&
           change_end_ns(picture->record, change) > picture->begin_ns;
}

static void place_thread(struct picture *picture, size_t index)
{
    const struct record_thread *thread = &picture->record->threads[index];
    bool is_known = false;

    picture->rows[index] = NOT_SHOWN;
    for (size_t i = thread->first; i < thread->first + thread->count; i++) {
        bool is_in = is_in_window(picture, i);

        is_known = is_known || is_in;
        if (is_in && picture->record->changes[i].role != ROLE_IDLE) {
            picture->rows[index] = picture->rows_count++;
            return;
        }
    }
    if (is_known)
        picture->slept_count++;
    else
        picture->unknown_count++;
}

/* The lower edge of a row's bars. */
static double base_of(const struct picture *picture, size_t thread)
{
    return TOP + (double)(picture->rows[thread] * ROW_HEIGHT) + ROW_HEIGHT - 4;
}

static double height_of(enum role role)
{
    switch (role) {
    case ROLE_PROCESSING:
        return BAR_HEIGHT;
    case ROLE_LEADER:
        return BAR_HEIGHT / 2.0;
    case ROLE_IDLE:
    case ROLES_COUNT:
        break;
    }
    return 2;
}

/* A visible width for what is shorter than a picture can show, at the cost of what follows. */
static double width_of(const struct picture *picture, size_t change)
{
    uint64_t end_ns = change_end_ns(picture->record, change);
    double x = x_of(picture, picture->record->changes[change].time_ns);
    double width = x_of(picture, end_ns) - x, room = (RIGHT - x - width) / 2;
    const struct record_thread *thread =
        &picture->record->threads[picture->record->changes[change].thread];

    if (width >= BAR_WIDTH_MIN || picture->record->changes[change].role == ROLE_IDLE)
        return width;
    if (change + 1 < thread->first + thread->count)
        room = (x_of(picture, change_end_ns(picture->record, change + 1)) - x - width) / 2;
    return fmin(BAR_WIDTH_MIN, width + room);
}

/* All bars of one role as one path: a busy thread has thousands. */
static void draw_role(const struct picture *picture, size_t index, enum role role)
{
    const struct record_thread *thread = &picture->record->threads[index];
    double base = base_of(picture, index), height = height_of(role);
    bool is_begun = false;

    for (size_t i = thread->first; i < thread->first + thread->count; i++) {
        const struct change *change = &picture->record->changes[i];

        if (change->role != role || !is_in_window(picture, i))
            continue;
        if (!is_begun)
            fprintf(picture->out, "<path class=\"tl-%s\" d=\"", role_name(role));
        is_begun = true;
        fprintf(picture->out, "M%.2f %.2fh%.2fv%.2fH%.2fz", x_of(picture, change->time_ns), base,
                width_of(picture, i), -height, x_of(picture, change->time_ns));
    }
    if (is_begun)
        fputs("\"/>\n", picture->out);
}

static void draw_row(const struct picture *picture, size_t index)
{
    fprintf(picture->out, "<text class=\"tl-text tl-end\" x=\"%d\" y=\"%.2f\">", LEFT - 10,
            base_of(picture, index) - 4);
    text_write_html(picture->record->threads[index].name, picture->out);
    fputs("</text>\n", picture->out);
    for (enum role role = ROLE_IDLE; role < ROLES_COUNT; role++)
        draw_role(picture, index, role);
}

/* ---- arrows ---------------------------------------------------------------------------------- */

static int find_hand_overs(struct picture *picture, struct record *record)
{
    size_t kept = 0;

    if (hand_overs_find(record, &picture->hand_overs, &picture->hand_overs_count) < 0)
        return EX_OSERR;
    for (size_t i = 0; i < picture->hand_overs_count; i++) {
        struct hand_over one = picture->hand_overs[i];

        if (one.from_ns >= picture->begin_ns && one.to_ns < picture->end_ns &&
            picture->rows[one.from_thread] != NOT_SHOWN &&
            picture->rows[one.to_thread] != NOT_SHOWN)
            picture->hand_overs[kept++] = one;
    }
    picture->hand_overs_count = kept;
    return 0;
}

/* One in so many is drawn. */
static size_t arrow_step(const struct picture *picture)
{
    return (picture->hand_overs_count + ARROWS_MAX - 1) / ARROWS_MAX;
}

/* From the near edge of one row's bar to the near edge of the other's. */
static void draw_arrow(const struct picture *picture, const struct hand_over *one)
{
    double from = base_of(picture, one->from_thread), to = base_of(picture, one->to_thread);
    bool is_down = from < to;

    fprintf(picture->out,
            "<path class=\"tl-arrow\" marker-end=\"url(#tl-head)\" "
            "d=\"M%.2f %.2fL%.2f %.2f\"/>\n",
            x_of(picture, one->from_ns), is_down ? from : from - BAR_HEIGHT,
            x_of(picture, one->to_ns), is_down ? to - BAR_HEIGHT : to);
}

static void draw_arrows(const struct picture *picture)
{
    for (size_t i = 0; i < picture->hand_overs_count; i += arrow_step(picture))
        draw_arrow(picture, &picture->hand_overs[i]);
}

/* ---- around ---------------------------------------------------------------------------------- */

static double bottom_of(const struct picture *picture)
{
    return TOP + (double)(picture->rows_count * ROW_HEIGHT) + 6;
}

/* 1, 2 or 5 times a power of ten. */
static double tick_step_ms(double length_ms)
{
    double step = pow(10, floor(log10(length_ms / TICKS_MAX)));

    if (step * TICKS_MAX >= length_ms)
        return step;
    if (step * 2 * TICKS_MAX >= length_ms)
        return step * 2;
    return step * 5 * TICKS_MAX >= length_ms ? step * 5 : step * 10;
}

static void draw_axis(const struct picture *picture)
{
    double length_ms = length_ms_of(picture), step_ms = tick_step_ms(length_ms);
    double bottom = bottom_of(picture);

    for (unsigned i = 0; i * step_ms <= length_ms * 1.000001; i++) {
        double x = LEFT + i * step_ms / length_ms * (RIGHT - LEFT);

        fprintf(picture->out, "<path class=\"tl-line\" d=\"M%.2f %dV%.2f\"/>\n", x, TOP - 4,
                bottom);
        fprintf(picture->out,
                "<text class=\"tl-text tl-middle\" x=\"%.2f\" y=\"%.2f\">%.6g%s</text>\n", x,
                bottom + 18, i * step_ms, i == 0 ? " ms" : "");
    }
}

static void draw_legend(const struct picture *picture)
{
    static const char *const words[ROLES_COUNT] = { "idle", "leads: waits for events",
                                                    "processes" };
    static const int places[ROLES_COUNT] = { LEFT, LEFT + 90, LEFT + 320 };

    for (enum role role = ROLE_IDLE; role < ROLES_COUNT; role++)
        fprintf(picture->out,
                "<path class=\"tl-%s\" d=\"M%d %dh24v%.2fh-24z\"/>"
                "<text class=\"tl-text\" x=\"%d\" y=\"%d\">%s</text>\n",
                role_name(role), places[role], LEGEND_Y, -height_of(role), places[role] + 32,
                LEGEND_Y - 2, words[role]);
    fprintf(picture->out,
            "<path class=\"tl-arrow\" marker-end=\"url(#tl-head)\" d=\"M%d %dh26\"/>"
            "<text class=\"tl-text\" x=\"%d\" y=\"%d\">hands over</text>\n",
            LEFT + 452, LEGEND_Y - 7, LEFT + 486, LEGEND_Y - 2);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* What the picture leaves out. */
static void write_sentences(const struct picture *picture)
{
    double begun_ms = (double)(picture->begin_ns - picture->record->begin_ns) / NS_PER_MS;
    double y = bottom_of(picture) + AXIS_HEIGHT + 14;

    fprintf(picture->out,
            "<text class=\"tl-text\" x=\"%d\" y=\"%.2f\">Begins %.3f ms after the "
            "first change recorded.",
            LEFT, y, begun_ms);
    if (picture->slept_count > 0)
        fprintf(picture->out, " %zu more thread%s slept.", picture->slept_count,
                plural(picture->slept_count));
    if (picture->unknown_count > 0)
        fprintf(picture->out, " %zu more thread%s: nothing recorded here.", picture->unknown_count,
                plural(picture->unknown_count));
    fputs("</text>\n", picture->out);
    if (arrow_step(picture) > 1)
        fprintf(picture->out,
                "<text class=\"tl-text\" x=\"%d\" y=\"%.2f\">%zu hand-overs; one arrow for every "
                "%zu.</text>\n",
                LEFT, y + LINE_HEIGHT, picture->hand_overs_count, arrow_step(picture));
}

static void write_title(const struct picture *picture)
{
    const char *title = picture->options->title;

    fputs("<title>", picture->out);
    text_write_html(title == NULL ? "Threads and their roles" : title, picture->out);
    fputs("</title>\n", picture->out);
    if (title == NULL)
        return;
    fprintf(picture->out, "<text class=\"tl-text tl-title\" x=\"%d\" y=\"28\">", LEFT);
    text_write_html(title, picture->out);
    fputs("</text>\n", picture->out);
}

static void write_svg(const struct picture *picture)
{
    size_t sentences = arrow_step(picture) > 1 ? 2 : 1;
    double height = bottom_of(picture) + AXIS_HEIGHT + (double)(sentences * LINE_HEIGHT) + 4;

    fprintf(picture->out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 %d %.0f\" "
            "style=\"width:100%%;max-width:%dpx;height:auto\">\n",
            WIDTH, height, WIDTH);
    fputs(styles, picture->out);
    fprintf(picture->out, "<rect class=\"tl-ground\" width=\"%d\" height=\"%.0f\"/>\n", WIDTH,
            height);
    write_title(picture);
    draw_legend(picture);
    draw_axis(picture);
    for (size_t i = 0; i < picture->record->threads_count; i++)
        if (picture->rows[i] != NOT_SHOWN)
            draw_row(picture, i);
    draw_arrows(picture);
    write_sentences(picture);
    fputs("</svg>\n", picture->out);
}

static int draw(struct record *record, FILE *out, const struct timeline_options *options)
{
    struct picture picture = { .out = out, .record = record, .options = options };
    int err = choose_window(&picture);

    if (err == 0) {
        for (size_t i = 0; i < record->threads_count; i++)
            place_thread(&picture, i);
        err = find_hand_overs(&picture, record);
    }
    if (err == EX_OSERR)
        fputs("timeline: no memory to draw it\n", stderr);
    if (err != 0)
        return err;
    write_svg(&picture);
    free(picture.hand_overs);
    if (fflush(out) == 0 && ferror(out) == 0)
        return 0;
    perror("timeline: the picture cannot be written");
    return EX_CANTCREAT;
}

int timeline_draw(FILE *in, const char *in_name, FILE *out, const struct timeline_options *options)
{
    struct record record;
    int err = record_read(&record, in, in_name);

    if (err != 0)
        return err;
    err = draw(&record, out, options);
    record_free(&record);
    return err;
}
