/* SPDX-License-Identifier: Apache-2.0 */
#include "http_range.h"

#include "http_body.h"

/* Ranges that share bytes with another one; from here on they are no honest mistake (14.2). */
#define OVERLAPS_MAX 2

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Digits at the beginning, which it skips; a number without end is the largest there is. */
static uint64_t take_number(struct pl_view *text)
{
    uint64_t number = 0;

    for (; text->length > 0 && is_digit(*text->bytes); text->bytes++, text->length--) {
        uint64_t digit = (uint64_t)(*text->bytes - '0');

        number = number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : number * 10 + digit;
    }
    return number;
}

static bool take_dash(struct pl_view *text)
{
    if (text->length == 0 || *text->bytes != '-')
        return false;
    text->bytes++;
    text->length--;
    return true;
}

enum spec { SPEC_WRONG, SPEC_FOUND, SPEC_OUTSIDE };

static enum spec clip(uint64_t first, uint64_t last, uint64_t size, struct http_range *ret_range)
{
    if (first >= size)
        return SPEC_OUTSIDE;
    if (last >= size)
        last = size - 1;
    *ret_range = (struct http_range){ .first = first, .length = last - first + 1 };
    return SPEC_FOUND;
}

/* -500: the last so many */
static enum spec read_suffix(struct pl_view text, uint64_t size, struct http_range *ret_range)
{
    uint64_t length;

    if (text.length == 0)
        return SPEC_WRONG;
    length = take_number(&text);
    if (text.length > 0)
        return SPEC_WRONG;
    if (length == 0)
        return SPEC_OUTSIDE;
    /* All of nothing is satisfiable (14.1.2), but no Content-Range can name it: 200 does. */
    if (size == 0)
        return SPEC_WRONG;
    return clip(length < size ? size - length : 0, UINT64_MAX, size, ret_range);
}

/* 0-499, or 500- to the end */
static enum spec read_spec(struct pl_view text, uint64_t size, struct http_range *ret_range)
{
    uint64_t first, last = UINT64_MAX;

    if (take_dash(&text))
        return read_suffix(text, size, ret_range);
    if (!is_digit(*text.bytes))
        return SPEC_WRONG;
    first = take_number(&text);
    if (!take_dash(&text))
        return SPEC_WRONG;
    if (text.length > 0)
        last = take_number(&text);
    if (text.length > 0 || last < first)
        return SPEC_WRONG;
    return clip(first, last, size, ret_range);
}

static bool overlap(const struct http_range *left, const struct http_range *right)
{
    return left->first < right->first + right->length && right->first < left->first + left->length;
}

static bool touch(const struct http_range *left, const struct http_range *right)
{
    return left->first <= right->first + right->length &&
           right->first <= left->first + left->length;
}

static bool overlaps_any(const struct http_range_set *set, const struct http_range *range)
{
    for (size_t i = 0; i < set->count; i++)
        if (overlap(&set->ranges[i], range))
            return true;
    return false;
}

static void widen(struct http_range *range, const struct http_range *other)
{
    uint64_t end = range->first + range->length;
    uint64_t other_end = other->first + other->length;

    if (other->first < range->first)
        range->first = other->first;
    range->length = (other_end > end ? other_end : end) - range->first;
}

static void remove_range(struct http_range_set *set, size_t index)
{
    set->count--;
    memmove(&set->ranges[index], &set->ranges[index + 1],
            (set->count - index) * sizeof(set->ranges[0]));
}

/* Joins what touches the range at `index`, which then may touch others. */
static void join(struct http_range_set *set, size_t index)
{
    for (size_t i = index + 1; i < set->count;) {
        if (touch(&set->ranges[index], &set->ranges[i])) {
            widen(&set->ranges[index], &set->ranges[i]);
            remove_range(set, i);
            i = index + 1;
        } else {
            i++;
        }
    }
}

/* The next element of a list, which may be empty. */
static struct pl_view take_element(struct pl_view *list)
{
    const char *comma = memchr(list->bytes, ',', list->length);
    struct pl_view element = { .bytes = list->bytes,
                               .length =
                                   comma == NULL ? list->length : (size_t)(comma - list->bytes) };
    size_t used = element.length + (comma != NULL);

    list->bytes += used;
    list->length -= used;
    return http_trim(element);
}

static bool take_unit(struct pl_view *value)
{
    static const char unit[] = "bytes=";
    size_t length = sizeof(unit) - 1;

    if (value->length < length ||
        !http_equals_ignoring_case((struct pl_view){ .bytes = value->bytes, .length = length },
                                   unit))
        return false;
    value->bytes += length;
    value->length -= length;
    return true;
}

enum http_ranges http_read_ranges(struct pl_view value, uint64_t size, size_t ranges_max,
                                  struct http_range_set *ret_set)
{
    size_t asked_count = 0, overlaps_count = 0;

    ret_set->count = 0;
    if (!take_unit(&value))
        return HTTP_RANGES_IGNORED;
    while (value.length > 0) {
        struct pl_view element = take_element(&value);
        struct http_range range;

        if (element.length == 0)
            continue;
        if (++asked_count > ranges_max || asked_count > HTTP_RANGES_MAX)
            return HTTP_RANGES_IGNORED;
        switch (read_spec(element, size, &range)) {
        case SPEC_WRONG:
            return HTTP_RANGES_IGNORED;
        case SPEC_OUTSIDE:
            continue;
        case SPEC_FOUND:
            break;
        }
        if (overlaps_any(ret_set, &range) && ++overlaps_count > OVERLAPS_MAX)
            return HTTP_RANGES_IGNORED;
        ret_set->ranges[ret_set->count++] = range;
    }
    if (asked_count == 0)
        return HTTP_RANGES_IGNORED;
    if (ret_set->count == 0)
        return HTTP_RANGES_UNSATISFIABLE;
    for (size_t i = 0; i < ret_set->count; i++)
        join(ret_set, i);
    return HTTP_RANGES_FOUND;
}
