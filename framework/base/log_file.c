/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log files: who has them open, and how lines get from the threads' rings into them.
 *
 *     thread ──line──▶ the records of its ring ──▶ pl_log_files_drain() ──▶ pending ──▶ file
 *
 * A connection may be served by one thread after the other, and its lines stand in several rings
 * then. They are merged by their time:
 *
 *     look at all rings ─▶ write the oldest first, until one ring has nothing left ─▶ look again
 *
 * Invariant: when a line is written, whatever was left before it began has been written.
 */
#include "alloc.h"
#include "assert.h"
#include "clock.h"
#include "log_files.h"

#include <paceline/limits.h>
#include <paceline/log.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

/* Bytes that one write gathers. */
#define PENDING_BYTES (64 * 1024)
_Static_assert(PENDING_BYTES >= PL_LOG_FILE_LINE_BYTES, "a line can be gathered");

struct pl_log_file {
    struct pl_log_file *next; /* guarded by files_lock, as is all but the count of refused lines */
    uint32_t users;
    char *path; /* owned */
    int fd;
    bool is_stuck; /* a FIFO whose reader did not read while it was waited for */
    bool is_torn;  /* the last write ended within a line */
    size_t pending_bytes;
    char pending[PENDING_BYTES];

    /* Lines that found a ring full: added to by any thread, taken by the writer. */
    _Atomic uint32_t refused;
};

/* A line in a ring. */
struct record {
    struct pl_log_file *file; /* borrowed: it is not closed before the ring is empty */
    int64_t when_ns;
    uint32_t length;
    char text[];
};

static pthread_mutex_t files_lock = PTHREAD_MUTEX_INITIALIZER; /* guards files */
static struct pl_log_file *files;
static _Atomic uint32_t files_count;
static _Atomic bool is_reopen_wanted; /* set by any thread, taken by the writer */
static _Atomic uint64_t dropped_total;

/* ---- life ------------------------------------------------------------------------------------ */

/* Without O_NONBLOCK a FIFO without a reader would hold whoever opens it. */
static int open_to_append(const char *path)
{
    int fd =
        open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, (mode_t)0640);

    return fd < 0 ? -errno : fd;
}

static const char *reason_of(int err, char *text, size_t size)
{
    return err == -ENXIO ? "nobody reads this FIFO, or it is a socket"
                         : strerror_r(-err, text, size);
}

static struct pl_log_file *find_locked(const char *path)
{
    struct pl_log_file *file = files;

    while (file != NULL && strcmp(file->path, path) != 0)
        file = file->next;
    return file;
}

static int open_new(const char *path, struct pl_log_file **ret_file)
{
    struct pl_log_file *file = pl_alloc(sizeof(*file));
    int err = -ENOMEM;

    if (file == NULL)
        return err;
    file->path = pl_alloc_string(path);
    if (file->path == NULL)
        goto free_file;
    file->fd = err = open_to_append(path);
    if (err < 0)
        goto free_path;
    *ret_file = file;
    return 0;

free_path:
    pl_free(file->path);
free_file:
    pl_free(file);
    return err;
}

int pl_log_file_open(const char *path, struct pl_log_file **ret_file, struct pl_error *error)
{
    struct pl_log_file *file;
    char reason[128];
    int err = 0;

    pthread_mutex_lock(&files_lock);
    file = find_locked(path);
    if (file == NULL) {
        err = open_new(path, &file);
        if (err == 0) {
            file->next = files;
            files = file;
            atomic_fetch_add(&files_count, 1);
        }
    }
    if (err == 0)
        file->users++;
    pthread_mutex_unlock(&files_lock);
    if (err < 0)
        return pl_error_set(error, err == -ENOMEM ? EX_OSERR : EX_CONFIG, err,
                            "cannot open '%s' to append to it: %s", path,
                            reason_of(err, reason, sizeof(reason)));
    /* One that sleeps until it is woken shall look by itself from now on. */
    pl_log_stop_waiting();
    *ret_file = file;
    return 0;
}

void pl_log_file_close(struct pl_log_file *file)
{
    if (file == NULL)
        return;
    (void)pl_log_drain();
    pthread_mutex_lock(&files_lock);
    if (--file->users > 0) {
        pthread_mutex_unlock(&files_lock);
        return;
    }
    for (struct pl_log_file **at = &files; *at != NULL; at = &(*at)->next)
        if (*at == file) {
            *at = file->next;
            break;
        }
    atomic_fetch_sub(&files_count, 1);
    pthread_mutex_unlock(&files_lock);
    (void)close(file->fd);
    pl_free(file->path);
    pl_free(file);
}

bool pl_log_files_are_open(void)
{
    return atomic_load(&files_count) > 0;
}

uint64_t pl_log_files_dropped(void)
{
    return atomic_load(&dropped_total);
}

/* ---- pending lines → file -------------------------------------------------------------------- */

/* A reader that is only slow gets a moment, within what one flush may take; of one that did not
 * read in that time no more is expected until it reads again. */
static bool wait_for_room(struct pl_log_file *file, int64_t *until_ms)
{
    struct pollfd room = { .fd = file->fd, .events = POLLOUT };
    int64_t now_ms = pl_clock_ms();

    if (file->is_stuck)
        return false;
    if (*until_ms == 0)
        *until_ms = now_ms + PL_LOG_FILE_STUCK_MS;
    if (now_ms < *until_ms && poll(&room, 1, (int)(*until_ms - now_ms)) == 1)
        return true;
    file->is_stuck = true;
    return false;
}

/* A FIFO that nobody reads would end the process: its signal is taken away before it is seen. */
static ssize_t write_quietly(int fd, const char *bytes, size_t length)
{
    const struct timespec now = { .tv_sec = 0 };
    sigset_t pipe, before;
    ssize_t written;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    written = write(fd, bytes, length);
    if (written < 0 && errno == EPIPE) {
        (void)sigtimedwait(&pipe, NULL, &now);
        errno = EPIPE;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return written;
}

/* Returns how many bytes were written, and why it were not all. */
static size_t write_bytes(struct pl_log_file *file, const char *bytes, size_t length, int *ret_err)
{
    int64_t until_ms = 0;
    size_t done = 0;

    while (done < length) {
        ssize_t written = write_quietly(file->fd, bytes + done, length - done);

        if (written > 0) {
            done += (size_t)written;
            file->is_stuck = false;
        } else if (written == 0) {
            *ret_err = -EIO;
            break;
        } else if (errno != EINTR && (errno != EAGAIN || !wait_for_room(file, &until_ms))) {
            *ret_err = -errno;
            break;
        }
    }
    return done;
}

static uint32_t count_lines(const char *bytes, size_t length)
{
    const char *end = bytes + length;
    uint32_t count = 0;

    while ((bytes = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL) {
        bytes++;
        count++;
    }
    return count;
}

static void flush_locked(struct pl_log_file *file)
{
    char reason[128];
    size_t done = 0;
    uint32_t lost;
    int err = 0;

    if (file->pending_bytes == 0)
        return;
    /* Half a line must not become the beginning of another. */
    if (file->is_torn && write_bytes(file, "\n", 1, &err) == 1)
        file->is_torn = false;
    if (err == 0)
        done = write_bytes(file, file->pending, file->pending_bytes, &err);
    if (done > 0)
        file->is_torn = file->pending[done - 1] != '\n';
    lost = count_lines(file->pending + done, file->pending_bytes - done);
    file->pending_bytes = 0;
    if (lost == 0)
        return;
    atomic_fetch_add(&dropped_total, lost);
    PL_LOG_RATED(PL_LOG_WARNING, "log file %s: %u lines dropped, it cannot be written: %s",
                 file->path, lost, strerror_r(-err, reason, sizeof(reason)));
}

static void append_locked(struct pl_log_file *file, const char *line, size_t length)
{
    if (length > sizeof(file->pending) - file->pending_bytes)
        flush_locked(file);
    memcpy(file->pending + file->pending_bytes, line, length);
    file->pending_bytes += length;
}

/* ---- threads → rings ------------------------------------------------------------------------- */

static void refuse_line(struct pl_log_file *file)
{
    atomic_fetch_add(&file->refused, 1);
    atomic_fetch_add(&dropped_total, 1);
}

void pl_log_file_write(struct pl_log_file *file, int64_t when_ns, const char *line, size_t length)
{
    struct pl_log_ring *own = pl_log_own_ring();
    struct record *record;

    PL_ASSERT(length > 0 && length <= PL_LOG_FILE_LINE_BYTES);

    if (own == NULL || own->records.memory == NULL) {
        pthread_mutex_lock(&files_lock);
        append_locked(file, line, length);
        flush_locked(file);
        pthread_mutex_unlock(&files_lock);
        return;
    }
    record = pl_record_ring_reserve(&own->records, (uint32_t)(sizeof(*record) + length));
    if (record == NULL) {
        refuse_line(file);
        return;
    }
    record->file = file;
    record->when_ns = when_ns;
    record->length = (uint32_t)length;
    memcpy(record->text, line, length);
    /* The writer looks by itself, so that no line costs a system call; only a ring that fills
     * faster than it looks wakes it. */
    if (pl_record_ring_publish(&own->records) >= PL_LOG_FILE_RING_BYTES / 4)
        pl_log_hurry_writer();
}

/* ---- rings → pending lines --------------------------------------------------------------------
 */

/* Whoever left a line before another one began has published it by the time the other is seen; a
 * ring that was found empty before that is therefore looked at again. */
static bool look_at_all(struct pl_log_ring *first)
{
    bool has_any = false, has_more;

    for (struct pl_log_ring *ring = first; ring != NULL; ring = ring->next)
        has_any |= pl_record_ring_look(&ring->records);
    if (!has_any)
        return false;
    do {
        has_more = false;
        for (struct pl_log_ring *ring = first; ring != NULL; ring = ring->next)
            if (pl_record_ring_peek(&ring->records) == NULL && pl_record_ring_look(&ring->records))
                has_more = true;
    } while (has_more);
    return true;
}

/* The ring whose next line is the oldest; *ret_until_ns: up to then its lines come before those of
 * all others. */
static struct pl_log_ring *find_oldest(struct pl_log_ring *first, int64_t *ret_until_ns)
{
    struct pl_log_ring *oldest = NULL;
    int64_t oldest_ns = INT64_MAX;

    *ret_until_ns = INT64_MAX;
    for (struct pl_log_ring *ring = first; ring != NULL; ring = ring->next) {
        const struct record *record = pl_record_ring_peek(&ring->records);

        if (record == NULL)
            continue;
        if (oldest == NULL || record->when_ns < oldest_ns) {
            *ret_until_ns = oldest_ns;
            oldest_ns = record->when_ns;
            oldest = ring;
        } else if (record->when_ns < *ret_until_ns) {
            *ret_until_ns = record->when_ns;
        }
    }
    return oldest;
}

/* Until one ring has nothing left that was looked at: what it holds now may belong before the
 * others' lines. Lines that are younger than `end_ns` are left; false when only those are. */
static bool merge_locked(struct pl_log_ring *first, int64_t end_ns)
{
    for (;;) {
        int64_t until_ns;
        struct pl_log_ring *ring = find_oldest(first, &until_ns);
        const struct record *record = pl_record_ring_peek(&ring->records);

        do {
            if (record->when_ns > end_ns)
                return false;
            append_locked(record->file, record->text, record->length);
            pl_record_ring_consume(&ring->records);
            record = pl_record_ring_peek(&ring->records);
            if (record == NULL)
                return true;
        } while (record->when_ns <= until_ns);
    }
}

static void report_refused(struct pl_log_file *file)
{
    uint32_t refused = atomic_exchange(&file->refused, 0);

    if (refused > 0)
        PL_LOG_RATED(PL_LOG_WARNING, "log file %s: %u lines dropped, its writer was too slow",
                     file->path, refused);
}

static void reopen_locked(struct pl_log_file *file)
{
    char reason[128];
    int fd = open_to_append(file->path);

    if (fd < 0) {
        PL_LOG(PL_LOG_ERROR, "log file %s cannot be opened again, the old one stays in use: %s",
               file->path, reason_of(fd, reason, sizeof(reason)));
        return;
    }
    (void)close(file->fd);
    file->fd = fd;
    file->is_torn = file->is_stuck = false;
    PL_LOG(PL_LOG_INFO, "log file %s was opened again", file->path);
}

bool pl_log_files_drain(struct pl_log_ring *first)
{
    bool found = false, is_reopening = atomic_exchange(&is_reopen_wanted, false);
    int64_t end_ns = pl_clock_ns();

    if (!pl_log_files_are_open())
        return false;
    pthread_mutex_lock(&files_lock);
    for (struct pl_log_file *file = files; is_reopening && file != NULL; file = file->next)
        reopen_locked(file);
    while (look_at_all(first)) {
        found = true;
        if (!merge_locked(first, end_ns))
            break;
    }
    for (struct pl_log_file *file = files; file != NULL; file = file->next) {
        flush_locked(file);
        report_refused(file);
    }
    pthread_mutex_unlock(&files_lock);
    return found;
}

void pl_log_files_reopen(void)
{
    atomic_store(&is_reopen_wanted, true);
    pl_log_stop_waiting();
}
