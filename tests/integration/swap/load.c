/* SPDX-License-Identifier: Apache-2.0 */
#include "load_client.h"

#include "served.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A body that comes slowly: so many pieces, with so much between them. */
#define PIECES   4
#define PIECE_US 3000

#define STALL_US ((int64_t)CLIENT_DEADLINE_MS * 1000)

int64_t load_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void load_fail(struct load *load, const char *what, const struct question *question)
{
    static const char *const names[] = { "get",    "post",         "pipelined",   "later",
                                         "stream", "slow post",    "file",        "block",
                                         "upload", "later-stream", "slow upload", "call",
                                         "lease" };

    pthread_mutex_lock(&load->lock);
    if (!atomic_load(&load->has_failed))
        snprintf(load->failure, sizeof(load->failure), "%s, at request %llu (%s): %s", what,
                 question == NULL ? 0 : (unsigned long long)question->number,
                 question == NULL ? "none" : names[question->kind], strerror(errno));
    atomic_store(&load->has_failed, true);
    pthread_mutex_unlock(&load->lock);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const struct timeval patience = { .tv_sec = CLIENT_DEADLINE_MS / 1000 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* ---- questions --------------------------------------------------------------------------------
 */

static void append_question(struct load *load, struct load_client *client, enum load_kind kind)
{
    static const char *const lines[] = { "GET /get?",          "POST /post?",   "GET /get?",
                                         "GET /later?",        "GET /stream?",  "POST /post?",
                                         "GET /file?",         "GET /block?",   "POST /upload?",
                                         "GET /later-stream?", "POST /upload?", "GET /call?echo+",
                                         "GET /lease?echo+" };
    struct question *question = &client->questions[client->asked++];
    bool has_body = strncmp(lines[kind], "POST", 4) == 0;

    question->kind = kind;
    question->number = atomic_fetch_add(&load->numbers, 1) + 1;
    question->asked_us = load_now_us();
    client->head_bytes += (size_t)snprintf(
        client->head + client->head_bytes, sizeof(client->head) - client->head_bytes,
        "%s%llu HTTP/1.1\r\nHost: a\r\n%s\r\n", lines[kind], (unsigned long long)question->number,
        has_body ? "Content-Length: 65536\r\n" : "");
    client->body = has_body ? served_body(question->number) : NULL;
    client->body_bytes = has_body ? SERVED_BODY_BYTES : 0;
}

/* What may stand in a pipeline: every way in which a reply comes about. */
static const enum load_kind pipelined[LOAD_PIPELINE_DEPTH] = {
    LOAD_GET, LOAD_LATER, LOAD_GET, LOAD_BLOCK, LOAD_GET, LOAD_STREAM, LOAD_LATER_STREAM, LOAD_GET
};

static void begin_round(struct load *load, struct load_client *client)
{
    bool is_slow = client->kind == LOAD_SLOW_POST || client->kind == LOAD_SLOW_UPLOAD;

    client->asked = client->answered = 0;
    client->head_bytes = client->sent = 0;
    if (client->kind != LOAD_PIPELINED)
        append_question(load, client, client->kind);
    for (uint32_t i = 0; client->kind == LOAD_PIPELINED && i < LOAD_PIPELINE_DEPTH; i++)
        append_question(load, client, pipelined[i]);
    client->allowed = client->head_bytes + client->body_bytes;
    client->more_us = 0;
    if (is_slow) {
        client->allowed = client->head_bytes / 2;
        client->more_us = load_now_us() + PIECE_US;
    }
    client->moved_us = load_now_us();
    do
        client->kind = (client->kind + 1) % LOAD_KINDS;
    while ((load->settings.kinds & (1u << client->kind)) == 0);
}

static void send_some(struct load *load, struct load_client *client)
{
    while (client->sent < client->allowed) {
        bool is_head = client->sent < client->head_bytes;
        const char *from = is_head ? client->head + client->sent
                                   : client->body + (client->sent - client->head_bytes);
        size_t end =
            is_head && client->head_bytes < client->allowed ? client->head_bytes : client->allowed;
        ssize_t sent = send(client->fd, from, end - client->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0) {
            load_fail(load, "a request could not be sent", client->questions);
            return;
        }
        client->sent += (size_t)sent;
        client->moved_us = load_now_us();
    }
}

static void allow_more(struct load *load, struct load_client *client, int64_t at_us)
{
    size_t all = client->head_bytes + client->body_bytes;

    if (client->more_us == 0 || at_us < client->more_us)
        return;
    client->allowed += all / PIECES;
    client->more_us = at_us + PIECE_US;
    if (client->allowed >= all) {
        client->allowed = all;
        client->more_us = 0;
    }
    send_some(load, client);
}

/* ---- a thread of clients ----------------------------------------------------------------------
 */

#define READ_BYTES 65536

static void serve(struct load_thread *thread, struct load_client *client, char *bytes)
{
    ssize_t received;

    send_some(thread->load, client);
    while (!atomic_load(&thread->load->has_failed)) {
        received = recv(client->fd, bytes, READ_BYTES, MSG_DONTWAIT);
        if (received < 0 && errno == EAGAIN)
            return;
        if (received <= 0) {
            load_fail(thread->load, received == 0 ? "the server closed" : "the connection broke",
                      &client->questions[client->answered % LOAD_PIPELINE_DEPTH]);
            return;
        }
        client->moved_us = load_now_us();
        load_take(thread, client, bytes, (size_t)received);
        if (client->answered == client->asked && !atomic_load(&thread->load->is_ending)) {
            begin_round(thread->load, client);
            send_some(thread->load, client);
        }
    }
}

/* How many have a question open. */
static uint32_t look_at_all(struct load_thread *thread)
{
    int64_t at_us = load_now_us();
    uint32_t open = 0;

    for (uint32_t i = 0; i < thread->clients_count; i++) {
        struct load_client *client = &thread->clients[i];

        if (client->answered == client->asked)
            continue;
        open++;
        allow_more(thread->load, client, at_us);
        if (at_us - client->moved_us > STALL_US) {
            errno = 0;
            load_fail(thread->load, "no reply", &client->questions[client->answered]);
        }
    }
    return open;
}

static void *load_main(void *argument)
{
    struct load_thread *thread = argument;
    struct load *load = thread->load;
    struct epoll_event events[64];
    char *bytes = malloc(READ_BYTES);

    if (bytes == NULL)
        abort();
    for (uint32_t i = 0; i < thread->clients_count; i++) {
        begin_round(load, &thread->clients[i]);
        send_some(load, &thread->clients[i]);
    }
    while (!atomic_load(&load->has_failed)) {
        int count = epoll_wait(thread->epoll_fd, events, 64, 2);

        for (int i = 0; i < count; i++)
            serve(thread, events[i].data.ptr, bytes);
        if (look_at_all(thread) == 0 && atomic_load(&load->is_ending))
            break;
    }
    free(bytes);
    return NULL;
}

/* ---- clients that ask once ------------------------------------------------------------------ */

static bool ask_once(int fd, uint64_t number)
{
    char text[128], reply[512];
    size_t length = 0;
    int end_bytes;

    snprintf(text, sizeof(text), "GET /get?%llu HTTP/1.1\r\nHost: a\r\n\r\n",
             (unsigned long long)number);
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        return false;
    end_bytes = snprintf(text, sizeof(text), "\r\n\r\n%llu\n", (unsigned long long)number);
    do {
        ssize_t received = recv(fd, reply + length, sizeof(reply) - length, 0);

        if (received <= 0)
            return false;
        length += (size_t)received;
    } while (length < (size_t)end_bytes ||
             memcmp(reply + length - end_bytes, text, (size_t)end_bytes) != 0);
    return true;
}

/* It leaves with a reset, so that no port has to rest. */
static void *connector_main(void *argument)
{
    struct load *load = argument;

    while (!atomic_load(&load->is_ending) && !atomic_load(&load->has_failed)) {
        struct question question = { LOAD_GET, atomic_fetch_add(&load->numbers, 1) + 1, 0 };
        int fd = connect_to(load->settings.port);

        if (fd < 0)
            load_fail(load, "a connect was refused", &question);
        else if (!ask_once(fd, question.number))
            load_fail(load, "a new connection was not answered", &question);
        else
            atomic_fetch_add(&load->connects, 1);
        if (fd >= 0)
            client_reset(fd);
    }
    return NULL;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static void begin_thread(struct load *load, struct load_thread *thread, uint32_t count)
{
    thread->load = load;
    thread->clients_count = count;
    thread->clients = calloc(count, sizeof(*thread->clients));
    thread->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    assert_true(thread->clients != NULL && thread->epoll_fd >= 0);
    for (uint32_t i = 0; i < count; i++) {
        struct load_client *client = &thread->clients[i];
        struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = client };

        client->fd = connect_to(load->settings.port);
        client->kind = (enum load_kind)(i % LOAD_KINDS);
        while ((load->settings.kinds & (1u << client->kind)) == 0)
            client->kind = (client->kind + 1) % LOAD_KINDS;
        assert_true(client->fd >= 0);
        assert_int_equal(epoll_ctl(thread->epoll_fd, EPOLL_CTL_ADD, client->fd, &event), 0);
    }
    assert_int_equal(pthread_create(&thread->id, NULL, load_main, thread), 0);
}

void load_begin(struct load *load, const struct load_settings *settings)
{
    memset(load, 0, sizeof(*load));
    load->settings = *settings;
    pthread_mutex_init(&load->lock, NULL);
    for (uint32_t i = 0; i < settings->threads; i++)
        begin_thread(load, &load->threads[i], settings->clients / settings->threads);
    for (uint32_t i = 0; i < settings->connectors; i++)
        assert_int_equal(pthread_create(&load->connectors[i], NULL, connector_main, load), 0);
}

void load_check(struct load *load)
{
    if (!atomic_load(&load->has_failed))
        return;
    pthread_mutex_lock(&load->lock);
    fail_msg("after %llu requests and %llu connects: %s", (unsigned long long)load->requests,
             (unsigned long long)load->connects, load->failure);
}

/* Nothing comes that nobody asked for, and nobody has closed. */
static void close_clients(struct load *load, struct load_thread *thread)
{
    for (uint32_t i = 0; i < thread->clients_count; i++) {
        struct load_client *client = &thread->clients[i];
        char byte;

        if (recv(client->fd, &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN)
            load_fail(load, "a byte or an end that nobody asked for", client->questions);
        close(client->fd);
    }
    close(thread->epoll_fd);
    free(thread->clients);
}

void load_end(struct load *load)
{
    atomic_store(&load->is_ending, true);
    for (uint32_t i = 0; i < load->settings.connectors; i++)
        pthread_join(load->connectors[i], NULL);
    for (uint32_t i = 0; i < load->settings.threads; i++)
        pthread_join(load->threads[i].id, NULL);
    for (uint32_t i = 0; i < load->settings.threads; i++)
        close_clients(load, &load->threads[i]);
    load_check(load);
    pthread_mutex_destroy(&load->lock);
}

int64_t load_longest_us(const struct load *load)
{
    int64_t longest_us = 0;

    for (uint32_t i = 0; i < load->settings.threads; i++)
        if (load->threads[i].longest_us > longest_us)
            longest_us = load->threads[i].longest_us;
    return longest_us;
}

int64_t load_p99_us(const struct load *load)
{
    uint64_t all = 0, passed = 0;

    for (uint32_t i = 0; i < load->settings.threads; i++)
        for (size_t k = 0; k < LOAD_WAITS; k++)
            all += load->threads[i].waits[k];
    for (size_t k = 0; k < LOAD_WAITS; k++) {
        for (uint32_t i = 0; i < load->settings.threads; i++)
            passed += load->threads[i].waits[k];
        if (passed * 100 >= all * 99)
            return (int64_t)(k + 1) * 100;
    }
    return 0;
}
