/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listeners of a reload. One that the new configuration has too is kept, whichever service has it
 * then, and with it what waits in its queue. A new one is bound before anything is applied; one
 * that is dropped accepts until nobody waits.
 */
#include "reload.h"

#include "alloc.h"
#include "listener.h"

#include <paceline/log.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* ---- who is kept ---------------------------------------------------------------------------- */

/* An address in one spelling. The settings have been checked: it can be read. */
static int spell(const char *text, char *wanted, size_t size, struct pl_error *error)
{
    struct pl_address address;
    int err = pl_address_parse(text, &address, error);

    if (err == 0)
        pl_address_format(&address, wanted, size);
    return err;
}

/* A listener without an heir yet; with `seat`, one of that seat. */
static bool inherit(struct pl_reload *reload, const char *wanted, int heir,
                    const struct pl_server_seat *seat)
{
    struct pl_server *server = reload->server;

    for (size_t i = 0; i < server->listeners_count; i++) {
        if (reload->heirs[i] != PL_RELOAD_NO_HEIR ||
            strcmp(server->listeners[i].wanted, wanted) != 0 ||
            (seat != NULL && server->listeners[i].seat != seat))
            continue;
        reload->heirs[i] = heir;
        return true;
    }
    return false;
}

/* ---- new ones ------------------------------------------------------------------------------- */

static int add(struct pl_reload *reload, struct pl_reload_service *plan, const char *text)
{
    struct pl_server_listener *listener = &reload->added[reload->added_count];
    char place[320];
    struct pl_error detail;
    int err;

    if (reload->added_count == PL_SERVER_LISTENERS_MAX)
        return pl_error_set(reload->error, EX_CONFIG, -ENOSPC, "more than %d listeners",
                            PL_SERVER_LISTENERS_MAX);
    reload->added_count++;
    err = pl_server_open_listener(plan->settings, pl_reload_service_of(plan), plan->engine,
                                  pl_engine_shards_wanted(&plan->engine_settings), text, listener,
                                  &detail);
    listener->seat = plan->seat;
    for (uint32_t i = 0; i < listener->sockets_count && err == 0; i++) {
        err = pl_engine_ready_listener(plan->engine, listener->tokens[i]);
        if (err < 0)
            (void)pl_error_set(&detail, EX_OSERR, err, "%s cannot be armed: errno %d",
                               listener->text, -err);
    }
    if (err == 0)
        return 0;
    pl_settings_name_place(plan->settings->place, reload->server->source, place, sizeof(place));
    return pl_error_set(reload->error, detail.exit_code, err, "%s: service %s: %.300s", place,
                        plan->seat->name, detail.message);
}

/* ---- the step ------------------------------------------------------------------------------- */

/* Each service takes its own first, so that two that swap an address with others do not meet. */
static int pass(struct pl_reload *reload, bool is_first, bool (*taken)[PL_SERVER_LISTENERS_MAX])
{
    uint32_t number = 0;

    for (uint32_t i = 0; i < reload->services_count; i++) {
        struct pl_reload_service *plan = &reload->services[i];
        char *const *listen = plan->settings->listen.items;

        for (uint32_t k = 0; k < plan->settings->listen.count; k++, number++) {
            char wanted[PL_ADDRESS_TEXT_BYTES];
            int err = 0;

            if (number == PL_SERVER_LISTENERS_MAX)
                return pl_error_set(reload->error, EX_CONFIG, -ENOSPC, "more than %d listeners",
                                    PL_SERVER_LISTENERS_MAX);
            if ((*taken)[number])
                continue;
            err = spell(listen[k], wanted, sizeof(wanted), reload->error);
            if (err == 0)
                (*taken)[number] = inherit(reload, wanted, (int)i, is_first ? plan->seat : NULL);
            if (err == 0 && !is_first && !(*taken)[number])
                err = add(reload, plan, listen[k]);
            if (err < 0)
                return err;
        }
    }
    return 0;
}

static int prepare(struct pl_reload *reload)
{
    bool taken[PL_SERVER_LISTENERS_MAX] = { false };
    int err = pass(reload, true, &taken);

    return err < 0 ? err : pass(reload, false, &taken);
}

static void rollback(struct pl_reload *reload)
{
    for (uint32_t i = 0; i < reload->added_count; i++) {
        struct pl_server_listener *listener = &reload->added[i];

        for (uint32_t k = 0; k < listener->sockets_count; k++)
            pl_engine_abandon_listener(reload->services[0].engine, listener->tokens[k]);
        if (listener->sockets_count > 0)
            pl_listener_remove(&listener->address);
        pl_free(listener->tokens);
    }
}

static void drop(struct pl_reload *reload, struct pl_server_listener *listener)
{
    PL_LOG(PL_LOG_INFO, "service %s: no longer listening on %s", listener->seat->name,
           listener->text);
    pl_listener_remove(&listener->address);
    for (uint32_t k = 0; k < listener->sockets_count; k++)
        pl_engine_drop_listener(&reload->server->engines[0], listener->tokens[k]);
    pl_free(listener->tokens);
    reload->report->listeners_dropped++;
}

/* Options of a socket that has them cannot fail; a unix socket's file may have been taken away. */
static void change_options(struct pl_server *server, struct pl_server_listener *listener,
                           const struct pl_reload_service *plan)
{
    struct pl_listener_options options =
        pl_server_listener_options(plan->settings, server->protocols[plan->settings->protocol]);

    options.is_port_shared = listener->options.is_port_shared;
    options.is_port_ours = listener->options.is_port_ours;
    listener->options = options;
    for (uint32_t k = 0; k < listener->sockets_count; k++) {
        int fd = pl_engine_listener_fd(&server->engines[0], listener->tokens[k]);
        int err = pl_listener_change(fd, &listener->address, &options);

        if (err < 0)
            PL_LOG(PL_LOG_WARNING, "service %s: options of %s: errno %d", plan->seat->name,
                   listener->text, -err);
    }
}

static void bequeath(struct pl_reload *reload, struct pl_server_listener *listener,
                     const struct pl_reload_service *plan)
{
    struct pl_service *service = pl_reload_service_of(plan);

    if (listener->service != service) {
        reload->must_send_home = true;
        for (uint32_t k = 0; k < listener->sockets_count; k++)
            pl_engine_reseat_listener(plan->engine, listener->tokens[k], service);
    }
    listener->seat = plan->seat;
    listener->service = service;
    change_options(reload->server, listener, plan);
    reload->report->listeners_kept++;
}

/* One that cannot be armed now was armed a moment ago: only a swap in between could need more. */
static void begin(struct pl_reload *reload, struct pl_server_listener *listener)
{
    struct pl_server *server = reload->server;
    struct pl_error error;

    if (pl_server_arm_listener(listener, 0, &error) < 0)
        PL_LOG(PL_LOG_ERROR, "%s", error.message);
    PL_LOG(PL_LOG_INFO, "service %s: listening on %s", listener->seat->name, listener->text);
    server->listeners[server->listeners_count++] = *listener;
    reload->report->listeners_added++;
}

/* After the seats are taken. */
static void commit(struct pl_reload *reload)
{
    struct pl_server *server = reload->server;
    size_t kept = 0;

    for (size_t i = 0; i < server->listeners_count; i++) {
        struct pl_server_listener *listener = &server->listeners[i];

        if (reload->heirs[i] == PL_RELOAD_NO_HEIR) {
            drop(reload, listener);
            continue;
        }
        bequeath(reload, listener, &reload->services[reload->heirs[i]]);
        server->listeners[kept++] = *listener;
    }
    server->listeners_count = kept;
    for (uint32_t i = 0; i < reload->added_count; i++)
        begin(reload, &reload->added[i]);
}

const struct pl_reload_step pl_reload_listeners = { .prepare = prepare,
                                                    .commit = commit,
                                                    .rollback = rollback };
