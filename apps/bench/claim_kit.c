/* SPDX-License-Identifier: Apache-2.0 */
#include "claim_kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- time ------------------------------------------------------------------------------------ */

double claim_seconds(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void claim_stretch_begin(struct claim_stretch *stretch, clockid_t cpu_clock, double seconds)
{
    stretch->cpu_clock = cpu_clock;
    stretch->wall_s = claim_seconds(CLOCK_MONOTONIC);
    stretch->until_s = stretch->wall_s + seconds;
    stretch->cpu_s = claim_seconds(cpu_clock);
}

bool claim_stretch_goes_on(const struct claim_stretch *stretch)
{
    return claim_seconds(CLOCK_MONOTONIC) < stretch->until_s;
}

void claim_stretch_end(struct claim_stretch *stretch)
{
    stretch->cpu_s = claim_seconds(stretch->cpu_clock) - stretch->cpu_s;
    stretch->wall_s = claim_seconds(CLOCK_MONOTONIC) - stretch->wall_s;
}

/* /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal. A guest's time stands in user
 * already. */
double claim_machine_cpu_s(void)
{
    unsigned long long ticks[8];
    FILE *stat = fopen("/proc/stat", "re");
    int count;

    if (stat == NULL)
        return NAN;
    count = fscanf(stat, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &ticks[0], &ticks[1],
                   &ticks[2], &ticks[3], &ticks[4], &ticks[5], &ticks[6], &ticks[7]);
    fclose(stat);
    if (count != 8)
        return NAN;
    return (double)(ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]) /
           (double)sysconf(_SC_CLK_TCK);
}

/* ---- CPUs ------------------------------------------------------------------------------------ */

/* A CPU that cannot be had costs a measurement its calm, not its truth: nobody asks for errors. */
void claim_cpus_read(struct claim_cpus *cpus)
{
    CPU_ZERO(&cpus->set);
    if (sched_getaffinity(0, sizeof(cpus->set), &cpus->set) < 0)
        CPU_SET(0, &cpus->set);
    cpus->count = (size_t)CPU_COUNT(&cpus->set);
}

void claim_pin(const struct claim_cpus *cpus, size_t index)
{
    size_t left = cpus->count > 0 ? index % cpus->count : 0;
    cpu_set_t one;

    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &cpus->set) || left-- > 0)
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        (void)sched_setaffinity(0, sizeof(one), &one);
        return;
    }
}

void claim_unpin(const struct claim_cpus *cpus)
{
    (void)sched_setaffinity(0, sizeof(cpus->set), &cpus->set);
}

/* ---- connected sockets ----------------------------------------------------------------------- */

static int set_option(int fd, int level, int name)
{
    int on = 1;

    return setsockopt(fd, level, name, &on, sizeof(on)) < 0 ? -errno : 0;
}

static int bound_silence(int fd)
{
    const struct timeval silence = { .tv_sec = CLAIM_SILENCE_MAX_S };

    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof(silence)) < 0)
        return -errno;
    return 0;
}

/* A socket that is bound to a port of its own choice; ret_address says which. */
static int open_loopback(int flags, struct sockaddr_in *ret_address)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    int err;

    if (fd < 0)
        return -errno;
    if (bind(fd, (struct sockaddr *)&address, length) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
        err = -errno;
        claim_close(&fd);
        return err;
    }
    *ret_address = address;
    return fd;
}

/* Connects to a listener of this process and takes the connection. */
static int meet(int listener, int client, const struct sockaddr *address, socklen_t length)
{
    int server, err;

    if (listen(listener, 1) < 0 || connect(client, address, length) < 0)
        return -errno;
    server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (server < 0)
        return -errno;
    err = bound_silence(server);
    if (err == 0)
        err = bound_silence(client);
    if (err < 0)
        claim_close(&server);
    return err < 0 ? err : server;
}

int claim_connect_tcp(int ret_fds[2])
{
    struct sockaddr_in address;
    int fds[2] = { -1, -1 };
    int listener = open_loopback(0, &address);
    int err;

    if (listener < 0)
        return listener;
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fds[0] < 0) {
        err = -errno;
        goto close_listener;
    }
    fds[1] = err = meet(listener, fds[0], (struct sockaddr *)&address, sizeof(address));
    if (err < 0)
        goto close_pair;
    err = set_option(fds[0], IPPROTO_TCP, TCP_NODELAY);
    if (err == 0)
        err = set_option(fds[1], IPPROTO_TCP, TCP_NODELAY);
    if (err < 0)
        goto close_pair;
    memcpy(ret_fds, fds, sizeof(fds));
    claim_close(&listener);
    return 0;

close_pair:
    claim_close_pair(fds);
close_listener:
    claim_close(&listener);
    return err;
}

int claim_temporary_path(char *path, size_t size)
{
    const char *directory = getenv("TMPDIR");
    int length;

    if (directory == NULL || *directory == '\0')
        directory = "/tmp";
    length = snprintf(path, size, "%s/paceline-bench.XXXXXX", directory);
    return length > 0 && (size_t)length < size ? 0 : -ENAMETOOLONG;
}

/* The path lives from bind to connect. */
static int meet_at(const char *path, int listener, int client)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int server;

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path));
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    server = meet(listener, client, (struct sockaddr *)&address, sizeof(address));
    unlink(path);
    return server;
}

int claim_connect_unix(int ret_fds[2])
{
    char directory[PATH_MAX], path[PATH_MAX + 8];
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int server = claim_temporary_path(directory, sizeof(directory));

    if (server == 0 && (listener < 0 || client < 0 || mkdtemp(directory) == NULL))
        server = -errno;
    if (server == 0) {
        snprintf(path, sizeof(path), "%s/socket", directory);
        server = meet_at(path, listener, client);
        rmdir(directory);
    }
    claim_close(&listener);
    if (server < 0) {
        claim_close(&client);
        return server;
    }
    ret_fds[0] = client;
    ret_fds[1] = server;
    return 0;
}

int claim_connect_self(int *ret_fd)
{
    struct sockaddr_in address;
    int fd = open_loopback(SOCK_NONBLOCK, &address);
    int err;

    if (fd < 0)
        return fd;
    /* Both ends open at once: the handshake is over when connect() returns. */
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS)
        err = -errno;
    else
        err = set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    if (err < 0) {
        claim_close(&fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

void claim_close(int *fd)
{
    const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

    if (*fd < 0)
        return;
    (void)setsockopt(*fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(*fd);
    *fd = -1;
}

void claim_close_pair(int fds[2])
{
    claim_close(&fds[0]);
    claim_close(&fds[1]);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static int why_nothing_moved(ssize_t moved)
{
    if (moved == 0)
        return -EPIPE;
    return errno == EAGAIN ? -ETIMEDOUT : -errno;
}

/* A process that was stopped and goes on sees its calls interrupted. */
int claim_send_all(int fd, const void *bytes, size_t count)
{
    const char *from = bytes;

    while (count > 0) {
        ssize_t sent = send(fd, from, count, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return why_nothing_moved(sent);
        from += sent;
        count -= (size_t)sent;
    }
    return 0;
}

int claim_receive_all(int fd, void *bytes, size_t count)
{
    char *to = bytes;

    while (count > 0) {
        ssize_t received = recv(fd, to, count, 0);

        if (received < 0 && errno == EINTR)
            continue;
        if (received <= 0)
            return why_nothing_moved(received);
        to += received;
        count -= (size_t)received;
    }
    return 0;
}

size_t claim_receive_some(int fd, void *bytes, size_t count)
{
    ssize_t received;

    do
        received = recv(fd, bytes, count, 0);
    while (received < 0 && errno == EINTR);
    return received > 0 ? (size_t)received : 0;
}
