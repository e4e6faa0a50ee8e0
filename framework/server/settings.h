/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of a server, as their tables describe them; see docs/configuration.md. */
#ifndef PL_SERVER_SETTINGS_H
#define PL_SERVER_SETTINGS_H

#include "settings_tree.h"
#include "upstream.h"

#include <paceline/error.h>

#include <stdbool.h>

struct pl_turn_settings {
    int64_t time_us;
    uint64_t bytes;
};

struct pl_queue_settings {
    uint32_t max;
    int full; /* enum pl_queue_full */
};

struct pl_dispatch_settings {
    int model; /* index in pl_models */
    uint32_t threads;
    int arming; /* 0 oneshot, 1 edge */
    int promotion;
    bool is_inlining;
    bool is_pinning;
    bool is_balancing;
    struct pl_turn_settings turn;
    struct pl_queue_settings queue;
};

struct pl_service_settings {
    char *name;
    struct pl_setting_place place;
    int protocol; /* index in the modules */
    struct pl_setting_list listen;
    struct pl_dispatch_settings dispatch;
    bool has_dispatch;
    uint32_t backlog;
    bool has_nodelay;
    bool has_keepalive;
    bool has_deferral;
    uint32_t unix_mode;
    void *module;
};

struct pl_limits_settings {
    uint32_t connections;
    uint64_t buffers;
    uint64_t message;
    uint64_t rate_min;
    int64_t stall_us;
    int stall_stack; /* enum pl_stall_stack */
};

struct pl_timeouts_settings {
    int64_t header_us, body_us, idle_us, write_us, handler_us, drain_us;
};

struct pl_log_settings {
    int level;
    int format;
};

struct pl_timeline_settings {
    uint32_t entries;
    char *file;
};

/* Where a running server can be asked; see docs/control.md. */
struct pl_control_settings {
    char *socket; /* NULL or empty: nowhere */
};

struct pl_admin_settings {
    struct pl_setting_list listen; /* of char *; empty: nowhere */
    bool has_page;
};

struct pl_settings {
    struct pl_dispatch_settings dispatch;
    struct pl_limits_settings limits;
    struct pl_timeouts_settings timeouts;
    struct pl_log_settings log;
    struct pl_timeline_settings timeline;
    struct pl_control_settings control;
    struct pl_admin_settings admin;
    struct pl_setting_list services;
    struct pl_setting_list upstreams;
    struct pl_setting_list files; /* that were read, the main one first; empty without one */
    _Alignas(16) unsigned char app[PL_APP_SETTINGS_BYTES_MAX]; /* the application's own struct */
};

/* The tables with the words that are known only at run time: models and protocols. */
struct pl_settings_schema {
    struct pl_modules modules;
    const char *model_words[16];
    const char *protocol_words[16];
    struct pl_setting dispatch_rows[12];
    struct pl_setting service_rows[16];
    struct pl_setting rows[12];
};

/* `modules` is borrowed. */
void pl_settings_schema_init(struct pl_settings_schema *schema, const struct pl_modules *modules);
/* The application's own keys stand under its name; `rows` and `name` are borrowed. */
void pl_settings_schema_add_app(struct pl_settings_schema *schema, const char *name,
                                const struct pl_setting *rows);

/* Adds a service of that protocol with its defaults, for a server without a file. -ENOMEM */
PL_MUST_CHECK int pl_settings_add_default_service(const struct pl_settings_schema *schema,
                                                  struct pl_settings *settings, int protocol);

/* "file:line:column" of a list's item, or the source alone where it stands in no file. */
void pl_settings_name_place(struct pl_setting_place place, const char *source, char *text,
                            size_t size);

/* settings_upstream.c */
extern const struct pl_setting pl_settings_upstream_rows[];
PL_MUST_CHECK int pl_settings_check_upstreams(const struct pl_settings *settings,
                                              const char *source, struct pl_error *error);

/* server_timeline.c */
extern const struct pl_setting pl_settings_timeline_rows[];
PL_MUST_CHECK int pl_settings_check_timeline(const struct pl_timeline_settings *timeline,
                                             const char *source, struct pl_error *error);

/* settings_admin.c */
extern const struct pl_setting pl_settings_control_rows[];
extern const struct pl_setting pl_settings_admin_rows[];
PL_MUST_CHECK int pl_settings_check_admin(const struct pl_settings *settings, const char *source,
                                          struct pl_error *error);
/* Is anything served for those who look after the process? */
bool pl_settings_have_admin(const struct pl_settings *settings);
/* How many descriptors that may need. */
uint32_t pl_settings_admin_descriptors(const struct pl_settings *settings);

/* What the tables alone cannot say. Errors: -EINVAL with a sentence. */
PL_MUST_CHECK int pl_settings_check_dispatch(const struct pl_dispatch_settings *dispatch,
                                             const char *where, const char *source,
                                             struct pl_error *error);
PL_MUST_CHECK int pl_settings_check(const struct pl_settings *settings,
                                    const struct pl_settings_schema *schema, const char *source,
                                    struct pl_error *error);

#endif
