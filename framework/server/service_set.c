/* SPDX-License-Identifier: Apache-2.0 */
#include "service_set.h"

#include "alloc.h"
#include "server_internal.h"
#include "socket.h"
#include "waker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- seats ---------------------------------------------------------------------------------- */

struct pl_server_seat *pl_server_find_seat(struct pl_server *server, const char *name)
{
    struct pl_server_seat *seat = server->services.seats;

    while (seat != NULL && (seat->base.current == NULL || strcmp(seat->name, name) != 0))
        seat = seat->next;
    return seat;
}

struct pl_server_seat *pl_server_new_seat(struct pl_server *server, const char *name)
{
    struct pl_server_seat **at = &server->services.seats;
    struct pl_server_seat *seat;

    /* One that was left, and has connections still. */
    for (seat = server->services.seats; seat != NULL; seat = seat->next)
        if (seat->base.current == NULL && strcmp(seat->name, name) == 0)
            return seat;
    seat = pl_alloc(sizeof(*seat));
    if (seat == NULL)
        return NULL;
    seat->name = pl_alloc_string(name);
    if (seat->name == NULL) {
        pl_free(seat);
        return NULL;
    }
    pthread_mutex_init(&seat->base.lock, NULL);
    while (*at != NULL)
        at = &(*at)->next;
    *at = seat;
    return seat;
}

void pl_server_free_seat(struct pl_server *server, struct pl_server_seat *seat)
{
    struct pl_server_seat **at = &server->services.seats;

    if (seat->services > 0)
        return;
    while (*at != seat)
        at = &(*at)->next;
    *at = seat->next;
    pthread_mutex_destroy(&seat->base.lock);
    pl_free(seat->name);
    pl_free(seat);
}

void pl_server_set_engine(struct pl_server *server, struct pl_server_seat *seat,
                          struct pl_engine *engine)
{
    for (struct pl_server_service *service = server->services.services; service != NULL;
         service = service->next)
        if (service->seat == seat)
            atomic_store(&service->base.engine, engine);
}

void pl_server_take_seat(struct pl_server_seat *seat, struct pl_server_service *service)
{
    struct pl_service *before;

    pthread_mutex_lock(&seat->base.lock);
    before = seat->base.current;
    seat->base.current = service == NULL ? NULL : &service->base;
    pthread_mutex_unlock(&seat->base.lock);
    if (before == NULL)
        return;
    atomic_store(&before->is_retired, true);
    pl_service_put(before);
}

/* ---- services ------------------------------------------------------------------------------- */

static size_t collect_bindings(const struct pl_server *server, const char *service,
                               const struct pl_protocol *protocol, struct pl_binding *bindings)
{
    const struct pl_app *app = &server->app;
    size_t count = 0;

    for (size_t i = 0; i < app->bindings_count && count < PL_BINDINGS_MAX; i++)
        if (app->bindings[i].protocol == protocol &&
            (app->bindings[i].service == NULL || strcmp(app->bindings[i].service, service) == 0))
            bindings[count++] = app->bindings[i];
    return count;
}

static int open_data(struct pl_server *server, const struct pl_service_settings *settings,
                     struct pl_service *service, struct pl_error *error)
{
    struct pl_binding bindings[PL_BINDINGS_MAX];
    struct pl_error detail = { .exit_code = EX_CONFIG };
    char place[320];
    size_t count = collect_bindings(server, service->name, service->protocol, bindings);
    int err =
        service->protocol->service_open(settings->module, bindings, count, &service->data, &detail);

    if (err == 0)
        return 0;
    pl_settings_name_place(settings->place, server->source, place, sizeof(place));
    return pl_error_set(error, detail.exit_code, err, "%s: service %s: %.300s", place,
                        service->name, detail.message);
}

int pl_server_new_service(struct pl_server *server, struct pl_server_seat *seat,
                          const struct pl_settings *all, const struct pl_service_settings *settings,
                          struct pl_generation *generation, struct pl_server_service **ret_service,
                          struct pl_error *error)
{
    const struct pl_timeouts_settings *timeouts = &all->timeouts;
    struct pl_server_service *service = pl_alloc(sizeof(*service));
    int err;

    if (service == NULL)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for a service");
    service->base = (struct pl_service){ .name = seat->name,
                                         .protocol = server->protocols[settings->protocol],
                                         .message_bytes_max = (size_t)all->limits.message,
                                         .rate_min = all->limits.rate_min,
                                         .header_ms = timeouts->header_us / 1000,
                                         .body_ms = timeouts->body_us / 1000,
                                         .idle_ms = timeouts->idle_us / 1000,
                                         .write_ms = timeouts->write_us / 1000,
                                         .handler_ms = timeouts->handler_us / 1000,
                                         .seat = &seat->base,
                                         .gone_fd = server->services.gone_fd,
                                         .users = 1 };
    err = open_data(server, settings, &service->base, error);
    if (err < 0) {
        pl_free(service);
        return err;
    }
    service->seat = seat;
    seat->services++;
    service->generation = generation;
    if (generation != NULL)
        generation->users++;
    service->next = server->services.services;
    server->services.services = service;
    *ret_service = service;
    return 0;
}

struct pl_generation *pl_service_set_new_generation(struct pl_server *server)
{
    struct pl_generation *generation = pl_alloc(sizeof(*generation));

    if (generation == NULL)
        return NULL;
    generation->users = 1;
    generation->next = server->services.generations;
    server->services.generations = generation;
    return generation;
}

void pl_service_set_put_generation(struct pl_server *server, struct pl_generation *generation)
{
    struct pl_generation **at = &server->services.generations;

    if (generation == NULL || --generation->users > 0)
        return;
    while (*at != generation)
        at = &(*at)->next;
    *at = generation->next;
    pl_settings_free(server->schema.rows, &generation->settings, &server->modules);
    pl_free(generation);
}

void pl_service_set_hold(struct pl_server *server, struct pl_generation *generation)
{
    pl_service_set_put_generation(server, server->services.current);
    server->services.current = generation;
}

static void close_service(struct pl_server *server, struct pl_server_service *service)
{
    struct pl_server_service **at = &server->services.services;

    while (*at != service)
        at = &(*at)->next;
    *at = service->next;
    service->base.protocol->service_close(service->base.data);
    service->seat->services--;
    pl_service_set_put_generation(server, service->generation);
    pl_free(service);
}

void pl_server_discard_service(struct pl_server *server, struct pl_server_service *service)
{
    close_service(server, service);
}

/* A seat without a current service goes with its last one. */
static void close_unused(struct pl_server *server)
{
    struct pl_server_service *next;

    for (struct pl_server_service *service = server->services.services; service != NULL;
         service = next) {
        struct pl_server_seat *seat = service->seat;

        next = service->next;
        if (atomic_load(&service->base.users) > 0)
            continue;
        pl_server_await_lookers(server);
        close_service(server, service);
        if (seat->base.current == NULL)
            pl_server_free_seat(server, seat);
    }
}

/* ---- the thread that closes ----------------------------------------------------------------- */

/* Not a thread of an engine: to close files, and to wait for a log to be written, takes its time.
 */
static void *close_retired(void *argument)
{
    struct pl_server *server = argument;
    struct pl_service_set *set = &server->services;
    bool is_ending = false;

    while (!is_ending) {
        struct pollfd gone = { .fd = set->gone_fd, .events = POLLIN };
        uint64_t count;

        (void)poll(&gone, 1, -1);
        (void)!read(set->gone_fd, &count, sizeof(count));
        pthread_mutex_lock(&server->control_lock);
        is_ending = set->is_closer_ending;
        close_unused(server);
        pthread_mutex_unlock(&server->control_lock);
    }
    return NULL;
}

int pl_service_set_start_closer(struct pl_server *server)
{
    struct pl_service_set *set = &server->services;
    sigset_t all, before;
    int err;

    if (set->has_closer)
        return 0;
    set->is_closer_ending = false;
    /* Signals are for the control thread, whoever reloads. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    err = pthread_create(&set->closer, NULL, close_retired, server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err != 0)
        return -err;
    (void)pthread_setname_np(set->closer, "closer");
    set->has_closer = true;
    return 0;
}

void pl_service_set_stop(struct pl_server *server)
{
    struct pl_service_set *set = &server->services;

    if (!set->has_closer)
        return;
    pthread_mutex_lock(&server->control_lock);
    set->is_closer_ending = true;
    pthread_mutex_unlock(&server->control_lock);
    pl_waker_wake(set->gone_fd);
    (void)pthread_join(set->closer, NULL);
    set->has_closer = false;
}

/* ---- life ----------------------------------------------------------------------------------- */

int pl_service_set_open(struct pl_server *server)
{
    int err = pl_waker_open(&server->services.gone_fd);

    server->services.is_open = err == 0;
    return err;
}

void pl_service_set_close(struct pl_server *server)
{
    struct pl_service_set *set = &server->services;

    if (!set->is_open)
        return;
    pl_service_set_stop(server);
    for (struct pl_server_seat *seat = set->seats; seat != NULL; seat = seat->next)
        pl_server_take_seat(seat, NULL);
    while (set->services != NULL)
        close_service(server, set->services);
    while (set->seats != NULL)
        pl_server_free_seat(server, set->seats);
    pl_service_set_put_generation(server, set->current);
    pl_close_fd(&set->gone_fd);
    set->is_open = false;
}
