/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of `upstreams`: a row each, and what the rows alone cannot say. */
#include "settings.h"

#include "address.h"

#include <paceline/limits.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sysexits.h>

static const char *const policy_words[] = { "round_robin", "least_connections", NULL };

static const struct pl_setting pool_rows[] = {
    { .name = "min_idle",
      .type = PL_SETTING_COUNT,
      .offset = offsetof(struct pl_upstream_pool_settings, min_idle),
      .by_default = "0",
      .max = 65536,
      .help = "Connections that stand ready, made at the start and ahead of calls." },
    { .name = "max",
      .type = PL_SETTING_COUNT,
      .offset = offsetof(struct pl_upstream_pool_settings, max),
      .by_default = "32",
      .min = 1,
      .max = 65536,
      .help = "Connections at once, connecting ones included; shared by all dispatch models." },
    { .name = "max_idle_time",
      .type = PL_SETTING_DURATION,
      .offset = offsetof(struct pl_upstream_pool_settings, max_idle_us),
      .by_default = "30s",
      .min = 1000,
      .max = 86400000000,
      .help = "An idle connection is closed after this long; keep it below the peer's own." },
    { .name = "max_lifetime",
      .type = PL_SETTING_DURATION,
      .offset = offsetof(struct pl_upstream_pool_settings, max_lifetime_us),
      .by_default = "1h",
      .min = 1000,
      .max = 604800000000,
      .help = "An older connection carries no further exchange." },
    { .name = "max_requests",
      .type = PL_SETTING_COUNT,
      .offset = offsetof(struct pl_upstream_pool_settings, max_requests),
      .by_default = "0",
      .max = 1000000000,
      .help = "Exchanges over one connection; 0: any number." },
    { .name = "max_waiters",
      .type = PL_SETTING_COUNT,
      .offset = offsetof(struct pl_upstream_pool_settings, max_waiters),
      .by_default = "1024",
      .max = 1000000,
      .help = "Exchanges that may wait for a connection; more are refused at once." },
    { .name = NULL },
};

#define UPSTREAM_TIMEOUT(key, field, value, sentence)                                              \
    {                                                                                              \
        .name = key, .type = PL_SETTING_DURATION,                                                  \
        .offset = offsetof(struct pl_upstream_timeouts_settings, field), .by_default = value,      \
        .min = 1000, .max = 86400000000, .help = sentence                                          \
    }

static const struct pl_setting upstream_timeouts_rows[] = {
    UPSTREAM_TIMEOUT("connect", connect_us, "1s", "Until a new connection stands."),
    UPSTREAM_TIMEOUT("wait", wait_us, "5s", "In line, while all connections are leased."),
    UPSTREAM_TIMEOUT("first_byte", first_byte_us, "10s",
                     "From the request to the first byte of its reply."),
    UPSTREAM_TIMEOUT("total", total_us, "30s", "The whole exchange, waiting and connecting too."),
    { .name = NULL },
};

static const struct pl_setting eject_rows[] = {
    { .name = "failures",
      .type = PL_SETTING_COUNT,
      .offset = offsetof(struct pl_upstream_eject_settings, failures),
      .by_default = "5",
      .max = 1000000,
      .help = "Failures in a row after which a server is left alone for a while; 0: never. At most "
              "half of the servers are." },
    { .name = "time",
      .type = PL_SETTING_DURATION,
      .offset = offsetof(struct pl_upstream_eject_settings, time_us),
      .by_default = "10s",
      .min = 1000,
      .max = 3600000000,
      .help = "For how long the first time; the next times in a row twice, three times as long." },
    { .name = NULL },
};

const struct pl_setting pl_settings_upstream_rows[] = {
    { .name = "name",
      .type = PL_SETTING_TEXT,
      .offset = offsetof(struct pl_upstream_settings, name),
      .help = "For the application, the log and the statistics." },
    { .name = "servers",
      .type = PL_SETTING_TEXTS,
      .offset = offsetof(struct pl_upstream_settings, servers),
      .item_bytes = sizeof(char *),
      .help = "Where they listen: `127.0.0.1:6379`, `[::1]:6379`, `redis.internal:6379`, "
              "`unix:/run/redis.sock`." },
    { .name = "policy",
      .type = PL_SETTING_WORD,
      .offset = offsetof(struct pl_upstream_settings, policy),
      .by_default = "round_robin",
      .words = policy_words,
      .help = "Which server gets the next exchange." },
    { .name = "pool",
      .type = PL_SETTING_GROUP,
      .offset = offsetof(struct pl_upstream_settings, pool),
      .rows = pool_rows,
      .help = "The connection pool; see docs/upstream.md." },
    { .name = "timeouts",
      .type = PL_SETTING_GROUP,
      .offset = offsetof(struct pl_upstream_settings, timeouts),
      .rows = upstream_timeouts_rows,
      .help = "How long a call waits for what; a lease brings its own deadline." },
    { .name = "eject",
      .type = PL_SETTING_GROUP,
      .offset = offsetof(struct pl_upstream_settings, eject),
      .rows = eject_rows,
      .help = "Servers that fail are left out of the choice." },
    { .name = "message",
      .type = PL_SETTING_BYTES,
      .offset = offsetof(struct pl_upstream_settings, message_bytes_max),
      .by_default = "64KiB",
      .min = 1024,
      .max = PL_BUFFER_BYTES_MAX / 2,
      .help = "The longest reply of a call, which is kept whole." },
    { .name = "refresh",
      .type = PL_SETTING_DURATION,
      .offset = offsetof(struct pl_upstream_settings, refresh_us),
      .by_default = "30s",
      .min = 100000,
      .max = 86400000000,
      .help = "How often names are resolved anew." },
    { .name = NULL },
};

static bool is_word(const char *text)
{
    return text[0] != '\0' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
               strlen(text);
}

static int check_upstream_name(const struct pl_upstream_settings *upstreams, uint32_t index,
                               const char *place, struct pl_error *error)
{
    const char *name = upstreams[index].name;

    if (name == NULL || !is_word(name))
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "%s: upstreams[%u]: %s; expected `name:` with letters, digits, '-', "
                            "'_' and '.'",
                            place, index, name == NULL ? "no name" : "this is no name");
    for (uint32_t i = 0; i < index; i++)
        if (strcmp(name, upstreams[i].name) == 0)
            return pl_error_set(error, EX_CONFIG, -EINVAL,
                                "%s: upstreams[%u]: the name '%s' is taken by upstreams[%u]", place,
                                index, name, i);
    return 0;
}

static int check_upstream_server(const char *text, const char *place, const char *name,
                                 struct pl_error *error)
{
    struct pl_error detail;
    struct pl_address address;

    if (pl_resolver_is_name(text))
        return 0;
    if (pl_address_parse(text, &address, &detail) < 0 || address.is_datagram ||
        pl_address_port(&address) == 0 || (strncmp(text, "unix:", 5) == 0 && text[5] != '/'))
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "%s: upstream %s: servers: '%s' is no address to connect to; expected "
                            "NAME:PORT, ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH",
                            place, name, text);
    return 0;
}

static int check_upstream(const struct pl_upstream_settings *upstreams, uint32_t index,
                          const char *source, struct pl_error *error)
{
    const struct pl_upstream_settings *upstream = &upstreams[index];
    char *const *servers = upstream->servers.items;
    char place[320];
    int err;

    pl_settings_name_place(upstream->place, source, place, sizeof(place));
    err = check_upstream_name(upstreams, index, place, error);
    if (err < 0)
        return err;
    if (upstream->servers.count == 0 || upstream->servers.count > PL_UPSTREAM_SERVERS_MAX)
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "%s: upstream %s: %u `servers`; expected a list of 1 to %d addresses",
                            place, upstream->name, upstream->servers.count,
                            PL_UPSTREAM_SERVERS_MAX);
    for (uint32_t i = 0; i < upstream->servers.count && err == 0; i++)
        err = check_upstream_server(servers[i], place, upstream->name, error);
    if (err == 0 && upstream->pool.min_idle > upstream->pool.max)
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "%s: upstream %s: pool.min_idle is %u, more than pool.max, %u", place,
                            upstream->name, upstream->pool.min_idle, upstream->pool.max);
    return err;
}

int pl_settings_check_upstreams(const struct pl_settings *settings, const char *source,
                                struct pl_error *error)
{
    const struct pl_upstream_settings *upstreams = settings->upstreams.items;
    char place[320];
    int err = 0;

    if (settings->upstreams.count > PL_UPSTREAMS_MAX) {
        pl_settings_name_place(upstreams[PL_UPSTREAMS_MAX].place, source, place, sizeof(place));
        return pl_error_set(error, EX_CONFIG, -EINVAL, "%s: more than %d upstreams", place,
                            PL_UPSTREAMS_MAX);
    }
    for (uint32_t i = 0; i < settings->upstreams.count && err == 0; i++)
        err = check_upstream(upstreams, i, source, error);
    return err;
}
