/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a connection: adopted, woken, closed; and what a protocol module may ask of it.
 *
 *     adopt (held) ─▶ turn ─▶ settle ─▶ armed or parked ─claim─▶ wake (held) ─▶ turn ─▶ … close
 *
 * Invariant: everything here but pl_conn_post() runs on the thread that holds the connection.
 */
#include "conn.h"

#include "transport.h"

#include "assert.h"
#include "clock.h"

#include <paceline/log.h>

#include <errno.h>
#include <stdio.h>
#include <time.h>

/* A date is at most this much older than the turn. */
#define DATE_FRESH_NS 250000000

static const char day_names[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char month_names[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

void pl_conn_init(struct pl_conn *conn, const struct pl_slot_kind *kind, struct pl_service *service,
                  int fd)
{
    conn->slot.kind = kind;
    conn->slot.handle.fd = fd;
    conn->service = service;
    conn->transport = &pl_transport_plain;
    conn->read_due_ms = PL_TIMER_NEVER;
    conn->write_due_ms = PL_TIMER_NEVER;
}

void pl_conn_adopt_fd(struct pl_conn *conn, struct pl_service *service, int fd,
                      struct pl_thread *thread)
{
    pl_conn_init(conn, &pl_conn_kind, service, fd);
    conn->slot.thread = thread;
    conn->slot.next = PL_RUN_RECEIVE;
    conn->output.cache = &thread->cache;
    pl_service_take(service);
    pl_ledger_open(pl_conn_ledger(conn), service, pl_thread_now_ms(thread), fd);
    service->protocol->opened(conn);
}

void pl_conn_begin_drain(struct pl_conn *conn)
{
    conn->is_draining = true;
    conn->read_due_ms = pl_clock_ms() + PL_LINGER_MS;
}

/* Between two exchanges nothing of the service is in use: the next one may be another's. */
static void follow_service(struct pl_conn *conn)
{
    struct pl_service *successor;

    if (conn->state != NULL || conn->output.first != NULL || pl_conn_input(conn).length > 0 ||
        (conn->deadline != PL_DEADLINE_IDLE && conn->deadline != PL_DEADLINE_HEADER))
        return;
    successor = pl_service_take_successor(conn->service);
    if (successor == NULL)
        return;
    atomic_store_explicit(&pl_conn_ledger(conn)->of, successor, memory_order_release);
    pl_service_put(conn->service);
    conn->service = successor;
}

/* Where the turn begins: what was waited for decides, and what no event will repeat is noted. */
enum pl_next pl_conn_wake(struct pl_slot *slot, uint32_t reasons)
{
    struct pl_conn *conn = pl_conn_of(slot);

    if (atomic_load_explicit(&conn->service->is_retired, memory_order_relaxed))
        follow_service(conn);
    if (reasons & PL_READABLE)
        conn->is_readable = true;
    if (reasons & (PL_PEER_DONE | PL_URGENT | PL_HANGUP)) {
        conn->is_readable = true;
        conn->must_read_on = true;
    }
    if (reasons & PL_PEER_DONE)
        conn->is_half_closed = true;
    if (reasons & PL_HANGUP)
        conn->is_hung_up = true;
    if (reasons & PL_COMPLETION)
        conn->has_mail = true;
    if (reasons & PL_SHUTDOWN)
        conn->notices |= PL_SHUTDOWN;
    if ((reasons & PL_TIMEOUT) != 0 &&
        atomic_load_explicit(&slot->due_ms, memory_order_relaxed) <= pl_clock_ms())
        conn->notices |= PL_TIMEOUT;

    if (conn->output.first != NULL)
        return PL_RUN_SEND;
    /* A request that already stands in the socket is answered before the server goes. */
    if (conn->notices == PL_SHUTDOWN && (slot->waits & PL_READABLE)) {
        conn->is_readable = true;
        return PL_RUN_RECEIVE;
    }
    if (conn->notices != 0 || conn->has_mail)
        return PL_RUN_PROCESS;
    if (slot->waits & reasons & PL_WRITABLE)
        return PL_RUN_PROCESS;
    if ((slot->waits & PL_READABLE) && conn->is_readable)
        return PL_RUN_RECEIVE;
    return PL_WAIT;
}

void pl_conn_close(struct pl_slot *slot)
{
    struct pl_conn *conn = pl_conn_of(slot);

    pl_conn_assert_held(conn);
    /* The door first: nobody can post to a connection whose protocol has let go of it, and what was
     * posted before is dropped while the protocol's state still stands. */
    pl_conn_close_door(conn);
    conn->service->protocol->closed(conn);
    pl_ledger_close(pl_conn_ledger(conn));
    pl_claim_close(&slot->claim);
    pl_buffer_give(&slot->thread->cache, conn->input);
    conn->output.cache = &slot->thread->cache;
    pl_output_drop(&conn->output);
    pl_engine_face_of(slot->engine)->ops->release(slot);
}

static void close_accepted(struct pl_slot *slot)
{
    struct pl_service *service = pl_conn_of(slot)->service;

    PL_COUNT(slot->thread->stats, closes);
    pl_conn_close(slot);
    pl_service_put(service);
}

static struct pl_engine *home(struct pl_slot *slot, uint32_t *number)
{
    struct pl_conn *conn = pl_conn_of(slot);

    (void)number;
    if (atomic_load_explicit(&conn->service->is_retired, memory_order_relaxed))
        follow_service(conn);
    return atomic_load(&conn->service->engine);
}

const struct pl_slot_kind pl_conn_kind = { .name = "conn",
                                           .brings_work = true,
                                           .wake = pl_conn_wake,
                                           .run = pl_conn_run,
                                           .close = close_accepted,
                                           .home = home };

void pl_conn_start_window(struct pl_conn *conn, int64_t now_ms)
{
    conn->window_ms = now_ms;
    conn->window_bytes = 0;
    conn->is_window_stopped = false;
}

bool pl_conn_note_progress(struct pl_conn *conn, int64_t *due_ms, int64_t allowed_ms, size_t bytes)
{
    int64_t now_ms = pl_thread_now_ms(conn->slot.thread);
    int64_t elapsed_ms = now_ms - conn->window_ms;

    *due_ms = now_ms + allowed_ms;
    if (conn->window_bytes < UINT32_MAX - bytes)
        conn->window_bytes += (uint32_t)bytes;
    if (elapsed_ms < PL_RATE_WINDOW_MS)
        return true;
    if (conn->window_bytes < conn->service->rate_min * (uint64_t)elapsed_ms / 1000)
        return false;
    conn->window_ms = now_ms;
    conn->window_bytes = 0;
    return true;
}

uint32_t pl_conn_id(const struct pl_conn *conn)
{
    return conn->slot.index;
}

_Static_assert(PL_CONN_PEER_BYTES >= PL_PEER_TEXT_BYTES, "every address has room");

size_t pl_conn_peer(const struct pl_conn *conn, char *text)
{
    struct pl_engine_face *face = pl_engine_face_of(conn->slot.engine);

    return pl_peer_format(pl_slot_table_peer(face->table, &conn->slot), text);
}

void *pl_conn_service_data(const struct pl_conn *conn)
{
    return conn->service->data;
}

void *pl_conn_state(const struct pl_conn *conn)
{
    return conn->state;
}

void pl_conn_set_state(struct pl_conn *conn, void *state)
{
    conn->state = state;
}

size_t pl_conn_message_bytes_max(const struct pl_conn *conn)
{
    return conn->service->message_bytes_max;
}

bool pl_conn_peer_is_done(const struct pl_conn *conn)
{
    return conn->is_peer_done;
}

bool pl_conn_is_draining(const struct pl_conn *conn)
{
    return conn->is_draining;
}

int64_t pl_conn_now_ms(const struct pl_conn *conn)
{
    return pl_thread_now_ms(conn->slot.thread);
}

struct pl_view pl_conn_input(const struct pl_conn *conn)
{
    if (conn->input == NULL)
        return (struct pl_view){ .bytes = "", .length = 0 };
    return pl_buffer_view(conn->input);
}

char *pl_conn_input_bytes(struct pl_conn *conn)
{
    PL_ASSERT(conn->input != NULL);
    return (char *)conn->input->data + conn->input->read;
}

void pl_conn_consume(struct pl_conn *conn, size_t bytes)
{
    pl_conn_assert_held(conn);
    if (bytes == 0)
        return;
    PL_ASSERT(conn->input != NULL && bytes <= pl_buffer_length(conn->input));
    conn->input->read += (uint32_t)bytes;
    if (pl_buffer_length(conn->input) == 0) {
        conn->input->read = 0;
        conn->input->write = 0;
    }
}

void pl_conn_input_cut(struct pl_conn *conn, size_t offset, size_t count)
{
    struct pl_view input = pl_conn_input(conn);
    char *bytes = pl_conn_input_bytes(conn);

    PL_ASSERT(offset + count <= input.length);
    memmove(bytes + offset, bytes + offset + count, input.length - offset - count);
    conn->input->write -= (uint32_t)count;
}

int pl_conn_expect_input(struct pl_conn *conn, size_t bytes)
{
    PL_ASSERT(conn->input != NULL);
    if (conn->input->size - conn->input->read >= bytes)
        return 0;
    if (conn->input->size >= bytes) {
        pl_buffer_compact(conn->input);
        return 0;
    }
    return pl_buffer_resize(&conn->slot.thread->cache, &conn->input, bytes);
}

struct pl_output *pl_conn_output(struct pl_conn *conn)
{
    pl_conn_assert_held(conn);
    return &conn->output;
}

bool pl_conn_output_is_full(const struct pl_conn *conn)
{
    return conn->output.length >= PL_TURN_OUTPUT_BYTES_MAX;
}

bool pl_conn_may_continue(struct pl_conn *conn)
{
    struct pl_thread *thread = conn->slot.thread;

    /* A section that blocked has used the budget, whatever the clock says. */
    if (pl_conn_output_is_full(conn) || thread->has_declared_blocking)
        return false;
    if (--thread->clock_countdown > 0)
        return true;
    thread->clock_countdown = PL_TURN_CLOCK_EVERY;
    return thread->turn_end_ns == INT64_MAX || pl_clock_ns() < thread->turn_end_ns;
}

void pl_conn_wait_for(struct pl_conn *conn, uint32_t reasons)
{
    PL_ASSERT((reasons & ~(uint32_t)(PL_READABLE | PL_WRITABLE | PL_COMPLETION)) == 0);
    conn->wanted = (uint8_t)reasons;
}

int64_t pl_conn_deadline_ms(const struct pl_service *service, enum pl_deadline deadline)
{
    switch (deadline) {
    case PL_DEADLINE_HEADER:
        return service->header_ms;
    case PL_DEADLINE_BODY:
        return service->body_ms;
    case PL_DEADLINE_IDLE:
        return service->idle_ms;
    case PL_DEADLINE_HANDLER:
        return service->handler_ms;
    case PL_DEADLINE_NONE:
        break;
    }
    return PL_TIMER_NEVER;
}

void pl_conn_start_deadline(struct pl_conn *conn, enum pl_deadline deadline)
{
    if (deadline == PL_DEADLINE_BODY) {
        pl_conn_start_window(conn, pl_thread_now_ms(conn->slot.thread));
    } else if (conn->deadline == PL_DEADLINE_BODY) {
        conn->is_window_stopped = true;
        conn->window_ms = pl_thread_now_ms(conn->slot.thread) - conn->window_ms;
    }
    conn->deadline = (uint8_t)deadline;
    conn->read_due_ms = deadline == PL_DEADLINE_NONE ? PL_TIMER_NEVER : PL_DUE_AT_WAIT;
}

void pl_conn_resume_body_deadline(struct pl_conn *conn)
{
    int64_t now_ms = pl_thread_now_ms(conn->slot.thread);

    if (conn->is_window_stopped)
        conn->window_ms = now_ms - conn->window_ms;
    else
        pl_conn_start_window(conn, now_ms);
    conn->is_window_stopped = false;
    conn->deadline = PL_DEADLINE_BODY;
    conn->read_due_ms = PL_DUE_AT_WAIT;
}

enum pl_deadline pl_conn_deadline(const struct pl_conn *conn)
{
    return (enum pl_deadline)conn->deadline;
}

void pl_conn_linger(struct pl_conn *conn)
{
    conn->wants_linger = true;
}

void pl_conn_count_request(struct pl_conn *conn)
{
    PL_COUNT(conn->slot.thread->stats, requests);
}

void *pl_conn_take_memory(struct pl_conn *conn, size_t bytes)
{
    struct pl_buffer *block = pl_buffer_take(&conn->slot.thread->cache, bytes);

    return block == NULL ? NULL : block->data;
}

void pl_conn_give_memory(struct pl_conn *conn, void *memory)
{
    if (memory != NULL)
        pl_buffer_give(&conn->slot.thread->cache, PL_CONTAINER_OF(memory, struct pl_buffer, data));
}

int64_t pl_conn_turn_ns(const struct pl_conn *conn)
{
    return conn->slot.thread->now_ns;
}

int64_t pl_conn_look_ns(void)
{
    return pl_clock_ns();
}

const char *pl_conn_date(struct pl_conn *conn)
{
    struct pl_thread *thread = conn->slot.thread;
    time_t now;
    struct tm utc;

    if (thread->date[0] != '\0' && thread->now_ns - thread->date_ns < DATE_FRESH_NS)
        return thread->date;
    thread->date_ns = thread->now_ns;
    (void)time(&now);
    gmtime_r(&now, &utc);
    snprintf(thread->date, sizeof(thread->date), "%s, %02d %s %04d %02d:%02d:%02d GMT",
             day_names[utc.tm_wday], utc.tm_mday % 100, month_names[utc.tm_mon],
             (utc.tm_year + 1900) % 10000, utc.tm_hour % 100, utc.tm_min % 100, utc.tm_sec % 100);
    return thread->date;
}

void pl_conn_report_stuck(struct pl_conn *conn, const struct pl_handler_note *note)
{
    PL_COUNT(conn->slot.thread->stats, handlers_stuck);
    PL_LOG_RATED(PL_LOG_WARNING, "conn %u: handler %s has not answered within timeouts.handler",
                 conn->slot.index, note == NULL ? "(unknown)" : note->name);
}
