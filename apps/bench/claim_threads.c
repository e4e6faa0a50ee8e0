/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "A thread per request is too dear."
 *
 * The measuring thread gives out requests, never more than IN_FLIGHT_MAX at once: each to a thread
 * that it creates and joins, or to a pool of as many threads behind a bounded queue. Sockets are
 * left out: what differs between the two is what is measured.
 */
#include "claims.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define IN_FLIGHT_MAX     16
#define SMALL_STACK_BYTES (64 * 1024)
#define JOB_STEPS         256 /* of the cheap job: less than a microsecond */
#define JOB_SLEEP_NS      1000000

enum row { ROW_DEFAULT_STACK, ROW_SMALL_STACK, ROW_POOL };
enum condition { CHEAP, BLOCKING, CONDITIONS };
enum figure { FIGURE_RATE, FIGURE_CPU, FIGURES };

/* A share of the pool's rate below which the other way serves clearly fewer requests. */
#define CLEARLY_FEWER 0.9

static void describe(struct claim_bench *bench)
{
    bench->conditions_count = CONDITIONS;
    bench->figures_count = FIGURES;
    claim_add_row(bench, "a thread per request");
    claim_add_row(bench, "the same, stacks of 64 KiB");
    claim_add_row(bench, "a pool of 16 threads");
    claim_add_column(bench, "cheap_requests_per_s", "cheap req/s", 0, BETTER_MORE);
    claim_add_column(bench, "cheap_cpu_us", "CPU us/req", 2, BETTER_LESS);
    claim_add_column(bench, "blocking_requests_per_s", "1 ms req/s", 0, BETTER_MORE);
    claim_add_column(bench, "blocking_cpu_us", "CPU us/req", 2, BETTER_LESS);
}

static int open_nothing(struct claim_bench *bench)
{
    (void)bench;
    return 0;
}

static void close_nothing(struct claim_bench *bench)
{
    (void)bench;
}

/* ---- the job --------------------------------------------------------------------------------- */

struct request {
    enum condition condition;
    uint64_t answer; /* written by whoever runs it, read after it is known to be over */
};

static void run_job(struct request *request)
{
    const struct timespec sleep = { .tv_nsec = JOB_SLEEP_NS };
    uint64_t value = 1;

    for (int i = 0; i < JOB_STEPS; i++)
        value = value * 6364136223846793005U + 1442695040888963407U;
    request->answer = value | 1;
    if (request->condition == BLOCKING)
        clock_nanosleep(CLOCK_MONOTONIC, 0, &sleep, NULL);
}

/* ---- a thread per request -------------------------------------------------------------------- */

struct window {
    pthread_t threads[IN_FLIGHT_MAX];
    struct request requests[IN_FLIGHT_MAX];
    size_t begun, ended; /* of all requests; their places are modulo IN_FLIGHT_MAX */
};

static void *request_main(void *arg)
{
    run_job(arg);
    return NULL;
}

static void join_oldest(struct window *window)
{
    pthread_join(window->threads[window->ended % IN_FLIGHT_MAX], NULL);
    window->ended++;
}

static int begin_request(struct window *window, const pthread_attr_t *attributes,
                         enum condition condition)
{
    size_t place = window->begun % IN_FLIGHT_MAX;
    int err;

    window->requests[place] = (struct request){ .condition = condition };
    err = -pthread_create(&window->threads[place], attributes, request_main,
                          &window->requests[place]);
    window->begun += err == 0;
    return err;
}

static int serve_by_threads(const pthread_attr_t *attributes, enum condition condition,
                            struct claim_stretch *stretch, size_t *ret_requests)
{
    struct window window = { .begun = 0 };
    int err = 0;

    while (err == 0 && claim_stretch_goes_on(stretch)) {
        if (window.begun - window.ended == IN_FLIGHT_MAX)
            join_oldest(&window);
        err = begin_request(&window, attributes, condition);
    }
    while (window.ended < window.begun)
        join_oldest(&window);
    *ret_requests = window.ended;
    return err;
}

static int measure_threads(size_t stack_bytes, enum condition condition,
                           struct claim_stretch *stretch, double seconds, size_t *ret_requests)
{
    pthread_attr_t attributes;
    int err = -pthread_attr_init(&attributes);

    if (err < 0)
        return err;
    if (stack_bytes > 0)
        err = -pthread_attr_setstacksize(&attributes, stack_bytes);
    claim_stretch_begin(stretch, CLOCK_PROCESS_CPUTIME_ID, seconds);
    if (err == 0)
        err = serve_by_threads(&attributes, condition, stretch, ret_requests);
    claim_stretch_end(stretch);
    pthread_attr_destroy(&attributes);
    return err;
}

/* ---- the pool -------------------------------------------------------------------------------- */

struct pool {
    pthread_t threads[IN_FLIGHT_MAX];
    size_t threads_count;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t has_request, has_room;
    struct request queue[IN_FLIGHT_MAX];
    size_t put, taken, ended;
    uint64_t answers; /* so that no job is without a reader */
    bool is_stopping;
};

static void *worker_main(void *arg)
{
    struct pool *pool = arg;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct request request;

        while (pool->put == pool->taken && !pool->is_stopping)
            pthread_cond_wait(&pool->has_request, &pool->lock);
        if (pool->put == pool->taken)
            break;
        request = pool->queue[pool->taken++ % IN_FLIGHT_MAX];
        pthread_mutex_unlock(&pool->lock);
        run_job(&request);
        pthread_mutex_lock(&pool->lock);
        pool->answers += request.answer;
        pool->ended++;
        pthread_cond_signal(&pool->has_room);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void put_request(struct pool *pool, enum condition condition)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->put - pool->ended == IN_FLIGHT_MAX)
        pthread_cond_wait(&pool->has_room, &pool->lock);
    pool->queue[pool->put++ % IN_FLIGHT_MAX] = (struct request){ .condition = condition };
    pthread_cond_signal(&pool->has_request);
    pthread_mutex_unlock(&pool->lock);
}

static int start_pool(struct pool *pool)
{
    int err = 0;

    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->has_request, NULL);
    pthread_cond_init(&pool->has_room, NULL);
    while (err == 0 && pool->threads_count < IN_FLIGHT_MAX) {
        err = -pthread_create(&pool->threads[pool->threads_count], NULL, worker_main, pool);
        pool->threads_count += err == 0;
    }
    return err;
}

/* Every request that was put is answered first. */
static void drain_pool(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->ended < pool->put)
        pthread_cond_wait(&pool->has_room, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

static void stop_pool(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->is_stopping = true;
    pthread_cond_broadcast(&pool->has_request);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->threads_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->has_room);
    pthread_cond_destroy(&pool->has_request);
    pthread_mutex_destroy(&pool->lock);
}

/* The pool stands already when requests come: that is its point. */
static int measure_pool(enum condition condition, struct claim_stretch *stretch, double seconds,
                        size_t *ret_requests)
{
    struct pool pool = { .threads_count = 0 };
    int err = start_pool(&pool);

    claim_stretch_begin(stretch, CLOCK_PROCESS_CPUTIME_ID, seconds);
    while (err == 0 && claim_stretch_goes_on(stretch))
        put_request(&pool, condition);
    drain_pool(&pool);
    claim_stretch_end(stretch);
    *ret_requests = pool.ended;
    stop_pool(&pool);
    return err;
}

/* ---- one cell -------------------------------------------------------------------------------- */

static int measure(struct claim_bench *bench, size_t row, size_t condition, double seconds,
                   double *ret_figures)
{
    struct claim_stretch stretch;
    size_t requests = 0;
    int err;

    (void)bench;
    if (row == ROW_POOL)
        err = measure_pool((enum condition)condition, &stretch, seconds, &requests);
    else
        err = measure_threads(row == ROW_SMALL_STACK ? SMALL_STACK_BYTES : 0,
                              (enum condition)condition, &stretch, seconds, &requests);
    if (err < 0)
        return err;
    ret_figures[FIGURE_RATE] = (double)requests / stretch.wall_s;
    ret_figures[FIGURE_CPU] = stretch.cpu_s * 1e6 / (double)requests;
    return 0;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

static void judge(const struct claim_bench *bench, struct sentence *verdict)
{
    static const char *const labels[CONDITIONS][FIGURES] = {
        { "cheap requests per second", "their CPU" },
        { "requests per second that block for 1 ms", "their CPU" },
    };
    static const char *const places[CONDITIONS] = { "where the job is cheap",
                                                    "where the job blocks" };
    const struct report_row *rows = bench->report.rows;
    struct claim_item items[CONDITIONS * FIGURES] = { 0 };

    for (size_t i = 0; i < CONDITIONS * FIGURES; i++) {
        struct claim_item *item = &items[i];

        item->comparison =
            claim_compare(&rows[ROW_DEFAULT_STACK].cells[i], &rows[ROW_POOL].cells[i]);
        item->is_judged = i % FIGURES == FIGURE_RATE;
        item->holds = claim_is_less(&item->comparison) && item->comparison.ratio < CLEARLY_FEWER;
        snprintf(item->label, sizeof(item->label), "%s", labels[i / FIGURES][i % FIGURES]);
        snprintf(item->place, sizeof(item->place), "%s", places[i / FIGURES]);
    }
    claim_judge(verdict, "a thread per request serves clearly fewer requests",
                "a thread per request against a pool", items, CONDITIONS * FIGURES);
}

const struct claim claim_threads = {
    .name = "threads",
    .sentence = "A thread per request is too dear.",
    .method = "At most 16 requests at once: each gets a thread that is created and joined, or goes "
              "through a queue to one of 16 that stand. A cheap job takes less than a microsecond; "
              "a blocking one sleeps for 1 ms. CPU is that of the process. No sockets.",
    .figures = "Requests per second, and CPU us of the process for each",
    .describe = describe,
    .open = open_nothing,
    .measure = measure,
    .close = close_nothing,
    .judge = judge,
};
