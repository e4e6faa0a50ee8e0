/* SPDX-License-Identifier: Apache-2.0 */
#include "settings_tree.h"

#include "alloc.h"
#include "assert.h"
#include "setting_value.h"

#include <paceline/protocol.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static void *place_of(const struct pl_setting *row, void *data)
{
    return (char *)data + row->offset;
}

static const void *const_place_of(const struct pl_setting *row, const void *data)
{
    return (const char *)data + row->offset;
}

/* A MODULE row stands for the table of the protocol that the struct's `protocol` key names. */
const struct pl_protocol *pl_settings_module_of(const struct pl_setting *rows, const void *data,
                                                const struct pl_modules *modules)
{
    for (const struct pl_setting *row = rows; row->name != NULL; row++)
        if (strcmp(row->name, "protocol") == 0)
            return modules->protocols[*(const int *)const_place_of(row, data)];
    return NULL;
}

const struct pl_setting *pl_settings_of_protocol(const struct pl_protocol *protocol)
{
    static const struct pl_setting none[] = { { .name = NULL } };

    return protocol->settings != NULL ? protocol->settings : none;
}

int pl_settings_fill(const struct pl_setting *rows, void *data)
{
    for (const struct pl_setting *row = rows; row->name != NULL; row++) {
        char problem[256];
        int err = 0;

        if (row->type == PL_SETTING_GROUP)
            err = pl_settings_fill(row->rows, place_of(row, data));
        else if (row->by_default != NULL && pl_setting_is_scalar(row))
            err = pl_setting_parse(row, row->by_default, data, problem, sizeof(problem));
        PL_ASSERT(err != -EINVAL); /* a default that its own row refuses */
        if (err < 0)
            return err;
    }
    return 0;
}

static void free_list(const struct pl_setting *row, void *data, const struct pl_modules *modules)
{
    struct pl_setting_list *list = place_of(row, data);

    for (uint32_t i = 0; i < list->count; i++) {
        void *item = (char *)list->items + i * row->item_bytes;

        if (row->type != PL_SETTING_LIST)
            pl_free(*(char **)item);
        else
            pl_settings_free(row->rows, item, modules);
    }
    pl_free(list->items);
    *list = (struct pl_setting_list){ .items = NULL };
}

static void free_module(const struct pl_setting *rows, const struct pl_setting *row, void *data,
                        const struct pl_modules *modules)
{
    void **place = place_of(row, data);
    const struct pl_protocol *protocol = pl_settings_module_of(rows, data, modules);

    if (*place != NULL)
        pl_settings_free(pl_settings_of_protocol(protocol), *place, modules);
    pl_free(*place);
    *place = NULL;
}

void pl_settings_free(const struct pl_setting *rows, void *data, const struct pl_modules *modules)
{
    for (const struct pl_setting *row = rows; row->name != NULL; row++) {
        switch (row->type) {
        case PL_SETTING_TEXT:
        case PL_SETTING_PATH:
            pl_free(*(char **)place_of(row, data));
            *(char **)place_of(row, data) = NULL;
            break;
        case PL_SETTING_GROUP:
            pl_settings_free(row->rows, place_of(row, data), modules);
            break;
        case PL_SETTING_LIST:
        case PL_SETTING_TEXTS:
        case PL_SETTING_INCLUDE:
            free_list(row, data, modules);
            break;
        case PL_SETTING_MODULE:
            free_module(rows, row, data, modules);
            break;
        case PL_SETTING_BOOL:
        case PL_SETTING_COUNT:
        case PL_SETTING_BYTES:
        case PL_SETTING_DURATION:
        case PL_SETTING_MODE:
        case PL_SETTING_WORD:
            break;
        }
    }
}

/* ---- printing ----------------------------------------------------------------------------------
 */

static void print_list(const struct pl_setting *row, const void *data,
                       const struct pl_modules *modules, int indent, FILE *out)
{
    const struct pl_setting_list *list = const_place_of(row, data);

    fprintf(out, "%*s%s:%s\n", indent, "", row->name, list->count == 0 ? " []" : "");
    for (uint32_t i = 0; i < list->count; i++) {
        const char *item = (const char *)list->items + i * row->item_bytes;

        if (row->type == PL_SETTING_TEXTS) {
            fprintf(out, "%*s- ", indent + 2, "");
            pl_setting_print_text(*(char *const *)(const void *)item, out);
            fputc('\n', out);
        } else {
            fprintf(out, "%*s-\n", indent + 2, "");
            pl_settings_print(row->rows, item, modules, indent + 4, out);
        }
    }
}

/* What was included stands in the other keys. */
static void print_included(const struct pl_setting *row, const void *data, int indent, FILE *out)
{
    const struct pl_setting_list *list = const_place_of(row, data);

    for (uint32_t i = 1; i < list->count; i++)
        fprintf(out, "%*s# included: %s\n", indent, "", ((char *const *)list->items)[i]);
}

static void print_text(const struct pl_setting *row, const void *data, int indent, FILE *out)
{
    const char *value = *(char *const *)const_place_of(row, data);

    if (value == NULL && row->type != PL_SETTING_PATH) {
        fprintf(out, "%*s# %s: not set\n", indent, "", row->name);
        return;
    }
    fprintf(out, "%*s%s: ", indent, "", row->name);
    pl_setting_print_text(value, out); /* an empty path reads as none */
    fputc('\n', out);
}

static void print_scalar(const struct pl_setting *row, const void *data, int indent, FILE *out)
{
    char text[256];

    pl_setting_format(row, data, text, sizeof(text));
    fprintf(out, "%*s%s: %s\n", indent, "", row->name, text);
}

void pl_settings_print(const struct pl_setting *rows, const void *data,
                       const struct pl_modules *modules, int indent, FILE *out)
{
    for (const struct pl_setting *row = rows; row->name != NULL; row++) {
        const struct pl_protocol *module;

        switch (row->type) {
        case PL_SETTING_GROUP:
            fprintf(out, "%*s%s:\n", indent, "", row->name);
            pl_settings_print(row->rows, const_place_of(row, data), modules, indent + 2, out);
            break;
        case PL_SETTING_LIST:
        case PL_SETTING_TEXTS:
            print_list(row, data, modules, indent, out);
            break;
        case PL_SETTING_INCLUDE:
            print_included(row, data, indent, out);
            break;
        case PL_SETTING_MODULE:
            module = pl_settings_module_of(rows, data, modules);
            fprintf(out, "%*s%s:\n", indent, "", module->name);
            pl_settings_print(pl_settings_of_protocol(module),
                              *(void *const *)const_place_of(row, data), modules, indent + 2, out);
            break;
        case PL_SETTING_BOOL:
        case PL_SETTING_COUNT:
        case PL_SETTING_BYTES:
        case PL_SETTING_DURATION:
        case PL_SETTING_MODE:
        case PL_SETTING_WORD:
            print_scalar(row, data, indent, out);
            break;
        case PL_SETTING_TEXT:
        case PL_SETTING_PATH:
            print_text(row, data, indent, out);
            break;
        }
    }
}

static const char *when(const struct pl_setting *row)
{
    return row->is_live ? "live" : "start";
}

static void print_manual_row(const struct pl_setting *row, const char *prefix, FILE *out)
{
    const char *quote = row->by_default != NULL ? "`" : "";
    char wanted[256];

    pl_setting_describe(row, wanted, sizeof(wanted));
    fprintf(out, "| `%s%s` | %s%s%s | %s | %s | %s |\n", prefix, row->name, quote,
            row->by_default != NULL ? row->by_default : "none", quote, wanted, when(row),
            row->help);
}

void pl_settings_manual(const struct pl_setting *rows, const struct pl_modules *modules,
                        const char *prefix, FILE *out)
{
    for (const struct pl_setting *row = rows; row->name != NULL; row++) {
        bool is_list = row->type == PL_SETTING_LIST;
        char name[128];

        if (row->type == PL_SETTING_MODULE) {
            for (size_t i = 0; i < modules->count; i++) {
                snprintf(name, sizeof(name), "%s%s.", prefix, modules->protocols[i]->name);
                pl_settings_manual(pl_settings_of_protocol(modules->protocols[i]), modules, name,
                                   out);
            }
            continue;
        }
        if (row->type != PL_SETTING_GROUP && !is_list) {
            print_manual_row(row, prefix, out);
            continue;
        }
        fprintf(out, "| `%s%s%s` | | | %s%s%s |\n", prefix, row->name, is_list ? "[]" : "",
                is_list || row->inherits_from != 0 ? when(row) : "",
                is_list || row->inherits_from != 0 ? " | " : "| ", row->help);
        if (row->inherits_from != 0)
            continue; /* its keys stand where they come from */
        snprintf(name, sizeof(name), "%s%s%s.", prefix, row->name, is_list ? "[]" : "");
        pl_settings_manual(row->rows, modules, name, out);
    }
}
