/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plots by gnuplot: one script for all columns, run once. A plot is narrow enough for a phone, so
 * the name of a row stands above its bar, not beside it.
 */
#include "report_plot.h"

#include "report_text.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRIPT          "plots.gp"
#define PLOT_WIDTH      350
#define ROW_HEIGHT      36
#define AXIS_HEIGHT     34
#define NAME_WIDTH_MAX  30 /* beside the figure at the right */
#define GNUPLOT_MS_MAX  60000
#define FILE_NAME_BYTES (PATH_MAX + 32)

bool plots_has(const struct plots *plots, size_t column)
{
    for (size_t row = 0; row < plots->report->rows_count; row++)
        if (series_summary(&plots->report->rows[row].cells[column]).count > 0)
            return true;
    return false;
}

static const char *name_file(const struct plots *plots, const char *name,
                             char path[FILE_NAME_BYTES])
{
    snprintf(path, FILE_NAME_BYTES, "%s/%s", plots->folder, name);
    return path;
}

static const char *name_plot(const struct plots *plots, size_t column, char path[FILE_NAME_BYTES])
{
    snprintf(path, FILE_NAME_BYTES, "%s/%zu.svg", plots->folder, column);
    return path;
}

/* ---- the script ------------------------------------------------------------------------------ */

/* In single quotes gnuplot expands nothing; a quote is doubled, a control becomes a blank. */
static void write_quoted(const char *text, size_t width_max, FILE *script)
{
    size_t width = 0;

    fputc('\'', script);
    for (; *text != '\0'; text++) {
        bool begins = ((unsigned char)*text & 0xc0) != 0x80;

        if (begins && ++width > width_max) {
            fputs("…", script);
            break;
        }
        fputs(*text == '\'' ? "'" : "", script);
        fputc((unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text, script);
    }
    fputc('\'', script);
}

static double larger(double a, double b)
{
    return isfinite(b) ? fmax(a, b) : a;
}

static void write_ranges(const struct report *report, size_t column, FILE *script)
{
    double least = 0, most = 0;

    for (size_t row = 0; row < report->rows_count; row++) {
        struct summary summary = series_summary(&report->rows[row].cells[column]);

        most = larger(most, summary.high);
        most = larger(most, report->rows[row].targets[column]);
        least = -larger(-least, -summary.low);
    }
    if (most <= least)
        most = least + 1;
    fprintf(script, "set xrange [%.9g:%.9g]\nset yrange [%.9g:-0.55]\n", least,
            most + (most - least) * 0.04, (double)report->rows_count - 0.45);
}

static void write_labels(const struct report *report, size_t column, FILE *script)
{
    for (size_t row = 0; row < report->rows_count; row++) {
        struct cell_text text = report_cell(report, row, column);
        char figure[3 * CELL_TEXT_BYTES];

        snprintf(figure, sizeof(figure), "%s %s%s", text.median, text.spread, text.marks);
        fputs("set label ", script);
        write_quoted(report->rows[row].name, NAME_WIDTH_MAX, script);
        fprintf(script, " at graph 0, first %.9g left\nset label ", (double)row - 0.28);
        write_quoted(figure, sizeof(figure), script);
        fprintf(script, " at graph 1, first %.9g right\n", (double)row - 0.28);
    }
}

static void write_targets(const struct report *report, size_t column, FILE *script)
{
    for (size_t row = 0; row < report->rows_count; row++)
        if (isfinite(report->rows[row].targets[column]))
            fprintf(script,
                    "set arrow from first %.9g, first %.9g to first %.9g, first %.9g "
                    "nohead front lw 2.5 lc rgb '#d55e00'\n",
                    report->rows[row].targets[column], (double)row - 0.06,
                    report->rows[row].targets[column], (double)row + 0.42);
}

static void write_data(const struct report *report, size_t column, FILE *script)
{
    fputs("$rows << END\n", script);
    for (size_t row = 0; row < report->rows_count; row++) {
        struct summary summary = series_summary(&report->rows[row].cells[column]);

        if (summary.count > 0)
            fprintf(script, "%.9g %.9g %.9g %.9g\n", (double)row + 0.18, summary.median,
                    summary.low, summary.high);
    }
    fputs("END\n", script);
}

/* A bar from nought to the median, a point on its end, and whiskers to the quartiles. */
static void write_plot(const struct plots *plots, size_t column, FILE *script)
{
    const struct report *report = plots->report;
    char path[FILE_NAME_BYTES];

    fputs("unset label; unset arrow\n", script);
    fprintf(script, "set terminal svg size %d,%zu dynamic noenhanced font 'sans-serif,13'\n",
            PLOT_WIDTH, report->rows_count * ROW_HEIGHT + AXIS_HEIGHT);
    write_ranges(report, column, script);
    write_labels(report, column, script);
    write_targets(report, column, script);
    write_data(report, column, script);
    fputs("set output ", script);
    write_quoted(name_plot(plots, column, path), sizeof(path), script);
    fputs("\nplot $rows using ($2/2):1:(abs($2)/2):(0.17) with boxxyerror lc rgb '#2f87c8' fs "
          "solid 1 noborder, '' using 2:1:3:4 with xerrorbars pt 7 ps 0.5 lw 1.5 lc rgb "
          "'#000000'\nunset output\n",
          script);
}

static int write_script(const struct plots *plots, const char *path)
{
    FILE *script = fopen(path, "we");
    bool is_broken;

    if (script == NULL)
        return -1;
    fputs("set encoding utf8\nunset key\nset border 1\nset tics nomirror out "
          "scale 0.5\nunset ytics\nset lmargin 2\nset rmargin 2\nset tmargin 0.4\n"
          "set bmargin 2\n",
          script);
    for (size_t column = 0; column < plots->report->columns_count; column++)
        if (plots_has(plots, column))
            write_plot(plots, column, script);
    is_broken = ferror(script) != 0;
    return fclose(script) != 0 || is_broken ? -1 : 0;
}

/* ---- gnuplot --------------------------------------------------------------------------------- */

/* Ends it when it takes longer than anything it is asked for can take. */
static int wait_for(pid_t pid)
{
    struct pollfd one = { .fd = pidfd_open(pid, 0), .events = POLLIN };
    int status = 0;

    if (one.fd >= 0) {
        int ready;

        do
            ready = poll(&one, 1, GNUPLOT_MS_MAX);
        while (ready < 0 && errno == EINTR);
        if (ready == 0)
            kill(pid, SIGKILL);
        close(one.fd);
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static int run_gnuplot(const char *script)
{
    /* -d: no settings of the user's own. */
    char *const arguments[] = { (char[]){ "gnuplot" }, (char[]){ "-d" }, strdup(script), NULL };
    pid_t pid;
    int err = ENOMEM;

    if (arguments[2] != NULL)
        err = posix_spawnp(&pid, arguments[0], NULL, NULL, arguments, environ);
    free(arguments[2]);
    if (err == ENOENT) {
        fputs("gnuplot is missing, the page is not written: on Debian, apt-get install "
              "gnuplot-nox\n",
              stderr);
        return -1;
    }
    if (err != 0 || wait_for(pid) < 0) {
        fprintf(stderr, "gnuplot failed, the page is not written%s%s\n", err != 0 ? ": " : "",
                err != 0 ? strerror(err) : "");
        return -1;
    }
    return 0;
}

int plots_open(struct plots *plots, const struct report *report)
{
    const char *parent = getenv("TMPDIR");
    char script[FILE_NAME_BYTES];

    *plots = (struct plots){ .report = report };
    snprintf(plots->folder, sizeof(plots->folder), "%s/paceline-bench.XXXXXX",
             parent != NULL && parent[0] != '\0' ? parent : "/tmp");
    if (mkdtemp(plots->folder) == NULL) {
        fprintf(stderr, "%s: no folder for the plots: %s\n", plots->folder, strerror(errno));
        return -1;
    }
    if (write_script(plots, name_file(plots, SCRIPT, script)) < 0) {
        fprintf(stderr, "%s: cannot be written: %s\n", script, strerror(errno));
        goto remove_folder;
    }
    if (run_gnuplot(script) < 0)
        goto remove_folder;
    return 0;

remove_folder:
    plots_close(plots);
    return -1;
}

int plots_write(const struct plots *plots, size_t column, FILE *out)
{
    char path[FILE_NAME_BYTES], prefix[32];
    FILE *in = fopen(name_plot(plots, column, path), "re");
    int err = -1;

    snprintf(prefix, sizeof(prefix), "plot%zu-", column);
    if (in != NULL) {
        err = svg_inline(in, prefix, out);
        fclose(in);
    }
    if (err < 0)
        fprintf(stderr, "%s: gnuplot wrote no plot there, the page is not written\n", path);
    return err;
}

void plots_close(struct plots *plots)
{
    char path[FILE_NAME_BYTES];

    for (size_t column = 0; column < plots->report->columns_count; column++)
        unlink(name_plot(plots, column, path));
    unlink(name_file(plots, SCRIPT, path));
    rmdir(plots->folder);
}
