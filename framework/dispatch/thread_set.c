/* SPDX-License-Identifier: Apache-2.0 */
#include "thread_set.h"

#include "alloc.h"
#include "assert.h"
#include "engine.h"
#include "log_rings.h"
#include "stack.h"

#include <paceline/log.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void init_locks(struct pl_thread_set *set)
{
    pthread_condattr_t monotonic;

    pthread_mutex_init(&set->lock, NULL);
    pthread_cond_init(&set->may_go, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&set->has_left, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void deinit_locks(struct pl_thread_set *set)
{
    pthread_cond_destroy(&set->has_left);
    pthread_cond_destroy(&set->may_go);
    pthread_mutex_destroy(&set->lock);
}

static void give_threads(struct pl_thread_set *set, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        pl_engine_leave_thread(&set->threads[i]);
        (void)sem_destroy(&set->threads[i].wake);
    }
    pl_free(set->threads);
    set->threads = NULL;
}

int pl_thread_set_init(struct pl_thread_set *set, struct pl_model *model, const char *name,
                       uint32_t count, void *(*thread_main)(void *))
{
    memset(set, 0, sizeof(*set));
    init_locks(set);
    set->model = model;
    set->main = thread_main;
    set->count = count;
    if (count > 0)
        set->threads = pl_alloc(count * sizeof(*set->threads));
    if (count > 0 && set->threads == NULL)
        goto deinit_locks;
    for (uint32_t i = 0; i < count; i++) {
        struct pl_thread *thread = &set->threads[i];

        thread->set = set;
        thread->model = model;
        thread->index = i;
        snprintf(thread->name, sizeof(thread->name), "%s-%u", name, i);
        (void)sem_init(&thread->wake, 0, 0);
        if (pl_engine_enter_thread(model->engine, thread) < 0) {
            (void)sem_destroy(&thread->wake);
            give_threads(set, i);
            goto deinit_locks;
        }
    }
    set->next = model->sets;
    model->sets = set;
    return 0;

deinit_locks:
    deinit_locks(set);
    return -ENOMEM;
}

void pl_thread_set_deinit(struct pl_thread_set *set)
{
    give_threads(set, set->count);
    deinit_locks(set);
}

/* False: the set was stopped before it was let go. */
static bool pass_gate(struct pl_thread_set *set)
{
    bool is_let_go;

    pthread_mutex_lock(&set->lock);
    while (!set->is_let_go && !pl_thread_set_is_stopping(set))
        (void)pthread_cond_wait(&set->may_go, &set->lock);
    is_let_go = set->is_let_go;
    pthread_mutex_unlock(&set->lock);
    return is_let_go;
}

static void *start_thread(void *argument)
{
    struct pl_thread *thread = argument;
    struct pl_thread_set *set = thread->set;

    (void)pthread_setname_np(pthread_self(), thread->name);
    atomic_store(&thread->kernel_id, gettid());
    /* Without a ring the thread writes its lines directly; nothing is lost but speed. */
    if (pl_log_thread_begin() < 0)
        PL_LOG(PL_LOG_WARNING, "%s: no memory for a log ring", thread->name);
    pl_thread_enter(thread);
    if (pass_gate(set)) {
        pl_thread_tick(thread);
        (void)set->main(thread);
    }
    pl_thread_set_role(thread, PL_ROLES_COUNT);
    pl_log_thread_end();
    pthread_mutex_lock(&set->lock);
    set->running--;
    pthread_cond_signal(&set->has_left);
    pthread_mutex_unlock(&set->lock);
    return NULL;
}

static void count_running(struct pl_thread_set *set, bool is_more)
{
    pthread_mutex_lock(&set->lock);
    set->running = is_more ? set->running + 1 : set->running - 1;
    pthread_mutex_unlock(&set->lock);
}

static int start_one(struct pl_thread_set *set, struct pl_thread *thread)
{
    sigset_t all, before;
    int err;

    count_running(set, true);
    /* Signals are for the control thread; the faults of a thread itself stay its own. */
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    /* So does the question where it stands. */
    if (pl_stack_signal() != 0)
        sigdelset(&all, pl_stack_signal());
    pthread_sigmask(SIG_BLOCK, &all, &before);
    err = pthread_create(&thread->id, NULL, start_thread, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err != 0)
        count_running(set, false);
    return -err;
}

int pl_thread_set_start(struct pl_thread_set *set)
{
    int err = 0;

    for (uint32_t i = 0; i < set->count && err == 0; i++) {
        err = start_one(set, &set->threads[i]);
        if (err == 0)
            set->started++;
    }
    return err;
}

void pl_thread_set_let_go(struct pl_thread_set *set)
{
    pthread_mutex_lock(&set->lock);
    set->is_let_go = true;
    pthread_cond_broadcast(&set->may_go);
    pthread_mutex_unlock(&set->lock);
}

void pl_thread_set_stop(struct pl_thread_set *set)
{
    atomic_store(&set->is_stopping, true);
    pthread_mutex_lock(&set->lock);
    while (set->idle != NULL) {
        struct pl_thread *thread = set->idle;

        set->idle = thread->idle_next;
        thread->is_idle = false;
    }
    atomic_store(&set->idle_count, 0);
    pthread_cond_broadcast(&set->may_go);
    pthread_mutex_unlock(&set->lock);
    /* Also those that sleep without standing on the stack; one too many means nothing. */
    for (uint32_t i = 0; i < set->count; i++)
        (void)sem_post(&set->threads[i].wake);
}

/* How many have not left by the deadline. */
static uint32_t wait_until_left(struct pl_thread_set *set, int64_t deadline_ms)
{
    struct timespec until = { .tv_sec = deadline_ms / 1000,
                              .tv_nsec = deadline_ms % 1000 * 1000000 };
    bool is_late = false;
    uint32_t left;

    pthread_mutex_lock(&set->lock);
    while (set->running > 0 && !is_late) {
        if (deadline_ms == INT64_MAX)
            (void)pthread_cond_wait(&set->has_left, &set->lock);
        else
            is_late = pthread_cond_timedwait(&set->has_left, &set->lock, &until) == ETIMEDOUT;
    }
    left = set->running;
    pthread_mutex_unlock(&set->lock);
    return left;
}

uint32_t pl_thread_set_join(struct pl_thread_set *set, int64_t deadline_ms)
{
    uint32_t left = wait_until_left(set, deadline_ms);

    if (left > 0)
        return left;
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
