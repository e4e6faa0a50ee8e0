/* SPDX-License-Identifier: Apache-2.0 */
/* Values that apply only at the start stay what they were: copied, so that either settings may be
 * freed first. */
#include "settings_diff.h"

#include "alloc.h"
#include "assert.h"

#include <paceline/protocol.h>

#include <errno.h>
#include <string.h>

static const void *from(const struct pl_setting *row, const void *data)
{
    return (const char *)data + row->offset;
}

static void *into(const struct pl_setting *row, void *data)
{
    return (char *)data + row->offset;
}

static size_t bytes_of(const struct pl_setting *row)
{
    switch (row->type) {
    case PL_SETTING_BOOL:
        return sizeof(bool);
    case PL_SETTING_COUNT:
    case PL_SETTING_MODE:
        return sizeof(uint32_t);
    case PL_SETTING_BYTES:
        return sizeof(uint64_t);
    case PL_SETTING_DURATION:
        return sizeof(int64_t);
    case PL_SETTING_WORD:
        return sizeof(int);
    case PL_SETTING_TEXT:
    case PL_SETTING_PATH:
    case PL_SETTING_GROUP:
    case PL_SETTING_LIST:
    case PL_SETTING_TEXTS:
    case PL_SETTING_MODULE:
    case PL_SETTING_INCLUDE:
        break;
    }
    return 0;
}

static int copy_rows(const struct pl_setting *rows, const struct pl_modules *modules,
                     const void *before, void *after);

static int copy_text(const char *text, char **place)
{
    pl_free(*place);
    *place = text == NULL ? NULL : pl_alloc_string(text);
    return text != NULL && *place == NULL ? -ENOMEM : 0;
}

/* Where the items stood is left out: it names a file of settings that may be freed first. */
static int copy_list(const struct pl_setting *row, const struct pl_modules *modules,
                     const void *before, void *after)
{
    const struct pl_setting rows[2] = { *row, { .name = NULL } };
    const struct pl_setting_list *old_list = from(row, before);
    struct pl_setting_list *new_list = into(row, after);
    int err = 0;

    pl_settings_free(rows, after, modules);
    if (old_list->count == 0)
        return 0;
    new_list->items = pl_alloc(old_list->count * row->item_bytes);
    if (new_list->items == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < old_list->count && err == 0; i++) {
        const void *old_item = (const char *)old_list->items + i * row->item_bytes;
        void *new_item = (char *)new_list->items + i * row->item_bytes;

        new_list->count++;
        err = row->type == PL_SETTING_TEXTS ? copy_text(*(char *const *)old_item, new_item)
                                            : copy_rows(row->rows, modules, old_item, new_item);
    }
    return err;
}

static int copy_module(const struct pl_setting *rows, const struct pl_setting *row,
                       const struct pl_modules *modules, const void *before, void *after)
{
    const struct pl_protocol *protocol = pl_settings_module_of(rows, before, modules);
    void **place = into(row, after);

    PL_ASSERT(*place == NULL);
    *place = pl_alloc(protocol->settings_bytes);
    if (*place == NULL)
        return -ENOMEM;
    return copy_rows(pl_settings_of_protocol(protocol), modules, *(void *const *)from(row, before),
                     *place);
}

static int copy_row(const struct pl_setting *rows, const struct pl_setting *row,
                    const struct pl_modules *modules, const void *before, void *after)
{
    switch (row->type) {
    case PL_SETTING_BOOL:
    case PL_SETTING_COUNT:
    case PL_SETTING_MODE:
    case PL_SETTING_BYTES:
    case PL_SETTING_DURATION:
    case PL_SETTING_WORD:
        memcpy(into(row, after), from(row, before), bytes_of(row));
        return 0;
    case PL_SETTING_TEXT:
    case PL_SETTING_PATH:
        return copy_text(*(char *const *)from(row, before), into(row, after));
    case PL_SETTING_GROUP:
        if (row->seen_offset != 0)
            *((bool *)after + row->seen_offset) = *((const bool *)before + row->seen_offset);
        return copy_rows(row->rows, modules, from(row, before), into(row, after));
    case PL_SETTING_LIST:
    case PL_SETTING_TEXTS:
        return copy_list(row, modules, before, after);
    case PL_SETTING_MODULE:
        return copy_module(rows, row, modules, before, after);
    case PL_SETTING_INCLUDE:
        break;
    }
    return 0;
}

/* Into a struct that is zeroed, or holds values of the same table. */
static int copy_rows(const struct pl_setting *rows, const struct pl_modules *modules,
                     const void *before, void *after)
{
    int err = 0;

    for (const struct pl_setting *row = rows; row->name != NULL && err == 0; row++)
        err = copy_row(rows, row, modules, before, after);
    return err;
}

/* ---- what is kept --------------------------------------------------------------------------- */

static int keep_rows(const struct pl_setting *rows, const struct pl_modules *modules,
                     const void *before, void *after);

/* Items that both have. */
static int keep_items(const struct pl_setting *row, const struct pl_modules *modules,
                      const void *before, void *after)
{
    const struct pl_setting_list *old_list = from(row, before);
    const struct pl_setting_list *new_list = from(row, after);
    int err = 0;

    for (uint32_t i = 0; i < new_list->count && err == 0; i++) {
        char *item = (char *)new_list->items + i * row->item_bytes;
        const void *old_item = NULL;

        if (pl_settings_is_named(row))
            old_item =
                pl_settings_find_named(row, old_list, *(char *const *)from(&row->rows[0], item));
        else if (i < old_list->count)
            old_item = (const char *)old_list->items + i * row->item_bytes;
        if (old_item != NULL)
            err = keep_rows(row->rows, modules, old_item, item);
    }
    return err;
}

static int keep_module(const struct pl_setting *rows, const struct pl_setting *row,
                       const struct pl_modules *modules, const void *before, void *after)
{
    const struct pl_protocol *protocol = pl_settings_module_of(rows, before, modules);

    if (pl_settings_module_of(rows, after, modules) != protocol)
        return 0;
    return keep_rows(pl_settings_of_protocol(protocol), modules, *(void *const *)from(row, before),
                     *(void **)into(row, after));
}

static int keep_rows(const struct pl_setting *rows, const struct pl_modules *modules,
                     const void *before, void *after)
{
    int err = 0;

    for (const struct pl_setting *row = rows; row->name != NULL && err == 0; row++) {
        if (row->type == PL_SETTING_GROUP)
            err = keep_rows(row->rows, modules, from(row, before), into(row, after));
        else if (row->type == PL_SETTING_MODULE)
            err = keep_module(rows, row, modules, before, after);
        else if (row->type == PL_SETTING_LIST && row->is_live)
            err = keep_items(row, modules, before, after);
        else if (!row->is_live)
            err = copy_row(rows, row, modules, before, after);
    }
    return err;
}

int pl_settings_keep(const struct pl_settings_schema *schema, const struct pl_settings *before,
                     struct pl_settings *after)
{
    return keep_rows(schema->rows, &schema->modules, before, after);
}
