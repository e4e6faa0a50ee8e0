/* SPDX-License-Identifier: Apache-2.0 */
#include "thread_set.h"

#include "alloc.h"
#include "assert.h"
#include "clock.h"
#include "engine.h"
#include "log_rings.h"
#include "waker.h"

#include <paceline/log.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int pl_thread_set_init(struct pl_thread_set *set, struct pl_engine *engine, const char *name,
                       uint32_t count, uint32_t first_block)
{
    pthread_condattr_t monotonic;

    memset(set, 0, sizeof(*set));
    set->engine = engine;
    pthread_mutex_init(&set->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&set->has_left, &monotonic);
    pthread_condattr_destroy(&monotonic);
    set->count = count;
    if (count == 0)
        return 0;
    set->threads = pl_alloc(count * sizeof(*set->threads));
    if (set->threads == NULL)
        goto destroy_lock;
    for (uint32_t i = 0; i < count; i++) {
        struct pl_thread *thread = &set->threads[i];

        thread->set = set;
        thread->index = i;
        snprintf(thread->name, sizeof(thread->name), "%s-%u", name, i);
        (void)sem_init(&thread->wake, 0, 0);
        if (pl_engine_prepare_thread(engine, thread, first_block + i) < 0 ||
            pl_timelines_add(&engine->timelines, thread->name, engine->settings.timeline_entries,
                             &thread->timeline) < 0)
            goto free_threads;
    }
    return 0;

free_threads:
    pl_free(set->threads);
    set->threads = NULL;
destroy_lock:
    pthread_cond_destroy(&set->has_left);
    pthread_mutex_destroy(&set->lock);
    return -ENOMEM;
}

void pl_thread_set_deinit(struct pl_thread_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        pl_buffer_cache_deinit(&set->threads[i].cache);
        pl_splice_pipe_close(&set->threads[i].splice_pipe);
        (void)sem_destroy(&set->threads[i].wake);
    }
    pl_free(set->threads);
    set->threads = NULL;
    pthread_cond_destroy(&set->has_left);
    pthread_mutex_destroy(&set->lock);
}

struct start {
    struct pl_thread_set *set;
    struct pl_thread *thread;
    void *(*main)(void *);
    sem_t is_copied;
};

static void *start_thread(void *argument)
{
    struct start *start = argument;
    void *(*thread_main)(void *) = start->main;
    struct pl_thread_set *set = start->set;
    struct pl_thread *thread = start->thread;
    void *result;

    (void)sem_post(&start->is_copied);
    (void)pthread_setname_np(pthread_self(), thread->name);
    /* Without a ring the thread writes its lines directly; nothing is lost but speed. */
    if (pl_log_thread_begin() < 0)
        PL_LOG(PL_LOG_WARNING, "%s: no memory for a log ring", thread->name);
    pl_thread_enter(thread);
    result = thread_main(thread);
    pl_thread_set_role(thread, PL_ROLES_COUNT);
    pl_log_thread_end();
    pthread_mutex_lock(&set->lock);
    thread->has_left = true;
    set->running--;
    pthread_cond_signal(&set->has_left);
    pthread_mutex_unlock(&set->lock);
    return result;
}

static void count_running(struct pl_thread_set *set, bool is_more)
{
    pthread_mutex_lock(&set->lock);
    set->running = is_more ? set->running + 1 : set->running - 1;
    pthread_mutex_unlock(&set->lock);
}

static int start_one(struct pl_thread_set *set, struct pl_thread *thread,
                     void *(*thread_main)(void *))
{
    struct start start = { .set = set, .thread = thread, .main = thread_main };
    sigset_t all, before;
    int err;

    (void)sem_init(&start.is_copied, 0, 0);
    count_running(set, true);
    /* Signals are for the control thread; the faults of a thread itself stay its own. */
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    err = pthread_create(&thread->id, NULL, start_thread, &start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err == 0)
        while (sem_wait(&start.is_copied) < 0 && errno == EINTR)
            ;
    else
        count_running(set, false);
    (void)sem_destroy(&start.is_copied);
    return -err;
}

int pl_thread_set_start(struct pl_thread_set *set, void *(*thread_main)(void *))
{
    for (uint32_t i = 0; i < set->count; i++) {
        int err = start_one(set, &set->threads[i], thread_main);

        if (err < 0) {
            pl_thread_set_stop(set);
            pl_waker_wake(set->engine->stop_fd); /* the first may already wait in the kernel */
            (void)pl_thread_set_join(set, INT64_MAX);
            return err;
        }
        set->started++;
    }
    return 0;
}

void pl_thread_set_stop(struct pl_thread_set *set)
{
    atomic_store(&set->is_stopping, true);
    pthread_mutex_lock(&set->lock);
    while (set->idle != NULL) {
        struct pl_thread *thread = set->idle;

        set->idle = thread->idle_next;
        thread->is_idle = false;
        (void)sem_post(&thread->wake);
    }
    atomic_store(&set->idle_count, 0);
    pthread_mutex_unlock(&set->lock);
}

/* True when every thread has left by the deadline. */
static bool wait_until_left(struct pl_thread_set *set, int64_t deadline_ms)
{
    struct timespec until = { .tv_sec = deadline_ms / 1000,
                              .tv_nsec = deadline_ms % 1000 * 1000000 };
    bool is_late = false;
    bool have_left;

    pthread_mutex_lock(&set->lock);
    while (set->running > 0 && !is_late) {
        if (deadline_ms == INT64_MAX)
            (void)pthread_cond_wait(&set->has_left, &set->lock);
        else
            is_late = pthread_cond_timedwait(&set->has_left, &set->lock, &until) == ETIMEDOUT;
    }
    have_left = set->running == 0;
    pthread_mutex_unlock(&set->lock);
    return have_left;
}

static uint32_t name_stuck(struct pl_thread_set *set)
{
    uint32_t stuck = 0;

    pthread_mutex_lock(&set->lock);
    for (uint32_t i = 0; i < set->started; i++) {
        struct pl_thread *thread = &set->threads[i];
        struct pl_handler_note *note = atomic_load(&thread->handler_note);

        if (thread->has_left)
            continue;
        stuck++;
        PL_LOG(PL_LOG_ERROR, "thread %s does not leave handler %s; it is left behind", thread->name,
               note != NULL ? note->name : "(unknown)");
    }
    pthread_mutex_unlock(&set->lock);
    return stuck;
}

uint32_t pl_thread_set_join(struct pl_thread_set *set, int64_t deadline_ms)
{
    if (!wait_until_left(set, deadline_ms))
        return name_stuck(set);
    for (uint32_t i = 0; i < set->started; i++)
        (void)pthread_join(set->threads[i].id, NULL);
    set->started = 0;
    return 0;
}

static void unlink_idle_locked(struct pl_thread_set *set, struct pl_thread *thread)
{
    struct pl_thread **at = &set->idle;

    while (*at != thread)
        at = &(*at)->idle_next;
    *at = thread->idle_next;
    thread->is_idle = false;
    atomic_fetch_sub(&set->idle_count, 1);
}

static void push_idle(struct pl_thread_set *set, struct pl_thread *thread)
{
    pthread_mutex_lock(&set->lock);
    thread->is_idle = true;
    thread->idle_next = set->idle;
    set->idle = thread;
    atomic_fetch_add(&set->idle_count, 1);
    pthread_mutex_unlock(&set->lock);
}

/* True when it was still on the stack; false: a wake is on its way and must be consumed. */
static bool cancel_idle(struct pl_thread_set *set, struct pl_thread *thread)
{
    bool was_idle;

    pthread_mutex_lock(&set->lock);
    was_idle = thread->is_idle;
    if (was_idle)
        unlink_idle_locked(set, thread);
    pthread_mutex_unlock(&set->lock);
    return was_idle;
}

void pl_thread_set_park(struct pl_thread_set *set, struct pl_thread *thread, pl_has_work *has_work,
                        void *context)
{
    pl_thread_set_role(thread, PL_ROLE_FOLLOWER);
    push_idle(set, thread);
    if ((has_work(context) || pl_thread_set_is_stopping(set)) && cancel_idle(set, thread))
        return;
    while (sem_wait(&thread->wake) < 0 && errno == EINTR)
        ;
    /* Before the first look: a wake that was withheld because of this search is then seen. */
    if (!pl_thread_set_is_stopping(set))
        atomic_store(&set->searching, 0);
}

static struct pl_thread *pop_idle(struct pl_thread_set *set)
{
    struct pl_thread *thread;

    pthread_mutex_lock(&set->lock);
    thread = set->idle;
    if (thread != NULL)
        unlink_idle_locked(set, thread);
    pthread_mutex_unlock(&set->lock);
    return thread;
}

bool pl_thread_set_wake_one(struct pl_thread_set *set, struct pl_thread *by)
{
    for (;;) {
        uint32_t nobody = 0;
        struct pl_thread *thread;

        if (atomic_load(&set->idle_count) == 0)
            return false;
        if (!atomic_compare_exchange_strong(&set->searching, &nobody, 1))
            return true;
        thread = pop_idle(set);
        if (thread != NULL) {
            if (by != NULL)
                PL_COUNT(by->stats, wakes);
            (void)sem_post(&thread->wake);
            return true;
        }
        /* The sleeper thought better of it. Look again: one that came to sleep meanwhile may have
         * been passed over by a waker who saw this search. */
        atomic_store(&set->searching, 0);
    }
}
