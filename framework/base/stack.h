/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where another thread of this process stands: its stack, as addresses of code.
 *
 * Asked by a signal, the thread writes down its own stack. A signal ends some system calls early
 * with EINTR, though, whatever SA_RESTART says (signal(7)): sleeps, poll(2), receives with a
 * timeout. So the kernel is asked first what the thread waits in, and where a signal would disturb,
 * the thread is left alone: its stack is searched from outside for the addresses that calls return
 * to. Such a search may also find returns of calls that have ended.
 *
 * One stack is taken at a time, into memory of the library's own: an answer that comes too late
 * finds nobody who asked and touches nothing.
 */
#ifndef PL_BASE_STACK_H
#define PL_BASE_STACK_H

#include <paceline/attributes.h>
#include <paceline/limits.h>

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Not the last one, which valgrind needs. */
#define PL_STACK_SIGNAL (SIGRTMAX - 1)

struct pl_stack {
    void *addresses[PL_STACK_FRAMES_MAX]; /* innermost first; the others are returns */
    size_t count;
};

/* What a thread waits in, as the kernel says. */
struct pl_kernel_wait {
    long number; /* of the system call; -1: none, it runs */
    uint64_t arguments[6];
    uint64_t stack_pointer;
    uint64_t code; /* where the call was made */
};

/* Takes the signal for this process, once. Where somebody has a handler for it already, there will
 * be no stacks by signal. Thread: control, before the threads that are to be asked. */
void pl_stack_prepare(void);
/* What those threads must not block; 0: nothing. */
int pl_stack_signal(void);

/* The stack of a thread (gettid(2)) that runs or waits in what a signal does not disturb.
 * Errors: -ETIMEDOUT: it does not answer; -ESRCH; -EBUSY: not prepared, or an earlier answer never
 * came to its end. Thread: any that may block. */
PL_MUST_CHECK int pl_stack_take(int thread, struct pl_stack *ret_stack);

/* Errors: what open(2) and read(2) say; -EPROTO. Thread: any. */
PL_MUST_CHECK int pl_kernel_wait_of(int thread, struct pl_kernel_wait *ret_wait);
/* Whether a signal may reach it there without ending the call early. Thread: any. */
bool pl_kernel_wait_is_restarted(const struct pl_kernel_wait *wait);
/* The call's name, or NULL where it is none that is known here. */
const char *pl_kernel_wait_name(const struct pl_kernel_wait *wait);

/* The same stack without its thread, which waits there. Errors: -ENOSYS: not on this machine;
 * what process_vm_readv(2) says. Thread: any. */
PL_MUST_CHECK int pl_stack_search(const struct pl_kernel_wait *wait, struct pl_stack *ret_stack);

#endif
