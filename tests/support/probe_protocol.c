/* SPDX-License-Identifier: Apache-2.0 */
#include "probe_protocol.h"

#include <paceline/blocking.h>
#include <paceline/job.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct probe_conn {
    _Atomic int inside; /* threads within this connection */
    bool is_awaiting;
};

struct reply_mail {
    struct pl_mail mail;
    char text[128];
};

struct later {
    struct probe *probe;
    struct pl_conn_token token;
    long ms;
    char text[128];
};

struct job_state {
    struct probe *probe;
    long ms;
    bool is_broken;
};

#define GATE_MS_MAX     60000
#define PROBE_SPINS_MAX 20000000

enum { MAIL_REPLY = PL_MAIL_JOB + 1 };

void probe_init(struct probe *probe)
{
    memset(probe, 0, sizeof(*probe));
    pthread_mutex_init(&probe->lock, NULL);
    probe->quick.name = "quick";
    probe->slow.name = "slow";
}

void probe_deinit(struct probe *probe)
{
    while (atomic_load(&probe->posters) > 0)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    pthread_mutex_destroy(&probe->lock);
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

/* Bounded: a test that has failed does not open the gate. */
static void block(struct probe *probe, long ms)
{
    if (ms >= 0) {
        sleep_ms(ms);
        return;
    }
    atomic_fetch_add(&probe->blocked, 1);
    for (int i = 0; i < GATE_MS_MAX && !atomic_load(&probe->is_gate_open); i++)
        sleep_ms(1);
}

void probe_open_gate(struct probe *probe)
{
    atomic_store(&probe->is_gate_open, true);
}

static void drop_reply(struct pl_mail *mail, struct pl_conn *conn)
{
    (void)conn;
    free(mail);
}

static int post_reply(struct probe *probe, const struct pl_conn_token *token, const char *text)
{
    struct reply_mail *reply = calloc(1, sizeof(*reply));
    int err;

    reply->mail.kind = MAIL_REPLY;
    reply->mail.drop = drop_reply;
    snprintf(reply->text, sizeof(reply->text), "%s\n", text);
    err = pl_conn_post(token, &reply->mail);
    if (err < 0) {
        free(reply);
        atomic_fetch_add(&probe->stale, 1);
    }
    return err;
}

int probe_release(struct probe *probe)
{
    struct pl_conn_token token;
    char text[64];

    pthread_mutex_lock(&probe->lock);
    if (probe->token_count == 0) {
        pthread_mutex_unlock(&probe->lock);
        return -ENOENT;
    }
    token = probe->tokens[0];
    memcpy(text, probe->texts[0], sizeof(text));
    probe->token_count--;
    memmove(&probe->tokens[0], &probe->tokens[1], probe->token_count * sizeof(token));
    memmove(&probe->texts[0], &probe->texts[1], probe->token_count * sizeof(text));
    pthread_mutex_unlock(&probe->lock);
    return post_reply(probe, &token, text);
}

static void *post_later(void *argument)
{
    struct later *later = argument;
    struct probe *probe = later->probe;

    sleep_ms(later->ms);
    (void)post_reply(probe, &later->token, later->text);
    free(later);
    atomic_fetch_sub(&probe->posters, 1);
    return NULL;
}

static void start_poster(struct probe *probe, struct pl_conn *conn, long ms, const char *text,
                         bool is_awaited)
{
    struct later *later = calloc(1, sizeof(*later));
    pthread_t thread;

    later->probe = probe;
    later->token = pl_conn_open_door(conn);
    later->ms = ms;
    snprintf(later->text, sizeof(later->text), "%s", text);
    atomic_fetch_add(&probe->posters, 1);
    if (pthread_create(&thread, NULL, post_later, later) != 0)
        abort();
    if (is_awaited)
        pthread_join(thread, NULL);
    else
        pthread_detach(thread);
}

static void enter(struct pl_conn *conn)
{
    struct probe_conn *own = pl_conn_state(conn);
    struct probe *probe = pl_conn_service_data(conn);

    if (atomic_fetch_add(&own->inside, 1) != 0)
        atomic_fetch_add(&probe->violations, 1);
}

static void leave(struct pl_conn *conn)
{
    struct probe_conn *own = pl_conn_state(conn);

    atomic_fetch_sub(&own->inside, 1);
}

static void opened(struct pl_conn *conn)
{
    struct probe *probe = pl_conn_service_data(conn);

    pl_conn_set_state(conn, calloc(1, sizeof(struct probe_conn)));
    atomic_fetch_add(&probe->opened, 1);
    pl_conn_start_deadline(conn, PL_DEADLINE_IDLE);
}

static void closed(struct pl_conn *conn)
{
    struct probe *probe = pl_conn_service_data(conn);

    enter(conn);
    atomic_fetch_add(&probe->closed, 1);
    free(pl_conn_state(conn));
    pl_conn_set_state(conn, NULL);
}

/* Without memory for the reply the connection ends: a part of it would be a lie. */
static enum pl_next reply(struct pl_conn *conn, const char *text)
{
    if (pl_output_append(pl_conn_output(conn), text, strlen(text)) < 0 ||
        pl_output_append(pl_conn_output(conn), "\n", 1) < 0)
        return PL_CLOSE;
    return PL_RUN_PROCESS;
}

static void run_job(struct pl_job *job)
{
    struct job_state *state = pl_job_state(job);
    struct pl_view input = pl_job_input(job);
    const char *space = memchr(input.bytes + 4, ' ', input.length - 4);
    size_t skipped = (size_t)(space + 1 - input.bytes);

    block(state->probe, state->ms);
    state->is_broken = pl_output_append(pl_job_output(job), space + 1, input.length - skipped) < 0;
}

static enum pl_next await(struct pl_conn *conn)
{
    struct probe_conn *own = pl_conn_state(conn);

    own->is_awaiting = true;
    pl_conn_start_deadline(conn, PL_DEADLINE_HANDLER);
    pl_conn_wait_for(conn, PL_COMPLETION);
    return PL_WAIT;
}

static enum pl_next big(struct pl_conn *conn, size_t bytes)
{
    char block[4096];

    memset(block, 'x', sizeof(block));
    while (bytes > 0) {
        size_t part = bytes < sizeof(block) ? bytes : sizeof(block);

        if (pl_output_append(pl_conn_output(conn), block, part) < 0)
            return PL_CLOSE;
        bytes -= part;
    }
    return PL_RUN_PROCESS;
}

static const char *after_number(char *text, long *ret_number)
{
    char *end;

    *ret_number = strtol(text, &end, 10);
    return *end == ' ' ? end + 1 : end;
}

/* Under the note of quick commands. */
static enum pl_next block_in_quick(struct pl_conn *conn, char *text)
{
    bool is_said = strncmp(text, "section ", 8) == 0;
    const char *rest;
    long number;

    rest = after_number(text + (is_said ? 8 : 6), &number);
    if (is_said)
        pl_blocking_begin();
    block(pl_conn_service_data(conn), number);
    if (is_said)
        pl_blocking_end();
    return reply(conn, rest);
}

static enum pl_next hold(struct probe *probe, struct pl_conn *conn, const char *text)
{
    pthread_mutex_lock(&probe->lock);
    probe->tokens[probe->token_count] = pl_conn_open_door(conn);
    snprintf(probe->texts[probe->token_count], sizeof(probe->texts[0]), "%.63s", text);
    probe->token_count++;
    pthread_mutex_unlock(&probe->lock);
    atomic_fetch_add(&probe->held, 1);
    return await(conn);
}

static enum pl_next who(struct pl_conn *conn)
{
    char name[16];

    if (pthread_getname_np(pthread_self(), name, sizeof(name)) != 0)
        return PL_CLOSE;
    return reply(conn, name);
}

/* The command stays where it is: each turn finds it again. Bounded: a test that has failed does not
 * open the gate. */
static enum pl_next spin(struct pl_conn *conn, const char *text, size_t unit_bytes)
{
    struct probe *probe = pl_conn_service_data(conn);

    if (!atomic_load(&probe->is_gate_open) && atomic_fetch_add(&probe->spins, 1) < PROBE_SPINS_MAX)
        return PL_AGAIN;
    pl_conn_consume(conn, unit_bytes);
    return reply(conn, text);
}

/* Runs one command; the unit is consumed except by `job`, which takes it along. */
static enum pl_next command(struct pl_conn *conn, char *text, size_t unit_bytes)
{
    struct probe *probe = pl_conn_service_data(conn);
    const char *rest;
    long number;

    bool is_job = strncmp(text, "job ", 4) == 0;
    bool is_slow = is_job || strncmp(text, "sleep ", 6) == 0;
    struct pl_handler_note *note = is_slow ? &probe->slow : &probe->quick;

    if (!pl_conn_begin_handler(conn, note, is_job))
        return PL_HAND_OVER;
    if (is_job) {
        struct pl_job *job;

        if (pl_output_length(pl_conn_output(conn)) > 0)
            return PL_RUN_SEND;
        job = pl_conn_start_job(conn, unit_bytes, sizeof(struct job_state), run_job, NULL, note);
        if (job == NULL)
            return PL_CLOSE;
        (void)after_number(text + 4, &number);
        *(struct job_state *)pl_job_state(job) = (struct job_state){ .probe = probe, .ms = number };
        return await(conn);
    }
    if (strncmp(text, "spin ", 5) == 0)
        return spin(conn, text + 5, unit_bytes);
    pl_conn_consume(conn, unit_bytes);
    atomic_fetch_add(&probe->commands, 1);
    if (strncmp(text, "echo ", 5) == 0)
        return reply(conn, text + 5);
    if (strncmp(text, "sleep ", 6) == 0) {
        rest = after_number(text + 6, &number);
        block(probe, number);
        return reply(conn, rest);
    }
    if (strcmp(text, "who") == 0)
        return who(conn);
    if (strncmp(text, "stall ", 6) == 0 || strncmp(text, "section ", 8) == 0)
        return block_in_quick(conn, text);
    if (strncmp(text, "later ", 6) == 0) {
        rest = after_number(text + 6, &number);
        start_poster(probe, conn, number, rest, false);
        return await(conn);
    }
    if (strncmp(text, "before ", 7) == 0) {
        start_poster(probe, conn, 0, text + 7, true);
        return await(conn);
    }
    if (strncmp(text, "hold ", 5) == 0)
        return hold(probe, conn, text + 5);
    if (strncmp(text, "big ", 4) == 0) {
        enum pl_next next = big(conn, strtoul(text + 4, NULL, 10));

        return next == PL_RUN_PROCESS ? reply(conn, "") : next;
    }
    if (strncmp(text, "close ", 6) == 0)
        (void)reply(conn, text + 6);
    return PL_CLOSE;
}

static enum pl_next take_reply(struct pl_conn *conn)
{
    struct probe_conn *own = pl_conn_state(conn);
    struct pl_mail *mail = pl_conn_take_mail(conn);
    bool is_broken;

    if (mail == NULL) {
        pl_conn_wait_for(conn, PL_COMPLETION);
        return PL_WAIT;
    }
    if (mail->kind == PL_MAIL_JOB) {
        is_broken = ((struct job_state *)pl_job_state(pl_job_of_mail(mail)))->is_broken;
        pl_conn_finish_job(conn, mail);
    } else {
        struct reply_mail *item = (struct reply_mail *)(void *)mail;

        is_broken = pl_output_append(pl_conn_output(conn), item->text, strlen(item->text)) < 0;
        free(item);
    }
    pl_conn_close_door(conn);
    own->is_awaiting = false;
    pl_conn_start_deadline(conn, PL_DEADLINE_IDLE);
    return is_broken ? PL_CLOSE : PL_RUN_PROCESS;
}

static enum pl_next run(struct pl_conn *conn)
{
    struct probe_conn *own = pl_conn_state(conn);
    enum pl_next next = own->is_awaiting ? take_reply(conn) : PL_RUN_PROCESS;

    while (next == PL_RUN_PROCESS) {
        struct pl_view input = pl_conn_input(conn);
        const char *end = input.length > 0 ? memchr(input.bytes, '\n', input.length) : NULL;
        char text[256];
        size_t length;

        if (end == NULL && input.length >= sizeof(text))
            return PL_CLOSE;
        if (end == NULL)
            return pl_conn_is_draining(conn) && input.length == 0 ? PL_CLOSE : PL_RUN_RECEIVE;
        length = (size_t)(end - input.bytes);
        if (length >= sizeof(text))
            return PL_CLOSE;
        memcpy(text, input.bytes, length);
        text[length] = '\0';
        next = command(conn, text, length + 1);
        if (next == PL_RUN_PROCESS && !pl_conn_may_continue(conn))
            return pl_conn_output_is_full(conn) ? PL_RUN_SEND : PL_AGAIN;
    }
    return next;
}

static enum pl_next process(struct pl_conn *conn)
{
    enum pl_next next;

    enter(conn);
    next = run(conn);
    leave(conn);
    return next;
}

static enum pl_frame frame(struct pl_conn *conn)
{
    struct pl_view input = pl_conn_input(conn);
    bool has_line;

    enter(conn);
    has_line = input.length >= 256 || memchr(input.bytes, '\n', input.length) != NULL;
    leave(conn);
    return has_line ? PL_FRAME_UNIT : PL_FRAME_INCOMPLETE;
}

static enum pl_next timeout(struct pl_conn *conn)
{
    struct probe *probe = pl_conn_service_data(conn);

    enter(conn);
    atomic_fetch_add(&probe->timeouts, 1);
    (void)reply(conn, "timeout");
    leave(conn);
    return PL_CLOSE;
}

static enum pl_next shutdown_conn(struct pl_conn *conn)
{
    struct probe_conn *own = pl_conn_state(conn);
    struct probe *probe = pl_conn_service_data(conn);

    atomic_fetch_add(&probe->shutdowns, 1);
    return own->is_awaiting || pl_conn_input(conn).length > 0 ? PL_RUN_PROCESS : PL_CLOSE;
}

static enum pl_next refuse(struct pl_conn *conn)
{
    struct probe *probe = pl_conn_service_data(conn);

    atomic_fetch_add(&probe->refusals, 1);
    (void)reply(conn, "busy");
    pl_conn_linger(conn);
    return PL_CLOSE;
}

static void datagram(struct pl_datagram *datagram)
{
    datagram->has_reply =
        pl_output_append(datagram->reply, datagram->input.bytes, datagram->input.length) == 0;
}

const struct pl_protocol probe_protocol = { .name = "probe",
                                            .opened = opened,
                                            .closed = closed,
                                            .process = process,
                                            .frame = frame,
                                            .timeout = timeout,
                                            .shutdown = shutdown_conn,
                                            .refuse = refuse,
                                            .datagram = datagram };
