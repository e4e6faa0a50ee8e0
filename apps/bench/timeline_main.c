/* SPDX-License-Identifier: Apache-2.0 */
/* paceline-bench timeline: a record of an application's threads, and its picture. */
#include "timeline_run.h"

#include "bench.h"
#include "output_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static struct timeline_run run;

/* In memory first: a record that cannot be drawn leaves no half picture. */
static int draw(FILE *record, const char *name)
{
    struct timeline_options options = { .title = run.title[0] == '\0' ? NULL : run.title,
                                        .from_ms = (double)NAN,
                                        .length_ms = run.length_ms };
    char *svg = NULL;
    size_t length;
    FILE *out = open_memstream(&svg, &length);
    int code;

    if (out == NULL)
        die(EX_OSERR, "out of memory");
    code = timeline_draw(record, name, out, &options);
    if (fclose(out) != 0 && code == 0)
        code = EX_OSERR;
    if (code == 0)
        code = output_file_write(run.out_path, svg, length);
    free(svg);
    return code;
}

static int draw_given(void)
{
    bool is_stdin = strcmp(run.drawn_path, "-") == 0;
    FILE *record = is_stdin ? stdin : fopen(run.drawn_path, "re");
    int code;

    if (record == NULL)
        die(EX_NOINPUT, "%s: %s", run.drawn_path, strerror(errno));
    run.title[0] = '\0'; /* whose record it is, it does not say */
    code = draw(record, is_stdin ? "standard input" : run.drawn_path);
    if (!is_stdin)
        fclose(record);
    return code;
}

static int keep(FILE *record, const char *path)
{
    char *text = NULL;
    size_t room = 0;
    ssize_t length = getdelim(&text, &room, '\0', record);
    int code = length < 0 ? 0 : output_file_write(path, text, (size_t)length);

    free(text);
    rewind(record);
    return code;
}

int timeline_main(int argc, char **argv)
{
    const char *program, *config;
    FILE *record = NULL;
    int code;

    timeline_read_options(&run, &program, &config, argc, argv);
    if (run.drawn_path != NULL)
        return draw_given();
    signals_catch();
    app_open(&run.app, program, config, true);
    app_check_choice(&run.app, "model", &run.choice);
    code = timeline_record(&run, &record);
    app_close(&run.app);
    if (code != 0)
        return code;
    if (run.record_path != NULL)
        code = keep(record, run.record_path);
    if (code == 0)
        code = draw(record, "the record");
    fclose(record);
    return code;
}
