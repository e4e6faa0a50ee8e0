/* SPDX-License-Identifier: Apache-2.0 */
#include "resp.h"

#include <paceline/limits.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

size_t resp_write_command(char *bytes, size_t size, const struct pl_view *words, size_t count)
{
    size_t used = (size_t)snprintf(bytes, size, "*%zu\r\n", count);

    for (size_t i = 0; i < count; i++) {
        if (used >= size)
            return 0;
        used += (size_t)snprintf(bytes + used, size - used, "$%zu\r\n", words[i].length);
        if (used + words[i].length + 2 > size)
            return 0;
        memcpy(bytes + used, words[i].bytes, words[i].length);
        memcpy(bytes + used + words[i].length, "\r\n", 2);
        used += words[i].length + 2;
    }
    return used;
}

/* A line behind its first byte; CR and LF belong together. */
static enum resp_read read_line(struct pl_view input, struct pl_view *ret_line, size_t *ret_bytes)
{
    const char *end = memchr(input.bytes, '\r', input.length);
    size_t length;

    if (memchr(input.bytes, '\n', end == NULL ? input.length : (size_t)(end - input.bytes)) != NULL)
        return RESP_BROKEN;
    if (end == NULL || (size_t)(end - input.bytes) + 1 == input.length)
        return RESP_MORE;
    if (end[1] != '\n')
        return RESP_BROKEN;
    length = (size_t)(end - input.bytes);
    *ret_line = (struct pl_view){ .bytes = input.bytes + 1, .length = length - 1 };
    *ret_bytes = length + 2;
    return RESP_READ;
}

static bool read_number(struct pl_view line, int64_t *ret_number)
{
    bool is_negative = line.length > 0 && line.bytes[0] == '-';
    int64_t number = 0;

    if (line.length == (is_negative ? 1u : 0u))
        return false;
    for (size_t i = is_negative; i < line.length; i++) {
        if (line.bytes[i] < '0' || line.bytes[i] > '9' ||
            __builtin_mul_overflow(number, 10, &number) ||
            __builtin_sub_overflow(number, line.bytes[i] - '0', &number))
            return false;
    }
    /* Counted downwards, so that the smallest number fits too. */
    if (!is_negative && __builtin_sub_overflow(0, number, &number))
        return false;
    *ret_number = number;
    return true;
}

static enum resp_read read_bulk(struct pl_view input, int64_t length, struct resp_value *value,
                                size_t *bytes)
{
    const char *text = input.bytes + *bytes;

    if (length == -1) {
        value->type = RESP_NULL;
        return RESP_READ;
    }
    if (length < 0 || length > PL_BUFFER_BYTES_MAX)
        return RESP_BROKEN;
    if (input.length - *bytes < (size_t)length + 2)
        return RESP_MORE;
    if (text[length] != '\r' || text[length + 1] != '\n')
        return RESP_BROKEN;
    value->type = RESP_STRING;
    value->text = (struct pl_view){ .bytes = text, .length = (size_t)length };
    *bytes += (size_t)length + 2;
    return RESP_READ;
}

static enum resp_read read_array(int64_t count, struct resp_value *value)
{
    if (count < -1 || count > RESP_ITEMS_MAX)
        return RESP_BROKEN;
    value->type = count == -1 ? RESP_NULL : RESP_ARRAY;
    value->number = count == -1 ? 0 : count;
    return RESP_READ;
}

enum resp_read resp_read_value(struct pl_view input, struct resp_value *ret_value,
                               size_t *ret_bytes)
{
    struct pl_view line = { .length = 0 };
    enum resp_read result;
    int64_t number = 0;

    if (input.length == 0)
        return RESP_MORE;
    if (memchr("+-:$*", input.bytes[0], 5) == NULL)
        return RESP_BROKEN;
    result = read_line(input, &line, ret_bytes);
    if (result != RESP_READ)
        return result;
    ret_value->text = line;
    if (input.bytes[0] == '+' || input.bytes[0] == '-') {
        ret_value->type = input.bytes[0] == '+' ? RESP_STRING : RESP_ERROR;
        return RESP_READ;
    }
    if (!read_number(line, &number))
        return RESP_BROKEN;
    if (input.bytes[0] == '$')
        return read_bulk(input, number, ret_value, ret_bytes);
    if (input.bytes[0] == '*')
        return read_array(number, ret_value);
    ret_value->type = RESP_INTEGER;
    ret_value->number = number;
    return RESP_READ;
}

/* How many values are still missing at each depth stands on a small stack. */
enum pl_upstream_frame resp_frame(struct pl_view input, bool is_ended, uint64_t scratch[4],
                                  size_t *ret_bytes)
{
    int64_t missing[RESP_DEPTH_MAX + 1] = { 1 };
    size_t used = 0;
    int depth = 0;

    (void)is_ended, (void)scratch;
    while (depth >= 0) {
        struct pl_view rest = { .bytes = input.bytes + used, .length = input.length - used };
        struct resp_value value = { .number = 0 };
        size_t bytes = 0;

        switch (resp_read_value(rest, &value, &bytes)) {
        case RESP_MORE:
            return PL_UPSTREAM_MORE;
        case RESP_BROKEN:
            return PL_UPSTREAM_REFUSED;
        case RESP_READ:
            break;
        }
        used += bytes;
        missing[depth]--;
        if (value.type == RESP_ARRAY && value.number > 0) {
            if (depth == RESP_DEPTH_MAX)
                return PL_UPSTREAM_REFUSED;
            missing[++depth] = value.number;
        }
        while (depth >= 0 && missing[depth] == 0)
            depth--;
    }
    *ret_bytes = used;
    return PL_UPSTREAM_WHOLE;
}
