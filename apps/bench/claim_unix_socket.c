/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Unix sockets are twice as fast as loopback TCP."
 *
 * A peer's thread echoes small messages, or swallows blocks, until its socket ends. Where client
 * and peer share a CPU, a round trip is system calls and two switches; on two CPUs it is also two
 * wake-ups of another one.
 */
#include "claims.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#define MESSAGE_BYTES  64
#define BLOCK_BYTES    (64 * 1024)
#define TRIPS_PER_LOOK 16 /* round trips between two looks at the clock */
#define WARM_UP_SHARE  0.25
#define TWICE          1.9 /* what may still be called twice */
#define BYTES_PER_MIB  (1024.0 * 1024.0)

enum row { ROW_UNIX, ROW_TCP };
enum condition { TRIP_ONE_CPU, TRIP_TWO_CPUS, STREAM, CONDITIONS };
enum figure { FIGURE_WALL, FIGURE_CPU, FIGURES };

struct peer {
    const struct claim_cpus *cpus;
    pthread_t thread;
    int fd;
    size_t cpu;
    bool is_echoing;
    /* Added to by the peer's thread, read by the client. */
    _Atomic uint64_t swallowed_bytes;
};

static void describe(struct claim_bench *bench)
{
    bench->conditions_count = CONDITIONS;
    bench->figures_count = FIGURES;
    claim_add_row(bench, "unix stream socket");
    claim_add_row(bench, "TCP over loopback");
    claim_add_column(bench, "trip_one_cpu_us", "trip, 1 CPU", 2, BETTER_LESS);
    claim_add_column(bench, "trip_one_cpu_cpu_us", "CPU us", 2, BETTER_LESS);
    claim_add_column(bench, "trip_two_cpus_us", "trip, 2 CPUs", 2, BETTER_LESS);
    claim_add_column(bench, "trip_two_cpus_cpu_us", "CPU us", 2, BETTER_LESS);
    claim_add_column(bench, "stream_us_per_mib", "stream, MiB", 0, BETTER_LESS);
    claim_add_column(bench, "stream_cpu_us_per_mib", "CPU us", 0, BETTER_LESS);
    if (bench->cpus.count < 2)
        snprintf(bench->left_out, sizeof(bench->left_out),
                 "round trips between two CPUs: this process may use one CPU");
}

static int open_nothing(struct claim_bench *bench)
{
    (void)bench;
    return 0;
}

static void close_nothing(struct claim_bench *bench)
{
    (void)bench;
}

/* ---- the peer's thread ----------------------------------------------------------------------- */

static void echo(struct peer *peer)
{
    char message[MESSAGE_BYTES];

    while (claim_receive_all(peer->fd, message, sizeof(message)) == 0)
        if (claim_send_all(peer->fd, message, sizeof(message)) < 0)
            return;
}

static void swallow(struct peer *peer)
{
    char block[BLOCK_BYTES];
    size_t received;

    while ((received = claim_receive_some(peer->fd, block, sizeof(block))) > 0)
        atomic_fetch_add_explicit(&peer->swallowed_bytes, received, memory_order_relaxed);
}

static void *peer_main(void *arg)
{
    struct peer *peer = arg;

    claim_pin(peer->cpus, peer->cpu);
    if (peer->is_echoing)
        echo(peer);
    else
        swallow(peer);
    return NULL;
}

/* ---- the client ------------------------------------------------------------------------------ */

static int make_trips(int fd, struct claim_stretch *stretch, double seconds, size_t *ret_trips)
{
    char message[MESSAGE_BYTES] = { 0 };
    size_t trips = 0;

    claim_stretch_begin(stretch, CLOCK_PROCESS_CPUTIME_ID, seconds);
    while (claim_stretch_goes_on(stretch)) {
        for (int i = 0; i < TRIPS_PER_LOOK; i++) {
            int err = claim_send_all(fd, message, sizeof(message));

            if (err == 0)
                err = claim_receive_all(fd, message, sizeof(message));
            if (err < 0)
                return err;
        }
        trips += TRIPS_PER_LOOK;
    }
    claim_stretch_end(stretch);
    *ret_trips = trips;
    return 0;
}

static int stream(int fd, struct claim_stretch *stretch, double seconds)
{
    static const char block[BLOCK_BYTES];

    claim_stretch_begin(stretch, CLOCK_PROCESS_CPUTIME_ID, seconds);
    while (claim_stretch_goes_on(stretch)) {
        int err = claim_send_all(fd, block, sizeof(block));

        if (err < 0)
            return err;
    }
    claim_stretch_end(stretch);
    return 0;
}

static int measure_trips(int fd, double seconds, double *ret_figures)
{
    struct claim_stretch stretch;
    size_t trips;
    int err = make_trips(fd, &stretch, seconds * WARM_UP_SHARE, &trips);

    if (err == 0)
        err = make_trips(fd, &stretch, seconds * (1 - WARM_UP_SHARE), &trips);
    if (err < 0)
        return err;
    ret_figures[FIGURE_WALL] = stretch.wall_s * 1e6 / (double)trips;
    ret_figures[FIGURE_CPU] = stretch.cpu_s * 1e6 / (double)trips;
    return 0;
}

/* What arrives is counted, not what is sent: the warm-up has filled the buffers between them. */
static int measure_stream(int fd, struct peer *peer, double seconds, double *ret_figures)
{
    struct claim_stretch stretch;
    uint64_t before;
    double mib;
    int err = stream(fd, &stretch, seconds * WARM_UP_SHARE);

    if (err < 0)
        return err;
    before = atomic_load_explicit(&peer->swallowed_bytes, memory_order_relaxed);
    err = stream(fd, &stretch, seconds * (1 - WARM_UP_SHARE));
    if (err < 0)
        return err;
    mib = (double)(atomic_load_explicit(&peer->swallowed_bytes, memory_order_relaxed) - before) /
          BYTES_PER_MIB;
    ret_figures[FIGURE_WALL] = stretch.wall_s * 1e6 / mib;
    ret_figures[FIGURE_CPU] = stretch.cpu_s * 1e6 / mib;
    return 0;
}

static int measure(struct claim_bench *bench, size_t row, size_t condition, double seconds,
                   double *ret_figures)
{
    struct peer peer = { .cpus = &bench->cpus,
                         .cpu = condition == TRIP_ONE_CPU ? 0 : 1,
                         .is_echoing = condition != STREAM };
    int fds[2];
    int err;

    if (condition == TRIP_TWO_CPUS && bench->cpus.count < 2)
        return CLAIM_LEFT_OUT;
    err = row == ROW_UNIX ? claim_connect_unix(fds) : claim_connect_tcp(fds);
    if (err < 0)
        return err;
    peer.fd = fds[1];
    err = -pthread_create(&peer.thread, NULL, peer_main, &peer);
    if (err < 0)
        goto close_pair;
    claim_pin(&bench->cpus, 0);
    err = condition == STREAM ? measure_stream(fds[0], &peer, seconds, ret_figures)
                              : measure_trips(fds[0], seconds, ret_figures);
    claim_unpin(&bench->cpus);
    shutdown(fds[0], SHUT_RDWR);
    pthread_join(peer.thread, NULL);

close_pair:
    claim_close_pair(fds);
    return err;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

static void judge(const struct claim_bench *bench, struct sentence *verdict)
{
    static const char *const labels[CONDITIONS] = { "a round trip on one CPU",
                                                    "a round trip between two CPUs",
                                                    "a streamed MiB" };
    const struct report_row *rows = bench->report.rows;
    struct claim_item items[CONDITIONS * FIGURES] = { 0 };

    for (size_t i = 0; i < CONDITIONS * FIGURES; i++) {
        size_t condition = i / FIGURES;
        struct claim_item *item = &items[i];

        snprintf(item->label, sizeof(item->label), "%s",
                 i % FIGURES == FIGURE_WALL ? labels[condition] : "its CPU");
        snprintf(item->place, sizeof(item->place), "for %s", labels[condition]);
        item->comparison = claim_compare(&rows[ROW_TCP].cells[i], &rows[ROW_UNIX].cells[i]);
        item->is_judged =
            i % FIGURES == FIGURE_WALL && (condition != TRIP_TWO_CPUS || bench->cpus.count >= 2);
        item->holds = claim_is_more(&item->comparison) && item->comparison.ratio >= TWICE;
    }
    claim_judge(verdict, "unix sockets are twice as fast", "TCP against a unix socket", items,
                CONDITIONS * FIGURES);
}

const struct claim claim_unix_socket = {
    .name = "unix-socket",
    .sentence = "Unix sockets are twice as fast as loopback TCP.",
    .method = "One client and one peer, a thread each: messages of 64 bytes to and fro, on one CPU "
              "and on two, and blocks of 64 KiB one way, on two. TCP with TCP_NODELAY. CPU is that "
              "of both ends.",
    .figures = "us for a round trip or a MiB, and the CPU us of both ends",
    .describe = describe,
    .open = open_nothing,
    .measure = measure,
    .close = close_nothing,
    .judge = judge,
};
