/* SPDX-License-Identifier: Apache-2.0 */
/* Where other threads stand, what they wait in, and what their code is called. */
#include "client.h"
#include "code_name.h"
#include "stack.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct fixture {
    pthread_t id;
    _Atomic int thread; /* gettid(2) */
    sem_t gate;
    int sockets[2];
    _Atomic bool must_end;
    _Atomic int result; /* errno of what was waited in */
};

static struct fixture f;

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    pl_stack_prepare();
    assert_int_equal(pl_stack_signal(), PL_STACK_SIGNAL);
    sem_init(&f.gate, 0, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, f.sockets), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close(f.sockets[0]);
    close(f.sockets[1]);
    sem_destroy(&f.gate);
    return 0;
}

/* ---- what threads do ------------------------------------------------------------------------- */

static void *wait_at_gate(void *unused)
{
    (void)unused;
    atomic_store(&f.thread, gettid());
    atomic_store(&f.result, sem_wait(&f.gate) < 0 ? errno : 0);
    return NULL;
}

static void *poll_once(void *unused)
{
    struct pollfd one = { .fd = f.sockets[0], .events = POLLIN };

    (void)unused;
    atomic_store(&f.thread, gettid());
    atomic_store(&f.result, poll(&one, 1, CLIENT_DEADLINE_MS) < 0 ? errno : 0);
    return NULL;
}

static void *receive(void *unused)
{
    char byte;

    (void)unused;
    atomic_store(&f.thread, gettid());
    atomic_store(&f.result, recv(f.sockets[0], &byte, 1, 0) < 0 ? errno : 0);
    return NULL;
}

static void *spin(void *unused)
{
    (void)unused;
    atomic_store(&f.thread, gettid());
    while (!atomic_load(&f.must_end))
        ;
    return NULL;
}

static void *hear_nothing(void *unused)
{
    sigset_t one;

    sigemptyset(&one);
    sigaddset(&one, PL_STACK_SIGNAL);
    pthread_sigmask(SIG_BLOCK, &one, NULL);
    (void)wait_at_gate(unused);
    pthread_sigmask(SIG_UNBLOCK, &one, NULL);
    return NULL;
}

static void begin(void *(*what)(void *))
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    atomic_store(&f.thread, 0);
    assert_int_equal(pthread_create(&f.id, NULL, what, NULL), 0);
    while (atomic_load(&f.thread) == 0 && client_now_ms() < until_ms)
        client_pause_ms(1);
    assert_int_not_equal(atomic_load(&f.thread), 0);
}

static struct pl_kernel_wait await_call(long number)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;
    struct pl_kernel_wait wait;

    do {
        assert_int_equal(pl_kernel_wait_of(atomic_load(&f.thread), &wait), 0);
        if (client_now_ms() > until_ms)
            fail_msg("it waits in %ld", wait.number);
    } while (wait.number != number);
    return wait;
}

static void let_poller_go(void)
{
    assert_int_equal(send(f.sockets[1], "x", 1, 0), 1);
    pthread_join(f.id, NULL);
}

static bool has_function(const struct pl_stack *stack, const char *function)
{
    struct pl_code_name name;

    for (size_t i = 0; i < stack->count; i++) {
        pl_code_name_of(stack->addresses[i], i > 0, &name);
        if (strcmp(name.function, function) == 0)
            return true;
    }
    return false;
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void a_thread_that_waits_tells_its_stack_and_waits_on(void **state)
{
    struct pl_stack stack;

    (void)state;
    begin(wait_at_gate);
    (void)await_call(SYS_futex);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(pl_stack_take(atomic_load(&f.thread), &stack), 0);
        assert_true(has_function(&stack, "wait_at_gate"));
    }
    sem_post(&f.gate);
    pthread_join(f.id, NULL);
    assert_int_equal(f.result, 0);
}

static void a_thread_that_computes_tells_its_stack(void **state)
{
    struct pl_stack stack;

    (void)state;
    begin(spin);
    assert_int_equal(pl_stack_take(atomic_load(&f.thread), &stack), 0);
    assert_true(has_function(&stack, "spin"));
    atomic_store(&f.must_end, true);
    pthread_join(f.id, NULL);
}

static void a_thread_that_does_not_hear_is_given_up_and_answers_nobody_later(void **state)
{
    struct pl_stack stack;
    pthread_t deaf;
    int gone;

    (void)state;
    begin(hear_nothing);
    deaf = f.id;
    gone = atomic_load(&f.thread);
    assert_int_equal(pl_stack_take(gone, &stack), -ETIMEDOUT);
    begin(spin);
    assert_int_equal(pl_stack_take(atomic_load(&f.thread), &stack), 0);
    sem_post(&f.gate);
    pthread_join(deaf, NULL);
    assert_int_equal(pl_stack_take(atomic_load(&f.thread), &stack), 0);
    assert_true(has_function(&stack, "spin"));
    atomic_store(&f.must_end, true);
    pthread_join(f.id, NULL);
    assert_int_equal(pl_stack_take(gone, &stack), -ESRCH);
}

static void what_a_signal_would_end_is_known(void **state)
{
    struct pl_kernel_wait wait;

    (void)state;
    begin(poll_once);
    wait = await_call(SYS_poll);
    assert_false(pl_kernel_wait_is_restarted(&wait));
    assert_string_equal(pl_kernel_wait_name(&wait), "poll");
    let_poller_go();
    wait.number = 100000;
    assert_false(pl_kernel_wait_is_restarted(&wait));
    assert_null(pl_kernel_wait_name(&wait));
    wait.number = -1;
    assert_true(pl_kernel_wait_is_restarted(&wait));
}

static void a_receive_is_restarted_unless_its_socket_has_a_timeout(void **state)
{
    const struct timeval timeout = { .tv_sec = 20 };
    struct pl_kernel_wait wait;

    (void)state;
    begin(receive);
    wait = await_call(SYS_recvfrom);
    assert_true(pl_kernel_wait_is_restarted(&wait));
    assert_int_equal(setsockopt(f.sockets[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)),
                     0);
    assert_false(pl_kernel_wait_is_restarted(&wait));
    let_poller_go();
}

static void a_futex_with_a_timeout_is_not_restarted(void **state)
{
    struct pl_kernel_wait wait = { .number = SYS_futex };

    (void)state;
    assert_true(pl_kernel_wait_is_restarted(&wait));
    wait.arguments[3] = 1;
    assert_false(pl_kernel_wait_is_restarted(&wait));
}

static void a_stack_is_found_without_its_thread(void **state)
{
    struct pl_kernel_wait wait;
    struct pl_stack stack;

    (void)state;
    begin(poll_once);
    wait = await_call(SYS_poll);
    assert_int_equal(pl_stack_search(&wait, &stack), 0);
    assert_true(has_function(&stack, "poll_once"));
    let_poller_go();
    assert_int_equal(f.result, 0);
    wait.stack_pointer = 8; /* no memory there */
    assert_int_equal(pl_stack_search(&wait, &stack), -EFAULT);
    wait.stack_pointer = 3;
    assert_int_equal(pl_stack_search(&wait, &stack), -EPROTO);
}

static void a_thread_that_is_none_has_no_wait(void **state)
{
    struct pl_kernel_wait wait;

    (void)state;
    assert_true(pl_kernel_wait_of(0, &wait) < 0);
}

static void a_static_function_has_its_name(void **state)
{
    struct pl_code_name name;

    (void)state;
    pl_code_name_of((const char *)(uintptr_t)has_function + 1, true, &name);
    assert_string_equal(name.function, "has_function");
    assert_non_null(strstr(name.module, "stack_test"));
    assert_int_equal(name.in_function, 0);
}

static void what_is_no_code_has_none(void **state)
{
    struct pl_code_name name;

    (void)state;
    pl_code_name_of((const void *)8, false, &name);
    assert_string_equal(name.function, "");
    assert_string_equal(name.module, "");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest cases[] = {
        CASE(a_thread_that_waits_tells_its_stack_and_waits_on),
        CASE(a_thread_that_computes_tells_its_stack),
        CASE(a_thread_that_does_not_hear_is_given_up_and_answers_nobody_later),
        CASE(what_a_signal_would_end_is_known),
        CASE(a_receive_is_restarted_unless_its_socket_has_a_timeout),
        CASE(a_futex_with_a_timeout_is_not_restarted),
        CASE(a_stack_is_found_without_its_thread),
        CASE(a_thread_that_is_none_has_no_wait),
        CASE(a_static_function_has_its_name),
        CASE(what_is_no_code_has_none),
    };

    return cmocka_run_group_tests(cases, NULL, NULL);
}
