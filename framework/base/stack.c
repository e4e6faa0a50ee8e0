/* SPDX-License-Identifier: Apache-2.0 */
/* A thread's stack, asked of itself by a signal; see stack.h. */
#include "stack.h"

#include "clock.h"

#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* The handler's own frame, and the kernel's return from it. */
#define FRAMES_OF_HANDLER 4

enum state { NOBODY_ASKS, ASKED, ANSWERING, ANSWERED };

/* A signal's handler belongs to the process, and so does what it finds. `state` counts the
 * questions above its two lowest bits, so that a late answer meets no later question. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic int taken_signal;
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER; /* held by who asks */
static _Atomic uint64_t state;
static _Atomic int asked_thread;
static sem_t answered;
static void *frames[PL_STACK_FRAMES_MAX + FRAMES_OF_HANDLER]; /* written while ANSWERING */
static int frames_count;
static void *frame_first; /* where the signal met the thread */

static void *code_of(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (void *)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (void *)context->uc_mcontext.pc;
#else
    (void)context;
    return NULL;
#endif
}

/* backtrace(3) was called once before, so it loads nothing and allocates nothing here. */
static void answer(int signal, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    uint64_t question = atomic_load(&state);

    (void)signal;
    (void)info;
    if ((question & 3) == ASKED && atomic_load(&asked_thread) == gettid() &&
        atomic_compare_exchange_strong(&state, &question, (question & ~3ull) | ANSWERING)) {
        frame_first = code_of(context);
        frames_count = backtrace(frames, PL_STACK_FRAMES_MAX + FRAMES_OF_HANDLER);
        atomic_store(&state, (question & ~3ull) | ANSWERED);
        (void)sem_post(&answered);
    }
    errno = saved_errno;
}

static void prepare(void)
{
    struct sigaction action = { .sa_sigaction = answer,
                                .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK };
    struct sigaction before;

    if (sigaction(PL_STACK_SIGNAL, NULL, &before) < 0 || (before.sa_flags & SA_SIGINFO) ||
        before.sa_handler != SIG_DFL)
        return;
    (void)sem_init(&answered, 0, 0);
    (void)backtrace(frames, 1);
    sigfillset(&action.sa_mask);
    if (sigaction(PL_STACK_SIGNAL, &action, NULL) == 0)
        atomic_store(&taken_signal, PL_STACK_SIGNAL);
}

void pl_stack_prepare(void)
{
    (void)pthread_once(&once, prepare);
}

int pl_stack_signal(void)
{
    return atomic_load(&taken_signal);
}

static void wait_for_answer(void)
{
    int64_t until_ns = pl_clock_ns() + PL_STACK_ANSWER_MS * 1000000ll;
    struct timespec until = { .tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000 };

    while (sem_clockwait(&answered, CLOCK_MONOTONIC, &until) < 0 && errno == EINTR)
        ;
}

/* What stands above the place where the signal came in is the handler's. */
static void copy_frames(struct pl_stack *stack)
{
    int first = 0;

    while (first < frames_count && frames[first] != frame_first)
        first++;
    if (first == frames_count)
        first = frames_count > 2 ? 2 : 0;
    stack->count = 0;
    for (int i = first; i < frames_count && stack->count < PL_STACK_FRAMES_MAX; i++)
        stack->addresses[stack->count++] = frames[i];
}

static int ask_locked(int thread, struct pl_stack *ret_stack)
{
    uint64_t question = (atomic_load(&state) & ~3ull) + 4;
    uint64_t mine = question | ASKED;

    if ((atomic_load(&state) & 3) == ANSWERING)
        return -EBUSY;
    while (sem_trywait(&answered) == 0)
        ; /* of an answer that was not waited for */
    atomic_store(&asked_thread, thread);
    atomic_store(&state, mine);
    if (syscall(SYS_tgkill, getpid(), thread, PL_STACK_SIGNAL) < 0) {
        atomic_store(&state, question);
        return -errno;
    }
    wait_for_answer();
    if (atomic_compare_exchange_strong(&state, &mine, question))
        return -ETIMEDOUT;
    if ((mine & 3) == ANSWERING)
        wait_for_answer();
    if ((atomic_load(&state) & 3) != ANSWERED)
        return -EBUSY;
    copy_frames(ret_stack);
    atomic_store(&state, question);
    return 0;
}

int pl_stack_take(int thread, struct pl_stack *ret_stack)
{
    int err;

    if (pl_stack_signal() == 0)
        return -EBUSY;
    pthread_mutex_lock(&asking);
    err = ask_locked(thread, ret_stack);
    pthread_mutex_unlock(&asking);
    return err;
}
