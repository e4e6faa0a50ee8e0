/* SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int refuse(const char *path, int err)
{
    fprintf(stderr, "paceline-ctl: %s: %s%s\n", path, strerror(err),
            err == ENOENT || err == ECONNREFUSED ? "; is the server running, with this socket in "
                                                   "control.socket?"
                                                 : "");
    return err == EACCES || err == EPERM ? EX_NOPERM : EX_UNAVAILABLE;
}

int ctl_link_open(struct ctl_link *link, const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int code;

    *link = (struct ctl_link){ .path = path, .fd = -1 };
    if (strlen(path) >= sizeof(address.sun_path)) {
        fprintf(stderr, "paceline-ctl: %s: longer than the path of a socket may be\n", path);
        return EX_USAGE;
    }
    memcpy(address.sun_path, path, strlen(path));
    link->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    link->reply = malloc(CTL_REPLY_BYTES_MAX + 1);
    if (link->fd < 0 || link->reply == NULL) {
        fprintf(stderr, "paceline-ctl: no descriptor or memory\n");
        ctl_link_close(link);
        return EX_OSERR;
    }
    if (connect(link->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        code = refuse(path, errno);
        ctl_link_close(link);
        return code;
    }
    return 0;
}

void ctl_link_close(struct ctl_link *link)
{
    if (link->fd >= 0)
        (void)close(link->fd);
    link->fd = -1;
    free(link->reply);
    link->reply = NULL;
}

/* 0, or -1 when the server has gone. */
static int send_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -1;
        bytes += sent;
        length -= (size_t)sent;
    }
    return 0;
}

/* What stands behind the last reply comes to the front. */
static void make_room(struct ctl_link *link)
{
    memmove(link->reply, link->reply + link->start, link->end - link->start);
    link->end -= link->start;
    link->start = 0;
}

static enum ctl_asked receive_some(struct ctl_link *link, int64_t deadline_ms)
{
    struct pollfd watched = { .fd = link->fd, .events = POLLIN };
    int64_t left_ms = deadline_ms - now_ms();
    ssize_t received;

    if (left_ms <= 0)
        return CTL_SILENT;
    /* A signal ends it early, and the caller asks again. */
    if (poll(&watched, 1, (int)left_ms) <= 0)
        return CTL_ANSWERED;
    received = recv(link->fd, link->reply + link->end, CTL_REPLY_BYTES_MAX - link->end, 0);
    if (received == 0 || (received < 0 && errno != EINTR && errno != EAGAIN))
        return CTL_GONE;
    if (received > 0)
        link->end += (size_t)received;
    return CTL_ANSWERED;
}

enum ctl_asked ctl_link_ask(struct ctl_link *link, const char *line, const char **ret_line)
{
    int64_t deadline_ms = now_ms() + CTL_REPLY_MS;
    char *found;

    make_room(link);
    /* A server that refuses this client has said so and closed: its line may stand there still. */
    if (send_all(link->fd, line, strlen(line)) == 0)
        (void)send_all(link->fd, "\n", 1);
    while ((found = memchr(link->reply, '\n', link->end)) == NULL) {
        enum ctl_asked asked = CTL_BROKEN;

        if (link->end < CTL_REPLY_BYTES_MAX)
            asked = receive_some(link, deadline_ms);
        if (asked != CTL_ANSWERED)
            return asked;
    }
    *found = '\0';
    *ret_line = link->reply;
    link->start = (size_t)(found - link->reply) + 1;
    return CTL_ANSWERED;
}

int ctl_link_complain(const struct ctl_link *link, enum ctl_asked asked)
{
    switch (asked) {
    case CTL_ANSWERED:
        return EX_OK;
    case CTL_GONE:
        fprintf(stderr, "paceline-ctl: %s: the server has closed the connection\n", link->path);
        return EX_UNAVAILABLE;
    case CTL_SILENT:
        fprintf(stderr, "paceline-ctl: %s: no answer within %d s\n", link->path,
                CTL_REPLY_MS / 1000);
        return EX_UNAVAILABLE;
    case CTL_BROKEN:
        break;
    }
    fprintf(stderr, "paceline-ctl: %s: what came back is no reply of a server of this kind\n",
            link->path);
    return EX_PROTOCOL;
}
