/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets which connection.
 *
 *     acquire: idle of the chosen server in my set ─ idle of it in another set ─ a new one, while
 *              fewer than pool.max exist ─ idle of any other server ─ nothing: stand in line
 *     pass on: the first in line ─ rest among the idle ─ doomed
 *     gone:    its record is free; the line is served
 *
 * Invariant: nobody stands in line while there is something to give; whoever makes something
 * available serves the line afterwards.
 */
#include "upstream.h"

#include "clock.h"

#include <errno.h>
#include <string.h>

/* The loops of an engine stand in a row; the first of another engine elsewhere. */
static uint32_t list_of(uint32_t set)
{
    return (set / PL_THREADS_MAX * 5 + set % PL_THREADS_MAX) % PL_UPSTREAM_LISTS;
}

static struct pl_link *idle_list(struct pl_upstream *upstream, uint32_t list,
                                 const struct pl_upstream_server *server)
{
    return &upstream->idle[list % PL_UPSTREAM_LISTS * upstream->servers_count +
                           (server - upstream->servers)];
}

/* The first of a list of idle connections was used last: its peer and its memory are warm. */
static struct pl_upstream_conn *take_idle_locked(struct pl_upstream *upstream, uint32_t own_set,
                                                 const struct pl_upstream_server *server)
{
    for (uint32_t i = 0; i < PL_UPSTREAM_LISTS && upstream->idle_count > 0; i++) {
        struct pl_link *link =
            pl_list_take_first(idle_list(upstream, list_of(own_set) + i, server));

        if (link != NULL) {
            upstream->idle_count--;
            return PL_CONTAINER_OF(link, struct pl_upstream_conn, link);
        }
    }
    return NULL;
}

static struct pl_upstream_conn *take_record_locked(struct pl_upstream *upstream, uint32_t set,
                                                   struct pl_upstream_server *server)
{
    struct pl_link *link = pl_list_take_first(&upstream->free_conns);
    struct pl_upstream_conn *conn = PL_CONTAINER_OF(link, struct pl_upstream_conn, link);

    conn->server = server;
    conn->place = (struct pl_upstream_place){ .set = set, .token = PL_UPSTREAM_NOWHERE };
    conn->exchanges = 0;
    conn->address = server->addresses[server->next_address++ % server->addresses_count];
    upstream->open++;
    return conn;
}

static void lease_locked(struct pl_upstream *upstream, struct pl_upstream_conn *conn)
{
    conn->state = PL_UPSTREAM_LEASED;
    conn->server->leased++;
    PL_UPSTREAM_COUNT(upstream, leases);
    if (conn->exchanges > 0)
        PL_UPSTREAM_COUNT(upstream, reuses);
}

enum pl_upstream_grant pl_upstream_acquire_locked(struct pl_upstream *upstream,
                                                  const struct pl_upstream_waiter *waiter,
                                                  struct pl_upstream_conn **ret_conn)
{
    struct pl_upstream_server *chosen =
        pl_upstream_choose_locked(upstream, waiter->avoid, pl_clock_ms());
    uint32_t set = waiter->set;
    struct pl_upstream_conn *conn;
    bool is_new = false;

    if (chosen == NULL || upstream->is_stopped)
        return PL_UPSTREAM_GRANT_NONE;
    conn = take_idle_locked(upstream, set, chosen);
    if (conn == NULL && !pl_list_is_empty(&upstream->free_conns)) {
        conn = take_record_locked(upstream, set, chosen);
        is_new = true;
    }
    for (uint32_t i = 0; i < upstream->servers_count && conn == NULL; i++)
        if (!pl_upstream_is_ejected_locked(&upstream->servers[i]))
            conn = take_idle_locked(upstream, set, &upstream->servers[i]);
    if (conn == NULL)
        return PL_UPSTREAM_GRANT_NONE;
    lease_locked(upstream, conn);
    *ret_conn = conn;
    return is_new ? PL_UPSTREAM_GRANT_NEW : PL_UPSTREAM_GRANT_IDLE;
}

struct pl_upstream_conn *pl_upstream_acquire_to_warm_locked(struct pl_upstream *upstream)
{
    struct pl_upstream_server *chosen = pl_upstream_choose_locked(upstream, NULL, pl_clock_ms());
    struct pl_upstream_conn *conn;

    if (chosen == NULL || upstream->is_stopped || pl_list_is_empty(&upstream->free_conns))
        return NULL;
    conn = take_record_locked(upstream, 0, chosen);
    conn->state = PL_UPSTREAM_LEASED;
    conn->server->leased++;
    conn->is_warming = true;
    upstream->warming++;
    return conn;
}

int pl_upstream_stand_in_line_locked(struct pl_upstream *upstream,
                                     struct pl_upstream_waiter *waiter)
{
    if (upstream->waiting >= upstream->settings->pool.max_waiters) {
        PL_UPSTREAM_COUNT(upstream, refusals);
        return -EAGAIN;
    }
    pl_list_append(&upstream->line, &waiter->link);
    upstream->waiting++;
    PL_UPSTREAM_COUNT(upstream, waits);
    return 0;
}

void pl_upstream_assign_locked(struct pl_upstream_conn *conn, struct pl_upstream_waiter *waiter)
{
    if (waiter->is_lessee) {
        conn->lessee = (struct pl_upstream_lessee *)waiter;
        conn->lessee->conn = conn;
    } else {
        conn->assigned = (struct pl_upstream_call_record *)waiter;
        conn->assigned->conn = conn;
    }
}

static void end_lease_locked(struct pl_upstream *upstream, struct pl_upstream_conn *conn)
{
    conn->server->leased--;
    if (conn->is_warming)
        upstream->warming--;
    conn->is_warming = false;
}

/* Its name may stand for another address by now. */
static bool has_address_locked(const struct pl_upstream_server *server,
                               const struct pl_address *address)
{
    for (uint32_t i = 0; i < server->addresses_count; i++)
        if (server->addresses[i].length == address->length &&
            memcmp(&server->addresses[i].socket, &address->socket, address->length) == 0)
            return true;
    return false;
}

static bool is_fit_locked(const struct pl_upstream_conn *conn)
{
    return !pl_upstream_is_ejected_locked(conn->server) &&
           has_address_locked(conn->server, &conn->address);
}

static void doom_idle_locked(struct pl_upstream_conn *conn)
{
    pl_list_unlink(&conn->link);
    conn->upstream->idle_count--;
    conn->state = PL_UPSTREAM_DOOMED;
}

void pl_upstream_doom_idle(struct pl_upstream_conn *conn)
{
    pthread_mutex_lock(&conn->upstream->lock);
    if (conn->state == PL_UPSTREAM_IDLE)
        doom_idle_locked(conn);
    pthread_mutex_unlock(&conn->upstream->lock);
}

struct pl_upstream_conn *pl_upstream_doom_one_locked(struct pl_upstream *upstream,
                                                     const struct pl_upstream_server *server)
{
    for (uint32_t i = 0; i < PL_UPSTREAM_LISTS; i++) {
        struct pl_link *list = idle_list(upstream, i, server);

        for (struct pl_link *link = list->next; link != list; link = link->next) {
            struct pl_upstream_conn *conn = PL_CONTAINER_OF(link, struct pl_upstream_conn, link);

            if (is_fit_locked(conn))
                continue;
            doom_idle_locked(conn);
            return conn;
        }
    }
    return NULL;
}

static enum pl_upstream_passed pass_on_locked(struct pl_upstream *upstream,
                                              struct pl_upstream_conn *conn, bool is_reusable)
{
    struct pl_upstream_waiter *waiter;
    struct pl_link *first;

    if (is_reusable && !pl_upstream_conn_is_young(conn)) {
        PL_UPSTREAM_COUNT(upstream, retires);
        is_reusable = false;
    }
    if (!is_reusable || !is_fit_locked(conn)) {
        conn->state = PL_UPSTREAM_DOOMED;
        return PL_UPSTREAM_PASSED_TO_NOBODY;
    }
    first = pl_list_take_first(&upstream->line);
    if (first == NULL) {
        conn->state = PL_UPSTREAM_IDLE;
        pl_list_prepend(idle_list(upstream, list_of(conn->place.set), conn->server), &conn->link);
        upstream->idle_count++;
        return PL_UPSTREAM_PASSED_TO_REST;
    }
    upstream->waiting--;
    lease_locked(upstream, conn);
    waiter = PL_CONTAINER_OF(first, struct pl_upstream_waiter, link);
    pl_upstream_assign_locked(conn, waiter);
    return waiter->is_lessee ? PL_UPSTREAM_PASSED_TO_LESSEE : PL_UPSTREAM_PASSED_TO_CALL;
}

enum pl_upstream_passed pl_upstream_pass_on(struct pl_upstream_conn *conn, bool is_reusable)
{
    struct pl_upstream *upstream = conn->upstream;
    enum pl_upstream_passed passed;

    pthread_mutex_lock(&upstream->lock);
    end_lease_locked(upstream, conn);
    passed = pass_on_locked(upstream, conn, is_reusable);
    pthread_mutex_unlock(&upstream->lock);
    return passed;
}

/* Back at the head of the line: it has stood there already, or been promised a connection. */
static void put_back_locked(struct pl_upstream *upstream, struct pl_upstream_call_record *record)
{
    record->conn = NULL;
    pl_list_prepend(&upstream->line, &record->waiter.link);
    upstream->waiting++;
}

bool pl_upstream_must_warm_locked(const struct pl_upstream *upstream)
{
    return upstream->idle_count + upstream->warming < upstream->settings->pool.min_idle &&
           !pl_list_is_empty(&upstream->free_conns) && !upstream->is_stopped;
}

void pl_upstream_gone(struct pl_upstream_conn *conn)
{
    struct pl_upstream *upstream = conn->upstream;
    struct pl_upstream_call_record *stopped = NULL, *cancelled = NULL;
    bool must_warm;

    pthread_mutex_lock(&upstream->lock);
    if (conn->state == PL_UPSTREAM_IDLE) {
        pl_list_unlink(&conn->link);
        upstream->idle_count--;
    } else if (conn->state != PL_UPSTREAM_DOOMED) {
        end_lease_locked(upstream, conn);
    }
    if (conn->assigned != NULL && upstream->is_stopped)
        stopped = conn->assigned;
    else if (conn->assigned != NULL && atomic_load(&conn->assigned->is_cancelled))
        cancelled = conn->assigned;
    else if (conn->assigned != NULL)
        put_back_locked(upstream, conn->assigned);
    if (conn->lessee != NULL) {
        conn->lessee->conn = NULL;
        pthread_cond_signal(&conn->lessee->is_served);
    }
    conn->assigned = NULL;
    conn->lessee = NULL;
    conn->conn = NULL;
    conn->place.token = PL_UPSTREAM_NOWHERE;
    conn->state = PL_UPSTREAM_FREE;
    upstream->open--;
    pl_list_append(&upstream->free_conns, &conn->link);
    must_warm = pl_upstream_must_warm_locked(upstream);
    pthread_mutex_unlock(&upstream->lock);
    if (stopped != NULL)
        pl_upstream_complete(stopped, PL_UPSTREAM_STOPPED, PL_VIEW(""));
    if (cancelled != NULL)
        pl_upstream_complete_later(cancelled, PL_UPSTREAM_CANCELLED);
    pl_upstream_serve_line(upstream);
    if (must_warm)
        pl_upstream_keeper_hasten(upstream, pl_clock_ms());
}

/* ---- the line ----------------------------------------------------------------------------------
 */

/* Takes the first out of the line, if there is something to give; conn NULL: there is not. */
static struct pl_upstream_conn *serve_first_locked(struct pl_upstream *upstream, bool *ret_is_new,
                                                   struct pl_upstream_place *ret_place,
                                                   uint32_t *ret_set)
{
    struct pl_upstream_waiter *waiter;
    struct pl_upstream_conn *conn;
    enum pl_upstream_grant grant;

    if (pl_list_is_empty(&upstream->line))
        return NULL;
    waiter = PL_CONTAINER_OF(upstream->line.next, struct pl_upstream_waiter, link);
    grant = pl_upstream_acquire_locked(upstream, waiter, &conn);
    if (grant == PL_UPSTREAM_GRANT_NONE)
        return NULL;
    pl_list_unlink(&waiter->link);
    upstream->waiting--;
    pl_upstream_assign_locked(conn, waiter);
    *ret_is_new = grant == PL_UPSTREAM_GRANT_NEW;
    *ret_place = conn->place;
    *ret_set = waiter->set;
    return conn;
}

/* Outside the lock: gets the connection on its way. */
static void deliver(struct pl_upstream_conn *conn, bool is_new, struct pl_upstream_place place,
                    uint32_t set)
{
    struct pl_upstream *upstream = conn->upstream;

    if (!is_new) {
        pl_upstream_conn_rouse(conn, place, set);
        return;
    }
    /* A thread that waits for a lease connects itself. */
    pthread_mutex_lock(&upstream->lock);
    if (conn->lessee != NULL) {
        conn->lessee->must_connect = true;
        pthread_cond_signal(&conn->lessee->is_served);
        conn = NULL;
    }
    pthread_mutex_unlock(&upstream->lock);
    if (conn != NULL)
        pl_upstream_conn_open(conn, set);
}

/* A connection that cannot be made comes back here through pl_upstream_gone(): whoever is serving
 * already goes round once more, so a line of any length needs no stack. */
void pl_upstream_serve_line(struct pl_upstream *upstream)
{
    struct pl_upstream_place place;
    struct pl_upstream_conn *conn;
    uint32_t set;
    bool is_new;

    pthread_mutex_lock(&upstream->lock);
    upstream->must_serve = true;
    while (upstream->must_serve && !upstream->is_serving) {
        upstream->must_serve = false;
        upstream->is_serving = true;
        while ((conn = serve_first_locked(upstream, &is_new, &place, &set)) != NULL) {
            (void)pl_upstream_visit_locked(upstream); /* a stopped pool grants nothing */
            pthread_mutex_unlock(&upstream->lock);
            deliver(conn, is_new, place, set);
            pthread_mutex_lock(&upstream->lock);
            pl_upstream_leave_locked(upstream);
        }
        upstream->is_serving = false;
    }
    pthread_mutex_unlock(&upstream->lock);
}

uint32_t pl_upstream_own_set(void)
{
    const struct pl_thread *thread = pl_thread_own();

    if (thread == NULL)
        return PL_UPSTREAM_SET(0, 0);
    return PL_UPSTREAM_SET(pl_engine_face_of(thread->engine)->number, thread->shard);
}
