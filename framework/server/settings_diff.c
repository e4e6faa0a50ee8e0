/* SPDX-License-Identifier: Apache-2.0 */
/* A walk along the tables over two structs at once. */
#include "settings_diff.h"

#include "alloc.h"
#include "setting_value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ABSENT  "absent"
#define PRESENT "present"

struct differ {
    const struct pl_modules *modules;
    struct pl_settings_diff *diff;
};

static const void *place_of(const struct pl_setting *row, const void *data)
{
    return (const char *)data + row->offset;
}

/* ---- values --------------------------------------------------------------------------------- */

/* What does not fit ends in an ellipsis of ASCII: it goes to logs. */
static void mark_cut(char *text, size_t size)
{
    text[size - 1] = '\0';
    if (strlen(text) == size - 1)
        memcpy(text + size - 4, "...", 3);
}

static void print_text(const struct pl_setting *row, const char *value, FILE *out)
{
    if (value == NULL && row->type != PL_SETTING_PATH)
        fputs("not set", out);
    else
        pl_setting_print_text(value, out);
}

static void print_texts(const struct pl_setting_list *list, FILE *out)
{
    fputc('[', out);
    for (uint32_t i = 0; i < list->count; i++) {
        fputs(i > 0 ? ", " : " ", out);
        pl_setting_print_text(((char *const *)list->items)[i], out);
    }
    fputs(" ]", out);
}

static int print_value(const struct pl_setting *row, const void *data, char *text, size_t size)
{
    FILE *out;

    memset(text, 0, size);
    if (row->type < PL_SETTING_TEXT || row->type == PL_SETTING_WORD) {
        pl_setting_format(row, data, text, size);
        return 0;
    }
    out = fmemopen(text, size, "w");
    if (out == NULL)
        return -ENOMEM;
    if (row->type == PL_SETTING_TEXTS)
        print_texts(place_of(row, data), out);
    else
        print_text(row, *(char *const *)place_of(row, data), out);
    (void)fclose(out); /* what does not fit is cut, and that is no error here */
    mark_cut(text, size);
    return 0;
}

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_same_value(const struct pl_setting *row, const void *before, const void *after)
{
    const struct pl_setting_list *old_list = place_of(row, before);
    const struct pl_setting_list *new_list = place_of(row, after);
    char old_text[128], new_text[128];
    bool is_same;

    if (row->type == PL_SETTING_TEXT || row->type == PL_SETTING_PATH)
        return is_same_text(*(char *const *)place_of(row, before),
                            *(char *const *)place_of(row, after));
    if (row->type != PL_SETTING_TEXTS) {
        pl_setting_format(row, before, old_text, sizeof(old_text));
        pl_setting_format(row, after, new_text, sizeof(new_text));
        return strcmp(old_text, new_text) == 0;
    }
    is_same = old_list->count == new_list->count;
    for (uint32_t i = 0; i < old_list->count && is_same; i++)
        is_same =
            strcmp(((char *const *)old_list->items)[i], ((char *const *)new_list->items)[i]) == 0;
    return is_same;
}

/* ---- changes -------------------------------------------------------------------------------- */

static struct pl_settings_change *add(struct differ *differ, const char *prefix, const char *name,
                                      bool is_live)
{
    struct pl_settings_diff *diff = differ->diff;
    struct pl_settings_change *change;

    if (diff->count == diff->room) {
        uint32_t room = diff->room == 0 ? 8 : 2 * diff->room;
        struct pl_settings_change *changes = pl_alloc(room * sizeof(*changes));

        if (changes == NULL)
            return NULL;
        if (diff->count > 0)
            memcpy(changes, diff->changes, diff->count * sizeof(*changes));
        pl_free(diff->changes);
        diff->changes = changes;
        diff->room = room;
    }
    change = &diff->changes[diff->count++];
    snprintf(change->key, sizeof(change->key), "%s%s", prefix, name);
    change->is_live = is_live;
    return change;
}

static int add_value(struct differ *differ, const struct pl_setting *row, const char *prefix,
                     const void *before, const void *after)
{
    struct pl_settings_change *change;
    int err;

    if (is_same_value(row, before, after))
        return 0;
    change = add(differ, prefix, row->name, row->is_live);
    if (change == NULL)
        return -ENOMEM;
    err = print_value(row, before, change->before, sizeof(change->before));
    return err < 0 ? err : print_value(row, after, change->after, sizeof(change->after));
}

static int add_presence(struct differ *differ, const char *prefix, const char *name, bool is_live,
                        bool is_present)
{
    struct pl_settings_change *change = add(differ, prefix, name, is_live);

    if (change == NULL)
        return -ENOMEM;
    snprintf(change->before, sizeof(change->before), "%s", is_present ? ABSENT : PRESENT);
    snprintf(change->after, sizeof(change->after), "%s", is_present ? PRESENT : ABSENT);
    return 0;
}

/* ---- the walk ------------------------------------------------------------------------------- */

static int diff_rows(struct differ *differ, const struct pl_setting *rows, const char *prefix,
                     const void *before, const void *after);

static int diff_group(struct differ *differ, const struct pl_setting *row, const char *prefix,
                      const void *before, const void *after)
{
    char name[PL_CHANGE_TEXT_BYTES];
    bool was_seen = row->seen_offset == 0 || *((const bool *)before + row->seen_offset);
    bool is_seen = row->seen_offset == 0 || *((const bool *)after + row->seen_offset);
    int err = 0;

    if (was_seen != is_seen)
        err = add_presence(differ, prefix, row->name, row->is_live, is_seen);
    /* One that follows another group changes with it. */
    if (err < 0 || (!was_seen && !is_seen))
        return err;
    snprintf(name, sizeof(name), "%s%s.", prefix, row->name);
    return diff_rows(differ, row->rows, name, place_of(row, before), place_of(row, after));
}

static const char *name_of(const struct pl_setting *row, const struct pl_setting_list *list,
                           uint32_t index)
{
    const char *item = (const char *)list->items + index * row->item_bytes;

    return *(char *const *)place_of(&row->rows[0], item);
}

bool pl_settings_is_named(const struct pl_setting *row)
{
    return row->rows[0].type == PL_SETTING_TEXT && strcmp(row->rows[0].name, "name") == 0;
}

void *pl_settings_find_named(const struct pl_setting *row, const struct pl_setting_list *list,
                             const char *name)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (is_same_text(name_of(row, list, i), name))
            return (char *)list->items + i * row->item_bytes;
    return NULL;
}

static void *find_item(const struct pl_setting *row, const struct pl_setting_list *list,
                       uint32_t index, const char *name)
{
    if (name != NULL)
        return pl_settings_find_named(row, list, name);
    return index < list->count ? (char *)list->items + index * row->item_bytes : NULL;
}

/* The items of one list that the other has as well, or has not. */
static int diff_items(struct differ *differ, const struct pl_setting *row, const char *prefix,
                      const struct pl_setting_list *list, const struct pl_setting_list *other,
                      bool is_newer)
{
    int err = 0;

    for (uint32_t i = 0; i < list->count && err == 0; i++) {
        const char *name = pl_settings_is_named(row) ? name_of(row, list, i) : NULL;
        const char *item = (const char *)list->items + i * row->item_bytes;
        const void *pair = find_item(row, other, i, name);
        char number[16], inner[PL_CHANGE_TEXT_BYTES];

        snprintf(number, sizeof(number), "%u", i);
        snprintf(inner, sizeof(inner), "%s%s.%s", prefix, row->name, name != NULL ? name : number);
        if (pair == NULL) {
            err = add_presence(differ, inner, "", row->is_live, is_newer);
            continue;
        }
        strncat(inner, ".", sizeof(inner) - strlen(inner) - 1);
        if (is_newer)
            err = diff_rows(differ, row->rows, inner, pair, item);
    }
    return err;
}

static int diff_list(struct differ *differ, const struct pl_setting *row, const char *prefix,
                     const void *before, const void *after)
{
    const struct pl_setting_list *old_list = place_of(row, before);
    const struct pl_setting_list *new_list = place_of(row, after);
    int err = diff_items(differ, row, prefix, old_list, new_list, false);

    return err < 0 ? err : diff_items(differ, row, prefix, new_list, old_list, true);
}

/* Two protocols have nothing to compare: that the protocol is another says it. */
static int diff_module(struct differ *differ, const struct pl_setting *rows,
                       const struct pl_setting *row, const char *prefix, const void *before,
                       const void *after)
{
    const struct pl_protocol *protocol = pl_settings_module_of(rows, before, differ->modules);
    const void *old_module = *(void *const *)place_of(row, before);
    const void *new_module = *(void *const *)place_of(row, after);
    char name[PL_CHANGE_TEXT_BYTES];

    if (pl_settings_module_of(rows, after, differ->modules) != protocol || old_module == NULL ||
        new_module == NULL)
        return 0;
    snprintf(name, sizeof(name), "%s%s.", prefix, protocol->name);
    return diff_rows(differ, pl_settings_of_protocol(protocol), name, old_module, new_module);
}

static int diff_rows(struct differ *differ, const struct pl_setting *rows, const char *prefix,
                     const void *before, const void *after)
{
    int err = 0;

    for (const struct pl_setting *row = rows; row->name != NULL && err == 0; row++) {
        if (row->type == PL_SETTING_GROUP)
            err = diff_group(differ, row, prefix, before, after);
        else if (row->type == PL_SETTING_LIST)
            err = diff_list(differ, row, prefix, before, after);
        else if (row->type == PL_SETTING_MODULE)
            err = diff_module(differ, rows, row, prefix, before, after);
        else if (row->type != PL_SETTING_INCLUDE)
            err = add_value(differ, row, prefix, before, after);
    }
    return err;
}

int pl_settings_diff(const struct pl_settings_schema *schema, const struct pl_settings *before,
                     const struct pl_settings *after, struct pl_settings_diff *ret_diff)
{
    struct differ differ = { .modules = &schema->modules, .diff = ret_diff };

    *ret_diff = (struct pl_settings_diff){ .count = 0 };
    return diff_rows(&differ, schema->rows, "", before, after);
}

void pl_settings_diff_free(struct pl_settings_diff *diff)
{
    pl_free(diff->changes);
    *diff = (struct pl_settings_diff){ .count = 0 };
}

/* Without memory they count as different. */
bool pl_settings_is_same(const struct pl_setting *rows, const struct pl_modules *modules,
                         const void *a, const void *b)
{
    struct pl_settings_diff diff = { .count = 0 };
    struct differ differ = { .modules = modules, .diff = &diff };
    bool is_same = diff_rows(&differ, rows, "", a, b) == 0 && diff.count == 0;

    pl_settings_diff_free(&diff);
    return is_same;
}
