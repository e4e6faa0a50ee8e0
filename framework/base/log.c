/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: levels, rate limits, and a bounded ring per thread.
 *
 *     thread ──line──▶ its ring ──▶ pl_log_drain() (the writer thread) ──▶ stderr
 *
 * What goes to a log file goes the same way, as records of the same ring; see log_file.c.
 *
 * Invariant: a thread that has a ring never waits for stderr. The state here is the only writable
 * state of the library that does not hang on a server.
 */
#include <paceline/log.h>

#include "alloc.h"
#include "clock.h"
#include "log_files.h"
#include "log_rings.h"
#include "ring.h"

#include <paceline/limits.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct line {
    struct timespec when;
    enum pl_log_level level;
    char text[PL_LOG_LINE_BYTES];
};

static _Atomic int level_max = PL_LOG_INFO;
static _Atomic int line_format = PL_LOG_TEXT;
static _Atomic uint64_t dropped_total;

static pthread_mutex_t rings_lock = PTHREAD_MUTEX_INITIALIZER; /* guards rings */
static struct pl_log_ring *rings;
static _Thread_local struct pl_log_ring *own_ring;

static pthread_once_t wake_once = PTHREAD_ONCE_INIT;
static sem_t wake;
static _Atomic bool is_writer_asleep;
static pthread_mutex_t drain_lock = PTHREAD_MUTEX_INITIALIZER; /* one drains at a time */

static const char *const level_names[] = { "error", "warning", "info", "debug" };

/* A token too many only costs the writer a look. */
static void wake_writer(void)
{
    if (atomic_exchange(&is_writer_asleep, false))
        (void)sem_post(&wake);
}

void pl_log_hurry_writer(void)
{
    if (atomic_load_explicit(&is_writer_asleep, memory_order_relaxed))
        wake_writer();
}

static void init_wake(void)
{
    (void)sem_init(&wake, 0, 0);
}

void pl_log_configure(enum pl_log_level level, enum pl_log_format format)
{
    atomic_store(&level_max, (int)level);
    atomic_store(&line_format, (int)format);
}

bool pl_log_is_on(enum pl_log_level level)
{
    return (int)level <= atomic_load_explicit(&level_max, memory_order_relaxed);
}

static size_t append_json_string(char *out, size_t size, const char *text)
{
    size_t used = 0;

    for (; *text != '\0' && used + 8 < size; text++) {
        unsigned char byte = (unsigned char)*text;

        if (byte == '"' || byte == '\\') {
            out[used++] = '\\';
            out[used++] = (char)byte;
        } else if (byte < 0x20 || byte >= 0x7f) {
            used += (size_t)snprintf(out + used, size - used, "\\u%04x", byte);
        } else {
            out[used++] = (char)byte;
        }
    }
    out[used] = '\0';
    return used;
}

/* A log line holds what a client sent: control bytes must not reach a terminal. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

static void write_line(const struct line *line)
{
    char out[PL_LOG_LINE_BYTES * 6 + 128];
    char when[32];
    struct tm utc;
    int length;

    gmtime_r(&line->when.tv_sec, &utc);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &utc);
    if (atomic_load(&line_format) == PL_LOG_JSON) {
        char text[PL_LOG_LINE_BYTES * 6];

        append_json_string(text, sizeof(text), line->text);
        length = snprintf(out, sizeof(out),
                          "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"message\":\"%s\"}\n", when,
                          line->when.tv_nsec / 1000000, level_names[line->level], text);
    } else {
        length = snprintf(out, sizeof(out), "%s.%03ldZ %-7s %s\n", when,
                          line->when.tv_nsec / 1000000, level_names[line->level], line->text);
    }
    for (int done = 0; done < length;) {
        ssize_t written = write(STDERR_FILENO, out + done, (size_t)(length - done));

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        done += (int)written;
    }
}

PL_PRINTF(3, 0)
static void fill_line(struct line *line, enum pl_log_level level, const char *format, va_list args)
{
    (void)clock_gettime(CLOCK_REALTIME, &line->when);
    line->level = level;
    vsnprintf(line->text, sizeof(line->text), format, args);
    make_printable(line->text);
}

PL_PRINTF(2, 0)
static void write_arguments(enum pl_log_level level, const char *format, va_list args)
{
    struct pl_log_ring *own = own_ring;
    struct line *line;

    if (own == NULL) {
        struct line direct;

        fill_line(&direct, level, format, args);
        write_line(&direct);
        return;
    }
    line = pl_ring_reserve(&own->lines);
    if (line == NULL) {
        atomic_fetch_add(&own->dropped, 1);
        return;
    }
    fill_line(line, level, format, args);
    pl_ring_publish(&own->lines);
    wake_writer();
}

void pl_log_write(enum pl_log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_arguments(level, format, args);
    va_end(args);
}

void pl_log_write_rated(struct pl_log_rate *rate, enum pl_log_level level, const char *format, ...)
{
    int64_t now_ms = pl_clock_ms();
    int64_t window_ms = atomic_load(&rate->window_ms);
    uint32_t suppressed;
    va_list args;

    if ((window_ms != 0 && now_ms - window_ms < 1000) ||
        !atomic_compare_exchange_strong(&rate->window_ms, &window_ms, now_ms)) {
        atomic_fetch_add(&rate->suppressed, 1);
        return;
    }
    va_start(args, format);
    write_arguments(level, format, args);
    va_end(args);
    suppressed = atomic_exchange(&rate->suppressed, 0);
    if (suppressed != 0)
        pl_log_write(level, "the line above stands for %u more since the last one", suppressed);
}

int pl_log_thread_begin(void)
{
    struct pl_log_ring *own;
    int err;

    if (own_ring != NULL)
        return 0;
    (void)pthread_once(&wake_once, init_wake);
    own = pl_alloc(sizeof(*own));
    if (own == NULL)
        return -ENOMEM;
    err = pl_ring_init(&own->lines, PL_LOG_RING_LINES, sizeof(struct line));
    if (err < 0)
        goto free_ring;
    if (pl_log_files_are_open()) {
        err = pl_record_ring_init(&own->records, PL_LOG_FILE_RING_BYTES);
        if (err < 0)
            goto deinit_lines;
    }
    pthread_mutex_lock(&rings_lock);
    own->next = rings;
    rings = own;
    pthread_mutex_unlock(&rings_lock);
    own_ring = own;
    return 0;

deinit_lines:
    pl_ring_deinit(&own->lines);
free_ring:
    pl_free(own);
    return err;
}

struct pl_log_ring *pl_log_own_ring(void)
{
    return own_ring;
}

void pl_log_thread_end(void)
{
    if (own_ring == NULL)
        return;
    atomic_store(&own_ring->is_abandoned, true);
    own_ring = NULL;
    wake_writer();
}

static bool drain_ring(struct pl_log_ring *own)
{
    bool found = false;
    uint32_t dropped;

    for (const struct line *line; (line = pl_ring_peek(&own->lines)) != NULL;) {
        write_line(line);
        pl_ring_consume(&own->lines);
        found = true;
    }
    dropped = atomic_exchange(&own->dropped, 0);
    if (dropped != 0) {
        struct line line = { .level = PL_LOG_WARNING };

        atomic_fetch_add(&dropped_total, dropped);
        (void)clock_gettime(CLOCK_REALTIME, &line.when);
        snprintf(line.text, sizeof(line.text), "log: %u lines dropped, the output was too slow",
                 dropped);
        write_line(&line);
        found = true;
    }
    return found;
}

static bool is_left_empty(struct pl_log_ring *ring)
{
    return atomic_load(&ring->is_abandoned) && pl_ring_peek(&ring->lines) == NULL &&
           !pl_record_ring_look(&ring->records);
}

static void free_left_rings(void)
{
    pthread_mutex_lock(&rings_lock);
    for (struct pl_log_ring **at = &rings; *at != NULL;) {
        struct pl_log_ring *old = *at;

        if (is_left_empty(old)) {
            *at = old->next;
            pl_ring_deinit(&old->lines);
            pl_record_ring_deinit(&old->records);
            pl_free(old);
        } else {
            at = &old->next;
        }
    }
    pthread_mutex_unlock(&rings_lock);
}

/* Returns whether the log had lines; *ret_files_had: whether log files had. */
static bool drain(bool *ret_files_had)
{
    bool found = false;
    struct pl_log_ring *first;

    pthread_mutex_lock(&drain_lock);
    pthread_mutex_lock(&rings_lock);
    first = rings;
    pthread_mutex_unlock(&rings_lock);

    /* Only who drains removes a ring, so the list behind its head stands still. */
    for (struct pl_log_ring *ring = first; ring != NULL; ring = ring->next)
        found |= drain_ring(ring);
    *ret_files_had = pl_log_files_drain(first);
    free_left_rings();
    pthread_mutex_unlock(&drain_lock);
    return found;
}

bool pl_log_drain(void)
{
    bool files_had;
    bool log_had = drain(&files_had);

    return log_had || files_had;
}

/* Lines for log files wake nobody, so that none of them costs a system call: the writer looks. */
static void sleep_until_woken(bool files_had)
{
    struct timespec until;
    long moment_ms = files_had ? PL_LOG_FILE_LOOK_MS : PL_LOG_FILE_IDLE_LOOK_MS;

    if (!pl_log_files_are_open()) {
        while (sem_wait(&wake) < 0 && errno == EINTR)
            ;
        return;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += moment_ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (sem_clockwait(&wake, CLOCK_MONOTONIC, &until) < 0 && errno == EINTR)
        ;
}

void pl_log_wait(void)
{
    bool files_had;

    (void)pthread_once(&wake_once, init_wake);
    /* Asleep is said before the last look: a line that comes later finds a sleeper to wake. */
    atomic_store(&is_writer_asleep, true);
    if (!drain(&files_had))
        sleep_until_woken(files_had);
    atomic_store(&is_writer_asleep, false);
}

void pl_log_stop_waiting(void)
{
    (void)pthread_once(&wake_once, init_wake);
    (void)sem_post(&wake);
}

uint64_t pl_log_dropped(void)
{
    return atomic_load(&dropped_total);
}
