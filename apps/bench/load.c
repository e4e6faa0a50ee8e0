/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's side of the load generator: its processes, and the memory it shares with them. */
#include "load.h"

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_NS_MAX  UINT64_C(30000000000)
#define READY_NS_EACH UINT64_C(1000000)
#define END_NS_MAX    UINT64_C(4000000000)
#define SPARE_FDS     64

static const char *const error_names[] = {
#define X(name, what) #name,
    LOAD_ERRORS(X)
#undef X
};

static const char *const error_texts[] = {
#define X(name, what) what,
    LOAD_ERRORS(X)
#undef X
};

const char *load_error_name(enum load_error error)
{
    return error_names[error];
}

const char *load_error_text(enum load_error error)
{
    return error_texts[error];
}

uint64_t load_errors(const struct load_result *result)
{
    uint64_t errors = 0;

    for (int i = 0; i < LOAD_ERRORS_COUNT; i++)
        errors += result->errors[i];
    return errors;
}

/* ---- starting ----------------------------------------------------------------------------------
 */

static size_t descriptors_max(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur > SPARE_FDS * 2 ? (size_t)limit.rlim_cur - SPARE_FDS : SPARE_FDS;
}

static pid_t fork_child(const cpu_set_t *cpus)
{
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    signals_in_child(parent);
    if (cpus != NULL)
        (void)sched_setaffinity(0, sizeof(*cpus), cpus);
    return 0;
}

static bool start_generator(struct load *load, const struct load_plan *plan, const cpu_set_t *cpus)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    load->pid = fork_child(cpus);
    if (load->pid == 0) {
        close(ends[0]);
        load_generate(plan, &load->template, load->share);
    }
    close(ends[1]);
    load->end_fd = ends[0];
    return load->pid > 0;
}

static bool start_idlers(struct load *load, const struct load_plan *plan, const cpu_set_t *cpus)
{
    size_t left = plan->idle, share = descriptors_max();

    while (left > 0 && load->idlers_count < LOAD_IDLERS_MAX) {
        size_t count = left < share ? left : share;
        pid_t pid = fork_child(cpus);

        if (pid == 0)
            load_hold_idle(plan, &load->template, load->share, count);
        if (pid < 0)
            return false;
        load->idlers[load->idlers_count++] = pid;
        left -= count;
    }
    return left == 0;
}

/* Idle ones are opened before the load begins, which would be in their way. */
static bool wait_for_idle(struct load *load, size_t idle)
{
    uint64_t end_ns = clock_ns() + READY_NS_MAX + idle * READY_NS_EACH;

    while (atomic_load(&load->share->idle_open) + atomic_load(&load->share->idle_failed) < idle)
        if (clock_ns() > end_ns || !wait_ns(2000000, -1))
            return false;
    return atomic_load(&load->share->idle_failed) == 0;
}

bool load_start(struct load *load, const struct load_plan *plan, const cpu_set_t *cpus,
                char *sentence, size_t sentence_size)
{
    *load = (struct load){ .end_fd = -1 };
    if (plan->conns + plan->greedy > descriptors_max()) {
        snprintf(sentence, sentence_size, "%zu connections need more descriptors than 'ulimit -n'",
                 plan->conns + plan->greedy);
        return false;
    }
    if (!load_learn(plan, &load->template, sentence, sentence_size))
        return false;
    load->share =
        mmap(NULL, sizeof(*load->share), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (load->share == MAP_FAILED)
        die(1, "no memory to share with the load generator: %s", strerror(errno));
    if (!start_idlers(load, plan, cpus) || !wait_for_idle(load, plan->idle)) {
        snprintf(sentence, sentence_size, "%zu idle connections do not stand", plan->idle);
        load_stop(load, NULL);
        return false;
    }
    if (!start_generator(load, plan, cpus)) {
        snprintf(sentence, sentence_size, "no process for the load generator: %s", strerror(errno));
        load_stop(load, NULL);
        return false;
    }
    return true;
}

/* ---- while it runs -------------------------------------------------------------------------- */

bool load_ready(struct load *load)
{
    uint64_t end_ns = clock_ns() + READY_NS_MAX;

    while (atomic_load_explicit(&load->share->is_ready, memory_order_acquire) == 0)
        if (clock_ns() > end_ns || !wait_ns(1000000, load->end_fd))
            return false;
    return true;
}

bool load_wait(struct load *load, double seconds)
{
    return wait_ns((uint64_t)(seconds * 1e9), load->end_fd);
}

void load_measure(struct load *load)
{
    atomic_store_explicit(&load->share->phase, LOAD_MEASURED, memory_order_release);
}

uint64_t load_replies(const struct load *load)
{
    return atomic_load_explicit(&load->share->replies, memory_order_relaxed);
}

/* ---- ending --------------------------------------------------------------------------------- */

static void reap(pid_t pid)
{
    uint64_t end_ns = clock_ns() + END_NS_MAX;

    while (waitpid(pid, NULL, WNOHANG) == 0) {
        struct timespec pause = { .tv_nsec = 500000 };

        if (clock_ns() > end_ns)
            kill(pid, SIGKILL);
        nanosleep(&pause, NULL);
    }
}

void load_stop(struct load *load, struct load_result *ret_result)
{
    atomic_store_explicit(&load->share->phase, LOAD_STOPPED, memory_order_release);
    if (load->pid > 0)
        reap(load->pid);
    for (size_t i = 0; i < load->idlers_count; i++)
        reap(load->idlers[i]);
    if (ret_result != NULL)
        *ret_result = load->share->result;
    if (load->end_fd >= 0)
        close(load->end_fd);
    munmap(load->share, sizeof(*load->share));
    reply_template_deinit(&load->template);
    load->share = NULL;
}

bool load_run(const struct load_plan *plan, const cpu_set_t *cpus, double warm_up_s, double seconds,
              struct load_result *ret_result, char *sentence, size_t sentence_size)
{
    struct load load;

    if (!load_start(&load, plan, cpus, sentence, sentence_size))
        return false;
    if (load_ready(&load) && load_wait(&load, warm_up_s)) {
        load_measure(&load);
        (void)load_wait(&load, seconds);
    }
    load_stop(&load, ret_result);
    return true;
}
