/* SPDX-License-Identifier: Apache-2.0 */
#include "log_writer.h"

#include "assert.h"
#include "log_rings.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

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
    if (!writer->is_running)
        return;
    atomic_store(&writer->is_stopping, true);
    /* The writer of another server may take what was meant for this one: ask until it has left. */
    do {
        pl_log_stop_waiting();
    } while (pthread_tryjoin_np(writer->thread, NULL) == EBUSY &&
             nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL) <= 0);
    writer->is_running = false;
    (void)pl_log_drain();
}
