/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report as a plain table: a header, then a line per row. Medians are aligned at the right,
 * spreads at the left, so that a column reads as one; headings wrap to the width of their cells.
 * Columns that do not fit beside one another make tables below one another, about equally wide.
 */
#include "report_text.h"

#include <string.h>

#define HEADING_LINES_MAX 4
#define GAP               2
#define WIDTH_MAX         100

struct column_widths {
    size_t median, spread, marks;
    size_t whole; /* of these or of the heading's longest word */
};

struct table {
    const struct report *report;
    FILE *out;
    size_t blanks; /* owed before the next text of this line; none at its end */
    size_t name_width;
    struct column_widths columns[REPORT_COLUMNS_MAX];
    size_t first, end; /* the columns of this part */
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void pad(struct table *table, size_t blanks)
{
    table->blanks += blanks;
}

static void print(struct table *table, const char *text)
{
    if (text[0] == '\0')
        return;
    fprintf(table->out, "%*s%s", (int)table->blanks, "", text);
    table->blanks = 0;
}

static void end_line(struct table *table)
{
    fputc('\n', table->out);
    table->blanks = 0;
}

static void print_left(struct table *table, const char *text, size_t width)
{
    print(table, text);
    pad(table, width - text_width(text));
}

static void print_right(struct table *table, const char *text, size_t width)
{
    pad(table, width - text_width(text));
    print(table, text);
}

/* ---- widths ---------------------------------------------------------------------------------- */

static size_t longest_word(const char *text)
{
    size_t longest = 0;

    while (*text != '\0') {
        char word[CELL_TEXT_BYTES];
        size_t bytes = strcspn(text, " ");

        snprintf(word, sizeof(word), "%.*s", (int)bytes, text);
        longest = larger(longest, text_width(word));
        text += bytes + (text[bytes] == ' ');
    }
    return longest;
}

static struct column_widths measure_column(const struct report *report, size_t column)
{
    struct column_widths widths = { 0 };
    size_t cell;

    for (size_t row = 0; row < report->rows_count; row++) {
        struct cell_text text = report_cell(report, row, column);

        widths.median = larger(widths.median, text_width(text.median));
        widths.spread = larger(widths.spread, text_width(text.spread));
        widths.marks = larger(widths.marks, text_width(text.marks));
    }
    cell = widths.median + (widths.spread > 0) + widths.spread + widths.marks;
    widths.whole = larger(cell, longest_word(report->columns[column].heading));
    return widths;
}

static void measure(struct table *table)
{
    for (size_t row = 0; row < table->report->rows_count; row++)
        table->name_width = larger(table->name_width, text_width(table->report->rows[row].name));
    for (size_t column = 0; column < table->report->columns_count; column++)
        table->columns[column] = measure_column(table->report, column);
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* The end of the part that begins with column `first`: what fits into `width`, but at least one. */
static size_t part_end(const struct table *table, size_t first, size_t width)
{
    size_t used = table->name_width, end = first;

    do
        used += GAP + table->columns[end++].whole;
    while (end < table->report->columns_count && used + GAP + table->columns[end].whole <= width);
    return end;
}

static size_t parts_count(const struct table *table, size_t width)
{
    size_t count = 0;

    for (size_t at = 0; at < table->report->columns_count; at = part_end(table, at, width))
        count++;
    return count;
}

/* The narrowest with which there are no more parts than have to be. */
static size_t part_width(const struct table *table)
{
    size_t width = WIDTH_MAX, count = parts_count(table, WIDTH_MAX);

    while (width > 0 && parts_count(table, width - 1) == count)
        width--;
    return width;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Cuts the words that fit from `text` into `ret_line`; returns what is left. */
static const char *take_line(const char *text, size_t width, char ret_line[CELL_TEXT_BYTES])
{
    size_t taken = 0;

    ret_line[0] = '\0';
    while (text[taken] != '\0') {
        size_t end = taken + strcspn(text + taken, " ");
        char line[CELL_TEXT_BYTES];

        snprintf(line, sizeof(line), "%.*s", (int)end, text);
        if (taken > 0 && text_width(line) > width)
            break;
        memcpy(ret_line, line, sizeof(line));
        taken = end + (text[end] == ' ');
    }
    return text + taken;
}

static void print_header(struct table *table)
{
    const char *rest[REPORT_COLUMNS_MAX];
    size_t left = 1;

    for (size_t column = table->first; column < table->end; column++)
        rest[column] = table->report->columns[column].heading;
    for (unsigned line = 0; line < HEADING_LINES_MAX && left > 0; line++) {
        left = 0;
        pad(table, table->name_width);
        for (size_t column = table->first; column < table->end; column++) {
            char part[CELL_TEXT_BYTES];

            rest[column] = take_line(rest[column], table->columns[column].whole, part);
            pad(table, GAP);
            print_right(table, part, table->columns[column].whole);
            left += rest[column][0] != '\0';
        }
        end_line(table);
    }
}

static void print_cell(struct table *table, size_t row, size_t column)
{
    const struct column_widths *widths = &table->columns[column];
    struct cell_text text = report_cell(table->report, row, column);
    size_t right = (widths->spread > 0) + widths->spread + widths->marks;

    pad(table, GAP);
    print_right(table, text.median, widths->whole - right);
    pad(table, widths->spread > 0);
    print_left(table, text.spread, widths->spread);
    print_left(table, text.marks, widths->marks);
}

static void print_part(struct table *table)
{
    print_header(table);
    for (size_t row = 0; row < table->report->rows_count; row++) {
        print_left(table, table->report->rows[row].name, table->name_width);
        for (size_t column = table->first; column < table->end; column++)
            print_cell(table, row, column);
        end_line(table);
    }
    end_line(table);
}

static void print_sentence(void *context, const char *sentence)
{
    fprintf(context, "%s\n", sentence);
}

void report_print(const struct report *report, FILE *out)
{
    struct table table = { .report = report, .out = out };
    size_t width;

    measure(&table);
    width = part_width(&table);
    fprintf(out, "%s\n\n", report->title);
    while (table.end < report->columns_count) {
        table.first = table.end;
        table.end = part_end(&table, table.first, width);
        print_part(&table);
    }
    report_remarks(report, print_sentence, out);
}
