/* SPDX-License-Identifier: Apache-2.0 */
/* The server's own keys: a row each. */
#include "settings.h"

#include "address.h"
#include "alloc.h"
#include "assert.h"
#include "model.h"

#include <paceline/limits.h>
#include <paceline/protocol.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char *const auto_words[] = { "auto", NULL };
static const char *const arming_words[] = { "oneshot", "edge", NULL };
static const char *const promotion_words[] = { "adaptive", "always", "kernel", NULL };
static const char *const full_words[] = { "wait", "refuse", NULL };
static const char *const stall_stack_words[] = { "careful", "always", "never", NULL };
static const char *const level_words[] = { "error", "warning", "info", "debug", NULL };
static const char *const format_words[] = { "text", "json", NULL };

static const struct pl_setting turn_rows[] = {
    { .name = "time",
      .type = PL_SETTING_DURATION,
      .offset = offsetof(struct pl_turn_settings, time_us),
      .by_default = "150us",
      .max = 10000000,
      .is_live = true,
      .help = "Time one connection may use before it queues again; 0 turns the bound off." },
    { .name = "bytes",
      .type = PL_SETTING_BYTES,
      .offset = offsetof(struct pl_turn_settings, bytes),
      .by_default = "16KiB",
      .max = 1024 * 1024 * 1024,
      .is_live = true,
      .help = "Input one turn may take; 0 turns the bound off." },
    { .name = NULL },
};

static const struct pl_setting queue_rows[] = {
    { .name = "max",
      .type = PL_SETTING_COUNT,
      .offset = offsetof(struct pl_queue_settings, max),
      .by_default = "1024",
      .min = 1,
      .max = 1000000,
      .is_live = true,
      .help = "Units that may wait for a worker." },
    { .name = "full",
      .type = PL_SETTING_WORD,
      .offset = offsetof(struct pl_queue_settings, full),
      .by_default = "wait",
      .words = full_words,
      .is_live = true,
      .help = "When the queue is full: stop reading, or refuse with the protocol's own answer." },
    { .name = NULL },
};

static const struct pl_setting dispatch_rows[] = {
    { .name = "model",
      .type = PL_SETTING_WORD,
      .offset = offsetof(struct pl_dispatch_settings, model),
      .by_default = "leader_followers",
      .is_live = true,
      .help = "The concurrency model: which thread waits, and which runs what; see "
              "docs/models.md." },
    { .name = "threads",
      .type = PL_SETTING_COUNT,
      .offset = offsetof(struct pl_dispatch_settings, threads),
      .by_default = "auto",
      .max = PL_THREADS_MAX,
      .words = auto_words,
      .is_live = true,
      .help =
          "Threads that may run handlers, beside an I/O thread where the model has one. auto: 8 "
          "per usable CPU, at least 16; with per_core one per usable CPU. 0 with reactor: the main "
          "thread does all." },
    { .name = "arming",
      .type = PL_SETTING_WORD,
      .offset = offsetof(struct pl_dispatch_settings, arming),
      .by_default = "edge",
      .words = arming_words,
      .is_live = true,
      .help = "How the handle set gives a connection to exactly one thread: edge-triggered, or "
              "EPOLLONESHOT." },
    { .name = "promotion",
      .type = PL_SETTING_WORD,
      .offset = offsetof(struct pl_dispatch_settings, promotion),
      .by_default = "adaptive",
      .words = promotion_words,
      .is_live = true,
      .help = "leader_followers: the leader promotes a follower when somebody is needed; always, "
              "before each event; or never, the threads waiting in the kernel's queue." },
    { .name = "inline",
      .type = PL_SETTING_BOOL,
      .offset = offsetof(struct pl_dispatch_settings, is_inlining),
      .by_default = "true",
      .is_live = true,
      .help = "half_sync_half_async, reactor and proactor: the I/O thread runs a handler known to "
              "be quick in passing when nothing else is to be done. One that is slow this once "
              "then keeps everybody; false where that must not be." },
    { .name = "pin",
      .type = PL_SETTING_BOOL,
      .offset = offsetof(struct pl_dispatch_settings, is_pinning),
      .by_default = "false",
      .is_live = true,
      .help = "per_core: each loop on a CPU of its own." },
    { .name = "balance",
      .type = PL_SETTING_BOOL,
      .offset = offsetof(struct pl_dispatch_settings, is_balancing),
      .by_default = "false",
      .is_live = true,
      .help =
          "per_core: a new connection goes to the loop that has the fewest, not to the one that "
          "the kernel chose. For few connections that last." },
    { .name = "turn",
      .type = PL_SETTING_GROUP,
      .offset = offsetof(struct pl_dispatch_settings, turn),
      .rows = turn_rows,
      .is_live = true,
      .help = "Fairness; see docs/fairness.md." },
    { .name = "queue",
      .type = PL_SETTING_GROUP,
      .offset = offsetof(struct pl_dispatch_settings, queue),
      .rows = queue_rows,
      .is_live = true,
      .help = "Between the I/O thread and the workers of half_sync_half_async, reactor and "
              "proactor." },
    { .name = NULL },
};

static const struct pl_setting service_rows[] = {
    { .name = "name",
      .type = PL_SETTING_TEXT,
      .offset = offsetof(struct pl_service_settings, name),
      .is_live = true,
      .help = "For the log and for handlers that belong to one service." },
    { .name = "protocol",
      .type = PL_SETTING_WORD,
      .offset = offsetof(struct pl_service_settings, protocol),
      .is_live = true,
      .help = "The protocol module." },
    { .name = "listen",
      .type = PL_SETTING_TEXTS,
      .offset = offsetof(struct pl_service_settings, listen),
      .item_bytes = sizeof(char *),
      .is_live = true,
      .help = "Addresses: `127.0.0.1:8080`, `[::1]:8080`, `udp:127.0.0.1:7007`, "
              "`unix:/run/paceline/echo.sock`. Port 0: a free one, named in the log." },
    { .name = "dispatch",
      .type = PL_SETTING_GROUP,
      .offset = offsetof(struct pl_service_settings, dispatch),
      .inherits_from = offsetof(struct pl_settings, dispatch) + 1,
      .seen_offset = offsetof(struct pl_service_settings, has_dispatch),
      .is_live = true,
      .help = "A model of the service's own; its unset keys are those of the outer `dispatch`." },
    { .name = "backlog",
      .type = PL_SETTING_COUNT,
      .offset = offsetof(struct pl_service_settings, backlog),
      .by_default = "1024",
      .min = 1,
      .max = 65535,
      .is_live = true,
      .help = "Connections the kernel queues before they are accepted." },
    { .name = "nodelay",
      .type = PL_SETTING_BOOL,
      .offset = offsetof(struct pl_service_settings, has_nodelay),
      .by_default = "true",
      .is_live = true,
      .help = "TCP_NODELAY." },
    { .name = "keepalive",
      .type = PL_SETTING_BOOL,
      .offset = offsetof(struct pl_service_settings, has_keepalive),
      .by_default = "false",
      .is_live = true,
      .help = "SO_KEEPALIVE." },
    { .name = "defer_accept",
      .type = PL_SETTING_BOOL,
      .offset = offsetof(struct pl_service_settings, has_deferral),
      .by_default = "true",
      .is_live = true,
      .help = "TCP_DEFER_ACCEPT, for protocols whose client speaks first: a connection is accepted "
              "with its first bytes, or after a second without." },
    { .name = "unix_mode",
      .type = PL_SETTING_MODE,
      .offset = offsetof(struct pl_service_settings, unix_mode),
      .by_default = "0660",
      .is_live = true,
      .help = "Permissions of a unix socket's file." },
    { .name = "*",
      .type = PL_SETTING_MODULE,
      .offset = offsetof(struct pl_service_settings, module) },
    { .name = NULL },
};

static const struct pl_setting limits_rows[] = {
    { .name = "connections",
      .type = PL_SETTING_COUNT,
      .offset = offsetof(struct pl_limits_settings, connections),
      .by_default = "auto",
      .min = 1,
      .max = 4000000,
      .words = auto_words,
      .is_live = true,
      .help = "Open at once; more wait in the backlog. auto: what the limit of descriptors "
              "(ulimit -n) allows." },
    { .name = "buffers",
      .type = PL_SETTING_BYTES,
      .offset = offsetof(struct pl_limits_settings, buffers),
      .by_default = "256MiB",
      .min = 4 * 1024 * 1024,
      .max = 1ll << 40,
      .is_live = true,
      .help = "The memory pool for buffers, in all." },
    { .name = "message",
      .type = PL_SETTING_BYTES,
      .offset = offsetof(struct pl_limits_settings, message),
      .by_default = "64KiB",
      .min = 1024,
      .max = PL_BUFFER_BYTES_MAX / 2,
      .is_live = true,
      .help = "The largest message that is kept whole: an HTTP request's body." },
    { .name = "rate_min",
      .type = PL_SETTING_BYTES,
      .offset = offsetof(struct pl_limits_settings, rate_min),
      .by_default = "500B",
      .max = 1024 * 1024 * 1024,
      .is_live = true,
      .help = "Bytes per second, averaged over 10 s, below which a body or a blocked reply is cut; "
              "0B turns it off." },
    { .name = "stall",
      .type = PL_SETTING_DURATION,
      .offset = offsetof(struct pl_limits_settings, stall_us),
      .by_default = "1s",
      .max = 3600000000,
      .is_live = true,
      .help =
          "A thread that stays in a handler for longer is named in the log, with the route, the "
          "time and a stack; see docs/stalls.md. At least 10ms; 0 turns it off." },
    { .name = "stall_stack",
      .type = PL_SETTING_WORD,
      .offset = offsetof(struct pl_limits_settings, stall_stack),
      .by_default = "careful",
      .words = stall_stack_words,
      .is_live = true,
      .help = "How that stack is taken: by a signal unless that would end a call of the handler's, "
              "such as poll(2), early; by a signal always; or never." },
    { .name = NULL },
};

#define TIMEOUT(key, field, value, sentence)                                                       \
    {                                                                                              \
        .name = key, .type = PL_SETTING_DURATION,                                                  \
        .offset = offsetof(struct pl_timeouts_settings, field), .by_default = value, .min = 1000,  \
        .max = 86400000000, .is_live = true, .help = sentence                                      \
    }

static const struct pl_setting timeouts_rows[] = {
    TIMEOUT("header", header_us, "10s", "The whole head of a request, from its first byte."),
    TIMEOUT("body", body_us, "30s", "Since the last progress of a body."),
    TIMEOUT("idle", idle_us, "60s", "Between requests."),
    TIMEOUT("write", write_us, "30s", "Since the last progress of a blocked reply."),
    TIMEOUT("handler", handler_us, "30s",
            "Until the first byte of the reply of a handler that may block or defers; then 503."),
    TIMEOUT("drain", drain_us, "15s", "The whole of a graceful stop."),
    { .name = NULL },
};

static const struct pl_setting log_rows[] = {
    { .name = "level",
      .type = PL_SETTING_WORD,
      .offset = offsetof(struct pl_log_settings, level),
      .by_default = "info",
      .words = level_words,
      .is_live = true,
      .help = "The least important level that is written." },
    { .name = "format",
      .type = PL_SETTING_WORD,
      .offset = offsetof(struct pl_log_settings, format),
      .by_default = "text",
      .words = format_words,
      .is_live = true,
      .help = "Lines for people or for machines." },
    { .name = NULL },
};

/* `dispatch` stands before `services`, which inherit from it: tables are read in their order. */
static const struct pl_setting root_rows[] = {
    { .name = "dispatch",
      .type = PL_SETTING_GROUP,
      .offset = offsetof(struct pl_settings, dispatch),
      .help = "Who runs the connections of all services that do not say otherwise." },
    { .name = "limits",
      .type = PL_SETTING_GROUP,
      .offset = offsetof(struct pl_settings, limits),
      .rows = limits_rows,
      .help = "What the server bounds." },
    { .name = "timeouts",
      .type = PL_SETTING_GROUP,
      .offset = offsetof(struct pl_settings, timeouts),
      .rows = timeouts_rows,
      .help = "How long it waits." },
    { .name = "log",
      .type = PL_SETTING_GROUP,
      .offset = offsetof(struct pl_settings, log),
      .rows = log_rows,
      .help = "Lines to stderr." },
    { .name = "services",
      .type = PL_SETTING_LIST,
      .offset = offsetof(struct pl_settings, services),
      .place_offset = offsetof(struct pl_service_settings, place),
      .item_bytes = sizeof(struct pl_service_settings),
      .is_live = true,
      .help = "What is served, and where." },
    { .name = "upstreams",
      .type = PL_SETTING_LIST,
      .offset = offsetof(struct pl_settings, upstreams),
      .place_offset = offsetof(struct pl_upstream_settings, place),
      .item_bytes = sizeof(struct pl_upstream_settings),
      .rows = pl_settings_upstream_rows,
      .help = "The machines behind this server, for applications that ask them." },
    { .name = "timeline",
      .type = PL_SETTING_GROUP,
      .offset = offsetof(struct pl_settings, timeline),
      .rows = pl_settings_timeline_rows,
      .help = "What each thread did when, for `paceline-bench timeline`." },
    { .name = "control",
      .type = PL_SETTING_GROUP,
      .offset = offsetof(struct pl_settings, control),
      .rows = pl_settings_control_rows,
      .help = "The socket of `paceline-ctl`; see docs/control.md." },
    { .name = "admin",
      .type = PL_SETTING_GROUP,
      .offset = offsetof(struct pl_settings, admin),
      .rows = pl_settings_admin_rows,
      .help = "Health, figures and a page over HTTP, for those who look after the process." },
    { .name = "include",
      .type = PL_SETTING_INCLUDE,
      .offset = offsetof(struct pl_settings, files),
      .item_bytes = sizeof(char *),
      .is_live = true,
      .help = "Files whose keys are read as well, relative to this one's folder, such as "
              "`conf.d/*.yaml`." },
    { .name = NULL },
};

void pl_settings_schema_init(struct pl_settings_schema *schema, const struct pl_modules *modules)
{
    memset(schema, 0, sizeof(*schema));
    schema->modules = *modules;
    for (size_t i = 0; pl_models[i] != NULL; i++)
        schema->model_words[i] = pl_models[i]->spellings;
    for (size_t i = 0; i < modules->count && i < 15; i++)
        schema->protocol_words[i] = modules->protocols[i]->name;

    memcpy(schema->dispatch_rows, dispatch_rows, sizeof(dispatch_rows));
    schema->dispatch_rows[0].words = schema->model_words;
    memcpy(schema->service_rows, service_rows, sizeof(service_rows));
    schema->service_rows[1].words = schema->protocol_words;
    schema->service_rows[1].by_default = schema->protocol_words[0];
    schema->service_rows[3].rows = schema->dispatch_rows;
    memcpy(schema->rows, root_rows, sizeof(root_rows));
    schema->rows[0].rows = schema->dispatch_rows;
    schema->rows[4].rows = schema->service_rows;
}

void pl_settings_schema_add_app(struct pl_settings_schema *schema, const char *name,
                                const struct pl_setting *rows)
{
    size_t count = sizeof(root_rows) / sizeof(root_rows[0]) - 1;

    for (const struct pl_setting *row = rows; row->name != NULL; row++)
        PL_ASSERT(row->offset + sizeof(struct pl_setting_list) <= PL_APP_SETTINGS_BYTES_MAX);
    schema->rows[count] = (struct pl_setting){ .name = name,
                                               .type = PL_SETTING_GROUP,
                                               .offset = offsetof(struct pl_settings, app),
                                               .rows = rows,
                                               .help = "The application's own keys." };
    schema->rows[count + 1] = (struct pl_setting){ .name = NULL };
}

static int add_listen(struct pl_service_settings *service, const char *address)
{
    char **texts = pl_alloc(sizeof(*texts));

    if (texts == NULL)
        return -ENOMEM;
    texts[0] = pl_alloc_string(address);
    service->listen = (struct pl_setting_list){ .items = texts, .count = 1 };
    return texts[0] == NULL ? -ENOMEM : 0;
}

int pl_settings_add_default_service(const struct pl_settings_schema *schema,
                                    struct pl_settings *settings, int protocol)
{
    const struct pl_protocol *module = schema->modules.protocols[protocol];
    uint32_t count = settings->services.count;
    struct pl_service_settings *services = pl_alloc((count + 1) * sizeof(*services));
    struct pl_service_settings *service;
    int err;

    if (services == NULL)
        return -ENOMEM;
    if (count > 0)
        memcpy(services, settings->services.items, count * sizeof(*services));
    pl_free(settings->services.items);
    settings->services = (struct pl_setting_list){ .items = services, .count = count + 1 };
    service = &services[count];
    err = pl_settings_fill(schema->service_rows, service);
    service->protocol = protocol;
    service->dispatch = settings->dispatch;
    if (err == 0)
        err = add_listen(service, module->default_listen);
    service->name = pl_alloc_string(module->name);
    service->module = pl_alloc(module->settings_bytes);
    if (err == 0 && (service->name == NULL || service->module == NULL))
        err = -ENOMEM;
    return err < 0 ? err : pl_settings_fill(pl_settings_of_protocol(module), service->module);
}

int pl_settings_check_dispatch(const struct pl_dispatch_settings *dispatch, const char *where,
                               const char *source, struct pl_error *error)
{
    const struct pl_model_ops *model = pl_models[dispatch->model];

    if (dispatch->threads < model->threads_min)
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "%s: %sdispatch.threads: %s needs at least %u thread, not %u", source,
                            where, model->name, model->threads_min, dispatch->threads);
    return 0;
}

void pl_settings_name_place(struct pl_setting_place place, const char *source, char *text,
                            size_t size)
{
    if (place.line == 0)
        snprintf(text, size, "%s", source);
    else
        snprintf(text, size, "%s:%u:%u", place.file, place.line, place.column);
}

/* A look is a quarter of it: below this a thread would do nothing but look. */
static int check_stall(const struct pl_limits_settings *limits, const char *source,
                       struct pl_error *error)
{
    if (limits->stall_us == 0 || limits->stall_us >= PL_STALL_US_MIN)
        return 0;
    return pl_error_set(error, EX_CONFIG, -EINVAL,
                        "%s: limits.stall: %lldus; expected at least %dms, or 0 to turn it off",
                        source, (long long)limits->stall_us, PL_STALL_US_MIN / 1000);
}

static int check_listen(const struct pl_service_settings *service,
                        const struct pl_protocol *protocol, const char *where, const char *place,
                        struct pl_error *error)
{
    char *const *listen = service->listen.items;

    if (service->listen.count == 0)
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "%s: %sno `listen`; expected a list of addresses such as [ \"%s\" ]",
                            place, where, protocol->default_listen);
    for (uint32_t i = 0; i < service->listen.count; i++) {
        struct pl_error detail;
        struct pl_address address;

        if (pl_address_parse(listen[i], &address, &detail) < 0)
            return pl_error_set(error, EX_CONFIG, -EINVAL, "%s: %slisten: %.300s", place, where,
                                detail.message);
        if (address.is_datagram && protocol->datagram == NULL)
            return pl_error_set(error, EX_CONFIG, -EINVAL,
                                "%s: %slisten: '%s': protocol %s has no datagrams", place, where,
                                listen[i], protocol->name);
    }
    return 0;
}

static int check_service(const struct pl_service_settings *service, uint32_t index,
                         const struct pl_settings_schema *schema, const char *source,
                         struct pl_error *error)
{
    char where[64], place[320];
    int err;

    snprintf(where, sizeof(where), "services[%u] (%.24s): ", index, service->name);
    pl_settings_name_place(service->place, source, place, sizeof(place));
    err = check_listen(service, schema->modules.protocols[service->protocol], where, place, error);
    return err < 0 ? err : pl_settings_check_dispatch(&service->dispatch, where, place, error);
}

static int check_name(const struct pl_service_settings *services, uint32_t index,
                      const char *source, struct pl_error *error)
{
    char place[320];

    pl_settings_name_place(services[index].place, source, place, sizeof(place));
    /* An engine has the name of its service, or this one. */
    if (strcmp(services[index].name, "default") == 0)
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "%s: services[%u]: the name 'default' means all that share a dispatch",
                            place, index);
    if (services[index].name[0] == '\0')
        return pl_error_set(error, EX_CONFIG, -EINVAL, "%s: services[%u]: the name is empty", place,
                            index);
    if (strlen(services[index].name) >= PL_NAME_BYTES_MAX)
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "%s: services[%u]: the name is longer than %d bytes", place, index,
                            PL_NAME_BYTES_MAX - 1);
    for (uint32_t i = 0; i < index; i++)
        if (strcmp(services[index].name, services[i].name) == 0)
            return pl_error_set(error, EX_CONFIG, -EINVAL,
                                "%s: services[%u]: the name '%s' is taken by services[%u]", place,
                                index, services[index].name, i);
    return 0;
}

int pl_settings_check(const struct pl_settings *settings, const struct pl_settings_schema *schema,
                      const char *source, struct pl_error *error)
{
    const struct pl_service_settings *services = settings->services.items;
    int err = pl_settings_check_dispatch(&settings->dispatch, "", source, error);

    if (err == 0)
        err = check_stall(&settings->limits, source, error);
    if (err == 0 && settings->services.count == 0)
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "%s: no services; expected `services:` with at least one", source);
    if (err == 0 && settings->services.count > PL_SERVICES_MAX - 1)
        return pl_error_set(error, EX_CONFIG, -EINVAL, "%s: more than %d services", source,
                            PL_SERVICES_MAX - 1);
    for (uint32_t i = 0; i < settings->services.count && err == 0; i++) {
        err = check_service(&services[i], i, schema, source, error);
        if (err == 0)
            err = check_name(services, i, source, error);
    }
    if (err == 0)
        err = pl_settings_check_timeline(&settings->timeline, source, error);
    if (err == 0)
        err = pl_settings_check_admin(settings, source, error);
    return err < 0 ? err : pl_settings_check_upstreams(settings, source, error);
}
