/* SPDX-License-Identifier: Apache-2.0 */
/* POST /swap: a form with the target, and the model, the threads or both. */
#include "admin_internal.h"

#include "json_text.h"

#include <paceline/blocking.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct swap_request {
    char target[PL_NAME_BYTES_MAX];
    char model[PL_NAME_BYTES_MAX + 8];   /* "model=..." */
    char threads[PL_NAME_BYTES_MAX + 8]; /* "threads=..." */
    const char *changes[3];
    size_t changes_count;
};

static bool take_change(struct swap_request *request, char *change, size_t size, const char *key,
                        struct pl_view raw)
{
    int prefix = snprintf(change, size, "%s=", key);

    if (pl_http_form_decode(raw, change + prefix, size - (size_t)prefix) < 0)
        return false;
    if (change[prefix] != '\0') /* a field of the form that was left empty */
        request->changes[request->changes_count++] = change;
    return true;
}

static bool take_field(struct swap_request *request, struct pl_view name, struct pl_view raw)
{
    if (pl_view_equals(name, PL_VIEW("target")) && request->target[0] == '\0')
        return pl_http_form_decode(raw, request->target, sizeof(request->target)) >= 0;
    if (pl_view_equals(name, PL_VIEW("model")) && request->model[0] == '\0')
        return take_change(request, request->model, sizeof(request->model), "model", raw);
    if (pl_view_equals(name, PL_VIEW("threads")) && request->threads[0] == '\0')
        return take_change(request, request->threads, sizeof(request->threads), "threads", raw);
    return false;
}

/* Returns the sentence of what is wrong, or NULL. */
static const char *read_request(struct pl_http_exchange *exchange, struct swap_request *request)
{
    struct pl_view rest = pl_http_body(exchange), name, value;

    while (pl_http_form_next(&rest, &name, &value))
        if (!take_field(request, name, value))
            return "expected target=..., model=... and threads=..., each at most once and at most "
                   "63 bytes";
    if (request->target[0] == '\0')
        return "expected target=...: \"default\", or a service's name";
    if (request->changes_count == 0)
        return "expected model=..., threads=... or both";
    return NULL;
}

static bool is_form(const struct pl_http_exchange *exchange)
{
    static const char form[] = "application/x-www-form-urlencoded";
    struct pl_view type;

    if (!pl_http_field(exchange, "Content-Type", &type) || type.length < sizeof(form) - 1 ||
        strncasecmp(type.bytes, form, sizeof(form) - 1) != 0)
        return false;
    return type.length == sizeof(form) - 1 || type.bytes[sizeof(form) - 1] == ';';
}

static void reply_report(struct pl_http_exchange *exchange, const struct pl_swap_report *report)
{
    char text[1024];
    struct pl_json json = { .text = text, .size = sizeof(text) };

    pl_json_put(&json, "{\"engine\":");
    pl_json_put_text(&json, report->engine);
    pl_json_put(&json, ",\"from\":");
    pl_json_put_text(&json, report->from);
    pl_json_put(&json, ",\"to\":");
    pl_json_put_text(&json, report->to);
    pl_json_put_number(&json, "threads", report->threads);
    pl_json_put_number(&json, "connections", report->conns);
    pl_json_put_number(&json, "connections_moved", report->conns_moved);
    pl_json_put_number(&json, "connections_held", report->conns_held);
    pl_json_put_number(&json, "threads_left_behind", report->threads_left_behind);
    pl_json_put_number(&json, "took_us", (uint64_t)report->took_us);
    pl_json_put(&json, "}\n");
    if (json.is_full) { /* names are bounded, and far shorter even when each byte is escaped */
        pl_admin_reply_error(exchange, 500, "the swap was made; its report is too long");
        return;
    }
    pl_admin_add_fields(exchange);
    pl_http_reply(exchange, 200, "application/json", text, json.used);
}

/* Thread: the admin thread, for the milliseconds that a swap takes. */
void pl_admin_swap(struct pl_http_exchange *exchange, void *context)
{
    struct pl_admin_http *http = context;
    struct swap_request request = { .changes_count = 0 };
    struct pl_swap_report report = { .threads = 0 };
    struct pl_error error = { .message = "" };
    const char *mistake;
    int err;

    if (!pl_admin_allows_change(http, exchange))
        return;
    mistake = is_form(exchange) ? read_request(exchange, &request)
                                : "expected Content-Type: application/x-www-form-urlencoded";
    if (mistake != NULL) {
        pl_admin_reply_error(exchange, is_form(exchange) ? 400 : 415, mistake);
        return;
    }
    pl_blocking_begin();
    err = pl_server_swap(http->watched, request.target, request.changes, &report, &error);
    pl_blocking_end();
    if (err < 0)
        pl_admin_reply_error(exchange, err == -EINVAL ? 400 : 503, error.message);
    else
        reply_report(exchange, &report);
}
