/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     mutation ─▶ connection: send, pause at the cuts, half-close ─▶ until it ends ─▶ judge
 *              ─▶ another connection: a good request is answered rightly
 *
 * Behind the half-close there is nothing to wait for: a server answers what is whole, refuses the
 * rest or not, and ends the connection.
 */
#include "mutate_run.h"

#include "case_text.h"
#include "client.h"
#include "mutate.h"
#include "mutate_judge.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A server that is wrong is often wrong in the same way. */
#define FAILURES_MAX 5

/* At a cut: long enough for a server that waits to see the first part alone. */
#define CUT_PAUSE_MS 2

static const char probe_text[] = "case probe\n"
                                 "rule it still serves\n"
                                 "send @good@\n"
                                 "fence\n"
                                 "expect statuses 200\n"
                                 "expect fence\n"
                                 "expect body 1 paceline-conform: plain text\\n\n";

/* ---- one mutation over a socket ---------------------------------------------------------------
 */

static void add_action(struct script *script, struct action action)
{
    script->actions[script->actions_count++] = action;
}

/* The bytes stay the mutation's. */
static void write_script(struct script *script, const struct mutation *mutation,
                         struct action *actions)
{
    size_t from = 0;

    *script =
        (struct script){ .bytes = mutation->bytes, .length = mutation->length, .actions = actions };
    for (size_t i = 0; i <= mutation->cuts_count; i++) {
        size_t to = i == mutation->cuts_count ? mutation->length : mutation->cuts[i];

        if (i > 0)
            add_action(script, (struct action){ .kind = STEP_PAUSE, .count = CUT_PAUSE_MS });
        add_action(script,
                   (struct action){ .kind = STEP_SEND, .offset = from, .length = to - from });
        from = to;
    }
    add_action(script, (struct action){ .kind = STEP_HALF_CLOSE });
}

static void converse(struct client *client, unsigned long timeout_ms)
{
    long deadline_ms = clock_ms() + (long)timeout_ms, now_ms;

    while ((now_ms = clock_ms()) < deadline_ms) {
        long wake_ms = deadline_ms;
        struct pollfd polled = { .fd = client->fd };

        client_advance(client, now_ms, 0);
        if (client_is_done(client))
            return;
        polled.events = client_events(client, now_ms, &wake_ms);
        poll(&polled, 1, wake_ms > now_ms ? (int)(wake_ms - now_ms) : 0);
        if ((polled.revents & (POLLIN | POLLERR | POLLHUP)) ||
            ((polled.revents & POLLOUT) && client->is_connecting))
            client_receive(client);
    }
}

static const char *received_of(const struct client *client)
{
    return client->received == NULL ? "" : client->received;
}

static void judge(const struct client *client, struct mutation_verdict *verdict)
{
    struct mutation_answer answer = { .sent = client->script->bytes,
                                      .sent_bytes = client->script->length,
                                      .received = received_of(client),
                                      .received_bytes = client->received_bytes,
                                      .is_ended = client->is_ended,
                                      .was_reset = client->was_reset };

    if (client->connect_errno == 0)
        mutation_judge(&answer, verdict);
    else
        snprintf(verdict->problem, sizeof(verdict->problem), "no connection: %s",
                 strerror(client->connect_errno));
}

/* ---- saying what is wrong ---------------------------------------------------------------------
 */

/* As a case would write it. */
static void print_bytes(const char *what, const char *bytes, size_t length)
{
    printf("  %s: ", what);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];

        if (byte == '\r' || byte == '\n')
            printf("\\%c", byte == '\r' ? 'r' : 'n');
        else if (byte < 0x20 || byte >= 0x7f || byte == '\\')
            printf("\\x%02x", byte);
        else
            putchar(byte);
    }
    putchar('\n');
}

static void say_failure(const struct mutate_run *run, const struct mutation *mutation,
                        const struct client *client, uint64_t number, const char *problem)
{
    printf("FAIL  mutation %" PRIu64 " of seed %" PRIu64 ", of %s: %s\n", number, run->seed,
           mutation->one->id, problem);
    print_bytes("sent", mutation->bytes, mutation->length);
    for (size_t i = 0; i < mutation->cuts_count; i++)
        printf("  paused behind byte %zu\n", mutation->cuts[i]);
    print_bytes("came", received_of(client), client->received_bytes);
    printf("  again: --mutate %" PRIu64 ":%" PRIu64 " --count 1\n", run->seed, number);
    fflush(stdout);
}

/* ---- the run ----------------------------------------------------------------------------------
 */

/* True when all is well. */
static bool run_one(const struct mutate_run *run, const struct mutation *mutation, uint64_t number,
                    const struct conform_case *probe, struct mutate_result *result)
{
    static const struct conform_case nothing = { .suite = SUITE_HTTP };
    struct run_options probe_options = { .timeout_ms = run->options->timeout_ms };
    struct action actions[2 * MUTATION_CUTS_MAX + 2];
    struct mutation_verdict verdict = { .problem = "" };
    struct verdict after;
    struct script script;
    struct client client = { .one = &nothing,
                             .script = &script,
                             .options = run->options,
                             .is_traced = run->options->is_tracing };

    write_script(&script, mutation, actions);
    client_open(&client, &run->target->addresses[TRANSPORT_TCP]);
    converse(&client, run->options->timeout_ms);
    judge(&client, &verdict);
    exchange_run(probe, run->target, &probe_options, &after);
    result->is_gone = after.is_unreachable;
    if (verdict.problem[0] == '\0' && after.result != RESULT_PASS)
        snprintf(verdict.problem, sizeof(verdict.problem), "behind it: %.180s", after.detail);
    if (verdict.problem[0] != '\0')
        say_failure(run, mutation, &client, number, verdict.problem);
    client_deinit(&client);
    return verdict.problem[0] == '\0';
}

void mutate_run(const struct mutate_run *run, struct mutate_result *ret_result)
{
    struct case_list probe = { .count = 0 };
    struct case_error error;
    struct stock stock;

    *ret_result = (struct mutate_result){ .passed = 0 };
    if (case_list_read(&probe, SUITE_HTTP, "probe", "probe", probe_text, strlen(probe_text),
                       &error) < 0)
        abort();
    stock_init(&stock, run->list, run->is_chosen);
    for (uint64_t i = 0; i < run->count && stock.count > 0 && !ret_result->is_gone &&
                         ret_result->failed < FAILURES_MAX;
         i++) {
        struct mutation mutation;

        mutation_init(&mutation, &stock, run->seed, run->first + i);
        if (run_one(run, &mutation, run->first + i, &probe.cases[0], ret_result))
            ret_result->passed++;
        else
            ret_result->failed++;
        mutation_deinit(&mutation);
        if (run->is_showing_progress)
            fprintf(stderr, "\r\033[K%" PRIu64 " of %" PRIu64 " mutations", i + 1, run->count);
    }
    if (run->is_showing_progress)
        fputs("\r\033[K", stderr);
    stock_deinit(&stock);
    case_list_deinit(&probe);
}
