/* SPDX-License-Identifier: Apache-2.0 */
#include "script.h"

#include "case_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With --split, the segments of all clients together: 20 MB byte by byte would prove nothing more
 * than larger pieces do, and take minutes. */
#define SPLIT_SEGMENTS_MAX 65536

static void append(struct script *script, const char *bytes, size_t length)
{
    size_t room = 64;

    /* Doubling: a send may be repeated a million times. */
    while (room < script->length)
        room *= 2;
    if (script->bytes == NULL || script->length + length > room) {
        while (room < script->length + length)
            room *= 2;
        script->bytes = must_grow(script->bytes, room);
    }
    memcpy(script->bytes + script->length, bytes, length);
    script->length += length;
}

/* ---- variables ------------------------------------------------------------------------------- */

static int write_request(char *text, size_t size, const char *path, const char *host,
                         const char *more)
{
    return snprintf(text, size, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, host, more);
}

/* The value of the variable whose name stands in `name`; false when there is none. */
static bool value_of(const char *name, size_t length, const char *host, char *value, size_t size)
{
    static const char *const names[] = { "host",          "good",       "hidden",
                                         "hidden-length", "hidden-hex", "fence" };
    char hidden[500];
    size_t i = 0;

    while (i < sizeof(names) / sizeof(names[0]) &&
           (strlen(names[i]) != length || memcmp(names[i], name, length) != 0))
        i++;
    write_request(hidden, sizeof(hidden), "/hidden.txt", host, "");
    switch (i) {
    case 0:
        return snprintf(value, size, "%s", host) >= 0;
    case 1:
        return write_request(value, size, "/plain.txt", host, "") >= 0;
    case 2:
        return snprintf(value, size, "%s", hidden) >= 0;
    case 3:
        return snprintf(value, size, "%zu", strlen(hidden)) >= 0;
    case 4:
        return snprintf(value, size, "%zx", strlen(hidden)) >= 0;
    case 5:
        return write_request(value, size, "/fence.txt", host, "Connection: close\r\n") >= 0;
    default:
        return false;
    }
}

static void append_expanded(struct script *script, const char *text, size_t length,
                            const char *host)
{
    for (size_t at = 0; at < length;) {
        const char *begin = memchr(text + at, '@', length - at);
        const char *end =
            begin == NULL ? NULL : memchr(begin + 1, '@', length - (size_t)(begin - text) - 1);
        char value[600];

        if (end == NULL) {
            append(script, text + at, length - at);
            return;
        }
        append(script, text + at, (size_t)(begin - text) - at);
        if (value_of(begin + 1, (size_t)(end - begin) - 1, host, value, sizeof(value))) {
            append(script, value, strlen(value));
            at = (size_t)(end - text) + 1;
        } else {
            append(script, "@", 1);
            at = (size_t)(begin - text) + 1;
        }
    }
}

/* ---- steps → actions ------------------------------------------------------------------------- */

static struct action *add_action(struct script *script, const struct step *step)
{
    struct action *action;

    script->actions =
        must_grow(script->actions, (script->actions_count + 1) * sizeof(*script->actions));
    action = &script->actions[script->actions_count++];
    *action = (struct action){ .kind = step->kind,
                               .offset = script->length,
                               .count = step->count,
                               .piece_bytes = step->piece_bytes };
    return action;
}

/* A send continues the one before it, so that a request of many lines is one segment. */
static struct action *send_action(struct script *script, const struct step *step, bool is_joined)
{
    struct action *last =
        script->actions_count > 0 ? &script->actions[script->actions_count - 1] : NULL;

    if (is_joined && last != NULL && last->kind == STEP_SEND &&
        last->piece_bytes == step->piece_bytes)
        return last;
    last = add_action(script, step);
    last->kind = STEP_SEND;
    return last;
}

static void append_pattern(struct script *script, unsigned long bytes)
{
    char line[33];
    size_t end = script->length + bytes;

    for (unsigned long number = 0; script->length < end; number++) {
        size_t left = end - script->length;

        snprintf(line, sizeof(line), "line %026lu\n", number);
        append(script, line, left < 32 ? left : 32);
    }
    if (bytes > 0)
        script->bytes[end - 1] = '\n';
}

/* Written once and copied, each time twice as much: there may be millions. */
static void append_repeated(struct script *script, const struct step *step, const char *host)
{
    size_t begin = script->length, end;

    if (step->count == 0)
        return;
    append_expanded(script, step->text, step->text_length, host);
    end = begin + (script->length - begin) * step->count;
    while (script->length < end) {
        size_t length = script->length - begin, left = end - script->length;
        char *copy = must_alloc(length);

        memcpy(copy, script->bytes + begin, length);
        append(script, copy, length < left ? length : left);
        free(copy);
    }
}

static void add_send(struct script *script, const struct step *step, const char *host,
                     bool is_joined)
{
    size_t begin = script->length;
    struct action *action = send_action(script, step, is_joined);

    if (step->kind == STEP_PATTERN)
        append_pattern(script, step->count);
    else if (step->kind == STEP_FENCE)
        append_expanded(script, "@fence@", 7, host);
    else
        append_repeated(script, step, host);
    action->length += script->length - begin;
    if (step->kind == STEP_FENCE)
        script->fence_offset = begin;
}

static void split_all(struct script *script, size_t clients_count)
{
    size_t piece_bytes = 1 + script->length * clients_count / SPLIT_SEGMENTS_MAX;

    for (size_t i = 0; i < script->actions_count; i++)
        script->actions[i].piece_bytes = piece_bytes;
}

void script_init(struct script *script, const struct conform_case *one, const struct target *target,
                 const struct script_options *options)
{
    static char good_text[] = "@good@";
    struct step good = { .kind = STEP_SEND, .text = good_text, .text_length = 6, .count = 1 };
    bool is_joined = one->transport != TRANSPORT_UDP; /* there each send is a datagram */

    *script = (struct script){ .fence_offset = (size_t)-1 };
    if (options->is_behind && one->suite == SUITE_HTTP) {
        good.piece_bytes = one->steps[0].piece_bytes;
        add_send(script, &good, target->host, is_joined);
    }
    for (size_t i = 0; i < one->steps_count; i++) {
        const struct step *step = &one->steps[i];

        if (step->kind == STEP_SEND || step->kind == STEP_PATTERN || step->kind == STEP_FENCE)
            add_send(script, step, target->host, is_joined);
        else
            add_action(script, step);
    }
    if (script->fence_offset == (size_t)-1)
        script->fence_offset = script->length;
    if (options->is_split && one->transport != TRANSPORT_UDP)
        split_all(script, one->clients_count);
}

void script_deinit(struct script *script)
{
    free(script->bytes);
    free(script->actions);
    *script = (struct script){ .length = 0 };
}
