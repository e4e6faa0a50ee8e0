/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of text become a record. Whatever is wrong is told with its line and what was expected. */
#include "timeline_record.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define LINE_BYTES_MAX     128
#define FIELDS             3
#define CHANGES_ROOM_FIRST 4096

struct reader {
    struct record *record;
    const char *in_name;
    size_t line_number;
};

static const char *const role_names[ROLES_COUNT] = { "idle", "leader", "processing" };

const char *role_name(enum role role)
{
    return role_names[role];
}

__attribute__((format(printf, 2, 3))) static int refuse(const struct reader *reader,
                                                        const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s:%zu: ", reader->in_name, reader->line_number);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return EX_DATAERR;
}

/* ---- fields ---------------------------------------------------------------------------------- */

/* Cuts at single blanks; one field more than there is room for tells that there are too many. */
static size_t split(char *line, char *fields[FIELDS + 1])
{
    size_t count = 0;

    while (line != NULL && count < FIELDS + 1)
        fields[count++] = strsep(&line, " ");
    return count;
}

static bool is_name(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789-_.:/");

    return length > 0 && length < THREAD_NAME_BYTES && text[length] == '\0';
}

/* Digits alone: strtoull() would take signs and blanks too. */
static bool parse_time(const char *text, uint64_t *ret_ns)
{
    unsigned long long value;
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || value > INT64_MAX)
        return false;
    *ret_ns = value;
    return true;
}

static bool parse_role(const char *text, uint8_t *ret_role)
{
    for (uint8_t i = 0; i < ROLES_COUNT; i++)
        if (strcmp(text, role_names[i]) == 0) {
            *ret_role = i;
            return true;
        }
    return false;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* The thread whose block this line belongs to. */
static int choose_thread(const struct reader *reader, const char *name, uint16_t *ret_thread)
{
    struct record *record = reader->record;
    struct record_thread *thread;

    for (size_t i = 0; i < record->threads_count; i++) {
        if (strcmp(record->threads[i].name, name) != 0)
            continue;
        *ret_thread = (uint16_t)i;
        if (i + 1 == record->threads_count)
            return 0;
        return refuse(reader,
                      "thread \"%s\" again after another thread, expected all of its lines "
                      "together",
                      name);
    }
    if (record->threads_count == TIMELINE_THREADS_MAX)
        return refuse(reader, "one thread too many, expected at most %d", TIMELINE_THREADS_MAX);
    *ret_thread = (uint16_t)record->threads_count;
    thread = &record->threads[record->threads_count++];
    snprintf(thread->name, sizeof(thread->name), "%s", name);
    thread->first = record->changes_count;
    return 0;
}

static int make_room(const struct reader *reader)
{
    struct record *record = reader->record;
    size_t room = record->changes_room == 0 ? CHANGES_ROOM_FIRST : record->changes_room * 2;
    struct change *changes;

    if (record->changes_count < record->changes_room)
        return 0;
    if (record->changes_count == TIMELINE_CHANGES_MAX)
        return refuse(reader, "one line too many, expected at most %d", TIMELINE_CHANGES_MAX);
    changes = reallocarray(record->changes, room, sizeof(*changes));
    if (changes == NULL) {
        fprintf(stderr, "%s: no memory for its lines\n", reader->in_name);
        return EX_OSERR;
    }
    record->changes = changes;
    record->changes_room = room;
    return 0;
}

static int add_change(const struct reader *reader, struct change change)
{
    struct record *record = reader->record;
    struct record_thread *thread = &record->threads[change.thread];
    int err;

    if (thread->count > 0 && change.time_ns < record->changes[record->changes_count - 1].time_ns)
        return refuse(reader,
                      "time %llu is before the line above it, expected a thread's times to "
                      "ascend",
                      (unsigned long long)change.time_ns);
    err = make_room(reader);
    if (err != 0)
        return err;
    if (record->changes_count == 0 || change.time_ns < record->begin_ns)
        record->begin_ns = change.time_ns;
    if (change.time_ns > record->end_ns)
        record->end_ns = change.time_ns;
    record->changes[record->changes_count++] = change;
    thread->count++;
    return 0;
}

static int take_line(const struct reader *reader, char *line)
{
    struct change change = { .time_ns = 0 };
    char *fields[FIELDS + 1];
    int err;

    if (split(line, fields) != FIELDS)
        return refuse(reader, "expected THREAD_NAME TIME_NS ROLE, parted by single blanks");
    if (!is_name(fields[0]))
        return refuse(reader,
                      "\"%s\" is no thread name, expected 1 to %d of letters, digits and -_.:/",
                      fields[0], THREAD_NAME_BYTES - 1);
    if (!parse_time(fields[1], &change.time_ns))
        return refuse(reader, "\"%s\" is no time, expected nanoseconds as digits", fields[1]);
    if (!parse_role(fields[2], &change.role))
        return refuse(reader, "\"%s\" is no role, expected idle, leader or processing", fields[2]);
    err = choose_thread(reader, fields[0], &change.thread);
    return err != 0 ? err : add_change(reader, change);
}

/* ---- files ----------------------------------------------------------------------------------- */

/* What does not end in a newline was cut: too long for a line, or the writer was interrupted. */
static int take_lines(struct reader *reader, FILE *in)
{
    char line[LINE_BYTES_MAX];

    while (fgets(line, sizeof(line), in) != NULL) {
        size_t length = strlen(line);
        int err;

        reader->line_number++;
        if (length == 0 || line[length - 1] != '\n')
            return refuse(reader, "the line does not end, expected at most %d bytes and a newline",
                          LINE_BYTES_MAX - 1);
        line[length - 1] = '\0';
        err = take_line(reader, line);
        if (err != 0)
            return err;
    }
    if (ferror(in) != 0) {
        fprintf(stderr, "%s: cannot be read: %s\n", reader->in_name, strerror(errno));
        return EX_NOINPUT;
    }
    if (reader->record->changes_count == 0) {
        fprintf(stderr, "%s: is empty, expected lines THREAD_NAME TIME_NS ROLE\n", reader->in_name);
        return EX_DATAERR;
    }
    return 0;
}

int record_read(struct record *record, FILE *in, const char *in_name)
{
    struct reader reader = { .record = record, .in_name = in_name };
    int err;

    *record = (struct record){ .changes = NULL };
    err = take_lines(&reader, in);
    if (err != 0)
        record_free(record);
    return err;
}

void record_free(struct record *record)
{
    free(record->changes);
    *record = (struct record){ .changes = NULL };
}

uint64_t change_end_ns(const struct record *record, size_t index)
{
    const struct change *change = &record->changes[index];
    const struct record_thread *thread = &record->threads[change->thread];

    return index + 1 < thread->first + thread->count ? record->changes[index + 1].time_ns
                                                     : record->end_ns;
}
