/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs and blocking sections: how a handler that blocks leaves its connection in peace. */
#include "conn.h"

#include <paceline/blocking.h>
#include <paceline/job.h>
#include <paceline/log.h>

#include <errno.h>

struct pl_job {
    struct pl_mail mail;
    struct pl_conn_token token;
    struct pl_buffer *block; /* the memory this job lives in */
    struct pl_buffer *input; /* owned; NULL without input */
    struct pl_output output;
    pl_job_run *run;
    pl_job_drop *drop;            /* NULL: the state holds nothing */
    struct pl_handler_note *note; /* borrowed from the service */
    struct pl_service *service;   /* it is a user: its connection may be gone before it */
    _Alignas(16) unsigned char state[];
};

_Static_assert(sizeof(struct pl_job) + PL_JOB_STATE_BYTES_MAX <= 4 * PL_BUFFER_BYTES_MIN,
               "a job fits the second class of buffers");

/* Per thread, so that a handler deep inside an application can say that it blocks. */
static _Thread_local struct pl_thread *own_thread;

void pl_thread_enter(struct pl_thread *thread)
{
    own_thread = thread;
}

struct pl_thread *pl_thread_own(void)
{
    return own_thread;
}

void pl_blocking_begin(void)
{
    struct pl_handler_note *note;

    if (own_thread == NULL)
        return;
    own_thread->has_declared_blocking = true;
    note = atomic_load_explicit(&own_thread->handler_note, memory_order_relaxed);
    if (note != NULL && !atomic_load_explicit(&note->has_blocked, memory_order_relaxed))
        atomic_store_explicit(&note->has_blocked, true, memory_order_relaxed);
    PL_COUNT(own_thread->stats, blocking);
    pl_engine_face_of(own_thread->engine)->ops->away(own_thread->engine, own_thread);
}

void pl_blocking_end(void)
{
}

static void free_job(struct pl_job *job, struct pl_buffer_cache *cache)
{
    struct pl_service *service = job->service;

    job->output.cache = cache;
    pl_output_drop(&job->output);
    pl_buffer_give(cache, job->input);
    pl_buffer_give(cache, job->block);
    pl_service_put(service); /* last: what the output borrows may be its */
}

static void drop(struct pl_mail *mail, struct pl_conn *conn)
{
    struct pl_job *job = pl_job_of_mail(mail);

    if (job->drop != NULL)
        job->drop(job);
    free_job(pl_job_of_mail(mail), &conn->slot.thread->cache);
}

/* The unit's bytes go with the job; what stands behind them stays with the connection. */
static int split_input(struct pl_conn *conn, size_t unit_bytes, struct pl_buffer **ret_input)
{
    struct pl_buffer *input = conn->input;
    struct pl_buffer *rest = NULL;
    size_t rest_bytes;

    *ret_input = NULL;
    if (unit_bytes == 0)
        return 0;
    PL_ASSERT(input != NULL && unit_bytes <= pl_buffer_length(input));
    rest_bytes = pl_buffer_length(input) - unit_bytes;
    if (rest_bytes > 0) {
        rest = pl_buffer_take(&conn->slot.thread->cache, rest_bytes);
        if (rest == NULL)
            return -ENOBUFS;
        memcpy(rest->data, input->data + input->read + unit_bytes, rest_bytes);
        rest->write = (uint32_t)rest_bytes;
        input->write -= (uint32_t)rest_bytes;
    }
    conn->input = rest;
    *ret_input = input;
    return 0;
}

struct pl_job *pl_conn_start_job(struct pl_conn *conn, size_t unit_bytes, size_t state_bytes,
                                 pl_job_run *run, pl_job_drop *drop_state,
                                 struct pl_handler_note *note)
{
    struct pl_thread *thread = conn->slot.thread;
    struct pl_buffer *block;
    struct pl_job *job;

    PL_ASSERT(conn->output.first == NULL && thread->job == NULL);
    PL_ASSERT(!thread->is_inline); /* pl_conn_begin_handler() would have said no */
    PL_ASSERT(state_bytes <= PL_JOB_STATE_BYTES_MAX);
    block = pl_buffer_take(&thread->cache, sizeof(*job) + state_bytes);
    if (block == NULL)
        return NULL;
    job = (struct pl_job *)(void *)block->data;
    memset(job, 0, sizeof(*job) + state_bytes);
    if (split_input(conn, unit_bytes, &job->input) < 0) {
        pl_buffer_give(&thread->cache, block);
        return NULL;
    }
    job->block = block;
    job->mail.kind = PL_MAIL_JOB;
    job->mail.drop = drop;
    job->run = run;
    job->drop = drop_state;
    job->note = note;
    job->service = conn->service;
    pl_service_take(job->service);
    job->token = pl_conn_open_door(conn);
    thread->job = job;
    pl_conn_wait_for(conn, PL_COMPLETION);
    pl_conn_start_deadline(conn, PL_DEADLINE_HANDLER);
    return job;
}

void pl_thread_run_job(struct pl_thread *thread)
{
    struct pl_job *job = thread->job;

    thread->job = NULL;
    PL_COUNT(thread->stats, blocking);
    pl_thread_set_role(thread, PL_ROLE_PROCESSING);
    pl_thread_note_handler(thread, job->note, thread->now_ns, PL_HANDLER_AS_JOB);
    pl_thread_count_handler(thread);
    job->output = (struct pl_output){ .cache = &thread->cache };
    pl_engine_face_of(thread->engine)->ops->away(thread->engine, thread);
    job->run(job);
    atomic_store_explicit(&thread->handler_note, NULL, memory_order_relaxed);
    if (pl_conn_post(&job->token, &job->mail) == 0)
        return;
    PL_LOG_RATED(PL_LOG_WARNING, "handler %s answered after its connection had gone",
                 job->note->name);
    if (job->drop != NULL)
        job->drop(job);
    free_job(job, &thread->cache);
}

void pl_conn_finish_job(struct pl_conn *conn, struct pl_mail *mail)
{
    struct pl_job *job = pl_job_of_mail(mail);

    conn->output.cache = &conn->slot.thread->cache;
    pl_output_move_all(&conn->output, &job->output);
    free_job(job, &conn->slot.thread->cache);
}

void *pl_job_state(struct pl_job *job)
{
    return job->state;
}

struct pl_view pl_job_input(const struct pl_job *job)
{
    if (job->input == NULL)
        return (struct pl_view){ .bytes = "", .length = 0 };
    return pl_buffer_view(job->input);
}

struct pl_output *pl_job_output(struct pl_job *job)
{
    return &job->output;
}

struct pl_job *pl_job_of_mail(struct pl_mail *mail)
{
    PL_ASSERT(mail->kind == PL_MAIL_JOB);
    return PL_CONTAINER_OF(mail, struct pl_job, mail);
}
