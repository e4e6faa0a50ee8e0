/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A swap in which one call fails: the n-th of its kind, for n = 1, 2, … until a swap meets no
 * failure any more. A swap that fails says why, and the old model serves on with the threads it
 * had; one that succeeds serves. Either way no descriptor and no thread is left at the end, and the
 * next swap, in which nothing fails, succeeds.
 */
#include "client.h"
#include "fault_life.h"
#include "server_rig.h"

#include <paceline/control.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define NTH_MAX 500

static const struct pl_protocol *const protocols[] = { &pl_line_protocol };
static const struct pl_app app = {
    .bytes = sizeof(app), .name = "swap-fault", .protocols = protocols, .protocols_count = 1
};
static struct server_rig rig;
static uint32_t threads_before; /* the first server */

/* Of a server whose model is the first: two that take turns, their deputy, and the server's own,
 * however many these are. */
static uint32_t home_threads;

static const char *const home[] = { "model=leader_followers", "threads=2", "arming=edge", NULL };
/* Where it goes, each on a fresh server: sockets, handle sets and threads are new then. */
static const struct scenario {
    const char *target;
    const char *changes[4];
} scenarios[] = {
    { "default", { "model=per_core", "threads=3", "arming=oneshot", NULL } },
    { "default", { "model=reactor", "threads=3", NULL } },
    { "default", { "model=half_sync_half_async", "threads=2", "arming=oneshot", NULL } },
    { "default", { "model=leader_followers", "threads=4", NULL } },
    { "echo", { "model=per_core", "threads=2", NULL } },
};

static uint32_t threads_count(void)
{
    DIR *tasks = opendir("/proc/self/task");
    uint32_t count = 0;

    assert_non_null(tasks);
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks))
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

static void *do_nothing(void *argument)
{
    return argument;
}

/* With the first thread there may come another one, of a sanitizer's own. */
static void count_before(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, do_nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
        abort();
    threads_before = threads_count();
}

static void expect_threads(uint32_t count)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    while (threads_count() != count && client_now_ms() < until_ms)
        client_pause_ms(1);
    assert_int_equal(threads_count(), count);
}

/* As many as there are when those of the model before have left: it does not change any more. */
static uint32_t settled_threads(void)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;
    uint32_t count = threads_count();

    for (int same = 0; same < 100 && client_now_ms() < until_ms; same++) {
        uint32_t now = threads_count();

        same = now == count ? same : 0;
        count = now;
        client_pause_ms(1);
    }
    return count;
}

static int swap_to(const char *target, const char *const *changes, struct pl_error *error)
{
    struct pl_swap_report report = { .to = "" };
    int err;

    *error = (struct pl_error){ .message = "" };
    err = pl_server_swap(rig.server, target, changes, &report, error);
    if (err < 0 && error->message[0] == '\0')
        fail_msg("a swap failed with %d and no word why", err);
    if (err == 0)
        assert_string_equal(report.to, changes[0] + strlen("model="));
    return err;
}

static void echo_line(int fd)
{
    client_say(fd, "line\n");
    client_expect(fd, "line\n");
}

/* Several, so that each socket of the address has its turn. */
static void serve_new(void)
{
    for (int i = 0; i < 8; i++) {
        int fd = client_connect(rig.port);

        echo_line(fd);
        client_reset(fd);
    }
}

/* True when a call failed. */
static bool swap_once(const struct scenario *scenario, enum fault fault, int number, int nth)
{
    const char *const sets[] = { "services=[{name: echo, protocol: line, listen: "
                                 "[\"127.0.0.1:0\"], defer_accept: false}]",
                                 NULL };
    struct pl_error error;
    bool has_failed;
    int fd, err;

    server_rig_start(&rig, &app, sets);
    assert_int_equal(swap_to("default", home, &error), 0);
    if (home_threads == 0)
        home_threads = settled_threads() - threads_before;
    expect_threads(threads_before + home_threads);
    fd = client_connect(rig.port);
    echo_line(fd);
    fault_arm(fault, number, nth);
    err = swap_to(scenario->target, scenario->changes, &error);
    has_failed = fault_disarm();
    if (!has_failed && err < 0)
        fail_msg("nothing failed, and the swap did: %s", error.message);
    if (err < 0)
        expect_threads(threads_before + home_threads);
    /* A connection that cannot be armed anywhere is the one loss there is. */
    if (fault != FAULT_epoll_ctl)
        echo_line(fd);
    serve_new();
    assert_int_equal(swap_to(scenario->target, scenario->changes, &error), 0);
    serve_new();
    client_close(fd);
    server_rig_stop(&rig);
    return has_failed;
}

static void fail_each(enum fault fault, int number)
{
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
        for (int n = 1; swap_once(&scenarios[i], fault, number, n); n++)
            assert_true(n < NTH_MAX);
}

#define CASE(name, number)                                                                         \
    static void a_swap_without_##name##_##number(void **state)                                     \
    {                                                                                              \
        (void)state;                                                                               \
        fail_each(FAULT_##name, number);                                                           \
    }
#define TEST(name, number) cmocka_unit_test(a_swap_without_##name##_##number)

CASE(calloc, ENOMEM)
CASE(pthread_create, EAGAIN)
CASE(epoll_create1, EMFILE)
CASE(epoll_ctl, ENOMEM)
CASE(eventfd, EMFILE)
CASE(timerfd_create, EMFILE)
CASE(socket, EMFILE)
CASE(bind, EADDRINUSE)
CASE(listen, EADDRINUSE)
CASE(setsockopt, ENOMEM)

int main(int argc, char **argv)
{
    static const struct CMUnitTest cases[] = {
        TEST(calloc, ENOMEM),     TEST(pthread_create, EAGAIN), TEST(epoll_create1, EMFILE),
        TEST(epoll_ctl, ENOMEM),  TEST(eventfd, EMFILE),        TEST(timerfd_create, EMFILE),
        TEST(socket, EMFILE),     TEST(bind, EADDRINUSE),       TEST(listen, EADDRINUSE),
        TEST(setsockopt, ENOMEM),
    };

    count_before();
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(cases, NULL, NULL) != 0;
}
