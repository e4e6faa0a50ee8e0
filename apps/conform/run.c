/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small pool of threads takes the next case that is left; most cases wait more than they work.
 * Thread: each verdict is written by the thread that took its case, and read after the join.
 */
#include "run.h"

#include "case_text.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* Descriptors beside those of the clients: standard streams and what the pool uses. */
#define DESCRIPTORS_SPARE 64

struct pool {
    const struct run *run;
    struct verdict *verdicts;
    atomic_size_t next; /* the first case that nobody has taken */
    atomic_uint done_count;
    unsigned total;
    bool is_alone; /* the pass over the cases that run alone */
};

static rlim_t raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

/* Why a case cannot run here; NULL when it can. */
static const char *reason_to_skip(const struct run *run, const struct conform_case *one,
                                  rlim_t descriptors)
{
    if (run->target->addresses[one->transport].length == 0)
        return one->transport == TRANSPORT_UDP ? "no --udp HOST:PORT was given"
                                               : "no --unix PATH was given";
    if (one->clients_count + DESCRIPTORS_SPARE > descriptors)
        return "more clients than the limit of open descriptors (ulimit -n) allows";
    return NULL;
}

static void show_progress(struct pool *pool)
{
    unsigned done = atomic_fetch_add(&pool->done_count, 1) + 1;

    if (pool->run->is_showing_progress)
        fprintf(stderr, "\r\033[K%u of %u cases", done, pool->total);
}

static void *work(void *arg)
{
    struct pool *pool = arg;
    const struct run *run = pool->run;

    for (;;) {
        size_t index = atomic_fetch_add(&pool->next, 1);

        if (index >= run->list->count)
            return NULL;
        if (!run->is_chosen[index] || run->list->cases[index].is_alone != pool->is_alone ||
            pool->verdicts[index].result == RESULT_SKIP)
            continue;
        exchange_run(&run->list->cases[index], run->target, run->options, &pool->verdicts[index]);
        show_progress(pool);
    }
}

static void run_pass(struct pool *pool, bool is_alone, unsigned threads_count)
{
    pthread_t threads[64];
    unsigned started = 0;

    atomic_store(&pool->next, 0);
    pool->is_alone = is_alone;
    while (started < threads_count && started < 64 &&
           pthread_create(&threads[started], NULL, work, pool) == 0)
        started++;
    if (started == 0)
        work(pool);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}

void run_cases(const struct run *run, struct verdict *verdicts)
{
    struct pool pool = { .run = run, .verdicts = verdicts };
    rlim_t descriptors = raise_descriptors();

    for (size_t i = 0; i < run->list->count; i++) {
        const char *reason = reason_to_skip(run, &run->list->cases[i], descriptors);

        verdicts[i] = (struct verdict){ .result = RESULT_PASS };
        if (!run->is_chosen[i])
            continue;
        pool.total++;
        if (reason == NULL)
            continue;
        verdicts[i].result = RESULT_SKIP;
        snprintf(verdicts[i].detail, sizeof(verdicts[i].detail), "%s", reason);
        pool.done_count++;
    }
    run_pass(&pool, false, run->jobs_count);
    run_pass(&pool, true, 1);
    if (run->is_showing_progress)
        fputs("\r\033[K", stderr);
}
