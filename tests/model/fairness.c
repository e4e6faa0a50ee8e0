/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures what one client that pipelines without end does to a polite one, with the turn's budget
 * on and off, in every model: the median and the 99th percentile of the polite client's wait. It
 * asserts nothing; docs/fairness.md shows a run.
 */
#include "client.h"
#include "clock.h"
#include "rig.h"

#include <paceline/log.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define GREEDY_MAX 4
#define ROUNDS     400

static _Atomic bool is_over;

/* Sends requests as fast as the server takes them, and reads what comes. */
static void *be_greedy(void *argument)
{
    static const char request[] = "echo ab\n";
    char flood[sizeof(request) * 4000], sink[65536];
    int fd = *(int *)argument;
    size_t unit = sizeof(request) - 1, at = 0, length = 0;

    while (length + unit <= sizeof(flood)) {
        memcpy(flood + length, request, unit);
        length += unit;
    }
    while (!atomic_load(&is_over)) {
        struct pollfd poll_fd = { .fd = fd, .events = POLLIN | POLLOUT };
        ssize_t sent;

        if (poll(&poll_fd, 1, 100) <= 0)
            continue;
        while (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
            ;
        sent = send(fd, flood + at, length - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0)
            at = (at + (size_t)sent) % length;
    }
    return NULL;
}

static int compare(const void *left, const void *right)
{
    int64_t difference = *(const int64_t *)left - *(const int64_t *)right;

    return difference < 0 ? -1 : difference > 0;
}

static void measure(const char *model, uint32_t threads, int greedy, bool has_no_budget,
                    int64_t *ret_median_us, int64_t *ret_p99_us)
{
    static struct rig rig;
    static int64_t waits[ROUNDS];
    struct rig_options options = rig_defaults();
    pthread_t greedy_threads[GREEDY_MAX];
    int greedy_fds[GREEDY_MAX];
    int polite;

    options.model = model;
    options.threads = threads;
    options.has_no_budget = has_no_budget;
    rig_start(&rig, &options);
    atomic_store(&is_over, false);
    for (int i = 0; i < greedy; i++) {
        greedy_fds[i] = client_connect(rig.port);
        if (pthread_create(&greedy_threads[i], NULL, be_greedy, &greedy_fds[i]) != 0)
            abort();
    }
    polite = client_connect(rig.port);
    client_pause_ms(50);
    for (int i = 0; i < ROUNDS; i++) {
        int64_t begin = pl_clock_ns();

        client_say(polite, "echo me\n");
        client_expect(polite, "me\n");
        waits[i] = (pl_clock_ns() - begin) / 1000;
        client_pause_ms(1);
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < greedy; i++) {
        pthread_join(greedy_threads[i], NULL);
        client_reset(greedy_fds[i]);
    }
    client_close(polite);
    rig_stop(&rig);
    qsort(waits, ROUNDS, sizeof(waits[0]), compare);
    *ret_median_us = waits[ROUNDS / 2];
    *ret_p99_us = waits[ROUNDS * 99 / 100];
}

int main(void)
{
    static const struct {
        const char *model;
        uint32_t threads;
    } rows[] = { { "leader_followers", 1 },
                 { "reactor", 0 },
                 { "half_sync_half_async", 1 },
                 { "proactor", 1 },
                 { "leader_followers", 4 } };

    pl_log_configure(PL_LOG_ERROR, PL_LOG_TEXT);
    printf("A polite client's wait in microseconds beside clients that pipeline without end\n\n");
    printf("%-22s %7s %6s %20s %20s %20s\n", "model", "threads", "greedy", "alone p50 / p99",
           "budget on p50 / p99", "budget off p50 / p99");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int greedy = 1; greedy <= GREEDY_MAX; greedy += GREEDY_MAX - 1) {
            int64_t median[3], p99[3];

            measure(rows[i].model, rows[i].threads, 0, false, &median[0], &p99[0]);
            measure(rows[i].model, rows[i].threads, greedy, false, &median[1], &p99[1]);
            measure(rows[i].model, rows[i].threads, greedy, true, &median[2], &p99[2]);
            printf("%-22s %7u %6d %10lld / %7lld %10lld / %7lld %10lld / %7lld\n", rows[i].model,
                   rows[i].threads, greedy, (long long)median[0], (long long)p99[0],
                   (long long)median[1], (long long)p99[1], (long long)median[2],
                   (long long)p99[2]);
        }
    return 0;
}
