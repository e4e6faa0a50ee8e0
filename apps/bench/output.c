/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include "bench.h"
#include "output_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static int write_json(const struct report *report, const char *path)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    int code;

    if (out == NULL)
        die(EX_OSERR, "out of memory");
    report_write_json(report, out);
    if (fclose(out) != 0)
        die(EX_OSERR, "out of memory");
    code = output_file_write(path, text, length);
    free(text);
    return code;
}

static int show(const struct report *report, output_print *print)
{
    print(report, stdout);
    return output_file_write(NULL, "", 0);
}

int output_write_as(const struct report *report, output_print *print, const char *json_path,
                    const char *page_path, bool has_failed)
{
    bool is_json_out = json_path != NULL && strcmp(json_path, "-") == 0;
    int code = is_json_out ? 0 : show(report, print);

    if (json_path != NULL) {
        int err = write_json(report, json_path);

        code = code == 0 ? err : code;
    }
    if (page_path != NULL) {
        int err = report_write_page(report, page_path);

        code = code == 0 ? err : code;
    }
    if (code != 0)
        return code;
    return is_interrupted() ? EXIT_INTERRUPTED : has_failed ? 1 : EX_OK;
}

int output_write(const struct report *report, const char *json_path, const char *page_path,
                 bool has_failed)
{
    return output_write_as(report, report_print, json_path, page_path, has_failed);
}
