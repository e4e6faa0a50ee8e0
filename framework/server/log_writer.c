/* SPDX-License-Identifier: Apache-2.0 */
#include "log_writer.h"

#include "assert.h"
#include "log_rings.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

static pthread_mutex_t users_lock = PTHREAD_MUTEX_INITIALIZER; /* guards users and writer */
static uint32_t users;
static pthread_t writer;
static _Atomic bool is_stopping;

static void *write_lines(void *unused)
{
    (void)unused;
    (void)pthread_setname_np(pthread_self(), "log");
    while (!atomic_load(&is_stopping))
        pl_log_wait();
    return NULL;
}

static int start_writer(void)
{
    sigset_t all, before;
    int err;

    atomic_store(&is_stopping, false);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    err = pthread_create(&writer, NULL, write_lines, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -err;
}

int pl_log_writer_start(void)
{
    int err = 0;

    pthread_mutex_lock(&users_lock);
    if (users == 0)
        err = start_writer();
    if (err == 0)
        users++;
    pthread_mutex_unlock(&users_lock);
    return err;
}

void pl_log_writer_stop(void)
{
    pthread_mutex_lock(&users_lock);
    PL_ASSERT(users > 0);
    if (--users == 0) {
        atomic_store(&is_stopping, true);
        pl_log_stop_waiting();
        (void)pthread_join(writer, NULL);
        (void)pl_log_drain();
    }
    pthread_mutex_unlock(&users_lock);
}
