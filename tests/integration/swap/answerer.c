/* SPDX-License-Identifier: Apache-2.0 */
/* A thread of the application that answers requests which their handlers have deferred. */
#include "served.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFERRED_MAX 4096

struct deferred {
    struct pl_http_deferred handle;
    uint64_t number;
    bool is_stream;
};

static struct deferred queue[DEFERRED_MAX];
static uint32_t head, count;
static bool is_ending;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the four above */
static pthread_cond_t has_come = PTHREAD_COND_INITIALIZER;
static pthread_t thread;

void answerer_defer(struct pl_http_exchange *exchange, uint64_t number, bool is_stream)
{
    struct deferred deferred = { pl_http_defer(exchange), number, is_stream };

    pthread_mutex_lock(&lock);
    if (count == DEFERRED_MAX)
        abort();
    queue[(head + count++) % DEFERRED_MAX] = deferred;
    pthread_cond_signal(&has_come);
    pthread_mutex_unlock(&lock);
}

/* A full mailbox takes the part after a moment. */
static int write_part(const struct deferred *deferred, uint32_t part)
{
    char bytes[SERVED_PART_BYTES];
    int err;

    served_write_part(bytes, deferred->number, part);
    while ((err = pl_http_deferred_write(&deferred->handle, bytes, sizeof(bytes))) == -EAGAIN)
        client_pause_ms(1);
    return err;
}

/* A client that has gone is no failure here: the client's side notices what it lacks. */
static void answer(const struct deferred *deferred)
{
    char text[32];
    int length = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)deferred->number);
    int err;

    if (!deferred->is_stream) {
        (void)!pl_http_deferred_reply(&deferred->handle, 200, "text/plain", text, (size_t)length);
        return;
    }
    err = pl_http_deferred_begin(&deferred->handle, 200, "text/plain");
    for (uint32_t part = 0; part < SERVED_LATER_PARTS && err == 0; part++)
        err = write_part(deferred, part);
    if (err == 0)
        (void)!pl_http_deferred_end(&deferred->handle);
}

static void *answerer_main(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&lock);
    while (!is_ending || count > 0) {
        struct deferred deferred;

        if (count == 0) {
            pthread_cond_wait(&has_come, &lock);
            continue;
        }
        deferred = queue[head];
        head = (head + 1) % DEFERRED_MAX;
        count--;
        pthread_mutex_unlock(&lock);
        answer(&deferred);
        pthread_mutex_lock(&lock);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

void answerer_begin(void)
{
    head = count = 0;
    is_ending = false;
    assert_int_equal(pthread_create(&thread, NULL, answerer_main, NULL), 0);
}

void answerer_end(void)
{
    pthread_mutex_lock(&lock);
    is_ending = true;
    pthread_cond_signal(&has_come);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
}
