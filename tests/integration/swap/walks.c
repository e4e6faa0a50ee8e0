/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every ordered pair of variants under load: for each i, there and back to each later one, and from
 * the last of these to the next i; the end is the beginning. Each pair is taken once.
 */
#include "load.h"
#include "served.h"

#include <stdio.h>
#include <stdlib.h>

/* The clients of the test, of the server, and a CPU to swap. */
#define CLIENTS 200

static const char *const sets[] = { "limits.message=256KiB", "timeouts.handler=60s", NULL };

struct walk {
    struct load load;
    uint64_t requests_min; /* goes round until so many are answered */
    int64_t pause_ms;      /* between two swaps */
    uint32_t swaps, moved, held, left_behind;
    int64_t longest_swap_us;
};

static void step(struct walk *walk, size_t variant)
{
    struct pl_swap_report report;

    swap_to("default", &swap_variants[variant], &report);
    walk->swaps++;
    walk->moved += report.conns_moved;
    walk->held += report.conns_held;
    walk->left_behind += report.threads_left_behind;
    if (report.took_us > walk->longest_swap_us)
        walk->longest_swap_us = report.took_us;
    client_pause_ms(walk->pause_ms);
    load_check(&walk->load);
}

static void go_round(struct walk *walk)
{
    for (size_t i = 0; i + 1 < swap_variants_count; i++)
        for (size_t k = i + 1; k < swap_variants_count; k++) {
            step(walk, k);
            step(walk, k + 1 < swap_variants_count ? i : i + 2 < swap_variants_count ? i + 1 : 0);
        }
}

static void print(const struct walk *walk, int64_t p99_us)
{
    printf("%llu requests, %llu connects, %u swaps (%u connections moved, %u were held, %u threads "
           "left behind, the longest took %.1f ms), 0 lost, 0 connections closed, longest pause "
           "%.1f ms, p99 %.1f ms (p99 without swaps %.1f ms)\n",
           (unsigned long long)walk->load.requests, (unsigned long long)walk->load.connects,
           walk->swaps, walk->moved, walk->held, walk->left_behind,
           (double)walk->longest_swap_us / 1000, (double)load_longest_us(&walk->load) / 1000,
           (double)load_p99_us(&walk->load) / 1000, (double)p99_us / 1000);
}

static const struct load_settings *load_settings(void)
{
    static struct load_settings settings;

    settings = (struct load_settings){
        .port = rig.port, .clients = CLIENTS, .threads = 2, .connectors = 1, .kinds = LOAD_KINDS_ALL
    };
    return &settings;
}

/* The same load for a while, with nothing changing. */
static int64_t p99_without_swaps(struct walk *walk, int64_t ms)
{
    load_begin(&walk->load, load_settings());
    client_pause_ms(ms);
    load_end(&walk->load);
    return load_p99_us(&walk->load);
}

static void every_model_follows_every_other_and_no_reply_is_lost(void **state)
{
    static struct walk walk;
    const char *requests = getenv("PL_SWAP_REQUESTS");
    int64_t p99_us;

    (void)state;
    walk = (struct walk){ .requests_min = requests == NULL ? 0 : strtoull(requests, NULL, 10),
                          .pause_ms = requests != NULL  ? 200
                                      : swap_is_short() ? 5
                                                        : 20 };
    served_start_relaying(sets);
    swap_to("default", &swap_variants[0], NULL);
    p99_us = p99_without_swaps(&walk, requests == NULL ? 500 : 2000);
    load_begin(&walk.load, load_settings());
    do {
        go_round(&walk);
        if (requests != NULL) {
            printf("%llu of %llu requests\n", (unsigned long long)walk.load.requests,
                   (unsigned long long)walk.requests_min);
            fflush(stdout);
        }
    } while (walk.load.requests < walk.requests_min);
    load_end(&walk.load);
    print(&walk, p99_us);
    assert_true(walk.swaps >= swap_variants_count * (swap_variants_count - 1));
    assert_true(walk.load.connects > 0);
    served_stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(every_model_follows_every_other_and_no_reply_is_lost),
};
const struct case_group swap_walks = CASE_GROUP(cases);
