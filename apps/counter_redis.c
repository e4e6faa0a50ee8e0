/* SPDX-License-Identifier: Apache-2.0 */
/* The counts in a Redis: INCRBY over the connection pool, both ways. */
#include "counter_store.h"
#include "resp.h"

#include <paceline/log.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LEASE_MS 2000

static struct pl_upstream *upstream;

struct ask {
    counter_done *done;
    void *context;
};

static int open_store(struct pl_server *server, const struct counter_settings *settings)
{
    upstream = pl_server_upstream(server, settings->upstream);
    if (upstream != NULL)
        return 0;
    PL_LOG(PL_LOG_ERROR,
           "counter.upstream: no upstream '%s' in the configuration; expected `upstreams:` with "
           "that name",
           settings->upstream);
    return -ENOENT;
}

static void close_store(void)
{
    upstream = NULL;
}

static size_t write_increment(struct pl_view name, int by, char *bytes, size_t size)
{
    char number[16], key[COUNTER_NAME_BYTES_MAX + 16];
    int number_length = snprintf(number, sizeof(number), "%d", by);
    int key_length = snprintf(key, sizeof(key), "paceline:%.*s", (int)name.length, name.bytes);
    const struct pl_view words[] = { PL_VIEW("INCRBY"),
                                     { .bytes = key, .length = (size_t)key_length },
                                     { .bytes = number, .length = (size_t)number_length } };

    return resp_write_command(bytes, size, words, 3);
}

/* NULL: *ret_count is the count. `text` takes the words of a problem. */
static const char *read_count(struct pl_view reply, int64_t *ret_count, char *text, size_t size)
{
    struct resp_value value = { .number = 0 };
    size_t bytes;

    if (resp_read_value(reply, &value, &bytes) != RESP_READ ||
        (value.type != RESP_INTEGER && value.type != RESP_ERROR))
        return "redis answered with something that is no number";
    if (value.type == RESP_INTEGER) {
        *ret_count = value.number;
        return NULL;
    }
    snprintf(text, size, "redis: %.*s", (int)value.text.length, value.text.bytes);
    return text;
}

static void answered(const struct pl_upstream_result *result, void *context)
{
    struct ask *ask = context;
    const char *problem = pl_upstream_outcome_name(result->outcome);
    int64_t count = 0;
    char text[256];

    if (result->outcome == PL_UPSTREAM_REPLIED)
        problem = read_count(result->reply, &count, text, sizeof(text));
    ask->done(count, problem, ask->context);
    free(ask);
}

static void add(struct pl_view name, int by, counter_done *done, void *context)
{
    char bytes[256];
    struct ask *ask = malloc(sizeof(*ask));
    const struct pl_upstream_call call = {
        .request = { .bytes = bytes, .length = write_increment(name, by, bytes, sizeof(bytes)) },
        .framer = resp_frame,
        .done = answered,
        .context = ask,
    };
    int err;

    if (ask == NULL) {
        done(0, "no memory", context);
        return;
    }
    *ask = (struct ask){ .done = done, .context = context };
    err = pl_upstream_call(upstream, &call, NULL);
    if (err == 0)
        return;
    done(0, err == -EAGAIN ? "too many wait for it" : "no memory, or the server stops", context);
    free(ask);
}

static const char *exchange(struct pl_upstream_lease *lease, const char *request, size_t length,
                            char *reply, size_t size, size_t *ret_length)
{
    uint64_t scratch[4] = { 0 };
    size_t used = 0, bytes = 0, got = 0;
    enum pl_upstream_frame found = PL_UPSTREAM_MORE;

    if (pl_upstream_write(lease, request, length) < 0)
        return "cannot be written to";
    while (found == PL_UPSTREAM_MORE) {
        if (used == size || pl_upstream_read(lease, reply + used, size - used, &got) < 0 ||
            got == 0)
            return "gave no whole reply";
        used += got;
        found =
            resp_frame((struct pl_view){ .bytes = reply, .length = used }, false, scratch, &bytes);
    }
    /* What stands behind the reply would be taken for the next one. */
    if (found != PL_UPSTREAM_WHOLE || bytes != used)
        return "gave something that is no reply";
    *ret_length = bytes;
    return NULL;
}

static const char *add_blocking(struct pl_view name, int by, int64_t *ret_count)
{
    static _Thread_local char text[256];
    char request[256], reply[512];
    size_t length = write_increment(name, by, request, sizeof(request));
    struct pl_upstream_lease lease;
    const char *problem;
    int err = pl_upstream_lease(upstream, LEASE_MS, &lease);

    if (err < 0)
        return err == -ETIMEDOUT ? "no connection in time" : "cannot be reached";
    problem = exchange(&lease, request, length, reply, sizeof(reply), &length);
    if (problem != NULL) {
        pl_upstream_discard(&lease, true);
        return problem;
    }
    pl_upstream_return(&lease);
    return read_count((struct pl_view){ .bytes = reply, .length = length }, ret_count, text,
                      sizeof(text));
}

const struct counter_store counter_store_redis = { .name = "redis",
                                                   .open = open_store,
                                                   .close = close_store,
                                                   .add = add,
                                                   .add_blocking = add_blocking };
