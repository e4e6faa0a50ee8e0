/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "A reader/writer lock lets readers go on together."
 *
 * Threads read a table that nobody writes: under the read lock, under a mutex, or through an atomic
 * pointer to a snapshot, which is how a table that is seldom replaced can be read without any lock.
 */
#include "claims.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define THREADS_MAX    64
#define TABLE_ENTRIES  512
#define WARM_UP_SHARE  0.2
#define READS_PER_LOOK 64 /* reads between two looks at the flag that ends a cell */

enum row { ROW_RWLOCK, ROW_MUTEX, ROW_SNAPSHOT, ROWS };
enum section { SECTION_SHORT, SECTION_LONG, SECTIONS };

/* One thread, one for each CPU, twice as many. */
enum crowd { CROWD_ONE, CROWD_CPUS, CROWD_TWICE, CROWDS };

struct table {
    uint64_t entries[TABLE_ENTRIES];
};

struct state {
    /* Written before the threads start, then only read. */
    struct table table;
    enum row row;
    enum section section;
    struct table *_Atomic snapshot;

    /* Any thread. */
    pthread_rwlock_t rwlock;
    pthread_mutex_t mutex;
    _Atomic bool is_over; /* written by the measuring thread, read by the others */
};

/* Cache lines of its own, so that counting does not make readers meet. */
struct reader {
    _Alignas(128) struct state *state;
    pthread_t thread;
    _Atomic uint64_t reads; /* written by its thread, read by the measuring one */
    uint64_t sum;           /* so that no read is without a use */
};

static size_t threads_of(const struct claim_bench *bench, enum crowd crowd)
{
    size_t cpus = bench->cpus.count < THREADS_MAX / 2 ? bench->cpus.count : THREADS_MAX / 2;

    if (crowd == CROWD_ONE)
        return 1;
    return crowd == CROWD_CPUS ? cpus : 2 * cpus;
}

static void describe(struct claim_bench *bench)
{
    static const char *const keys[SECTIONS] = { "short", "long" };

    bench->conditions_count = SECTIONS * CROWDS;
    bench->figures_count = 1;
    if (bench->cpus.count < 2)
        snprintf(bench->left_out, sizeof(bench->left_out),
                 "readers at the same time: this process may use one CPU");
    claim_add_row(bench, "pthread_rwlock, read");
    claim_add_row(bench, "pthread_mutex");
    claim_add_row(bench, "atomic pointer to a snapshot");
    for (size_t i = 0; i < SECTIONS * CROWDS; i++) {
        size_t threads = threads_of(bench, (enum crowd)(i % CROWDS));
        char key[40], heading[40];

        snprintf(key, sizeof(key), "%s_%zu%s_mreads_per_s", keys[i / CROWDS], threads,
                 i % CROWDS == CROWD_TWICE  ? "_threads"
                 : i % CROWDS == CROWD_CPUS ? "_cpus"
                                            : "");
        snprintf(heading, sizeof(heading), "%s, %zu", keys[i / CROWDS], threads);
        claim_add_column_text(bench, key, heading, 2, BETTER_MORE);
    }
}

static int open_state(struct claim_bench *bench)
{
    struct state *state = calloc(1, sizeof(*state));
    int err;

    if (state == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < TABLE_ENTRIES; i++)
        state->table.entries[i] = i * 2654435761U;
    atomic_init(&state->snapshot, &state->table);
    err = -pthread_rwlock_init(&state->rwlock, NULL);
    if (err < 0)
        goto free_state;
    err = -pthread_mutex_init(&state->mutex, NULL);
    if (err < 0)
        goto destroy_rwlock;
    bench->state = state;
    return 0;

destroy_rwlock:
    pthread_rwlock_destroy(&state->rwlock);
free_state:
    free(state);
    return err;
}

static void close_state(struct claim_bench *bench)
{
    struct state *state = bench->state;

    pthread_mutex_destroy(&state->mutex);
    pthread_rwlock_destroy(&state->rwlock);
    free(state);
    bench->state = NULL;
}

/* ---- the readers ----------------------------------------------------------------------------- */

/* Short: one entry. Long: a chain through the whole table, about a microsecond. */
static uint64_t look_up(const struct table *table, enum section section, uint64_t key)
{
    size_t steps = section == SECTION_SHORT ? 1 : TABLE_ENTRIES;

    for (size_t i = 0; i < steps; i++)
        key = (key ^ table->entries[(key + i) % TABLE_ENTRIES]) * 0x9E3779B97F4A7C15U;
    return key;
}

static uint64_t read_once(struct state *state, uint64_t key)
{
    uint64_t value;

    switch (state->row) {
    case ROW_RWLOCK:
        pthread_rwlock_rdlock(&state->rwlock);
        value = look_up(&state->table, state->section, key);
        pthread_rwlock_unlock(&state->rwlock);
        return value;
    case ROW_MUTEX:
        pthread_mutex_lock(&state->mutex);
        value = look_up(&state->table, state->section, key);
        pthread_mutex_unlock(&state->mutex);
        return value;
    case ROW_SNAPSHOT:
        /* Pairs with the release of whoever would replace the table. */
        return look_up(atomic_load_explicit(&state->snapshot, memory_order_acquire), state->section,
                       key);
    case ROWS:
        break;
    }
    return 0;
}

static void *reader_main(void *arg)
{
    struct reader *reader = arg;
    struct state *state = reader->state;
    uint64_t reads = 0, sum = 0;

    while (!atomic_load_explicit(&state->is_over, memory_order_relaxed)) {
        for (int i = 0; i < READS_PER_LOOK; i++)
            sum += read_once(state, sum + (uint64_t)i);
        reads += READS_PER_LOOK;
        atomic_store_explicit(&reader->reads, reads, memory_order_relaxed);
    }
    reader->sum = sum;
    return NULL;
}

/* ---- one cell -------------------------------------------------------------------------------- */

static void sleep_for(double seconds)
{
    const struct timespec time = { .tv_sec = (time_t)seconds,
                                   .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9) };

    clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

static uint64_t reads_of(struct reader *readers, size_t count)
{
    uint64_t reads = 0;

    for (size_t i = 0; i < count; i++)
        reads += atomic_load_explicit(&readers[i].reads, memory_order_relaxed);
    return reads;
}

static double count_reads(struct reader *readers, size_t count, double seconds)
{
    double begun_s;
    uint64_t before;

    sleep_for(seconds * WARM_UP_SHARE);
    begun_s = claim_seconds(CLOCK_MONOTONIC);
    before = reads_of(readers, count);
    sleep_for(seconds * (1 - WARM_UP_SHARE));
    return (double)(reads_of(readers, count) - before) / (claim_seconds(CLOCK_MONOTONIC) - begun_s);
}

static int measure(struct claim_bench *bench, size_t row, size_t condition, double seconds,
                   double *ret_figures)
{
    struct state *state = bench->state;
    struct reader readers[THREADS_MAX] = { 0 };
    size_t count = threads_of(bench, (enum crowd)(condition % CROWDS));
    size_t started = 0;
    int err = 0;

    state->row = (enum row)row;
    state->section = (enum section)(condition / CROWDS);
    atomic_store_explicit(&state->is_over, false, memory_order_relaxed);
    while (started < count && err == 0) {
        readers[started].state = state;
        err = -pthread_create(&readers[started].thread, NULL, reader_main, &readers[started]);
        started += err == 0;
    }
    if (err == 0)
        ret_figures[0] = count_reads(readers, count, seconds) / 1e6;
    atomic_store_explicit(&state->is_over, true, memory_order_relaxed);
    while (started > 0)
        pthread_join(readers[--started].thread, NULL);
    return err;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

/* As many threads as CPUs against one: readers go on together when the rate grows by at least half
 * of what the other CPUs could add. */
static bool go_together(const struct claim_item *item, size_t cpus)
{
    return claim_is_more(&item->comparison) && item->comparison.ratio >= 1 + (double)(cpus - 1) / 2;
}

static void compare(const struct claim_bench *bench, struct claim_item *items)
{
    static const char *const names[ROWS] = { "rwlock", "mutex", "snapshot" };
    static const char *const sections[SECTIONS] = { "short", "long" };

    for (size_t i = 0; i < SECTIONS * ROWS; i++) {
        size_t row = i % ROWS, section = i / ROWS;
        const struct series *cells = &bench->report.rows[row].cells[section * CROWDS];

        items[i].comparison = claim_compare(&cells[CROWD_CPUS], &cells[CROWD_ONE]);
        items[i].is_judged = row == ROW_RWLOCK;
        items[i].holds = go_together(&items[i], threads_of(bench, CROWD_CPUS));
        snprintf(items[i].label, sizeof(items[i].label), "%s (%s)", sections[section], names[row]);
        snprintf(items[i].place, sizeof(items[i].place), "in %s reads", sections[section]);
    }
}

/* The snapshot's readers have nothing to wait for: where they do not go on together, the CPUs were
 * not there for them. */
static bool had_cpus(const struct claim_item *items)
{
    for (size_t i = ROW_SNAPSHOT; i < SECTIONS * ROWS; i += ROWS)
        if (claim_is_known(&items[i].comparison) && !items[i].holds)
            return false;
    return true;
}

static void judge(const struct claim_bench *bench, struct sentence *verdict)
{
    struct claim_item items[SECTIONS * ROWS] = { 0 };
    size_t cpus = threads_of(bench, CROWD_CPUS);
    char subject[96];

    snprintf(subject, sizeof(subject), "reads per second of %zu thread%s against one", cpus,
             cpus == 1 ? "" : "s");
    compare(bench, items);
    if (had_cpus(items)) {
        claim_judge(verdict, "readers under the lock go on together", subject, items,
                    SECTIONS * ROWS);
        return;
    }
    sentence_add(verdict, "Here nobody can tell, for even readers without any lock did not go on "
                          "together: the CPUs had other work or there is only one");
    claim_add_figures(verdict, subject, items, SECTIONS * ROWS);
}

const struct claim claim_rwlock = {
    .name = "rwlock",
    .sentence = "A reader/writer lock lets readers go on together.",
    .method = "Million reads per second of a table that nobody writes, by one thread, by one for "
              "each CPU and by twice as many. A short read looks up one entry, a long one takes "
              "about a microsecond. The snapshot stands for a read without any lock.",
    .figures = "Million reads per second, by the length of a read and the number of threads",
    .describe = describe,
    .open = open_state,
    .measure = measure,
    .close = close_state,
    .judge = judge,
};
