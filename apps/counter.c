/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page that counts its visits, in a file or in a Redis behind the server: one word of YAML,
 * `counter.store`, like the model.
 *
 *     /            the page
 *     /count?NAME  the number alone, of a count of its own
 *     /blocking    the same by a handler that blocks, to compare the two ways
 */
#include "counter_store.h"

#include <paceline/http.h>
#include <paceline/main.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct counter_store *const stores[] = { &counter_store_embedded,
                                                      &counter_store_redis };
static const char *const store_words[] = { "embedded", "redis", NULL };

static const struct pl_setting settings_table[] = {
    { .name = "store",
      .type = PL_SETTING_WORD,
      .offset = offsetof(struct counter_settings, store),
      .by_default = "embedded",
      .words = store_words,
      .help = "Where the counts are kept: a file of its own, or a Redis." },
    { .name = "file",
      .type = PL_SETTING_PATH,
      .offset = offsetof(struct counter_settings, file),
      .by_default = "counter.mdb",
      .help = "embedded: the file." },
    { .name = "upstream",
      .type = PL_SETTING_TEXT,
      .offset = offsetof(struct counter_settings, upstream),
      .by_default = "store",
      .help = "redis: the name of an upstream." },
    { .name = NULL },
};

static const struct counter_store *store;

/* A visit on its way to the store and back. */
struct visit {
    struct pl_http_deferred deferred;
    bool is_page;
};

static size_t write_page(char *text, size_t size, int64_t count)
{
    return (size_t)snprintf(
        text, size,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width\"><link rel=\"icon\" href=\"data:,\">"
        "<title>Counter</title><body style=\"font:18px/1.5 system-ui,sans-serif;margin:2rem\">"
        "<p>This page has been seen <b>%lld</b> times.</p></body></html>\n",
        (long long)count);
}

static void answer(int64_t count, const char *problem, void *context)
{
    struct visit *visit = context;
    char text[1024];
    size_t length;

    if (problem != NULL)
        length = (size_t)snprintf(text, sizeof(text), "the store: %s\n", problem);
    else if (visit->is_page)
        length = write_page(text, sizeof(text), count);
    else
        length = (size_t)snprintf(text, sizeof(text), "%lld\n", (long long)count);
    /* A client that has gone meanwhile has been counted all the same. */
    (void)!pl_http_deferred_reply(&visit->deferred, problem == NULL ? 200 : 503,
                                  problem == NULL && visit->is_page ? "text/html; charset=utf-8"
                                                                    : "text/plain",
                                  text, length);
    free(visit);
}

/* The count's name from the query, or the page's own. */
static bool find_name(const struct pl_http_exchange *exchange, struct pl_view *ret_name)
{
    struct pl_view query = pl_http_query(exchange);

    for (size_t i = 0; i < query.length; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.",
                   query.bytes[i]) == NULL)
            return false;
    *ret_name = query.length == 0 ? PL_VIEW("page") : query;
    return query.length <= COUNTER_NAME_BYTES_MAX;
}

/* HEAD looks and does not count. */
static int step_of(const struct pl_http_exchange *exchange)
{
    return pl_view_equals(pl_http_method(exchange), PL_VIEW("HEAD")) ? 0 : 1;
}

static void count(struct pl_http_exchange *exchange, void *context)
{
    struct visit *visit;
    struct pl_view name;

    if (!find_name(exchange, &name)) {
        pl_http_reply_text(exchange, 400, "a name is at most 64 of a-z A-Z 0-9 - _ .\n");
        return;
    }
    visit = malloc(sizeof(*visit));
    if (visit == NULL) {
        pl_http_reply_text(exchange, 503, "no memory\n");
        return;
    }
    visit->is_page = context != NULL;
    visit->deferred = pl_http_defer(exchange);
    store->add(name, step_of(exchange), answer, visit);
}

static void count_blocking(struct pl_http_exchange *exchange, void *context)
{
    struct pl_view name;
    const char *problem;
    int64_t number;
    char text[64];

    (void)context;
    if (!find_name(exchange, &name)) {
        pl_http_reply_text(exchange, 400, "a name is at most 64 of a-z A-Z 0-9 - _ .\n");
        return;
    }
    problem = store->add_blocking(name, step_of(exchange), &number);
    if (problem == NULL)
        snprintf(text, sizeof(text), "%lld\n", (long long)number);
    pl_http_reply_text(exchange, problem == NULL ? 200 : 503, problem == NULL ? text : problem);
}

static int start(struct pl_server *server, void *context)
{
    const struct counter_settings *settings = pl_server_app_settings(server);

    (void)context;
    store = stores[settings->store];
    return store->open(server, settings);
}

static void stop(struct pl_server *server, void *context)
{
    (void)server, (void)context;
    store->close();
}

int main(int argc, char **argv)
{
    static char is_page; /* its address marks the page's own route */
    static const struct pl_http_route routes[] = {
        { .method = "GET", .path = "/", .handler = count, .context = &is_page },
        { .method = "GET", .path = "/count", .handler = count },
        { .method = "GET", .path = "/blocking", .handler = count_blocking, .may_block = true },
    };

    return pl_main(argc, argv,
                   &PL_APP(.name = "counter", PL_HTTP_ROUTES(routes), .start = start, .stop = stop,
                           .settings = settings_table));
}
