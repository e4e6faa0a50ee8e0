/* SPDX-License-Identifier: Apache-2.0 */
#include "log_writer.h"

#include "log_rings.h"

#include <signal.h>

static void *write_lines(void *argument)
{
    struct pl_log_writer *writer = argument;

    (void)pthread_setname_np(pthread_self(), "log");
    while (!atomic_load(&writer->is_stopping))
        pl_log_wait();
    return NULL;
}

int pl_log_writer_start(struct pl_log_writer *writer)
{
    sigset_t all, before;
    int err;

    atomic_store(&writer->is_stopping, false);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    err = pthread_create(&writer->thread, NULL, write_lines, writer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    writer->is_running = err == 0;
    return -err;
}

void pl_log_writer_stop(struct pl_log_writer *writer)
{
    if (!writer->is_running)
        return;
    atomic_store(&writer->is_stopping, true);
    pl_log_stop_waiting();
    (void)pthread_join(writer->thread, NULL);
    writer->is_running = false;
    (void)pl_log_drain();
}
