/* SPDX-License-Identifier: Apache-2.0 */
/* A reload under way: what the new configuration asks for, prepared and not yet applied. */
#ifndef PL_SERVER_RELOAD_H
#define PL_SERVER_RELOAD_H

#include "server_internal.h"
#include "settings_diff.h"

#include <paceline/control.h>

/* A service of the new configuration. */
struct pl_reload_service {
    const struct pl_service_settings *settings; /* borrowed from the generation */
    struct pl_server_seat *seat;                /* borrowed */
    struct pl_server_service *service;          /* to be seated; NULL: it stays as it is */
    struct pl_engine *engine;                   /* borrowed: the one it is to have */
    struct pl_engine_settings engine_settings;  /* and what that is to be */
    bool has_new_seat;
};

/* An engine that is to have another model, or its first. */
struct pl_reload_swap {
    const struct pl_reload_service *plan; /* one of those that want it */
    struct pl_model *successor;           /* owned until the commit */
};

#define PL_RELOAD_NO_HEIR (-1)

struct pl_reload {
    struct pl_server *server;
    struct pl_error *error;
    struct pl_reload_report *report;
    struct pl_generation *generation; /* owned until the commit */
    struct pl_settings_diff diff;
    struct pl_reload_service services[PL_SERVICES_MAX];
    uint32_t services_count;

    /* Of each listener the server has: which of the services above has it next. */
    int heirs[PL_SERVER_LISTENERS_MAX];
    struct pl_server_listener added[PL_SERVER_LISTENERS_MAX];
    uint32_t added_count;

    struct pl_reload_swap swaps[PL_SERVICES_MAX];
    uint32_t swaps_count;
    bool must_send_home; /* connections and listeners have something to look for */
};

/*
 * Whatever may fail is done by `prepare`; `commit` cannot fail. `rollback` undoes a prepare, one
 * that failed half-way too.
 */
struct pl_reload_step {
    int (*prepare)(struct pl_reload *reload);
    void (*commit)(struct pl_reload *reload);
    void (*rollback)(struct pl_reload *reload);
};

extern const struct pl_reload_step pl_reload_listeners; /* reload_listeners.c */
extern const struct pl_reload_step pl_reload_engines;   /* reload_engines.c */

/* The service that will have the seat. */
static inline struct pl_service *pl_reload_service_of(const struct pl_reload_service *plan)
{
    return plan->service != NULL ? &plan->service->base : plan->seat->base.current;
}

/* reload_report.c: counts and lines for the caller and the log. */
void pl_reload_report_changes(struct pl_reload *reload);
void pl_reload_log(const struct pl_reload *reload);

#endif
