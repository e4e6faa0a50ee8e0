/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "sendfile is faster."
 *
 * A file of the page cache is sent again and again over one TCP connection of the loopback, to a
 * peer's thread that reads and forgets. Only the sender's CPU counts.
 */
#include "claims.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK_BYTES   (64 * 1024) /* what read() fetches at once */
#define WARM_UP_SHARE 0.2
/* What the peer sleeps for. A sender on loopback wakes its reader, one on a network does not: it is
 * to happen as seldom, however fast the sender is. */
#define PEER_SLEEPS_BYTES (256 * 1024)
#define BYTES_PER_MIB     (1024.0 * 1024.0)

enum row { ROW_SENDFILE, ROW_READ, ROW_MMAP, ROW_MMAP_KEPT, ROWS };

static const size_t file_bytes[] = { 4 * 1024, 64 * 1024, 1024 * 1024 };
static const char *const file_names[] = { "4 KiB", "64 KiB", "1 MiB" };
#define CONDITIONS (sizeof(file_bytes) / sizeof(file_bytes[0]))

struct state {
    int files[CONDITIONS];
    void *mappings[CONDITIONS]; /* owned; MAP_FAILED until mapped */
    char block[BLOCK_BYTES];
};

static void describe(struct claim_bench *bench)
{
    bench->conditions_count = CONDITIONS;
    bench->figures_count = 1;
    claim_add_row(bench, "sendfile");
    claim_add_row(bench, "read + write");
    claim_add_row(bench, "mmap each time + write");
    claim_add_row(bench, "mmap kept + write");
    claim_add_column(bench, "file_4_kib_cpu_us_per_mib", "4 KiB", 1, BETTER_LESS);
    claim_add_column(bench, "file_64_kib_cpu_us_per_mib", "64 KiB", 1, BETTER_LESS);
    claim_add_column(bench, "file_1_mib_cpu_us_per_mib", "1 MiB", 1, BETTER_LESS);
}

static void close_state(struct claim_bench *bench)
{
    struct state *state = bench->state;

    for (size_t i = 0; state != NULL && i < CONDITIONS; i++) {
        if (state->mappings[i] != MAP_FAILED)
            munmap(state->mappings[i], file_bytes[i]);
        if (state->files[i] >= 0)
            close(state->files[i]);
    }
    free(state);
    bench->state = NULL;
}

/* A file without a name, in the page cache and touched. */
static int open_file(size_t bytes)
{
    char path[PATH_MAX];
    char page[4096];
    int file, err = claim_temporary_path(path, sizeof(path));

    if (err < 0)
        return err;
    file = mkstemp(path);
    if (file < 0)
        return -errno;
    unlink(path);
    memset(page, 'x', sizeof(page));
    for (size_t done = 0; done < bytes; done += sizeof(page)) {
        if (pwrite(file, page, sizeof(page), (off_t)done) != sizeof(page)) {
            err = errno == 0 ? -EIO : -errno;
            close(file);
            return err;
        }
    }
    return file;
}

static int open_state(struct claim_bench *bench)
{
    struct state *state = calloc(1, sizeof(*state));
    int err = 0;

    if (state == NULL)
        return -ENOMEM;
    bench->state = state;
    for (size_t i = 0; i < CONDITIONS; i++) {
        state->mappings[i] = MAP_FAILED;
        state->files[i] = -1;
    }
    for (size_t i = 0; i < CONDITIONS && err == 0; i++) {
        int file = open_file(file_bytes[i]);

        err = file < 0 ? file : 0;
        state->files[i] = file;
        if (err == 0)
            state->mappings[i] = mmap(NULL, file_bytes[i], PROT_READ, MAP_SHARED, file, 0);
        if (err == 0 && state->mappings[i] == MAP_FAILED)
            err = -errno;
    }
    if (err < 0)
        close_state(bench);
    return err;
}

/* ---- the four ways to send a file ------------------------------------------------------------ */

static int send_by_sendfile(struct state *state, size_t which, int fd)
{
    off_t offset = 0;

    while ((size_t)offset < file_bytes[which]) {
        ssize_t sent =
            sendfile(fd, state->files[which], &offset, file_bytes[which] - (size_t)offset);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return sent == 0 ? -EIO : -errno;
    }
    return 0;
}

static int send_by_read(struct state *state, size_t which, int fd)
{
    size_t done = 0;

    while (done < file_bytes[which]) {
        ssize_t got = pread(state->files[which], state->block, sizeof(state->block), (off_t)done);
        int err;

        if (got <= 0)
            return got == 0 ? -EIO : -errno;
        err = claim_send_all(fd, state->block, (size_t)got);
        if (err < 0)
            return err;
        done += (size_t)got;
    }
    return 0;
}

static int send_by_mmap(struct state *state, size_t which, int fd)
{
    void *mapping = mmap(NULL, file_bytes[which], PROT_READ, MAP_SHARED, state->files[which], 0);
    int err;

    if (mapping == MAP_FAILED)
        return -errno;
    err = claim_send_all(fd, mapping, file_bytes[which]);
    munmap(mapping, file_bytes[which]);
    return err;
}

static int send_by_kept_mmap(struct state *state, size_t which, int fd)
{
    return claim_send_all(fd, state->mappings[which], file_bytes[which]);
}

static int (*const ways[ROWS])(struct state *, size_t, int) = { send_by_sendfile, send_by_read,
                                                                send_by_mmap, send_by_kept_mmap };

/* ---- one cell -------------------------------------------------------------------------------- */

struct peer {
    const struct claim_cpus *cpus;
    pthread_t thread;
    int fd;
};

static void *swallow(void *arg)
{
    struct peer *peer = arg;
    char block[BLOCK_BYTES];
    int sleeps_bytes = PEER_SLEEPS_BYTES;

    claim_pin(peer->cpus, 1);
    (void)setsockopt(peer->fd, SOL_SOCKET, SO_RCVLOWAT, &sleeps_bytes, sizeof(sleeps_bytes));
    while (claim_receive_some(peer->fd, block, sizeof(block)) > 0)
        continue;
    return NULL;
}

static int send_for(struct claim_bench *bench, size_t row, size_t which, int fd, double seconds,
                    double *ret_us_per_mib)
{
    struct claim_stretch stretch;
    size_t files = 0;

    claim_stretch_begin(&stretch, CLOCK_THREAD_CPUTIME_ID, seconds);
    do {
        int err = ways[row](bench->state, which, fd);

        if (err < 0)
            return err;
        files++;
    } while (claim_stretch_goes_on(&stretch));
    claim_stretch_end(&stretch);
    *ret_us_per_mib = stretch.cpu_s * 1e6 * BYTES_PER_MIB / (double)(files * file_bytes[which]);
    return 0;
}

static int measure(struct claim_bench *bench, size_t row, size_t condition, double seconds,
                   double *ret_figures)
{
    struct peer peer = { .cpus = &bench->cpus };
    int fds[2];
    int err = claim_connect_tcp(fds);

    if (err < 0)
        return err;
    peer.fd = fds[1];
    err = -pthread_create(&peer.thread, NULL, swallow, &peer);
    if (err < 0)
        goto close_pair;
    claim_pin(&bench->cpus, 0);
    err = send_for(bench, row, condition, fds[0], seconds * WARM_UP_SHARE, ret_figures);
    if (err == 0)
        err = send_for(bench, row, condition, fds[0], seconds * (1 - WARM_UP_SHARE), ret_figures);
    claim_unpin(&bench->cpus);
    shutdown(fds[0], SHUT_RDWR);
    pthread_join(peer.thread, NULL);

close_pair:
    claim_close_pair(fds);
    return err;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

static size_t better_mmap(const struct report_row *rows, size_t column)
{
    double each = series_summary(&rows[ROW_MMAP].cells[column]).median;
    double kept = series_summary(&rows[ROW_MMAP_KEPT].cells[column]).median;

    return each < kept ? ROW_MMAP : ROW_MMAP_KEPT;
}

/* The claim is about read() and write(); mmap() is told beside it. */
static void judge(const struct claim_bench *bench, struct sentence *verdict)
{
    const struct report_row *rows = bench->report.rows;
    struct claim_item items[CONDITIONS * 2] = { 0 };

    for (size_t i = 0; i < CONDITIONS * 2; i++) {
        size_t column = i / 2;
        size_t rival = i % 2 == 0 ? ROW_READ : better_mmap(rows, column);
        struct claim_item *item = &items[i];

        item->comparison =
            claim_compare(&rows[rival].cells[column], &rows[ROW_SENDFILE].cells[column]);
        item->is_judged = rival == ROW_READ;
        item->holds = claim_is_more(&item->comparison);
        snprintf(item->label, sizeof(item->label), "%s (%s)", file_names[column], rows[rival].name);
        snprintf(item->place, sizeof(item->place), "for files of %s", file_names[column]);
    }
    claim_judge(verdict, "sendfile is cheaper than read + write",
                "the sender's CPU as a multiple of sendfile's", items, CONDITIONS * 2);
}

const struct claim claim_sendfile = {
    .name = "sendfile",
    .sentence = "sendfile is faster.",
    .method =
        "CPU us of the sending thread for each MiB: a file from the page cache, sent again and "
        "again over one TCP connection of the loopback, to a thread on another CPU that reads "
        "and forgets, woken once in 256 KiB. read() fetches 64 KiB at once.",
    .figures = "CPU us of the sender for each MiB, by the size of the file",
    .describe = describe,
    .open = open_state,
    .measure = measure,
    .close = close_state,
    .judge = judge,
};
