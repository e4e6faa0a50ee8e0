/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of a thread that stays in a handler:
 *
 *     stall: ROUTE keeps thread NAME (its number) for TIME, since WHEN ...
 *     stall: engine NAME, MODEL: who waits; under which models nobody would
 *     stall:   #0 function+offset (file+offset)
 */
#include "watchdog.h"

#include "code_name.h"
#include "stack.h"

#include <paceline/log.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- the models ------------------------------------------------------------------------------ */

static void append(char *text, size_t size, const char *piece)
{
    size_t used = strlen(text);

    snprintf(text + used, size - used, "%s", piece);
}

/* Models where somebody else serves on while one thread is in a handler; `has_pool` false: where
 * nobody does. */
static void list_models(bool has_pool, char *text, size_t size)
{
    text[0] = '\0';
    for (size_t i = 0; pl_models[i] != NULL; i++) {
        const struct pl_model_ops *ops = pl_models[i];
        bool can_do_without = ops->threads_min == 0;

        if (ops->has_pool != has_pool && !can_do_without)
            continue;
        if (text[0] != '\0')
            append(text, size, ", ");
        append(text, size, ops->name);
        if (can_do_without)
            append(text, size, has_pool ? " with threads" : " with threads: 0");
    }
}

static void describe_loop(const struct pl_stall *stall, const char *pool_models, char *text,
                          size_t size)
{
    char waits[96];

    if (stall->threads > 1)
        snprintf(waits, sizeof(waits), "the connections of this loop, one of %u, wait for it",
                 stall->threads);
    else
        snprintf(waits, sizeof(waits), "every connection waits for it");
    snprintf(text, size, "%s; would not suffer: %s", waits, pool_models);
}

static void describe_pool(const struct pl_stall *stall, char *text, size_t size)
{
    char loop_models[160];

    list_models(false, loop_models, sizeof(loop_models));
    if (stall->threads_stalled >= stall->threads && stall->threads > 1)
        snprintf(text, size,
                 "all of its %u threads that run handlers are in such handlers: other requests "
                 "wait; would not suffer: the same model with more dispatch.threads",
                 stall->threads);
    else if (stall->threads_stalled >= stall->threads)
        snprintf(text, size,
                 "its only thread that runs handlers is in it: other requests wait; would not "
                 "suffer: the same model with more dispatch.threads");
    else
        snprintf(text, size,
                 "%u of its %u threads that run handlers %s in such a handler, the others go on; "
                 "others would wait under %s",
                 stall->threads_stalled, stall->threads, stall->threads_stalled == 1 ? "is" : "are",
                 loop_models);
}

void pl_stall_describe(const struct pl_stall *stall, char *text, size_t size)
{
    char pool_models[160];

    list_models(true, pool_models, sizeof(pool_models));
    if (stall->is_loop)
        describe_loop(stall, pool_models, text, size);
    else if (stall->way == PL_HANDLER_IN_PASSING)
        snprintf(text, size,
                 "the thread that waits for events ran it in passing, every connection waits for "
                 "it; would not suffer: this model with dispatch.inline: false, or with .may_block "
                 "for the route, as would %s",
                 pool_models);
    else
        describe_pool(stall, text, size);
}

/* ---- the stack ------------------------------------------------------------------------------- */

static void log_frames(const struct pl_stack *stack)
{
    char frame[128];
    struct pl_code_name name;

    for (size_t i = 0; i < stack->count; i++) {
        const char *file;

        pl_code_name_of(stack->addresses[i], i > 0, &name);
        file = strrchr(name.module, '/');
        snprintf(frame, sizeof(frame), "??");
        if (name.function[0] != '\0')
            snprintf(frame, sizeof(frame), "%s+0x%lx", name.function,
                     (unsigned long)name.in_function);
        PL_LOG(PL_LOG_WARNING, "stall:   #%zu %s (%.80s+0x%lx)", i, frame,
               file != NULL ? file + 1 : name.module, (unsigned long)name.in_module);
    }
}

/* For the lines of source, which only the program's owner may have. */
static void log_hint(const struct pl_stack *stack)
{
    char text[416] = "";
    char own[256] = "";
    struct pl_code_name name;

    for (size_t i = 0; i < stack->count; i++) {
        char offset[24];

        pl_code_name_of(stack->addresses[i], i > 0, &name);
        if (strstr(name.module, ".so") != NULL || name.module[0] == '\0')
            continue;
        snprintf(own, sizeof(own), "%s", name.module);
        snprintf(offset, sizeof(offset), " 0x%lx", (unsigned long)name.in_module);
        if (strlen(text) + strlen(offset) < 160)
            append(text, sizeof(text), offset);
    }
    if (own[0] != '\0')
        PL_LOG(PL_LOG_WARNING, "stall: lines of source: addr2line -fpe %s%s", own, text);
}

static const char *why_no_answer(int err)
{
    switch (err) {
    case -ETIMEDOUT:
        return "the thread does not answer, it may sleep in the kernel where no signal reaches it";
    case -ENOSYS:
        return "this machine's calls are not known";
    case -EBUSY:
        return "the signal is used by the application, or an earlier answer is still under way";
    case -ESRCH:
        return "the thread has gone";
    default:
        return "the kernel does not let it be read";
    }
}

/* By the signal where that is allowed, else by a search. 0, or why there is none. */
static int take(const struct pl_stall *stall, enum pl_stall_stack how, struct pl_stack *ret_stack)
{
    struct pl_kernel_wait wait;
    const char *call;
    int err;

    if (how == PL_STALL_STACK_ALWAYS)
        return pl_stack_take(stall->kernel_id, ret_stack);
    err = pl_kernel_wait_of(stall->kernel_id, &wait);
    if (err < 0)
        return err;
    if (pl_kernel_wait_is_restarted(&wait))
        return pl_stack_take(stall->kernel_id, ret_stack);
    err = pl_stack_search(&wait, ret_stack);
    if (err < 0 || !pl_stall_goes_on(stall))
        return err;
    call = pl_kernel_wait_name(&wait);
    PL_LOG(
        PL_LOG_WARNING,
        "stall: it waits in %s (system call %ld), which a signal would end: the returns found on "
        "its stack, some may be of calls that have ended:",
        call != NULL ? call : "a system call", wait.number);
    return 0;
}

static void report_stack(const struct pl_stall *stall, enum pl_stall_stack how)
{
    struct pl_stack stack = { .count = 0 };
    int err;

    if (how == PL_STALL_STACK_NEVER)
        return;
    err = take(stall, how, &stack);
    /* A stack of what the thread did afterwards would mislead. */
    if (!pl_stall_goes_on(stall))
        PL_LOG(PL_LOG_WARNING, "stall: no stack: it has left the handler meanwhile");
    else if (err < 0)
        PL_LOG(PL_LOG_WARNING, "stall: no stack: %s", why_no_answer(err));
    else {
        log_frames(&stack);
        log_hint(&stack);
    }
}

/* ---- the lines ------------------------------------------------------------------------------- */

static void say_since(int64_t lasts_ns, char *text, size_t size)
{
    time_t since = time(NULL) - (time_t)(lasts_ns / 1000000000);
    struct tm utc;

    gmtime_r(&since, &utc);
    strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

void pl_stall_report(const struct pl_stall *stall, int64_t limit_us, enum pl_stall_stack stack_how)
{
    char since[32], more[64] = "", who[400];

    say_since(stall->lasts_ns, since, sizeof(since));
    if (stall->calls_unnamed > 0)
        snprintf(more, sizeof(more), "; %u more calls of it since it was named last",
                 stall->calls_unnamed);
    PL_LOG(PL_LOG_WARNING,
           "stall: %s keeps thread %s (%d) for %lld ms, since %s; limits.stall is %lld ms; it %s%s",
           stall->handler, stall->thread_name, stall->kernel_id,
           (long long)(stall->lasts_ns / 1000000), since, (long long)(limit_us / 1000),
           stall->has_declared ? "says that it may block"
                               : "does not say that it may block (.may_block, pl_blocking_begin)",
           more);
    pl_stall_describe(stall, who, sizeof(who));
    PL_LOG(PL_LOG_WARNING, "stall: engine %s, %s%s: %s", stall->engine_name, stall->model->name,
           stall->is_old ? " (swapped away)" : "", who);
    report_stack(stall, stack_how);
}
