/* SPDX-License-Identifier: Apache-2.0 */
/* Finds threads that stay in a handler; see watchdog.h. What is said of them: watchdog_report.c. */
#include "watchdog.h"

#include "clock.h"
#include "handler_note.h"
#include "log_rings.h"
#include "server_internal.h"
#include "thread_set.h"

#include <paceline/log.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Looks in a parcel of limits.stall, and looks that find nothing before it sleeps: going to sleep
 * too eagerly would cost whoever comes next a wake. */
#define LOOKS_PER_LIMIT 4
#define LOOKS_QUIET_MAX 8

/* ---- a look at one thread; places_lock is held ------------------------------------------------
 */

static struct pl_handler_sight see(const struct pl_thread *thread)
{
    return (struct pl_handler_sight){
        .note = atomic_load_explicit(&thread->handler_note, memory_order_acquire),
        .began_ns = atomic_load_explicit(&thread->handler_began_ns, memory_order_relaxed),
        .run = atomic_load_explicit(&thread->handlers_run, memory_order_relaxed),
    };
}

static bool is_same_call(const struct pl_handler_sight *one, const struct pl_handler_sight *other)
{
    return one->note == other->note && one->began_ns == other->began_ns && one->run == other->run;
}

/* The n-th call of a batch began some time after the first, but before it was seen. */
static int64_t call_lasts(const struct pl_handler_sight *sight, int64_t now_ns)
{
    return now_ns - (sight->run <= 1 ? sight->began_ns : sight->first_seen_ns);
}

/* True: it has been in one call for too long. What is read while the thread goes on may be of two
 * calls; so only what was seen before counts. */
static bool look_at_locked(struct pl_thread *thread, int64_t now_ns, int64_t limit_ns)
{
    struct pl_handler_sight sight = see(thread);

    if (sight.note == NULL || !is_same_call(&thread->sight, &sight)) {
        sight.first_seen_ns = now_ns;
        thread->sight = sight;
        return false;
    }
    return call_lasts(&thread->sight, now_ns) >= limit_ns;
}

static bool is_running_locked(const struct pl_thread_place *place)
{
    return place->thread != NULL && place->thread->model != NULL &&
           atomic_load(&place->stats.role) < PL_ROLES_COUNT;
}

static uint32_t count_stalled_locked(struct pl_engine *engine, const struct pl_thread_set *set,
                                     int64_t now_ns, int64_t limit_ns)
{
    uint32_t count = 0;

    for (struct pl_thread_place *place = atomic_load(&engine->places); place != NULL;
         place = place->next) {
        struct pl_handler_sight sight;

        if (!is_running_locked(place) || place->thread->set != set)
            continue;
        sight = see(place->thread);
        count += sight.note != NULL && is_same_call(&place->thread->sight, &sight) &&
                 call_lasts(&place->thread->sight, now_ns) >= limit_ns;
    }
    return count;
}

static struct pl_stall describe_locked(struct pl_engine *engine, struct pl_thread_place *place,
                                       int64_t now_ns, int64_t limit_ns)
{
    const struct pl_thread *thread = place->thread;
    const struct pl_handler_note *note = thread->sight.note;
    struct pl_stall stall = {
        .place = place,
        .thread = thread,
        .sight = thread->sight,
        .engine = engine,
        .model = thread->model->ops,
        .is_old = atomic_load(&thread->model->is_retired),
        .is_loop = thread->is_loop,
        .has_declared = atomic_load(&note->has_blocked),
        .way = (enum pl_handler_way)atomic_load(&thread->handler_way),
        .threads = thread->set->count,
        .threads_stalled = count_stalled_locked(engine, thread->set, now_ns, limit_ns),
        .kernel_id = atomic_load(&thread->kernel_id),
        .lasts_ns = call_lasts(&thread->sight, now_ns),
    };

    stall.has_declared |= stall.way == PL_HANDLER_AS_JOB;
    snprintf(stall.engine_name, sizeof(stall.engine_name), "%s", engine->name);
    snprintf(stall.thread_name, sizeof(stall.thread_name), "%s", place->name);
    snprintf(stall.handler, sizeof(stall.handler), "%s", note->name);
    return stall;
}

bool pl_stall_goes_on(const struct pl_stall *stall)
{
    bool goes_on = false;

    pthread_mutex_lock(&stall->engine->places_lock);
    if (stall->place->thread == stall->thread) {
        struct pl_handler_sight sight = see(stall->thread);

        goes_on = is_same_call(&stall->sight, &sight);
    }
    pthread_mutex_unlock(&stall->engine->places_lock);
    return goes_on;
}

/* ---- once per route and minute --------------------------------------------------------------- */

/* FNV-1a, never 0. */
static uint64_t hash_of(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3;
    return hash == 0 ? 1 : hash;
}

static bool is_due(const struct pl_stall_route *route, int64_t now_ms)
{
    return route->name_hash == 0 || now_ms - route->named_ms >= PL_STALL_NAMED_MS;
}

/* The route's entry, else one that may be taken for it; NULL: all are of other routes that were
 * named within the minute. */
static struct pl_stall_route *find_route(struct pl_stall_routes *routes, uint64_t name_hash,
                                         int64_t now_ms)
{
    struct pl_stall_route *free_one = NULL;

    for (size_t i = 0; i < PL_STALL_ROUTES_MAX; i++) {
        struct pl_stall_route *route = &routes->routes[i];

        if (route->name_hash == name_hash)
            return route;
        if (free_one == NULL && is_due(route, now_ms))
            free_one = route;
    }
    return free_one;
}

bool pl_stall_may_name(struct pl_stall_routes *routes, const char *name, bool is_new,
                       int64_t now_ms, uint32_t *ret_calls_unnamed)
{
    uint64_t name_hash = hash_of(name);
    struct pl_stall_route *route = find_route(routes, name_hash, now_ms);

    if (route == NULL)
        return false;
    if (route->name_hash == name_hash && !is_due(route, now_ms)) {
        route->calls_unnamed += is_new;
        return false;
    }
    *ret_calls_unnamed = route->name_hash == name_hash ? route->calls_unnamed : 0;
    *route = (struct pl_stall_route){ .name_hash = name_hash, .named_ms = now_ms };
    return true;
}

/* ---- a look at all --------------------------------------------------------------------------- */

struct look {
    int64_t now_ns, limit_ns;
    uint64_t turns;
    bool is_anybody_inside;
    size_t count;
    struct pl_stall stalls[PL_STALLS_NAMED_MAX];
};

static void look_at_engine(struct pl_watchdog *watchdog, struct pl_engine *engine,
                           struct look *look)
{
    pthread_mutex_lock(&engine->places_lock);
    for (struct pl_thread_place *place = atomic_load(&engine->places); place != NULL;
         place = place->next) {
        struct pl_thread *thread = place->thread;
        uint32_t unnamed;

        look->turns +=
            atomic_load_explicit(&place->stats.counters[PL_STAT_turns], memory_order_relaxed);
        if (!is_running_locked(place))
            continue;
        look->is_anybody_inside |= atomic_load(&place->stats.role) == PL_ROLE_PROCESSING;
        if (!look_at_locked(thread, look->now_ns, look->limit_ns) ||
            look->count == PL_STALLS_NAMED_MAX)
            continue;
        atomic_fetch_add(&watchdog->stalls, !thread->sight.is_counted);
        if (pl_stall_may_name(&watchdog->routes, thread->sight.note->name,
                              !thread->sight.is_counted, look->now_ns / 1000000, &unnamed)) {
            look->stalls[look->count] =
                describe_locked(engine, place, look->now_ns, look->limit_ns);
            look->stalls[look->count++].calls_unnamed = unnamed;
        }
        thread->sight.is_counted = true;
    }
    pthread_mutex_unlock(&engine->places_lock);
}

/* True: nothing has moved since the last look, and nobody is inside. */
static bool look_at_all(struct pl_watchdog *watchdog, int64_t limit_us)
{
    struct look look = { .now_ns = pl_clock_ns(), .limit_ns = limit_us * 1000 };
    bool is_quiet;

    for (uint32_t i = 0; i < atomic_load(&watchdog->server->engines_count); i++)
        look_at_engine(watchdog, &watchdog->server->engines[i], &look);
    for (size_t i = 0; i < look.count; i++)
        pl_stall_report(&look.stalls[i], limit_us,
                        (enum pl_stall_stack)atomic_load(&watchdog->stack_how));
    is_quiet = look.turns == watchdog->turns_seen && !look.is_anybody_inside;
    watchdog->turns_seen = look.turns;
    return is_quiet;
}

/* ---- its thread ------------------------------------------------------------------------------ */

/* Sleeps without end only when a look that came after the saying found nothing either. */
static void pause_or_sleep(struct pl_watchdog *watchdog, int64_t limit_us)
{
    bool is_asleep = atomic_load(&watchdog->bell.is_asleep);
    bool is_done = watchdog->looks_quiet > LOOKS_QUIET_MAX && is_asleep;

    if (watchdog->looks_quiet == LOOKS_QUIET_MAX)
        atomic_store(&watchdog->bell.is_asleep, true);
    pl_bell_wait(&watchdog->bell,
                 limit_us == 0 || is_done ? -1 : limit_us * 1000 / LOOKS_PER_LIMIT);
    if (is_done)
        watchdog->looks_quiet = 0;
}

static void *watch(void *argument)
{
    struct pl_watchdog *watchdog = argument;

    (void)pthread_setname_np(pthread_self(), "watchdog");
    (void)!pl_log_thread_begin();
    while (!atomic_load(&watchdog->is_stopping)) {
        int64_t limit_us = atomic_load(&watchdog->limit_us);

        watchdog->looks_quiet =
            limit_us > 0 && look_at_all(watchdog, limit_us) ? watchdog->looks_quiet + 1 : 0;
        if (watchdog->looks_quiet == 0)
            atomic_store(&watchdog->bell.is_asleep, false);
        pause_or_sleep(watchdog, limit_us);
    }
    pl_log_thread_end();
    return NULL;
}

void pl_watchdog_init(struct pl_watchdog *watchdog, struct pl_server *server)
{
    watchdog->server = server;
    pl_bell_init(&watchdog->bell);
}

void pl_watchdog_deinit(struct pl_watchdog *watchdog)
{
    pl_bell_deinit(&watchdog->bell);
}

void pl_watchdog_configure(struct pl_watchdog *watchdog, int64_t limit_us,
                           enum pl_stall_stack stack_how)
{
    atomic_store(&watchdog->limit_us, limit_us);
    atomic_store(&watchdog->stack_how, (int)stack_how);
    pl_bell_ring(&watchdog->bell);
}

int pl_watchdog_start(struct pl_watchdog *watchdog)
{
    sigset_t all, before;
    int err;

    atomic_store(&watchdog->is_stopping, false);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    err = pthread_create(&watchdog->id, NULL, watch, watchdog);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    watchdog->is_running = err == 0;
    return -err;
}

void pl_watchdog_stop(struct pl_watchdog *watchdog)
{
    if (!watchdog->is_running)
        return;
    atomic_store(&watchdog->is_stopping, true);
    pl_bell_ring(&watchdog->bell);
    (void)pthread_join(watchdog->id, NULL);
    watchdog->is_running = false;
}
