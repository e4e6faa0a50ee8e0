/* SPDX-License-Identifier: Apache-2.0 */
#include "setting_value.h"

#include "alloc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first: a value is shown in the largest unit that divides it. */
static const struct unit byte_units[] = {
    { "GiB", 1024 * 1024 * 1024 }, { "MiB", 1024 * 1024 }, { "KiB", 1024 }, { "B", 1 }, { NULL, 0 },
};
static const struct unit duration_units[] = {
    { "h", 3600000000 }, { "min", 60000000 }, { "s", 1000000 },
    { "ms", 1000 },      { "us", 1 },         { NULL, 0 },
};

bool pl_setting_is_scalar(const struct pl_setting *row)
{
    return row->type <= PL_SETTING_WORD;
}

size_t pl_setting_word_length(const char *spellings)
{
    return strcspn(spellings, "|");
}

static bool parse_number(const char *text, int base, int64_t *ret_number, const char **ret_end)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *ret_number = strtoll(text, &end, base);
    *ret_end = end;
    return errno == 0 && end != text;
}

static bool parse_with_unit(const char *text, const struct unit *units, int64_t *ret_value)
{
    const char *end;
    int64_t number;

    if (!parse_number(text, 10, &number, &end))
        return false;
    for (; units->name != NULL; units++)
        if (strcmp(end, units->name) == 0 && number <= INT64_MAX / units->factor) {
            *ret_value = number * units->factor;
            return true;
        }
    /* Nothing and no unit: only zero needs none. */
    *ret_value = 0;
    return number == 0 && *end == '\0';
}

static bool parse_word(const struct pl_setting *row, const char *text, int64_t *ret_value)
{
    size_t length = strlen(text);

    for (int i = 0; row->words[i] != NULL; i++)
        for (const char *at = row->words[i]; *at != '\0';) {
            size_t word = pl_setting_word_length(at);

            if (word == length && memcmp(at, text, length) == 0) {
                *ret_value = i;
                return true;
            }
            at += word;
            at += *at == '|';
        }
    return false;
}

static bool parse_bool(const char *text, int64_t *ret_value)
{
    static const char *const words[] = { "false", "no", "off", "true", "yes", "on" };

    for (int i = 0; i < 6; i++)
        if (strcmp(text, words[i]) == 0) {
            *ret_value = i >= 3;
            return true;
        }
    return false;
}

static bool parse_integer(const struct pl_setting *row, const char *text, int64_t *ret_value)
{
    const char *end = "";

    switch (row->type) {
    case PL_SETTING_BOOL:
        return parse_bool(text, ret_value);
    case PL_SETTING_COUNT:
        return parse_number(text, 10, ret_value, &end) && *end == '\0' && *ret_value < UINT32_MAX;
    case PL_SETTING_MODE:
        return parse_number(text, 8, ret_value, &end) && *end == '\0' && *ret_value <= 07777;
    case PL_SETTING_BYTES:
        return parse_with_unit(text, byte_units, ret_value);
    case PL_SETTING_DURATION:
        return parse_with_unit(text, duration_units, ret_value);
    case PL_SETTING_WORD:
        return parse_word(row, text, ret_value);
    case PL_SETTING_TEXT:
    case PL_SETTING_PATH:
    case PL_SETTING_GROUP:
    case PL_SETTING_LIST:
    case PL_SETTING_TEXTS:
    case PL_SETTING_MODULE:
    case PL_SETTING_INCLUDE:
        break;
    }
    return false;
}

static void store(const struct pl_setting *row, int64_t value, void *data)
{
    void *place = (char *)data + row->offset;

    switch (row->type) {
    case PL_SETTING_BOOL:
        *(bool *)place = value != 0;
        break;
    case PL_SETTING_COUNT:
    case PL_SETTING_MODE:
        *(uint32_t *)place = (uint32_t)value;
        break;
    case PL_SETTING_BYTES:
        *(uint64_t *)place = (uint64_t)value;
        break;
    case PL_SETTING_DURATION:
        *(int64_t *)place = value;
        break;
    case PL_SETTING_WORD:
        *(int *)place = (int)value;
        break;
    case PL_SETTING_TEXT:
    case PL_SETTING_PATH:
    case PL_SETTING_GROUP:
    case PL_SETTING_LIST:
    case PL_SETTING_TEXTS:
    case PL_SETTING_MODULE:
    case PL_SETTING_INCLUDE:
        break;
    }
}

static int64_t load(const struct pl_setting *row, const void *data)
{
    const void *place = (const char *)data + row->offset;

    switch (row->type) {
    case PL_SETTING_BOOL:
        return *(const bool *)place;
    case PL_SETTING_COUNT:
    case PL_SETTING_MODE:
        return *(const uint32_t *)place;
    case PL_SETTING_BYTES:
        return (int64_t) * (const uint64_t *)place;
    case PL_SETTING_DURATION:
        return *(const int64_t *)place;
    case PL_SETTING_WORD:
        return *(const int *)place;
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

/* `auto`: stored as the type's largest value. */
static bool is_auto(const struct pl_setting *row)
{
    return row->type == PL_SETTING_COUNT && row->words != NULL;
}

static int parse_text(const struct pl_setting *row, const char *text, void *data)
{
    char **place = (char **)(void *)((char *)data + row->offset);
    bool is_none = row->type == PL_SETTING_PATH && text[0] == '\0';
    char *copy = is_none ? NULL : pl_alloc_string(text);

    if (copy == NULL && !is_none)
        return -ENOMEM;
    pl_free(*place);
    *place = copy;
    return 0;
}

static void format_with_unit(int64_t value, const struct unit *units, char *text, size_t size)
{
    while (value % units->factor != 0 || (value == 0 && units[1].name != NULL))
        units++;
    snprintf(text, size, "%" PRId64 "%s", value / units->factor, units->name);
}

/* A bound is said in the unit it would be written in. */
static void format_integer(const struct pl_setting *row, int64_t value, char *text, size_t size)
{
    switch (row->type) {
    case PL_SETTING_BOOL:
        snprintf(text, size, "%s", value != 0 ? "true" : "false");
        break;
    case PL_SETTING_MODE:
        snprintf(text, size, "%04" PRIo64, (uint64_t)value);
        break;
    case PL_SETTING_BYTES:
        format_with_unit(value, byte_units, text, size);
        break;
    case PL_SETTING_DURATION:
        format_with_unit(value, duration_units, text, size);
        break;
    case PL_SETTING_WORD:
        snprintf(text, size, "%.*s", (int)pl_setting_word_length(row->words[value]),
                 row->words[value]);
        break;
    case PL_SETTING_COUNT:
    case PL_SETTING_TEXT:
    case PL_SETTING_PATH:
    case PL_SETTING_GROUP:
    case PL_SETTING_LIST:
    case PL_SETTING_TEXTS:
    case PL_SETTING_MODULE:
    case PL_SETTING_INCLUDE:
        snprintf(text, size, "%" PRId64, value);
        break;
    }
}

static void describe_words(const struct pl_setting *row, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "one of");

    for (int i = 0; row->words[i] != NULL && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s %.*s", i > 0 ? "," : "",
                                 (int)pl_setting_word_length(row->words[i]), row->words[i]);
}

static const char *kind_of(const struct pl_setting *row)
{
    switch (row->type) {
    case PL_SETTING_BOOL:
        return "true or false";
    case PL_SETTING_COUNT:
        return row->words != NULL ? "auto or a whole number" : "a whole number";
    case PL_SETTING_MODE:
        return "permission bits such as 0660";
    case PL_SETTING_BYTES:
        return "bytes with their unit, such as 64KiB";
    case PL_SETTING_DURATION:
        return "a duration with its unit, such as 10s or 150us";
    case PL_SETTING_TEXT:
        return "a text";
    case PL_SETTING_PATH:
        return "a path";
    case PL_SETTING_TEXTS:
        return "a list of texts";
    case PL_SETTING_INCLUDE:
        return "a path, with wildcards or not, or a list of paths";
    case PL_SETTING_LIST:
        return "a list";
    case PL_SETTING_WORD:
    case PL_SETTING_GROUP:
    case PL_SETTING_MODULE:
        break;
    }
    return "a group of keys";
}

void pl_setting_describe(const struct pl_setting *row, char *text, size_t size)
{
    char low[32], high[32];

    if (row->type == PL_SETTING_WORD) {
        describe_words(row, text, size);
        return;
    }
    if (row->min == 0 && row->max == 0) {
        snprintf(text, size, "%s", kind_of(row));
        return;
    }
    format_integer(row, row->min, low, sizeof(low));
    format_integer(row, row->max, high, sizeof(high));
    snprintf(text, size, "%s, from %s to %s", kind_of(row), low, high);
}

int pl_setting_parse(const struct pl_setting *row, const char *text, void *data, char *problem,
                     size_t problem_size)
{
    char wanted[256];
    int64_t value;

    if (row->type == PL_SETTING_TEXT || row->type == PL_SETTING_PATH)
        return parse_text(row, text, data);
    if (is_auto(row) && strcmp(text, row->words[0]) == 0) {
        store(row, UINT32_MAX, data);
        return 0;
    }
    if (parse_integer(row, text, &value) &&
        ((row->min == 0 && row->max == 0) || (value >= row->min && value <= row->max))) {
        store(row, value, data);
        return 0;
    }
    pl_setting_describe(row, wanted, sizeof(wanted));
    snprintf(problem, problem_size, "'%s': expected %s, not '%.60s'", row->name, wanted, text);
    return -EINVAL;
}

void pl_setting_print_text(const char *value, FILE *out)
{
    fputc('"', out);
    for (; value != NULL && *value != '\0'; value++) {
        unsigned char byte = (unsigned char)*value;

        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte == '\n' || byte == '\t')
            fputs(byte == '\n' ? "\\n" : "\\t", out);
        else if (byte < 0x20 || byte == 0x7f) /* what YAML takes only in this form */
            fprintf(out, "\\x%02x", byte);
        else
            fputc(byte, out);
    }
    fputc('"', out);
}

void pl_setting_format(const struct pl_setting *row, const void *data, char *text, size_t size)
{
    int64_t value;

    value = load(row, data);
    if (is_auto(row) && value == UINT32_MAX)
        snprintf(text, size, "%s", row->words[0]);
    else
        format_integer(row, value, text, size);
}
