/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report as one HTML file that asks nobody: styles and plots stand in it. It is built in memory
 * and written at once, so that what cannot be drawn takes nothing away.
 */
#include "output_file.h"
#include "report_plot.h"
#include "report_text.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<link rel=\"icon\" href=\"data:,\">\n";

static const char styles[] =
    "<style>\n"
    ":root { --ground: #fff; --card: #f6f8fa; --ink: #1b1f23; --faint: #57606a; --line: #d0d7de;\n"
    "        --missed: #a63d00; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    ":root { --ground: #14171a; --card: #1c2126; --ink: #e6e9ec; --faint: #9aa4ae;\n"
    "        --line: #3a424a; --missed: #ff9a5c; } }\n"
    "body { margin: 0 auto; padding: 1rem; max-width: 72rem; background: var(--ground);\n"
    "       color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }\n"
    "h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.15rem; }\n"
    "p, ul { max-width: 46rem; } ul { padding-left: 1.2rem; }\n"
    ".box { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }\n"
    "table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums;\n"
    "        min-width: 100%; overflow-wrap: normal; }\n"
    "th, td { padding: .35rem .7rem; text-align: right; border-bottom: 1px solid var(--line); }\n"
    "td { white-space: nowrap; } tbody tr:last-child > * { border-bottom: 0; }\n"
    "thead td { position: sticky; left: 0; background: var(--ground); }\n"
    "thead th { vertical-align: bottom; color: var(--faint); font-weight: 600; }\n"
    "tbody th { text-align: left; position: sticky; left: 0; background: var(--card);\n"
    "           font-weight: 600; min-width: 6rem;\n"
    "           max-width: 9rem; overflow-wrap: anywhere; }\n"
    "td small { color: var(--faint); font-size: .8125rem; } td small.missed { color: "
    "var(--missed);\n           font-weight: 600; }\n"
    ".plots { display: grid; gap: 1rem;\n"
    "         grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); }\n"
    "figure { margin: 0; padding: .7rem; background: var(--card); border-radius: 6px; }\n"
    "figcaption { font-weight: 600; } figure svg { display: block; width: 100%; height: auto; }\n"
    "</style>\n";

/* ---- text ------------------------------------------------------------------------------------ */

static void write_paragraphs(const char *text, FILE *out)
{
    while (*text != '\0') {
        const char *end = strstr(text, "\n\n");
        size_t bytes = end == NULL ? strlen(text) : (size_t)(end - text);
        char *paragraph = strndup(text, bytes);

        if (paragraph != NULL && bytes > 0) {
            fputs("<p>", out);
            text_write_html(paragraph, out);
            fputs("</p>\n", out);
        }
        free(paragraph);
        text += bytes + (end == NULL ? 0 : 2);
    }
}

static void write_remark(void *context, const char *sentence)
{
    FILE *out = context;

    fputs("<li>", out);
    text_write_html(sentence, out);
    fputs("</li>\n", out);
}

/* ---- table ----------------------------------------------------------------------------------- */

static void write_target(const struct report *report, size_t row, size_t column, FILE *out)
{
    static const char *const results[] = { "", "met", "missed", "not measured" };
    enum target_result result = report_target(report, row, column);

    if (result == TARGET_NONE)
        return;
    fprintf(out, "<br><small class=\"%s\">%s %.*f %s</small>",
            result == TARGET_MISSED ? "missed" : "target",
            report->columns[column].better == BETTER_MORE ? "≥" : "≤",
            report->columns[column].decimals, report->rows[row].targets[column], results[result]);
}

/* A long name may break behind each "_", before it has to break anywhere. */
static void write_name(const char *name, FILE *out)
{
    while (*name != '\0') {
        size_t bytes = strcspn(name, "_");
        char part[sizeof(((struct report_row *)NULL)->name) + 1];

        bytes += name[bytes] == '_';
        snprintf(part, sizeof(part), "%.*s", (int)bytes, name);
        text_write_html(part, out);
        name += bytes;
        fputs(*name != '\0' ? "<wbr>" : "", out);
    }
}

static void write_row(const struct report *report, size_t row, FILE *out)
{
    fputs("<tr><th scope=\"row\">", out);
    write_name(report->rows[row].name, out);
    fputs("</th>", out);
    for (size_t column = 0; column < report->columns_count; column++) {
        struct cell_text text = report_cell(report, row, column);

        fprintf(out, "<td>%s <small>%s</small>%s", text.median, text.spread, text.marks);
        write_target(report, row, column, out);
        fputs("</td>", out);
    }
    fputs("</tr>\n", out);
}

static void write_table(const struct report *report, FILE *out)
{
    fputs("<div class=\"box\" role=\"region\" aria-label=\"All figures\" tabindex=\"0\">\n"
          "<table>\n<thead><tr><td></td>",
          out);
    for (size_t column = 0; column < report->columns_count; column++) {
        fputs("<th scope=\"col\">", out);
        text_write_html(report->columns[column].heading, out);
        fputs("</th>", out);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t row = 0; row < report->rows_count; row++)
        write_row(report, row, out);
    fputs("</tbody>\n</table>\n</div>\n<ul>\n", out);
    report_remarks(report, write_remark, out);
    fputs("</ul>\n", out);
}

/* ---- plots ----------------------------------------------------------------------------------- */

static const char *better_words(enum better better)
{
    switch (better) {
    case BETTER_LESS:
        return " (less is better)";
    case BETTER_MORE:
        return " (more is better)";
    case BETTER_NEITHER:
        break;
    }
    return "";
}

static int write_plots(const struct plots *plots, FILE *out)
{
    const struct report *report = plots->report;

    fputs("<h2>Each figure as a plot</h2>\n<p>A bar ends at the median, the whiskers at the "
          "quartiles; an upright orange line is a target.</p>\n<div class=\"plots\">\n",
          out);
    for (size_t column = 0; column < report->columns_count; column++) {
        if (!plots_has(plots, column))
            continue;
        fputs("<figure><figcaption>", out);
        text_write_html(report->columns[column].heading, out);
        fprintf(out, "%s</figcaption>\n", better_words(report->columns[column].better));
        if (plots_write(plots, column, out) < 0)
            return -1;
        fputs("</figure>\n", out);
    }
    fputs("</div>\n", out);
    return 0;
}

static int write_page(const struct report *report, FILE *out)
{
    struct plots plots;
    int err;

    if (plots_open(&plots, report) < 0)
        return -1;
    fputs(head, out);
    fputs("<title>", out), text_write_html(report->title, out), fputs("</title>\n", out);
    fputs(styles, out);
    fputs("</head>\n<body>\n<h1>", out), text_write_html(report->title, out);
    fputs("</h1>\n", out);
    write_paragraphs(report->method, out);
    write_table(report, out);
    err = write_plots(&plots, out);
    fputs("</body>\n</html>\n", out);
    plots_close(&plots);
    return err;
}

/* ---- file ------------------------------------------------------------------------------------ */

int report_write_page(const struct report *report, const char *path)
{
    char *page = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&page, &bytes);
    int code = EX_OSERR;

    if (out != NULL) {
        code = write_page(report, out) < 0 ? EX_UNAVAILABLE : 0;
        if (fclose(out) != 0)
            code = EX_OSERR;
    }
    if (code == 0)
        code = output_file_write(path, page, bytes);
    free(page);
    return code;
}
