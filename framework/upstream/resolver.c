/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver.h"

#include "alloc.h"
#include "clock.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A name that could not be resolved is asked for again this soon, or at the refresh time if that is
 * sooner. */
#define RETRY_MS 1000

struct name {
    char host[256];
    char port[8];
    uint32_t number;
    int64_t due_ms;
};

struct pl_resolver {
    int64_t refresh_ms;
    pl_resolved *on_resolved;
    void *context;
    struct name *names; /* owned: PL_UPSTREAM_SERVERS_MAX */
    uint32_t names_count;

    pthread_mutex_t lock; /* guards the rest, and is held while on_resolved runs */
    pthread_cond_t is_changed;
    pthread_t thread;
    uint32_t owners; /* the one who made it, and its thread */
    bool is_started;
    bool is_asking; /* the thread is inside getaddrinfo() */
    bool is_stopped;
};

static bool split(const char *text, struct name *name)
{
    const char *colon = strrchr(text, ':');
    size_t host_length = colon == NULL ? 0 : (size_t)(colon - text);
    char *end;
    unsigned long port;

    if (host_length == 0 || host_length >= sizeof(name->host) || colon[1] < '0' || colon[1] > '9')
        return false;
    port = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || port == 0 || port > 65535)
        return false;
    /* Letters, digits, '-', '.' and '_': what a name server can know. */
    for (size_t i = 0; i < host_length; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._", text[i]) ==
            NULL)
            return false;
    memcpy(name->host, text, host_length);
    name->host[host_length] = '\0';
    snprintf(name->port, sizeof(name->port), "%lu", port);
    return true;
}

bool pl_resolver_is_name(const char *text)
{
    struct name name;

    /* A last label of digits alone belongs to an address, and a wrong one at that (RFC 1123, 2.1).
     */
    if (!split(text, &name))
        return false;
    return strspn(name.host, "0123456789.") != strlen(name.host);
}

struct pl_resolver *pl_resolver_new(int64_t refresh_ms, pl_resolved *on_resolved, void *context)
{
    struct pl_resolver *resolver = pl_alloc(sizeof(*resolver));
    pthread_condattr_t monotonic;

    if (resolver == NULL)
        return NULL;
    resolver->names = pl_alloc(PL_UPSTREAM_SERVERS_MAX * sizeof(*resolver->names));
    if (resolver->names == NULL) {
        pl_free(resolver);
        return NULL;
    }
    resolver->refresh_ms = refresh_ms;
    resolver->on_resolved = on_resolved;
    resolver->context = context;
    resolver->owners = 1;
    pthread_mutex_init(&resolver->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&resolver->is_changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return resolver;
}

int pl_resolver_add(struct pl_resolver *resolver, const char *text, uint32_t number)
{
    struct name *name = &resolver->names[resolver->names_count];

    if (resolver->names_count == PL_UPSTREAM_SERVERS_MAX)
        return -ENOSPC;
    if (!split(text, name))
        return -EINVAL;
    name->number = number;
    resolver->names_count++;
    return 0;
}

/* ---- the thread --------------------------------------------------------------------------------
 */

static uint32_t collect(const struct addrinfo *found, struct pl_address *addresses)
{
    uint32_t count = 0;

    for (; found != NULL && count < PL_UPSTREAM_ADDRESSES_MAX; found = found->ai_next) {
        if (found->ai_addrlen > sizeof(addresses[count].socket))
            continue;
        memset(&addresses[count], 0, sizeof(addresses[count]));
        memcpy(&addresses[count].socket, found->ai_addr, found->ai_addrlen);
        addresses[count].length = found->ai_addrlen;
        count++;
    }
    return count;
}

static uint32_t resolve(const struct name *name, struct pl_address *addresses,
                        const char **ret_error)
{
    const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    int code = getaddrinfo(name->host, name->port, &hints, &found);
    uint32_t count;

    *ret_error = code == 0 ? "no address" : gai_strerror(code);
    if (code != 0)
        return 0;
    count = collect(found, addresses);
    freeaddrinfo(found);
    return count;
}

static struct name *next_due(struct pl_resolver *resolver)
{
    struct name *next = &resolver->names[0];

    for (uint32_t i = 1; i < resolver->names_count; i++)
        if (resolver->names[i].due_ms < next->due_ms)
            next = &resolver->names[i];
    return next;
}

/* Returns with the lock held. */
static void wait_until_locked(struct pl_resolver *resolver, int64_t due_ms)
{
    /* pl_clock_ms() counts from 1. */
    const struct timespec until = { .tv_sec = (due_ms - 1) / 1000,
                                    .tv_nsec = (due_ms - 1) % 1000 * 1000000 };

    while (!resolver->is_stopped && pl_clock_ms() < due_ms)
        if (pthread_cond_timedwait(&resolver->is_changed, &resolver->lock, &until) == ETIMEDOUT)
            return;
}

static void ask_for_locked(struct pl_resolver *resolver, struct name *name)
{
    struct pl_address addresses[PL_UPSTREAM_ADDRESSES_MAX];
    int64_t soon_ms = RETRY_MS < resolver->refresh_ms ? RETRY_MS : resolver->refresh_ms;
    const char *error;
    uint32_t count;

    resolver->is_asking = true;
    pthread_mutex_unlock(&resolver->lock);
    count = resolve(name, addresses, &error);
    pthread_mutex_lock(&resolver->lock);
    resolver->is_asking = false;
    if (resolver->is_stopped)
        return;
    name->due_ms = pl_clock_ms() + (count == 0 ? soon_ms : resolver->refresh_ms);
    resolver->on_resolved(addresses, count, error, resolver->context, name->number);
}

/* Expects the lock held, and gives it up. */
static void leave_locked(struct pl_resolver *resolver)
{
    bool is_last = --resolver->owners == 0;

    pthread_mutex_unlock(&resolver->lock);
    if (!is_last)
        return;
    pthread_cond_destroy(&resolver->is_changed);
    pthread_mutex_destroy(&resolver->lock);
    pl_free(resolver->names);
    pl_free(resolver);
}

static void *thread_main(void *argument)
{
    struct pl_resolver *resolver = argument;

    (void)pthread_setname_np(pthread_self(), "resolver");
    pthread_mutex_lock(&resolver->lock);
    while (!resolver->is_stopped) {
        struct name *name = next_due(resolver);

        if (pl_clock_ms() >= name->due_ms)
            ask_for_locked(resolver, name);
        else
            wait_until_locked(resolver, name->due_ms);
    }
    leave_locked(resolver);
    return NULL;
}

/* ---- life --------------------------------------------------------------------------------------
 */

int pl_resolver_start(struct pl_resolver *resolver)
{
    sigset_t all, before;
    int err;

    resolver->owners++;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    err = pthread_create(&resolver->thread, NULL, thread_main, resolver);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    resolver->is_started = err == 0;
    if (err != 0)
        resolver->owners--;
    return -err;
}

void pl_resolver_free(struct pl_resolver *resolver)
{
    pthread_t thread;
    bool is_started, is_asking;

    if (resolver == NULL)
        return;
    pthread_mutex_lock(&resolver->lock);
    thread = resolver->thread;
    is_started = resolver->is_started;
    is_asking = resolver->is_asking;
    resolver->is_stopped = true;
    pthread_cond_signal(&resolver->is_changed);
    leave_locked(resolver);
    if (!is_started)
        return;
    /* A thread inside getaddrinfo() cannot be called back: it is left to end on its own. */
    if (is_asking)
        (void)pthread_detach(thread);
    else
        (void)pthread_join(thread, NULL);
}
