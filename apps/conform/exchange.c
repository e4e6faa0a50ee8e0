/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     script ─▶ clients: connect, send, pause, half-close ─▶ what they received ─▶ verdict
 *
 * Invariant: the loop ends at the deadline, whatever the server does.
 */
#include "exchange.h"

#include "case_text.h"
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `split each` opens a connection per place; with more places than this it skips some. */
#define SPLIT_CLIENTS_MAX 250

struct exchange {
    const struct conform_case *one;
    const struct target *target;
    const struct run_options *options;
    struct script script;
    struct client *clients;
    size_t clients_count;
    struct pollfd *polled;
    long deadline_ms;
};

static size_t count_clients(const struct exchange *exchange)
{
    size_t places = exchange->script.fence_offset;

    if (!exchange->one->is_split_each)
        return exchange->one->clients_count;
    places = places > 1 ? places - 1 : 1;
    return places < SPLIT_CLIENTS_MAX ? places : SPLIT_CLIENTS_MAX;
}

static void open_clients(struct exchange *exchange)
{
    size_t count = exchange->clients_count = count_clients(exchange);

    exchange->clients = must_alloc(count * sizeof(*exchange->clients));
    exchange->polled = must_alloc(count * sizeof(*exchange->polled));
    for (size_t i = 0; i < count; i++) {
        struct client *client = &exchange->clients[i];

        *client = (struct client){ .one = exchange->one,
                                   .script = &exchange->script,
                                   .options = exchange->options,
                                   .is_traced = exchange->options->is_tracing && i == 0 };
        if (exchange->one->is_split_each)
            client->cut_offset = 1 + i * (exchange->script.fence_offset - 1) / count;
        client_open(client, &exchange->target->addresses[exchange->one->transport]);
    }
}

/* Where the slowest client stands that has not ended; that of `await all`. */
static size_t least_action(const struct exchange *exchange)
{
    size_t least = (size_t)-1;

    for (size_t i = 0; i < exchange->clients_count; i++)
        if (!client_is_done(&exchange->clients[i]) && exchange->clients[i].action < least)
            least = exchange->clients[i].action;
    return least;
}

/* One round: everybody goes on as far as possible, then all wait. False when nobody waits. */
static bool run_round(struct exchange *exchange)
{
    long now_ms = clock_ms(), wake_ms = exchange->deadline_ms;
    size_t least = least_action(exchange), waiting = 0;

    for (size_t i = 0; i < exchange->clients_count; i++) {
        struct client *client = &exchange->clients[i];

        client_advance(client, now_ms, least);
        exchange->polled[i].events = client_events(client, now_ms, &wake_ms);
        /* One that waits for nothing is left out, or a hang-up would be reported without end. */
        exchange->polled[i].fd = exchange->polled[i].events == 0 ? -1 : client->fd;
        exchange->polled[i].revents = 0;
        waiting += !client_is_done(client);
    }
    if (waiting == 0)
        return false;
    if (least_action(exchange) != least) /* the last one has come: `await all` is over */
        return true;
    poll(exchange->polled, exchange->clients_count, wake_ms > now_ms ? (int)(wake_ms - now_ms) : 0);
    for (size_t i = 0; i < exchange->clients_count; i++) {
        short events = exchange->polled[i].revents;

        if ((events & (POLLIN | POLLERR | POLLHUP)) ||
            ((events & POLLOUT) && exchange->clients[i].is_connecting))
            client_receive(&exchange->clients[i]);
    }
    return true;
}

/* ---- judging --------------------------------------------------------------------------------- */

static void explain_connect(const struct exchange *exchange, size_t index, int code,
                            struct verdict *verdict)
{
    char who[60] = "";

    if (exchange->clients_count > 1)
        snprintf(who, sizeof(who), "client %zu of %zu: ", index + 1, exchange->clients_count);
    *verdict = (struct verdict){ .result = RESULT_FAIL };
    verdict->is_unreachable = code == ECONNREFUSED && exchange->one->transport != TRANSPORT_UDP;
    snprintf(verdict->detail, sizeof(verdict->detail), "%sno connection: %s", who, strerror(code));
}

static void judge_client(const struct exchange *exchange, size_t index, bool is_alive,
                         struct verdict *verdict)
{
    const struct client *client = &exchange->clients[index];
    struct observation observation = {
        .received = client->received == NULL ? "" : client->received,
        .received_bytes = client->received_bytes,
        .sent = exchange->script.bytes == NULL ? "" : exchange->script.bytes,
        .sent_bytes = client->sent_bytes,
        .datagram_bytes = client->datagram_bytes,
        .datagrams_count = client->datagrams_count,
        .sent_datagram_bytes = client->sent_datagram_bytes,
        .sent_datagrams_count = client->sent_datagrams_count,
        .sent_unread_bytes = client->sent_unread_bytes,
        .is_ended = client->is_ended,
        .was_reset = client->was_reset,
        .is_late = !client_is_done(client),
        .has_left = client->has_left,
        .is_alive = is_alive,
        .is_behind = exchange->options->script.is_behind && exchange->one->suite == SUITE_HTTP,
    };

    if (client->connect_errno != 0)
        explain_connect(exchange, index, client->connect_errno, verdict);
    else
        expect_judge(exchange->one, &observation, verdict);
}

static void judge(const struct exchange *exchange, bool is_alive, struct verdict *ret_verdict)
{
    for (size_t i = 0; i < exchange->clients_count; i++) {
        char prefix[80] = "", detail[sizeof(ret_verdict->detail)];

        judge_client(exchange, i, is_alive, ret_verdict);
        if (ret_verdict->result == RESULT_PASS)
            continue;
        if (exchange->one->is_split_each)
            snprintf(prefix, sizeof(prefix),
                     "split behind byte %zu: ", exchange->clients[i].cut_offset);
        else if (exchange->clients_count > 1 && exchange->clients[i].connect_errno == 0)
            snprintf(prefix, sizeof(prefix), "client %zu of %zu: ", i + 1, exchange->clients_count);
        memcpy(detail, ret_verdict->detail, sizeof(detail));
        snprintf(ret_verdict->detail, sizeof(ret_verdict->detail), "%s%.300s", prefix, detail);
        return;
    }
}

/* ---- whether the server still serves --------------------------------------------------------- */

static bool asks_whether_alive(const struct conform_case *one)
{
    for (size_t i = 0; i < one->predicates_count; i++)
        if (one->predicates[i].kind == PREDICATE_ALIVE)
            return true;
    return false;
}

static bool is_alive(const struct exchange *exchange)
{
    static char http_text[] = "@good@", line_text[] = "alive\n", good_statuses[] = "200";
    bool is_http = exchange->one->suite == SUITE_HTTP;
    struct step steps[] = {
        { .kind = STEP_SEND,
          .text = is_http ? http_text : line_text,
          .text_length = 6,
          .count = 1 },
        { .kind = is_http ? STEP_FENCE : STEP_HALF_CLOSE },
    };
    struct predicate predicate = { .kind = is_http ? PREDICATE_STATUSES : PREDICATE_ECHO,
                                   .source = good_statuses,
                                   .text = good_statuses };
    struct conform_case probe = { .suite = exchange->one->suite,
                                  .transport = exchange->one->transport,
                                  .clients_count = 1,
                                  .steps = steps,
                                  .steps_count = exchange->one->transport == TRANSPORT_UDP ? 1 : 2,
                                  .predicates = &predicate,
                                  .predicates_count = 1 };
    struct run_options options = { .timeout_ms = exchange->options->timeout_ms };
    struct verdict verdict;

    exchange_run(&probe, exchange->target, &options, &verdict);
    return verdict.result == RESULT_PASS;
}

void exchange_run(const struct conform_case *one, const struct target *target,
                  const struct run_options *options, struct verdict *ret_verdict)
{
    struct exchange exchange = { .one = one, .target = target, .options = options };
    unsigned long timeout_ms = options->timeout_ms;

    /* A case that needs longer keeps its proportion to the others. */
    if (one->timeout_ms > 0)
        timeout_ms = one->timeout_ms * options->timeout_ms / TIMEOUT_MS;
    script_init(&exchange.script, one, target, &options->script);
    exchange.deadline_ms = clock_ms() + (long)timeout_ms;
    open_clients(&exchange);
    while (clock_ms() < exchange.deadline_ms && run_round(&exchange))
        ;
    judge(&exchange, !asks_whether_alive(one) || is_alive(&exchange), ret_verdict);
    for (size_t i = 0; i < exchange.clients_count; i++)
        client_deinit(&exchange.clients[i]);
    free(exchange.clients);
    free(exchange.polled);
    script_deinit(&exchange.script);
}
