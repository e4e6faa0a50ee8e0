/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include "bench.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#define EXIT_INTERRUPTED 130

static void write_json(const struct report *report, const char *path)
{
    FILE *file = fopen(path, "we");

    if (file == NULL)
        die(EX_CANTCREAT, "%s: %s", path, strerror(errno));
    report_write_json(report, file);
    if (fclose(file) != 0)
        die(EX_IOERR, "%s: %s", path, strerror(errno));
}

int output_write_as(const struct report *report, output_print *print, const char *json_path,
                    const char *page_path, bool has_failed)
{
    bool is_json_out = json_path != NULL && strcmp(json_path, "-") == 0;

    if (is_json_out)
        report_write_json(report, stdout);
    else
        print(report, stdout);
    if (json_path != NULL && !is_json_out)
        write_json(report, json_path);
    if (page_path != NULL && report_write_page(report, page_path) < 0)
        return EX_UNAVAILABLE;
    return is_interrupted() ? EXIT_INTERRUPTED : has_failed ? 1 : EX_OK;
}

int output_write(const struct report *report, const char *json_path, const char *page_path,
                 bool has_failed)
{
    return output_write_as(report, report_print, json_path, page_path, has_failed);
}
