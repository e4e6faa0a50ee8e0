/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a server, for the files of this folder and for framework/process. */
#ifndef PL_SERVER_SERVER_INTERNAL_H
#define PL_SERVER_SERVER_INTERNAL_H

#include "address.h"
#include "engine.h"
#include "listener.h"
#include "service_set.h"
#include "settings.h"
#include "signals.h"
#include "upstream.h"
#include "watchdog.h"

#include <paceline/control.h>
#include <paceline/events.h>
#include <paceline/server.h>

#define PL_PROTOCOLS_MAX        15
#define PL_BINDINGS_MAX         32
#define PL_SERVER_LISTENERS_MAX 256

/* An address that a service listens on. One socket is enough for it; an engine with several handle
 * sets has one in each, and a swap away from that leaves them: closing one would reset the
 * connections in its backlog. */
struct pl_server_listener {
    struct pl_address address;
    char text[PL_ADDRESS_TEXT_BYTES];   /* where it listens */
    char wanted[PL_ADDRESS_TEXT_BYTES]; /* what the configuration says: port 0 is still 0 */
    struct pl_server_seat *seat;        /* borrowed: of its service */
    struct pl_service *service;         /* borrowed: who has that seat */
    struct pl_listener_options options;
    uint64_t *tokens; /* owned: of the sockets' slots */
    uint32_t sockets_count;
};

struct pl_server {
    struct pl_app app;
    const struct pl_protocol *protocols[PL_PROTOCOLS_MAX]; /* borrowed */
    struct pl_modules modules;
    struct pl_settings_schema schema;
    /* What holds now. A reload copies it from the generation it has read, which owns it then, all
     * but what applies only at the start: that is borrowed from `first_settings`, as ever. */
    struct pl_settings settings;
    struct pl_settings *first_settings; /* owned; NULL before the first reload */
    const char *source;                 /* the file's name, for messages */
    char *config_path;                  /* owned; NULL: built-in defaults */
    char **sets;                        /* owned: of the command line */
    size_t sets_count;

    struct pl_buffer_pool pool;
    bool has_pool;
    struct pl_slot_table table;
    bool has_table;
    pthread_mutex_t control_lock; /* held by one change at a time: a swap, a reload */
    struct pl_conn_quota quota;
    struct pl_service_set services;
    struct pl_engine engines[PL_SERVICES_MAX]; /* built in place: others keep their addresses */
    struct pl_engine *engines_by_number[PL_SERVICES_MAX];
    _Atomic uint32_t engines_count;
    struct pl_engine *shared_engine; /* one of them, or NULL */
    struct pl_upstream *upstreams;   /* owned: settings.upstreams.count of them, in place */
    size_t upstreams_count;          /* that were opened */
    struct pl_server_listener listeners[PL_SERVER_LISTENERS_MAX];
    size_t listeners_count;
    bool listeners_removed;

    struct pl_watchdog watchdog;
    /* Written in setup: it serves those who look after another server of the process, which has
     * reserved the descriptors and says at its start what there is to say. */
    bool is_inner;

    struct pl_signals *signals; /* borrowed from pl_main(); NULL without */
    bool is_started;
    _Atomic bool is_serving; /* started, and no drain has begun */
    bool is_stopping;        /* guarded by control_lock */
    _Atomic bool is_hurried;
    _Atomic int64_t drain_end_ms; /* of the clock: when the drain under way ends; 0: none is */
};

/* The steps of pl_server_open(), for pl_main(), which may end between them. */
PL_MUST_CHECK struct pl_server *pl_server_new(const struct pl_app *app);
void pl_server_collect_modules(struct pl_server *server, const struct pl_app *app);
PL_MUST_CHECK int pl_server_read_settings(struct pl_server *server, const char *config_path,
                                          const char *const *sets, struct pl_error *error);
/* The same file and command line, once more, into settings that are zeroed. The caller frees them
 * also after an error. */
PL_MUST_CHECK int pl_server_read_again(struct pl_server *server, struct pl_settings *settings,
                                       struct pl_error *error);
/* ---- server_services.c; thread: setup
 * ------------------------------------------------------------
 */

/* How many connections there may be, of what the configuration wants and the descriptors allow. */
void pl_server_set_limits(struct pl_server *server);
/* Says where that is less than was asked for, or little. */
void pl_server_name_limits(const struct pl_server *server);
/* Room for all connections there can ever be, and for what has a slot beside them. */
uint32_t pl_server_slots_max(const struct pl_server *server);
/* Services, their engines and listeners; what was opened before a failure stays the server's. */
PL_MUST_CHECK int pl_server_open_services(struct pl_server *server, struct pl_error *error);
/* Opens each service and closes it again: what the tables cannot check, a root or a route. */
PL_MUST_CHECK int pl_server_check_services(struct pl_server *server, struct pl_error *error);
PL_MUST_CHECK int pl_server_open_prepared(struct pl_server *server, struct pl_error *error);
/* What an engine of that name is to be. */
struct pl_engine_settings pl_server_engine_settings(const struct pl_server *server,
                                                    const char *name,
                                                    const struct pl_dispatch_settings *dispatch);
/* Opens one more engine; no thread yet. */
PL_MUST_CHECK int pl_server_add_engine(struct pl_server *server,
                                       const struct pl_engine_settings *settings,
                                       struct pl_engine **ret_engine, struct pl_error *error);
/* The engine of that name, or a new one; no thread yet. */
PL_MUST_CHECK int pl_server_engine_for(struct pl_server *server,
                                       const struct pl_engine_settings *settings,
                                       struct pl_engine **ret_engine, struct pl_error *error);
/* Binds one address of a service, a socket for each of `count` handle sets; they are held. After an
 * error listener->sockets_count says how many there are, and the caller frees its tokens. Thread:
 * control. */
PL_MUST_CHECK int pl_server_open_listener(const struct pl_service_settings *settings,
                                          struct pl_service *service, struct pl_engine *engine,
                                          uint32_t count, const char *text,
                                          struct pl_server_listener *listener,
                                          struct pl_error *error);
struct pl_listener_options pl_server_listener_options(const struct pl_service_settings *settings,
                                                      const struct pl_protocol *protocol);
/* Opens the sockets an address lacks so that each of `count` handle sets to come has one. They
 * belong to the engine that its service has now, and begin to accept: also when the change that
 * they are for fails. Those that were opened before an error stay. */
PL_MUST_CHECK int pl_server_add_sockets(struct pl_server_listener *listener, uint32_t count,
                                        struct pl_error *error);
/* All sockets of the address begin to accept. */
PL_MUST_CHECK int pl_server_arm_listener(struct pl_server_listener *listener, uint32_t from,
                                         struct pl_error *error);

/* Who looks at threads reads the names of the handlers they are in. A route that no thread can be
 * in any more may be freed after this: whoever saw it there has looked away. Thread: any. */
void pl_server_await_lookers(struct pl_server *server);

/* No service has this engine any more: its slots go where those of `refuge` are. Thread: any, under
 * the control lock. */
void pl_server_rest_if_left(struct pl_server *server, struct pl_engine *engine,
                            struct pl_engine *refuge);

/* Writes what the threads did to the file of the settings, if it is wanted, and logs what goes
 * wrong; see server_timeline.c. Thread: any. */
void pl_server_write_timeline(struct pl_server *server);

/* ---- server_views.c; thread: any
 * ------------------------------------------------------------------------
 */

struct pl_engine_view {
    char name[PL_NAME_BYTES_MAX];
    const char *model, *arming; /* of static life */
    uint32_t threads;           /* as configured */
};

struct pl_service_view {
    char name[PL_NAME_BYTES_MAX];
    const char *protocol; /* of static life */
    char engine[PL_NAME_BYTES_MAX];
    char listen[PL_LISTENERS_MAX][PL_ADDRESS_TEXT_BYTES];
    size_t listen_count;
};

/* False behind the last one. */
bool pl_server_view_engine(struct pl_server *server, size_t index, struct pl_engine_view *ret_view);
bool pl_server_view_service(struct pl_server *server, size_t index,
                            struct pl_service_view *ret_view);

/* ---- server_upstreams.c; thread: control -------------------------------------------------------
 */

/* How many slots they may need: connections, and a keeper each. */
uint32_t pl_server_upstream_slots(const struct pl_server *server);
PL_MUST_CHECK int pl_server_open_upstreams(struct pl_server *server, struct pl_error *error);
PL_MUST_CHECK int pl_server_start_upstreams(struct pl_server *server, struct pl_error *error);
/* No thread of an engine runs any more: what was under way with an upstream is told so. */
void pl_server_end_exchanges(struct pl_server *server);
void pl_server_close_upstreams(struct pl_server *server);

#endif
