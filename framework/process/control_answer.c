/* SPDX-License-Identifier: Apache-2.0 */
#include "control_answer.h"

#include "alloc.h"
#include "clock.h"
#include "json_text.h"
#include "server_internal.h"

#include <paceline/control.h>
#include <paceline/limits.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const char *const role_names[] = { [PL_ROLE_FOLLOWER] = "follower",
                                          [PL_ROLE_LEADER] = "leader",
                                          [PL_ROLE_PROCESSING] = "processing" };

/* False: the reply is a refusal already. */
typedef bool answer(struct pl_control *control, const struct pl_control_command *command,
                    struct pl_rates *rates, struct pl_json *json);

void pl_control_refuse(struct pl_json *json, const char *problem)
{
    json->used = 0;
    json->is_full = false;
    pl_json_put(json, "{\"ok\":false,\"error\":");
    pl_json_put_text(json, problem);
    pl_json_put(json, "}");
}

static void put_bool(struct pl_json *json, const char *name, bool value)
{
    pl_json_put(json, ",\"%s\":%s", name, value ? "true" : "false");
}

/* ---- status ---------------------------------------------------------------------------------- */

static bool is_draining(const struct pl_control *control)
{
    return atomic_load(&control->watched->drain_end_ms) != 0 || atomic_load(&control->is_ending);
}

static void put_state(const struct pl_control *control, struct pl_json *json)
{
    struct pl_server *server = control->watched;
    int64_t end_ms = atomic_load(&server->drain_end_ms);
    int64_t left_ms = end_ms - pl_clock_ms();

    pl_json_put_named_text(json, "state", is_draining(control) ? "draining" : "running");
    if (end_ms != 0)
        pl_json_put_number(json, "drain_left_ms", (uint64_t)(left_ms > 0 ? left_ms : 0));
    pl_json_put_number(json, "connections", atomic_load(&server->quota.used));
    pl_json_put_number(json, "connections_max", server->quota.max);
}

static void put_engines(struct pl_server *server, struct pl_json *json)
{
    struct pl_engine_view view;

    pl_json_put(json, ",\"engines\":[");
    for (size_t i = 0; pl_server_view_engine(server, i, &view); i++) {
        pl_json_put(json, "%s{\"name\":", i > 0 ? "," : "");
        pl_json_put_text(json, view.name);
        pl_json_put_named_text(json, "model", view.model);
        pl_json_put_number(json, "threads", view.threads);
        pl_json_put_named_text(json, "arming", view.arming);
        pl_json_put(json, "}");
    }
    pl_json_put(json, "]");
}

static void put_services(struct pl_server *server, struct pl_json *json)
{
    struct pl_service_view view;

    pl_json_put(json, ",\"services\":[");
    for (size_t i = 0; pl_server_view_service(server, i, &view); i++) {
        pl_json_put(json, "%s{\"name\":", i > 0 ? "," : "");
        pl_json_put_text(json, view.name);
        pl_json_put_named_text(json, "protocol", view.protocol);
        pl_json_put_named_text(json, "engine", view.engine);
        pl_json_put(json, ",\"listen\":[");
        for (size_t k = 0; k < view.listen_count; k++) {
            pl_json_put(json, "%s", k > 0 ? "," : "");
            pl_json_put_text(json, view.listen[k]);
        }
        pl_json_put(json, "]}");
    }
    pl_json_put(json, "]");
}

static bool answer_status(struct pl_control *control, const struct pl_control_command *command,
                          struct pl_rates *rates, struct pl_json *json)
{
    (void)command;
    (void)rates;
    pl_json_put_named_text(json, "name", control->watched->app.name);
    pl_json_put_named_text(json, "version", PACKAGE_VERSION);
    pl_json_put_number(json, "pid", (uint64_t)getpid());
    pl_json_put_number(json, "uptime_ms", (uint64_t)(pl_clock_ms() - control->opened_ms));
    put_state(control, json);
    put_engines(control->watched, json);
    put_services(control->watched, json);
    return true;
}

/* ---- figures --------------------------------------------------------------------------------- */

static bool answer_stats(struct pl_control *control, const struct pl_control_command *command,
                         struct pl_rates *rates, struct pl_json *json)
{
    int length;

    (void)command;
    (void)rates;
    pl_json_put(json, ",\"stats\":");
    if (json->is_full)
        return true;
    length =
        pl_server_stats_to_json(control->watched, json->text + json->used, json->size - json->used);
    if (length < 0)
        json->is_full = true;
    else
        json->used += (size_t)length;
    return true;
}

static bool answer_rates(struct pl_control *control, const struct pl_control_command *command,
                         struct pl_rates *rates, struct pl_json *json)
{
    (void)command;
    pl_rates_put(rates, control->watched, control->opened_ms, json);
    put_engines(control->watched, json);
    return true;
}

/* ---- connections and threads ----------------------------------------------------------------- */

static void put_connection(struct pl_json *json, const struct pl_conn_view *view, bool is_first)
{
    pl_json_put(json, "%s{\"service\":", is_first ? "" : ",");
    pl_json_put_text(json, view->service);
    pl_json_put_named_text(json, "peer", view->peer);
    pl_json_put_named_text(json, "state", view->state);
    pl_json_put_number(json, "age_ms", (uint64_t)view->age_ms);
    pl_json_put_number(json, "bytes_received", view->bytes_received);
    pl_json_put_number(json, "bytes_sent", view->bytes_sent);
    pl_json_put(json, "}");
}

static bool answer_connections(struct pl_control *control, const struct pl_control_command *command,
                               struct pl_rates *rates, struct pl_json *json)
{
    struct pl_conn_view *views = pl_alloc(command->rows * sizeof(*views));
    int open = -ENOMEM;

    (void)rates;
    if (views != NULL)
        open = pl_server_connections(control->watched, command->order, views, command->rows);
    if (open < 0) {
        pl_control_refuse(json, "no memory to look at the connections");
        pl_free(views);
        return false;
    }
    pl_json_put_named_text(json, "order", pl_control_order_name(command->order));
    pl_json_put_number(json, "open", (uint64_t)open);
    pl_json_put(json, ",\"connections\":[");
    for (size_t i = 0; i < command->rows && i < (size_t)open; i++)
        put_connection(json, &views[i], i == 0);
    pl_json_put(json, "]");
    pl_free(views);
    return true;
}

static void put_thread(struct pl_json *json, const struct pl_thread_view *view, bool is_first)
{
    pl_json_put(json, "%s{\"engine\":", is_first ? "" : ",");
    pl_json_put_text(json, view->engine);
    pl_json_put_named_text(json, "name", view->name);
    pl_json_put_named_text(json, "role", role_names[view->role]);
    pl_json_put_number(json, "role_us", (uint64_t)view->role_us);
    put_bool(json, "old", view->is_old);
    pl_json_put_named_text(json, "handler", view->handler);
    pl_json_put_number(json, "handler_us", (uint64_t)view->handler_us);
    pl_json_put(json, "}");
}

static bool answer_threads(struct pl_control *control, const struct pl_control_command *command,
                           struct pl_rates *rates, struct pl_json *json)
{
    struct pl_thread_view *views = pl_alloc(PL_CONTROL_ROWS_MAX * sizeof(*views));
    size_t running;

    (void)command;
    (void)rates;
    if (views == NULL) {
        pl_control_refuse(json, "no memory to look at the threads");
        return false;
    }
    running = pl_server_threads(control->watched, views, PL_CONTROL_ROWS_MAX);
    pl_json_put_number(json, "running", running);
    pl_json_put(json, ",\"threads\":[");
    for (size_t i = 0; i < running && i < PL_CONTROL_ROWS_MAX; i++)
        put_thread(json, &views[i], i == 0);
    pl_json_put(json, "]");
    pl_free(views);
    return true;
}

/* ---- changes --------------------------------------------------------------------------------- */

static bool answer_swap(struct pl_control *control, const struct pl_control_command *command,
                        struct pl_rates *rates, struct pl_json *json)
{
    struct pl_error error = { .message = "it cannot be done now" };
    struct pl_swap_report report;

    (void)rates;
    if (pl_server_swap(control->watched, command->target, command->changes, &report, &error) < 0) {
        pl_control_refuse(json, error.message);
        return false;
    }
    pl_json_put_named_text(json, "engine", report.engine);
    pl_json_put_named_text(json, "from", report.from);
    pl_json_put_named_text(json, "to", report.to);
    pl_json_put_number(json, "threads", report.threads);
    pl_json_put_number(json, "connections", report.conns);
    pl_json_put_number(json, "connections_moved", report.conns_moved);
    pl_json_put_number(json, "connections_held", report.conns_held);
    pl_json_put_number(json, "threads_left_behind", report.threads_left_behind);
    pl_json_put_number(json, "took_us", (uint64_t)report.took_us);
    return true;
}

static bool put_reload(struct pl_json *json, const struct pl_reload_report *report)
{
    pl_json_put_number(json, "changed", report->changed);
    pl_json_put_number(json, "needs_restart", report->needs_restart);
    pl_json_put_number(json, "listeners_added", report->listeners_added);
    pl_json_put_number(json, "listeners_kept", report->listeners_kept);
    pl_json_put_number(json, "listeners_dropped", report->listeners_dropped);
    pl_json_put_number(json, "swaps", report->swaps);
    pl_json_put_number(json, "took_us", (uint64_t)report->took_us);
    pl_json_put_named_text(json, "text", report->text);
    return true;
}

static bool answer_reload(struct pl_control *control, const struct pl_control_command *command,
                          struct pl_rates *rates, struct pl_json *json)
{
    struct pl_error error = { .message = "it cannot be done now" };
    struct pl_reload_report *report = pl_alloc(sizeof(*report));
    bool is_answered = false;

    (void)command;
    (void)rates;
    if (report == NULL)
        pl_control_refuse(json, "no memory to reload");
    else if (pl_server_reload(control->watched, report, &error) < 0)
        pl_control_refuse(json, error.message);
    else
        is_answered = put_reload(json, report);
    pl_free(report);
    return is_answered;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* The main thread stops the server, as it does when a signal comes from outside; once, because its
 * second one means at once. */
static void ask_to_stop(struct pl_control *control)
{
    bool is_asked = atomic_exchange(&control->is_ending, true);

    if (!is_asked && atomic_load(&control->watched->drain_end_ms) == 0)
        (void)kill(getpid(), SIGTERM);
}

static bool answer_drain(struct pl_control *control, const struct pl_control_command *command,
                         struct pl_rates *rates, struct pl_json *json)
{
    (void)command;
    (void)rates;
    ask_to_stop(control);
    put_state(control, json);
    pl_json_put_number(json, "drain_ms",
                       (uint64_t)(control->watched->settings.timeouts.drain_us / 1000));
    return true;
}

static bool answer_stop(struct pl_control *control, const struct pl_control_command *command,
                        struct pl_rates *rates, struct pl_json *json)
{
    (void)command;
    (void)rates;
    pl_server_hurry(control->watched);
    ask_to_stop(control);
    put_state(control, json);
    return true;
}

/* ---- the rest -------------------------------------------------------------------------------- */

static enum pl_log_level level_now(void)
{
    enum pl_log_level level = PL_LOG_DEBUG;

    while (level > PL_LOG_ERROR && !pl_log_is_on(level))
        level = (enum pl_log_level)(level - 1);
    return level;
}

static bool answer_loglevel(struct pl_control *control, const struct pl_control_command *command,
                            struct pl_rates *rates, struct pl_json *json)
{
    (void)rates;
    if (command->has_level)
        pl_log_configure(command->level, (enum pl_log_format)control->watched->settings.log.format);
    pl_json_put_named_text(json, "level", pl_control_level_name(level_now()));
    return true;
}

static bool answer_help(struct pl_control *control, const struct pl_control_command *command,
                        struct pl_rates *rates, struct pl_json *json)
{
    (void)control;
    (void)command;
    (void)rates;
    pl_json_put(json, ",\"commands\":[");
    for (int i = 0; i < PL_CONTROL_WORDS_COUNT; i++) {
        pl_json_put(json, "%s{\"usage\":", i > 0 ? "," : "");
        pl_json_put_text(json, pl_control_usage((enum pl_control_word)i));
        pl_json_put_named_text(json, "help", pl_control_help((enum pl_control_word)i));
        pl_json_put(json, "}");
    }
    pl_json_put(json, "]");
    return true;
}

static answer *const answers[PL_CONTROL_WORDS_COUNT] = {
    [PL_CONTROL_STATUS] = answer_status,   [PL_CONTROL_STATS] = answer_stats,
    [PL_CONTROL_RATES] = answer_rates,     [PL_CONTROL_CONNECTIONS] = answer_connections,
    [PL_CONTROL_THREADS] = answer_threads, [PL_CONTROL_SWAP] = answer_swap,
    [PL_CONTROL_RELOAD] = answer_reload,   [PL_CONTROL_DRAIN] = answer_drain,
    [PL_CONTROL_STOP] = answer_stop,       [PL_CONTROL_LOGLEVEL] = answer_loglevel,
    [PL_CONTROL_HELP] = answer_help,
};

void pl_control_answer(struct pl_control *control, const struct pl_control_command *command,
                       struct pl_rates *rates, struct pl_json *json)
{
    pl_json_put(json, "{\"ok\":true");
    if (!answers[command->word](control, command, rates, json))
        return;
    pl_json_put(json, "}");
    if (json->is_full)
        pl_control_refuse(json, "the reply is longer than a reply may be; ask for fewer rows");
}
