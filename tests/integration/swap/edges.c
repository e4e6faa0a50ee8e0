/* SPDX-License-Identifier: Apache-2.0 */
/* Swaps while every thread is in a handler, while the queue is full, without descriptors; swaps
 * that are refused, and swaps at once. */
#include "served.h"

#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- numbered requests, one at a time ---- */

static void send_get(int fd, const char *path, uint32_t number)
{
    char text[128];

    snprintf(text, sizeof(text), "GET %s?%u HTTP/1.1\r\nHost: a\r\n\r\n", path, number);
    client_say(fd, text);
}

static void expect_number(int fd, uint32_t number)
{
    char text[1024], end[64];
    size_t length = 0, end_bytes = (size_t)snprintf(end, sizeof(end), "\r\n\r\n%u\n", number);

    do {
        assert_true(length < sizeof(text) - 1);
        client_receive(fd, text + length++, 1);
        text[length] = '\0';
    } while (length < end_bytes || strcmp(text + length - end_bytes, end) != 0);
    if (strncmp(text, "HTTP/1.1 200 ", 13) != 0)
        fail_msg("%s", text);
}

static void get(int fd, uint32_t number)
{
    send_get(fd, "/get", number);
    expect_number(fd, number);
}

/* ---- everybody in a handler -------------------------------------------------------------------
 */

#define HELD_MAX   64
#define OTHERS     24
#define STARTED_MS 100

struct crowd {
    int held[HELD_MAX]; /* ask for /hold, one after another, until all threads are in it */
    int others[OTHERS]; /* ask for what is answered at once */
    uint32_t held_count;
};

static void crowd_connect(struct crowd *crowd)
{
    for (uint32_t i = 0; i < OTHERS; i++) {
        crowd->others[i] = client_connect(rig.port);
        get(crowd->others[i], 1000 + i);
    }
}

/* With loops a connection may reach one that holds already: it waits there, and is answered at once
 * when its turn comes; another one tries. */
static void crowd_hold(struct crowd *crowd, const char *path, uint32_t threads)
{
    crowd->held_count = 0;
    atomic_store(&served_holding_max, threads);
    while (atomic_load(&served_holding) < threads) {
        uint32_t holding = atomic_load(&served_holding);
        int fd = client_connect(rig.port);

        assert_true(crowd->held_count < HELD_MAX);
        send_get(fd, path, crowd->held_count);
        crowd->held[crowd->held_count++] = fd;
        (void)client_reaches(&served_holding, holding + 1, STARTED_MS);
    }
}

static void crowd_ask(struct crowd *crowd, uint32_t first)
{
    for (uint32_t i = 0; i < OTHERS; i++)
        send_get(crowd->others[i], i % 3 == 0 ? "/later" : "/get", first + i);
}

static void crowd_expect(struct crowd *crowd, uint32_t first)
{
    for (uint32_t i = 0; i < OTHERS; i++)
        expect_number(crowd->others[i], first + i);
}

static void crowd_release(struct crowd *crowd)
{
    atomic_fetch_add(&served_releases, 1);
    for (uint32_t i = 0; i < crowd->held_count; i++) {
        expect_number(crowd->held[i], i);
        get(crowd->held[i], i + 100);
        client_close(crowd->held[i]);
    }
    for (uint32_t i = 0; i < OTHERS; i++) {
        get(crowd->others[i], 2000 + i);
        client_close(crowd->others[i]);
    }
}

struct stuck {
    const char *path;
    uint32_t threads; /* that can be in a handler */
    const char *changes[6];
};

/* The model's every thread is in a handler that nobody foresaw, or one that may block. */
static const struct stuck stuck[] = {
    { "/hold", 2, { "model=per_core", "threads=2", NULL } },
    { "/hold", 3, { "model=per_core", "threads=3", "arming=oneshot", NULL } },
    { "/hold-may-block", 2, { "model=per_core", "threads=2", NULL } },
    { "/hold", 1, { "model=reactor", "threads=0", NULL } },
    { "/hold-may-block", 1, { "model=reactor", "threads=0", "arming=oneshot", NULL } },
    { "/hold", 2, { "model=reactor", "threads=2", "inline=false", NULL } },
    { "/hold", 3, { "model=leader_followers", "threads=3", NULL } },
    { "/hold", 3, { "model=leader_followers", "threads=3", "promotion=kernel", NULL } },
    { "/hold-may-block", 2, { "model=half_sync_half_async", "threads=2", "queue.max=4", NULL } },
    { "/hold-may-block", 2, { "model=proactor", "threads=2", "queue.max=4", NULL } },
    { "/hold-may-block", 2, { "model=reactor", "threads=2", "queue.max=4", NULL } },
};

static void swap_by(const char *const *changes, struct pl_swap_report *ret_report)
{
    struct pl_error error = { .message = "" };

    if (pl_server_swap(rig.server, "default", changes, ret_report, &error) < 0)
        fail_msg("%s: %s", changes[0], error.message);
}

static void swap_away_from(const struct stuck *from, const struct swap_variant *to)
{
    static const char *const plenty[] = { "queue.max=1024", NULL };
    struct pl_swap_report report;
    struct crowd crowd;
    int fresh;

    swap_by(from->changes, &report);
    crowd_connect(&crowd);
    crowd_hold(&crowd, from->path, from->threads);
    crowd_ask(&crowd, 3000);
    swap_to("default", to, &report);
    if (report.threads_left_behind < from->threads)
        fail_msg("%s %s: %u threads are left behind, %u hold", from->changes[0], from->path,
                 report.threads_left_behind, from->threads);
    crowd_expect(&crowd, 3000);
    fresh = client_connect(rig.port);
    get(fresh, 1);
    crowd_release(&crowd);
    get(fresh, 2);
    client_close(fresh);
    served_await_no_connection();
    swap_by(plenty, &report);
}

static void a_swap_frees_whoever_waits_behind_threads_in_handlers(void **state)
{
    static const char *const to[] = { "leader_followers adaptive edge", "half_sync_half_async edge",
                                      "reactor 0 oneshot", "per_core 3 edge" };

    (void)state;
    served_start(NULL);
    for (size_t i = 0; i < sizeof(stuck) / sizeof(stuck[0]); i++)
        for (size_t k = 0; k < sizeof(to) / sizeof(to[0]); k++)
            if (!swap_is_short() || (i + k) % 4 == 0)
                swap_away_from(&stuck[i], swap_variant_of(to[k]));
    served_stop();
}

/* Found by the kernel in one round, some of them stand in the loop's ring behind the one that
 * holds. */
static void a_swap_frees_what_stands_in_the_ring_behind_a_handler(void **state)
{
    static const char *const one_loop[] = { "model=per_core", "threads=1", NULL };
    struct pl_swap_report report;
    struct crowd crowd;

    (void)state;
    served_start(NULL);
    for (int round = 0; round < 20; round++) {
        int second;

        swap_by(one_loop, &report);
        crowd_connect(&crowd);
        second = client_connect(rig.port);
        get(second, 5);
        crowd_hold(&crowd, "/hold", 1);
        send_get(second, "/hold", 6);
        crowd_ask(&crowd, 4000);
        atomic_fetch_add(&served_releases, 1); /* the first: now the loop finds all of them */
        expect_number(crowd.held[0], 0);
        client_await(&served_holding, 1);
        swap_to("default", &swap_variants[(size_t)round % swap_variants_count], &report);
        crowd_expect(&crowd, 4000);
        client_close(crowd.held[0]);
        crowd.held[0] = second;
        atomic_fetch_add(&served_releases, 1);
        expect_number(second, 6);
        client_close(second);
        crowd.held_count = 0;
        crowd_release(&crowd);
        served_await_no_connection();
    }
    served_stop();
}

/* ---- a full queue ------------------------------------------------------------------------------
 */

static void a_swap_under_overload_answers_everybody(void **state)
{
    static const char *const from[][5] = {
        { "model=half_sync_half_async", "threads=1", "queue.max=1", "queue.full=wait", NULL },
        { "model=proactor", "threads=1", "queue.max=2", "queue.full=wait", NULL },
        { "model=reactor", "threads=1", "queue.max=1", "queue.full=wait", NULL },
    };
    struct pl_swap_report report;
    int fds[100];

    (void)state;
    served_start(NULL);
    for (size_t i = 0; i < 3 * swap_variants_count; i += swap_is_short() ? 5 : 1) {
        swap_by(from[i % 3], &report);
        for (uint32_t k = 0; k < 100; k++) {
            fds[k] = client_connect(rig.port);
            send_get(fds[k], k < 20 ? "/block" : k % 2 == 0 ? "/get" : "/later", k);
        }
        swap_to("default", &swap_variants[i / 3], &report);
        for (uint32_t k = 0; k < 100; k++) {
            expect_number(fds[k], k);
            client_close(fds[k]);
        }
    }
    served_stop();
}

/* ---- what is refused ----------------------------------------------------------------------------
 */

static void bad_values_are_refused_with_a_sentence(void **state)
{
    static const struct {
        const char *target, *change, *more, *text;
    } bad[] = {
        { "default", "model=reactr", NULL, "did you mean 'reactor'" },
        { "default", "model=", NULL, "swap: " },
        { "default", "thread=3", NULL, "dispatch.thread: there is no such key" },
        { "default", "threads=many", NULL, "threads" },
        { "default", "threads=100000", NULL, "1024" },
        { "default", "threads=-1", NULL, "threads" },
        { "default", "model=leader_followers", "threads=0", "threads" },
        { "default", "model=per_core", "threads=0", "threads" },
        { "default", "arming=level", NULL, "oneshot" },
        { "default", "promotion=never", NULL, "adaptive" },
        { "default", "turn.time=fast", NULL, "turn.time" },
        { "default", "queue.max=0", NULL, "queue.max" },
        { "default", "reactor", NULL, "KEY=VALUE" },
        { "default", "=reactor", NULL, "KEY=VALUE" },
        { "nobody", "model=reactor", NULL, "no service 'nobody'" },
        { "", "model=reactor", NULL, "no service ''" },
    };
    uint32_t threads;
    int fd;

    (void)state;
    served_start(NULL);
    threads = threads_count();
    fd = client_connect(rig.port);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *const changes[] = { bad[i].change, bad[i].more, NULL };

        swap_expect_error(bad[i].target, changes, -EINVAL, bad[i].text);
        get(fd, (uint32_t)i);
        assert_int_equal(threads_count(), threads);
    }
    client_close(fd);
    served_stop();
}

/* As many descriptors as are there now, and `more`. */
static struct rlimit leave_descriptors(int more)
{
    struct rlimit before, now;
    int highest = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);

    assert_true(highest >= 0);
    close(highest); /* the lowest that is free, as there are no gaps that matter */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    now = before;
    now.rlim_cur = (rlim_t)(highest + more);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    return before;
}

static void without_descriptors_the_old_model_serves_on(void **state)
{
    static const char *const loops[] = { "model=per_core", "threads=16", NULL };
    struct pl_swap_report report;
    struct rlimit before;
    int fd, fresh;

    (void)state;
    served_start(NULL);
    fd = client_connect(rig.port);
    get(fd, 1);
    for (int more = 0; more < 60; more += 6) {
        before = leave_descriptors(more);
        swap_expect_error("default", loops, -EMFILE, "descriptor");
        get(fd, 2);
        if (more >= 6) { /* the client's end, and the server's: a failed swap has taken none */
            fresh = client_connect(rig.port);
            get(fresh, 3);
            client_close(fresh);
        }
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    }
    swap_by(loops, &report);
    get(fd, 3);
    client_close(fd);
    served_stop();
}

static _Atomic int swap_result;
static _Atomic uint32_t stops_begun, stops_ended;

static void *stop_main(void *argument)
{
    (void)argument;
    atomic_fetch_add(&stops_begun, 1);
    assert_int_equal(pl_server_stop(rig.server, CLIENT_DEADLINE_MS), 0);
    atomic_fetch_add(&stops_ended, 1);
    return NULL;
}

static void a_swap_during_a_drain_is_refused(void **state)
{
    static const char *const changes[] = { "model=reactor", NULL };
    struct pl_swap_report report;
    struct pl_error error;
    pthread_t stopper;
    int fd, err = 0;

    (void)state;
    served_start(NULL);
    fd = client_connect(rig.port);
    send_get(fd, "/hold", 9);
    client_await(&served_holding, 1);
    assert_int_equal(pthread_create(&stopper, NULL, stop_main, NULL), 0);
    for (int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;
         err == 0 && client_now_ms() < until_ms;)
        err = pl_server_swap(rig.server, "default", changes, &report, &error);
    assert_int_equal(err, -ESHUTDOWN);
    assert_int_equal(atomic_load(&stops_ended), 0);
    atomic_fetch_add(&served_releases, 1);
    expect_number(fd, 9);
    client_close(fd);
    pthread_join(stopper, NULL);
    served_stop();
}

/* ---- several at once ------------------------------------------------------------------------- */

#define SWAPS_EACH 60

static void *swap_many(void *argument)
{
    size_t at = *(size_t *)argument;

    for (int i = 0; i < SWAPS_EACH; i++, at += 5) {
        const struct swap_variant *variant = &swap_variants[at % swap_variants_count];
        struct pl_swap_report report;
        struct pl_error error;

        if (pl_server_swap(rig.server, "default", variant->changes, &report, &error) < 0 ||
            strcmp(report.to, variant->changes[0] + strlen("model=")) != 0)
            atomic_store(&swap_result, -1);
    }
    return NULL;
}

static void two_threads_swap_at_once(void **state)
{
    size_t from[] = { 0, 7 };
    pthread_t swappers[2];
    int fd;

    (void)state;
    served_start(NULL);
    fd = client_connect(rig.port);
    atomic_store(&swap_result, 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&swappers[i], NULL, swap_many, &from[i]), 0);
    for (uint32_t i = 0; i < 300; i++)
        get(fd, i);
    for (size_t i = 0; i < 2; i++)
        pthread_join(swappers[i], NULL);
    assert_int_equal(atomic_load(&swap_result), 0);
    get(fd, 7);
    client_close(fd);
    served_stop();
}

static void a_handler_swaps_the_model_it_runs_in(void **state)
{
    int fd, other;

    (void)state;
    served_start(NULL);
    fd = client_connect(rig.port);
    other = client_connect(rig.port);
    for (uint32_t i = 0; i < 3 * swap_variants_count; i++) {
        send_get(fd, i % 2 == 0 ? "/swap" : "/swap-may-block", i);
        send_get(other, "/get", i);
        expect_number(fd, i);
        expect_number(other, i);
    }
    client_close(fd);
    client_close(other);
    served_stop();
}

/* Threads of three models are in a handler when the server stops: it waits for all of them. */
static void a_stop_waits_for_threads_of_every_model_before(void **state)
{
    static const char *const names[] = { "leader_followers adaptive edge", "per_core 2 edge",
                                         "half_sync_half_async edge" };
    pthread_t stopper;
    int fds[3];

    (void)state;
    served_start(NULL);
    for (uint32_t i = 0; i < 3; i++) {
        swap_to("default", swap_variant_of(names[i]), NULL);
        fds[i] = client_connect(rig.port);
        send_get(fds[i], i == 2 ? "/hold-may-block" : "/hold", i);
        client_await(&served_holding, i + 1);
    }
    swap_to("default", swap_variant_of("reactor 0 oneshot"), NULL);
    atomic_store(&stops_ended, 0);
    assert_int_equal(pthread_create(&stopper, NULL, stop_main, NULL), 0);
    client_pause_ms(50);
    assert_int_equal(atomic_load(&stops_ended), 0);
    atomic_fetch_add(&served_releases, 1);
    for (uint32_t i = 0; i < 3; i++) {
        expect_number(fds[i], i);
        client_close(fds[i]);
    }
    pthread_join(stopper, NULL);
    served_stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(a_swap_frees_whoever_waits_behind_threads_in_handlers),
    cmocka_unit_test(a_swap_frees_what_stands_in_the_ring_behind_a_handler),
    cmocka_unit_test(a_swap_under_overload_answers_everybody),
    cmocka_unit_test(bad_values_are_refused_with_a_sentence),
    cmocka_unit_test(without_descriptors_the_old_model_serves_on),
    cmocka_unit_test(a_swap_during_a_drain_is_refused),
    cmocka_unit_test(two_threads_swap_at_once),
    cmocka_unit_test(a_handler_swaps_the_model_it_runs_in),
    cmocka_unit_test(a_stop_waits_for_threads_of_every_model_before),
};
const struct case_group swap_edges = CASE_GROUP(cases);
