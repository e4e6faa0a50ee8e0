/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timeline of a server: its settings, and its file. A line is a thread's name, a time in
 * nanoseconds of the monotonic clock and the role from then on; a thread's lines stand together and
 * ascend. Threads go on meanwhile.
 */
#include "server_internal.h"

#include "alloc.h"
#include "clock.h"

#include <paceline/limits.h>
#include <paceline/log.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define PATH_BYTES 4352

/* ---- settings -------------------------------------------------------------------------------- */

const struct pl_setting pl_settings_timeline_rows[] = {
    { .name = "entries",
      .type = PL_SETTING_COUNT,
      .offset = offsetof(struct pl_timeline_settings, entries),
      .by_default = "0",
      .max = PL_TIMELINE_ENTRIES_MAX,
      .help = "Changes of role that are kept of each thread, 8 bytes each; 0 turns it off." },
    { .name = "file",
      .type = PL_SETTING_PATH,
      .offset = offsetof(struct pl_timeline_settings, file),
      .help = "Where SIGUSR1 and the stop write them: lines of thread, nanoseconds, role." },
    { .name = NULL },
};

static bool has_file(const struct pl_timeline_settings *timeline)
{
    return timeline->file != NULL;
}

static bool is_folder(const char *path)
{
    size_t length = strlen(path);

    return length > 0 && path[length - 1] == '/';
}

int pl_settings_check_timeline(const struct pl_timeline_settings *timeline, const char *source,
                               struct pl_error *error)
{
    if (timeline->entries > 0 && !has_file(timeline))
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "%s: timeline: `entries` without a `file` to write them to", source);
    if (timeline->entries == 0 && has_file(timeline))
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "%s: timeline: a `file`, but `entries` is 0 and nothing is kept",
                            source);
    if (has_file(timeline) && is_folder(timeline->file))
        return pl_error_set(error, EX_CONFIG, -EISDIR,
                            "%s: timeline: expected a `file`, not the folder '%s'", source,
                            timeline->file);
    if (has_file(timeline) && strlen(timeline->file) > PATH_BYTES - sizeof(".XXXXXX"))
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "%s: timeline: the `file` is too long a path", source);
    return 0;
}

/* ---- the file -------------------------------------------------------------------------------- */

/* A thread that has left is idle for good. */
static const char *role_word(uint32_t role)
{
    switch (role) {
    case PL_ROLE_LEADER:
        return "leader";
    case PL_ROLE_PROCESSING:
        return "processing";
    default:
        return "idle";
    }
}

/* Threads of a second engine have the names of the first's: its number tells them apart. */
static int write_thread(struct pl_timeline *timeline, size_t engine, int64_t until_ns, FILE *file)
{
    struct pl_timeline_change *changes = pl_alloc(pl_timeline_entries(timeline) * sizeof(*changes));
    char name[PL_TIMELINE_NAME_BYTES + 24];
    uint32_t count;

    if (changes == NULL)
        return -ENOMEM;
    if (engine == 0)
        snprintf(name, sizeof(name), "%s", timeline->name);
    else
        snprintf(name, sizeof(name), "%s/%zu", timeline->name, engine);
    count = pl_timeline_read(timeline, changes);
    for (uint32_t i = 0; i < count && changes[i].time_ns <= until_ns; i++)
        (void)fprintf(file, "%s %" PRId64 " %s\n", name, changes[i].time_ns,
                      role_word(changes[i].role));
    pl_free(changes);
    return 0;
}

/* All end at one instant, though they are read one after another. */
static int write_threads(struct pl_server *server, FILE *file)
{
    int64_t until_ns = pl_clock_ns();

    for (size_t i = 0; i < server->engines_count; i++)
        for (struct pl_timeline *timeline = server->engines[i].timelines.first; timeline != NULL;
             timeline = timeline->next) {
            int err = write_thread(timeline, i, until_ns, file);

            if (err < 0)
                return err;
        }
    return 0;
}

/* The descriptor is closed in any case. */
static int fill_file(struct pl_server *server, int fd)
{
    FILE *file = fdopen(fd, "w");
    int err;

    if (file == NULL) {
        err = -errno;
        (void)close(fd);
        return err;
    }
    err = write_threads(server, file);
    if (ferror(file) != 0 && err == 0)
        err = -EIO;
    if (fclose(file) != 0 && err == 0)
        err = -errno;
    return err;
}

/* Whole or not at all: a reader never sees half of it, nor does a second writer disturb the first.
 */
static int replace_file(struct pl_server *server, const char *path)
{
    char temporary[PATH_BYTES];
    int fd, err;

    snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    err = fill_file(server, fd);
    if (err == 0 && rename(temporary, path) < 0)
        err = -errno;
    if (err < 0)
        (void)unlink(temporary);
    return err;
}

void pl_server_write_timeline(struct pl_server *server)
{
    const char *path = server->settings.timeline.file;
    int err;

    if (server->settings.timeline.entries == 0)
        return;
    /* Rings are added by a swap. */
    pthread_mutex_lock(&server->control_lock);
    err = replace_file(server, path);
    pthread_mutex_unlock(&server->control_lock);
    if (err < 0)
        PL_LOG(PL_LOG_ERROR, "timeline: %s cannot be written: errno %d", path, -err);
    else
        PL_LOG(PL_LOG_INFO, "timeline: written to %s", path);
}
