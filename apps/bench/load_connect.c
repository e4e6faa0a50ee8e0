/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of the load generator, and the first exchange, which says what a right reply is. */
#include "bench.h"
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_S 5
#define REPLY_BYTES_MAX  ((size_t)64 << 20)
/* 254 source addresses of about 28,000 ports each. */
#define SOURCES_MAX 254

/* ---- connections -------------------------------------------------------------------------------
 */

/* The last byte of the source address; moved on when its ports have run out. 0: the kernel's. */
static unsigned source;

static bool is_loopback(const struct address *target)
{
    const struct sockaddr_in *v4 = (const void *)&target->storage;

    return target->storage.ss_family == AF_INET && ntohl(v4->sin_addr.s_addr) >> 24 == 127;
}

static void bind_source(int fd)
{
    struct sockaddr_in from = { .sin_family = AF_INET,
                                .sin_addr.s_addr = htonl((127u << 24) + 1 + source) };

    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){ 1 }, sizeof(int));
    (void)!bind(fd, (const struct sockaddr *)&from, sizeof(from));
}

static int connect_once(const struct address *target, int flags)
{
    const struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };
    int fd = socket(target->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (flags == 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    }
    if (source != 0)
        bind_source(fd);
    if (connect(fd, (const struct sockaddr *)&target->storage, target->length) < 0 &&
        errno != EINPROGRESS) {
        int err = -errno;

        close(fd);
        return err;
    }
    return fd;
}

static int connect_from_any(const struct address *target, int flags)
{
    for (unsigned tries = 0; tries < SOURCES_MAX; tries++) {
        int fd = connect_once(target, flags);

        if (fd != -EADDRNOTAVAIL || !is_loopback(target))
            return fd;
        source = source % (SOURCES_MAX - 1) + 1;
    }
    return -EADDRNOTAVAIL;
}

int load_connect(const struct address *target)
{
    return connect_from_any(target, 0);
}

int load_connect_start(const struct address *target)
{
    return connect_from_any(target, SOCK_NONBLOCK);
}

/* ---- the first exchange --------------------------------------------------------------------- */

struct first_reply {
    char *bytes; /* owned */
    size_t length, room;
    size_t head, whole;
};

static enum reply_framing frame(const struct load_plan *plan, struct first_reply *reply)
{
    const char *end;

    if (plan->protocol == LOAD_HTTP)
        return reply_frame_http(reply->bytes, reply->length, &reply->head, &reply->whole);
    end = memchr(reply->bytes, '\n', reply->length);
    if (end == NULL)
        return REPLY_PARTIAL;
    reply->whole = (size_t)(end - reply->bytes) + 1;
    return REPLY_COMPLETE;
}

static ssize_t receive_more(int fd, struct first_reply *reply)
{
    ssize_t got;

    if (reply->length == reply->room) {
        reply->room = reply->room == 0 ? 64 * 1024 : reply->room * 2;
        reply->bytes = reply->room > REPLY_BYTES_MAX ? NULL : realloc(reply->bytes, reply->room);
        if (reply->bytes == NULL)
            die(1, "the first reply is too long to be kept");
    }
    got = recv(fd, reply->bytes + reply->length, reply->room - reply->length, 0);
    if (got > 0)
        reply->length += (size_t)got;
    return got;
}

static const char *receive_reply(const struct load_plan *plan, int fd, struct first_reply *reply)
{
    for (;;) {
        ssize_t got = receive_more(fd, reply);

        if (got < 0)
            return errno == EAGAIN ? "no reply within 5 s" : strerror(errno);
        if (got == 0)
            return "closed in the middle of the first reply";
        switch (frame(plan, reply)) {
        case REPLY_PARTIAL:
            continue;
        case REPLY_COMPLETE:
            return reply->length == reply->whole ? NULL : "more bytes than one reply";
        case REPLY_UNBOUNDED:
            return "the first reply has no Content-Length";
        case REPLY_MALFORMED:
            return "the first reply is no HTTP";
        }
    }
}

static const char *judge(const struct load_plan *plan, const struct first_reply *reply)
{
    static char text[96];

    if (plan->protocol == LOAD_HTTP && !plan->is_any_status &&
        (reply->length < 12 || reply->bytes[9] != '2')) {
        snprintf(text, sizeof(text), "the first reply is '%.*s'",
                 (int)strcspn(reply->bytes, "\r\n") % 64, reply->bytes);
        return text;
    }
    if (plan->body_expected != NULL &&
        (reply->whole - reply->head != plan->body_expected_length ||
         memcmp(reply->bytes + reply->head, plan->body_expected, plan->body_expected_length) != 0))
        return "the body of the first reply is not the expected one";
    return NULL;
}

bool load_learn(const struct load_plan *plan, struct reply_template *ret_template, char *sentence,
                size_t size)
{
    struct first_reply reply = { .bytes = NULL };
    const char *what = NULL;
    char target[80];
    int fd = load_connect(&plan->target);

    if (fd < 0)
        what = strerror(-fd);
    else if (send(fd, plan->request, plan->request_length, MSG_NOSIGNAL) !=
             (ssize_t)plan->request_length)
        what = strerror(errno);
    if (what == NULL)
        what = receive_reply(plan, fd, &reply);
    if (what == NULL)
        what = judge(plan, &reply);
    if (what == NULL)
        reply_template_init(ret_template, reply.bytes, reply.length);
    address_print(&plan->target, target, sizeof(target));
    if (what != NULL)
        snprintf(sentence, size, "%s: %s", target, what);
    if (fd >= 0)
        close(fd);
    free(reply.bytes);
    return what == NULL;
}
