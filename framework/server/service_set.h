/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The services of a server. Each name has a seat; what sits there is replaced by a reload, and what
 * has left is closed by a thread of its own when its last connection, listener and job has gone.
 *
 *     open ─▶ seat ─────────▶ retired ───────▶ closed
 *         └▶ discard       (another is seated)   (no user is left)
 */
#ifndef PL_SERVER_SERVICE_SET_H
#define PL_SERVER_SERVICE_SET_H

#include "service.h"
#include "settings.h"

struct pl_server;

/* One reading of the configuration; services borrow their part of it. */
struct pl_generation {
    struct pl_settings settings; /* owned */
    uint32_t users;
    struct pl_generation *next;
};

struct pl_server_seat {
    struct pl_service_seat base; /* first */
    char *name;                  /* owned */
    uint32_t services;           /* of it that are not closed */
    struct pl_server_seat *next;
};

struct pl_server_service {
    struct pl_service base;           /* first */
    struct pl_server_seat *seat;      /* borrowed */
    struct pl_generation *generation; /* a user of it; NULL: of the start's settings */
    struct pl_server_service *next;
};

/* All of it: setup, or under the server's control_lock. */
struct pl_service_set {
    struct pl_server_seat *seats;       /* owned */
    struct pl_server_service *services; /* owned: all that are not closed */
    struct pl_generation *generations;  /* owned; none before the first reload */
    struct pl_generation *current;      /* a user of it; NULL: the start's settings hold */
    int gone_fd;                        /* a waker: a service has no users any more */
    bool is_open;
    bool has_closer;
    bool is_closer_ending;
    pthread_t closer; /* from the first retirement on */
};

PL_MUST_CHECK int pl_service_set_open(struct pl_server *server);
/* Ends the closing thread. The control lock is free. Thread: control. */
void pl_service_set_stop(struct pl_server *server);
/* Closes every service: no engine is left. */
void pl_service_set_close(struct pl_server *server);

/* The seat with that name that has a service; NULL: none. */
struct pl_server_seat *pl_server_find_seat(struct pl_server *server, const char *name);
/* An empty one with that name. NULL: no memory. */
PL_MUST_CHECK struct pl_server_seat *pl_server_new_seat(struct pl_server *server, const char *name);
/* Frees it if it never had a service or its last is closed. */
void pl_server_free_seat(struct pl_server *server, struct pl_server_seat *seat);

/*
 * Opens what `settings`, of all the settings in `all`, describe, for a seat that it does not have
 * yet.
 *
 * Errors: those of its protocol, with a sentence; -ENOMEM.
 */
PL_MUST_CHECK int pl_server_new_service(struct pl_server *server, struct pl_server_seat *seat,
                                        const struct pl_settings *all,
                                        const struct pl_service_settings *settings,
                                        struct pl_generation *generation,
                                        struct pl_server_service **ret_service,
                                        struct pl_error *error);
/* One that was never seated. */
void pl_server_discard_service(struct pl_server *server, struct pl_server_service *service);
/* Where all services of the seat belong, those too that have left it. */
void pl_server_set_engine(struct pl_server *server, struct pl_server_seat *seat,
                          struct pl_engine *engine);
/* Who sat there is retired; NULL: nobody follows. */
void pl_server_take_seat(struct pl_server_seat *seat, struct pl_server_service *service);

/* One more reading, zeroed, with the caller as its user; NULL without memory. */
PL_MUST_CHECK struct pl_generation *pl_service_set_new_generation(struct pl_server *server);
/* One user less; the last one's settings are freed. Does nothing with NULL. */
void pl_service_set_put_generation(struct pl_server *server, struct pl_generation *generation);
/* What holds now is borrowed from that one; takes over the caller's use of it. */
void pl_service_set_hold(struct pl_server *server, struct pl_generation *generation);
/* Without it nobody would close what retires. Errors: -EAGAIN. */
PL_MUST_CHECK int pl_service_set_start_closer(struct pl_server *server);

#endif
