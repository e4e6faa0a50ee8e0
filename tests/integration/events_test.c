/* SPDX-License-Identifier: Apache-2.0 */
/* An application's own timers, descriptors and signals, under every model. */
#include "client.h"
#include "server_rig.h"

#include <paceline/events.h>
#include <paceline/line.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct pl_protocol *const protocols[] = { &pl_line_protocol };
static const struct pl_app app = {
    .bytes = sizeof(app), .name = "events", .protocols = protocols, .protocols_count = 1
};
static struct server_rig rig;

struct timer {
    int64_t due_ms; /* not before */
    _Atomic uint32_t calls, early, inside, overlaps;
};

static void on_timer(void *context)
{
    struct timer *timer = context;

    if (atomic_fetch_add(&timer->inside, 1) > 0)
        atomic_fetch_add(&timer->overlaps, 1);
    if (client_now_ms() < timer->due_ms)
        atomic_fetch_add(&timer->early, 1);
    atomic_fetch_sub(&timer->inside, 1);
    atomic_fetch_add(&timer->calls, 1);
}

static void timers_fire_once_and_never_early(void **state)
{
    static const int64_t after_ms[] = { 0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89 };
    enum { TIMERS = sizeof(after_ms) / sizeof(after_ms[0]) };
    static struct timer timers[TIMERS];
    struct pl_event_source source;

    (void)state;
    memset(timers, 0, sizeof(timers));
    server_rig_start(&rig, &app, NULL);
    for (size_t i = 0; i < TIMERS; i++) {
        timers[i].due_ms = client_now_ms() + after_ms[i];
        assert_int_equal(pl_timer_start(rig.server, after_ms[i], 0, on_timer, &timers[i], &source),
                         0);
    }
    for (size_t i = 0; i < TIMERS; i++)
        client_await(&timers[i].calls, 1);
    client_pause_ms(20);
    for (size_t i = 0; i < TIMERS; i++) {
        assert_int_equal(timers[i].calls, 1);
        assert_int_equal(timers[i].early, 0);
    }
    server_rig_stop(&rig);
}

/* A stop does not wait for the call that is under way, or just about to begin. */
#define CALLS_UNDER_WAY_MAX 1

static void periodic_timer_repeats_until_it_is_stopped(void **state)
{
    static struct timer timer;
    struct pl_event_source source;
    int64_t begun_ms;
    uint32_t calls;

    (void)state;
    memset(&timer, 0, sizeof(timer));
    server_rig_start(&rig, &app, NULL);
    begun_ms = client_now_ms();
    timer.due_ms = begun_ms + 5;
    assert_int_equal(pl_timer_start(rig.server, 5, 3, on_timer, &timer, &source), 0);
    client_await(&timer.calls, 10);
    assert_true(client_now_ms() - begun_ms >= 5 + 9 * 3);
    assert_int_equal(timer.early, 0);
    pl_event_stop(&source);
    pl_event_stop(&source); /* a second stop is harmless */
    calls = atomic_load(&timer.calls);
    client_pause_ms(50);
    server_rig_stop(&rig);
    assert_true(atomic_load(&timer.calls) <= calls + CALLS_UNDER_WAY_MAX);
    assert_int_equal(timer.overlaps, 0);
}

static void timer_stopped_before_its_time_never_fires(void **state)
{
    static struct timer timer;
    struct pl_event_source source;

    (void)state;
    memset(&timer, 0, sizeof(timer));
    server_rig_start(&rig, &app, NULL);
    assert_int_equal(pl_timer_start(rig.server, 500, 0, on_timer, &timer, &source), 0);
    pl_event_stop(&source);
    client_pause_ms(600);
    assert_int_equal(timer.calls, 0);
    server_rig_stop(&rig);
}

static void stop_of_an_old_source_leaves_its_successor_alone(void **state)
{
    static struct timer first, second;
    struct pl_event_source first_source, second_source;

    (void)state;
    memset(&first, 0, sizeof(first));
    memset(&second, 0, sizeof(second));
    server_rig_start(&rig, &app, NULL);
    assert_int_equal(pl_timer_start(rig.server, 0, 0, on_timer, &first, &first_source), 0);
    client_await(&first.calls, 1);
    client_pause_ms(10);
    assert_int_equal(pl_timer_start(rig.server, 20, 0, on_timer, &second, &second_source), 0);
    pl_event_stop(&first_source);
    client_await(&second.calls, 1);
    server_rig_stop(&rig);
}

/* Long timers do not hold up a stop. */
static void pending_sources_end_with_the_server(void **state)
{
    static struct timer timer;
    struct pl_event_source source;

    (void)state;
    memset(&timer, 0, sizeof(timer));
    server_rig_start(&rig, &app, NULL);
    assert_int_equal(pl_timer_start(rig.server, 3600000, 1000, on_timer, &timer, &source), 0);
    assert_int_equal(pl_timer_start(rig.server, 1, 1, on_timer, &timer, &source), 0);
    client_await(&timer.calls, 3);
    server_rig_stop(&rig);
}

static _Atomic uint32_t calls, bytes_read;

/* Takes one byte at a time: what is left must be announced again. */
static void on_readable(int fd, uint32_t reasons, void *context)
{
    char byte;

    (void)context;
    if ((reasons & PL_READABLE) && read(fd, &byte, 1) == 1)
        atomic_fetch_add(&bytes_read, 1);
    atomic_fetch_add(&calls, 1);
}

static void unread_data_is_announced_again(void **state)
{
    struct pl_event_source source;
    uint32_t before;
    int ends[2];

    (void)state;
    atomic_store(&calls, 0);
    atomic_store(&bytes_read, 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    server_rig_start(&rig, &app, NULL);
    assert_int_equal(pl_watch_fd(rig.server, ends[0], PL_READABLE, on_readable, NULL, &source), 0);
    client_pause_ms(10);
    assert_int_equal(calls, 0);
    assert_int_equal(write(ends[1], "0123456789", 10), 10);
    client_await(&bytes_read, 10);
    assert_int_equal(write(ends[1], "ab", 2), 2);
    client_await(&bytes_read, 12);
    pl_event_stop(&source);
    before = atomic_load(&calls);
    assert_int_equal(write(ends[1], "more", 4), 4);
    client_pause_ms(50);
    assert_true(atomic_load(&calls) <= before + CALLS_UNDER_WAY_MAX);
    /* The descriptor is still the application's, and can be watched again. */
    assert_int_equal(pl_watch_fd(rig.server, ends[0], PL_READABLE, on_readable, NULL, &source), 0);
    client_await(&bytes_read, 16);
    server_rig_stop(&rig);
    assert_int_equal(fcntl(ends[0], F_GETFD) >= 0, 1);
    close(ends[0]);
    close(ends[1]);
}

/* The stop may come after the number belongs to somebody else: a connection, say. */
static void number_used_again_after_a_stop_belongs_to_its_new_owner(void **state)
{
    (void)state;
    server_rig_start(&rig, &app, NULL);
    for (int i = 0; i < 50; i++) {
        struct pl_event_source source;
        int ends[2];
        int fd;

        assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        assert_int_equal(pl_watch_fd(rig.server, ends[0], PL_READABLE, on_readable, NULL, &source),
                         0);
        pl_event_stop(&source);
        close(ends[0]);
        close(ends[1]);
        fd = client_connect(rig.port);
        for (int round = 0; round < 3; round++) {
            client_say(fd, "still here\n");
            client_expect(fd, "still here\n");
        }
        client_reset(fd);
    }
    server_rig_stop(&rig);
}

static _Atomic bool is_source_known;

static void on_writable(int fd, uint32_t reasons, void *context)
{
    (void)fd;
    while (!atomic_load(&is_source_known))
        client_pause_ms(1);
    if (reasons & PL_WRITABLE)
        pl_event_stop(context);
    atomic_fetch_add(&calls, 1);
}

static void source_may_stop_itself(void **state)
{
    static struct pl_event_source source;
    uint32_t before;
    int ends[2];

    (void)state;
    atomic_store(&calls, 0);
    atomic_store(&is_source_known, false);
    memset(&source, 0, sizeof(source));
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    while (write(ends[1], "full", 4) > 0)
        ;
    server_rig_start(&rig, &app, NULL);
    assert_int_equal(pl_watch_fd(rig.server, ends[1], PL_WRITABLE, on_writable, &source, &source),
                     0);
    atomic_store(&is_source_known, true);
    while (read(ends[0], &(char[4096]){ 0 }, 4096) > 0)
        ;
    client_await(&calls, 1);
    client_pause_ms(20);
    before = atomic_load(&calls);
    client_pause_ms(20);
    assert_int_equal(atomic_load(&calls), before);
    server_rig_stop(&rig);
    close(ends[0]);
    close(ends[1]);
}

static void on_signal(int signal, void *context)
{
    (void)signal;
    (void)context;
}

static void signals_are_refused_without_pl_main(void **state)
{
    struct pl_event_source source;

    (void)state;
    server_rig_start(&rig, &app, NULL);
    assert_int_equal(pl_watch_signal(rig.server, SIGWINCH, on_signal, NULL, &source), -EINVAL);
    server_rig_stop(&rig);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest cases[] = {
        cmocka_unit_test(timers_fire_once_and_never_early),
        cmocka_unit_test(periodic_timer_repeats_until_it_is_stopped),
        cmocka_unit_test(timer_stopped_before_its_time_never_fires),
        cmocka_unit_test(stop_of_an_old_source_leaves_its_successor_alone),
        cmocka_unit_test(pending_sources_end_with_the_server),
        cmocka_unit_test(unread_data_is_announced_again),
        cmocka_unit_test(number_used_again_after_a_stop_belongs_to_its_new_owner),
        cmocka_unit_test(source_may_stop_itself),
        cmocka_unit_test(signals_are_refused_without_pl_main),
    };

    return server_run_cases(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
