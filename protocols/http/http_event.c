/* SPDX-License-Identifier: Apache-2.0 */
#include "http_event.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct writer {
    char *bytes;
    size_t size, used;
};

static void put(struct writer *writer, const char *bytes, size_t length)
{
    if (length <= writer->size && writer->used <= writer->size - length)
        memcpy(writer->bytes + writer->used, bytes, length);
    writer->used += length;
}

static void put_line(struct writer *writer, const char *field, struct pl_view value)
{
    put(writer, field, strlen(field));
    put(writer, ": ", 2);
    put(writer, value.bytes, value.length);
    put(writer, "\n", 1);
}

/* A line of data each; an end of line in the data would otherwise begin a field of its own. */
static void put_data(struct writer *writer, struct pl_view data)
{
    const char *at = data.bytes, *end = data.bytes + data.length;

    for (;;) {
        const char *line = at;

        while (at < end && *at != '\r' && *at != '\n')
            at++;
        put_line(writer, "data", (struct pl_view){ .bytes = line, .length = (size_t)(at - line) });
        if (at == end)
            return;
        at += at + 1 < end && at[0] == '\r' && at[1] == '\n' ? 2 : 1;
    }
}

static bool is_one_line(const char *text)
{
    return text == NULL || strpbrk(text, "\r\n") == NULL;
}

long http_encode_event(const struct pl_http_event *event, char *bytes, size_t size)
{
    struct writer writer = { .bytes = bytes, .size = size };

    if (!is_one_line(event->name) || !is_one_line(event->id))
        return -EINVAL;
    if (event->name != NULL)
        put_line(&writer, "event", pl_view_of(event->name));
    if (event->id != NULL)
        put_line(&writer, "id", pl_view_of(event->id));
    if (event->retry_ms > 0) {
        char number[16];

        snprintf(number, sizeof(number), "%u", event->retry_ms);
        put_line(&writer, "retry", pl_view_of(number));
    }
    put_data(&writer, event->data);
    put(&writer, "\n", 1);
    return writer.used <= size ? (long)writer.used : -EMSGSIZE;
}
