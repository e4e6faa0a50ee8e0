/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include "case_text.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* More than any response of a case; a server that answers without end is cut here. */
#define HTTP_RECEIVED_MAX (4UL * 1024 * 1024)

/* What may come behind an echo before it is cut. */
#define LINE_SURPLUS_MAX 65536

/* Pause at the place of `split each`: long enough that the first part was seen alone. */
#define SPLIT_PAUSE_MS 15

/* Both socket buffers of a client that reads late. */
#define LATE_READER_BUFFER_BYTES (128 * 1024)

/* A full backlog of a unix socket is asked again after this. */
#define CONNECT_AGAIN_MS 5

long clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- showing the bytes of both directions ---------------------------------------------------- */

static void trace(const struct client *client, char direction, const char *bytes, size_t length)
{
    if (!client->is_traced)
        return;
    printf("%c ", direction);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];

        if (byte == '\n')
            printf(i + 1 < length ? "\\n\n%c " : "\\n", direction);
        else if (byte == '\r')
            printf("\\r");
        else if (byte < 0x20 || byte >= 0x7f || byte == '\\')
            printf("\\x%02x", byte);
        else
            putchar(byte);
    }
    putchar('\n');
}

static void trace_event(const struct client *client, const char *event)
{
    if (client->is_traced)
        printf("  (%s)\n", event);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Buffers that the kernel lets grow would take 20 MB off a server that holds nothing back. */
static void keep_buffers_small(const struct client *client)
{
    int bytes = LATE_READER_BUFFER_BYTES;

    for (size_t i = 0; i < client->one->steps_count; i++)
        if (client->one->steps[i].kind == STEP_READ_LATE) {
            setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
            setsockopt(client->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
        }
}

static void start_connecting(struct client *client, const struct address *address)
{
    if (connect(client->fd, (const struct sockaddr *)&address->storage, address->length) == 0)
        return;
    if (errno == EINPROGRESS)
        client->is_connecting = true;
    else
        client->connect_errno = errno;
}

void client_open(struct client *client, const struct address *address)
{
    bool is_udp = client->one->transport == TRANSPORT_UDP;
    int yes = 1;

    client->fd = socket(address->storage.ss_family,
                        (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0) {
        client->connect_errno = errno;
        return;
    }
    if (client->one->transport == TRANSPORT_TCP)
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    keep_buffers_small(client);
    start_connecting(client, address);
    /* A unix socket's backlog is full at once rather than in time. */
    for (int i = 0; i < 200 && client->connect_errno == EAGAIN; i++) {
        client->connect_errno = 0;
        poll(NULL, 0, CONNECT_AGAIN_MS);
        start_connecting(client, address);
    }
}

static void close_socket(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}

void client_deinit(struct client *client)
{
    close_socket(client);
    free(client->received);
    free(client->datagram_bytes);
    free(client->sent_datagram_bytes);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void note_datagram(size_t **sizes, size_t *count, size_t bytes)
{
    *sizes = must_grow(*sizes, (*count + 1) * sizeof(**sizes));
    (*sizes)[(*count)++] = bytes;
}

/* How much goes into the next segment. */
static size_t next_piece(const struct client *client, const struct action *action)
{
    size_t left = action->length - client->action_bytes;
    size_t to_cut =
        client->cut_offset > client->sent_bytes ? client->cut_offset - client->sent_bytes : 0;

    if (action->piece_bytes > 0 && left > action->piece_bytes)
        left = action->piece_bytes;
    return to_cut > 0 && left > to_cut ? to_cut : left;
}

/* A late reader waits until the server takes no more, however long that takes on a busy machine:
 * what was sent before it read its first byte is what the server and the kernel hold. */
static void note_unread(struct client *client)
{
    if (client->read_late_ms == 0 || client->received_bytes > 0)
        return;
    client->sent_unread_bytes = client->sent_bytes;
    client->read_from_ms = clock_ms() + client->read_late_ms;
}

/* True when the whole action is sent. */
static bool run_send(struct client *client, const struct action *action, long now_ms)
{
    bool is_udp = client->one->transport == TRANSPORT_UDP;

    while (client->action_bytes < action->length || (is_udp && client->action_bytes == 0)) {
        size_t piece = next_piece(client, action);
        const char *bytes = client->script->bytes + action->offset + client->action_bytes;
        ssize_t sent = send(client->fd, bytes, piece, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
            client->is_blocked = true;
            return false;
        }
        if (sent < 0) {
            /* It may have answered before it stopped listening: what came is still read. */
            trace_event(client, "the server takes no more");
            client->is_write_broken = true;
            return true;
        }
        trace(client, '>', bytes, (size_t)sent);
        client->action_bytes += (size_t)sent;
        client->sent_bytes += (size_t)sent;
        note_unread(client);
        if (is_udp) {
            note_datagram(&client->sent_datagram_bytes, &client->sent_datagrams_count,
                          (size_t)sent);
            return true;
        }
        if (client->cut_offset > 0 && client->sent_bytes == client->cut_offset) {
            client->wake_ms = now_ms + SPLIT_PAUSE_MS;
            return client->action_bytes == action->length;
        }
    }
    return true;
}

static void leave_with_reset(struct client *client)
{
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close_socket(client);
    trace_event(client, "we leave with a reset");
    client->has_left = true;
}

/* How many have come; as many as can be waited for when what came is no response at all. */
static size_t count_messages(const struct client *client, bool with_interim)
{
    bool is_head[HTTP_MESSAGES_MAX];
    struct http_reading reading;
    size_t count = 0;

    case_fill_heads(client->one, client->options->script.is_behind ? 1 : 0, is_head);
    http_reading_init(&reading, client->received == NULL ? "" : client->received,
                      client->received_bytes, client->is_ended, is_head);
    for (size_t i = 0; i < reading.count; i++)
        count += with_interim || reading.messages[i].status >= 200;
    if (reading.problem[0] != '\0')
        count = HTTP_MESSAGES_MAX + 1;
    http_reading_deinit(&reading);
    return count;
}

static bool has_come(const struct client *client, const struct action *action)
{
    size_t in_front = client->options->script.is_behind ? 1 : 0;

    if (client->is_ended)
        return true;
    if (action->kind == STEP_AWAIT_ECHO)
        return client->received_bytes >= client->sent_bytes;
    if (action->kind == STEP_AWAIT_INTERIM)
        return count_messages(client, true) >= in_front + 1;
    return count_messages(client, false) >= in_front + action->count;
}

/* True when the step is over. */
static bool run_action(struct client *client, const struct action *action, long now_ms,
                       size_t least_action)
{
    switch (action->kind) {
    case STEP_SEND:
    case STEP_PATTERN:
    case STEP_FENCE:
        return client->is_write_broken || run_send(client, action, now_ms);
    case STEP_PAUSE:
        client->wake_ms = now_ms + (long)action->count;
        return true;
    case STEP_HALF_CLOSE:
        trace_event(client, "we send no more");
        shutdown(client->fd, SHUT_WR);
        return true;
    case STEP_RESET:
        leave_with_reset(client);
        return true;
    case STEP_LEAVE:
        close_socket(client);
        trace_event(client, "we leave");
        client->has_left = true;
        return true;
    case STEP_READ_LATE:
        client->read_late_ms = (long)action->count;
        client->read_from_ms = now_ms + client->read_late_ms;
        return true;
    case STEP_AWAIT_ECHO:
    case STEP_AWAIT_INTERIM:
    case STEP_AWAIT_RESPONSES:
        return has_come(client, action);
    case STEP_AWAIT_ALL:
        return least_action >= client->action;
    }
    return true;
}

static bool has_steps(const struct client *client)
{
    return client->fd >= 0 && !client->is_ended && !client->is_connecting &&
           client->connect_errno == 0 && client->action < client->script->actions_count;
}

void client_advance(struct client *client, long now_ms, size_t least_action)
{
    client->is_blocked = false;
    while (has_steps(client) && now_ms >= client->wake_ms) {
        client->wake_ms = 0;
        if (!run_action(client, &client->script->actions[client->action], now_ms, least_action))
            return;
        client->action++;
        client->action_bytes = 0;
    }
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void end_connection(struct client *client, bool is_reset)
{
    client->is_ended = true;
    client->was_reset = is_reset;
    trace_event(client, is_reset ? "the server resets the connection" : "the server sends no more");
}

static void make_room(struct client *client)
{
    size_t room = client->received_room < 4096 ? 4096 : client->received_room * 2;

    if (client->one->transport == TRANSPORT_UDP && room < client->received_bytes + 65536)
        room = client->received_bytes + 65536;
    if (client->received_room - client->received_bytes >= 2048 &&
        client->one->transport != TRANSPORT_UDP)
        return;
    client->received = must_grow(client->received, room);
    client->received_room = room;
}

static void finish_connecting(struct client *client)
{
    socklen_t size = sizeof(client->connect_errno);

    client->is_connecting = false;
    if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &client->connect_errno, &size) < 0)
        client->connect_errno = errno;
}

static size_t received_bytes_max(const struct client *client)
{
    return client->one->suite == SUITE_HTTP ? HTTP_RECEIVED_MAX
                                            : client->script->length + LINE_SURPLUS_MAX;
}

void client_receive(struct client *client)
{
    ssize_t length;

    if (client->is_connecting) {
        finish_connecting(client);
        return;
    }
    if (client->fd < 0 || client->is_ended)
        return;
    make_room(client);
    length = recv(client->fd, client->received + client->received_bytes,
                  client->received_room - client->received_bytes, 0);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (client->one->transport == TRANSPORT_UDP && length < 0) {
        client->connect_errno = errno; /* the answer to an earlier datagram: nobody is there */
        return;
    }
    if (length < 0 || (length == 0 && client->one->transport != TRANSPORT_UDP)) {
        end_connection(client, length < 0);
        return;
    }
    trace(client, '<', client->received + client->received_bytes, (size_t)length);
    client->received_bytes += (size_t)length;
    if (client->one->transport == TRANSPORT_UDP)
        note_datagram(&client->datagram_bytes, &client->datagrams_count, (size_t)length);
    if (client->received_bytes > received_bytes_max(client))
        end_connection(client, false);
}

/* ---- waiting --------------------------------------------------------------------------------- */

bool client_is_done(const struct client *client)
{
    if (client->connect_errno != 0 || client->is_ended || client->has_left)
        return true;
    return client->one->transport == TRANSPORT_UDP &&
           client->action == client->script->actions_count &&
           client->datagrams_count >= client->sent_datagrams_count;
}

static void lower(long *wake_ms, long to_ms)
{
    if (to_ms < *wake_ms)
        *wake_ms = to_ms;
}

short client_events(const struct client *client, long now_ms, long *ret_wake_ms)
{
    short events = 0;

    if (client_is_done(client))
        return 0;
    if (client->is_connecting)
        return POLLOUT;
    if (client->wake_ms > now_ms)
        lower(ret_wake_ms, client->wake_ms);
    if (client->read_from_ms > now_ms)
        lower(ret_wake_ms, client->read_from_ms);
    else
        events |= POLLIN;
    if (client->is_blocked)
        events |= POLLOUT;
    return events;
}
