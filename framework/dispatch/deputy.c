/* SPDX-License-Identifier: Apache-2.0 */
#include "deputy.h"

#include "engine.h"

#include <errno.h>
#include <time.h>

#define LOOK_NS         1000000
#define QUIET_LOOKS_MAX 100

static void sleep_until_stirred(struct pl_deputy *deputy)
{
    atomic_store(&deputy->is_asleep, true);
    /* Asleep is said before the last look: who stirs sees it, or the look sees what moved. */
    if (!deputy->look(deputy->context) || pl_thread_set_is_stopping(&deputy->set)) {
        if (atomic_exchange(&deputy->is_asleep, false))
            return;
    }
    while (sem_wait(&deputy->set.threads->wake) < 0 && errno == EINTR)
        ;
}

static void *deputy_main(void *argument)
{
    struct pl_thread *thread = argument;
    struct pl_deputy *deputy = PL_CONTAINER_OF(thread->set, struct pl_deputy, set);
    const struct timespec pause = { .tv_nsec = LOOK_NS };
    uint32_t quiet_looks = 0;

    while (!pl_thread_set_is_stopping(&deputy->set)) {
        if (quiet_looks == QUIET_LOOKS_MAX) {
            sleep_until_stirred(deputy);
            quiet_looks = 0;
        }
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
        quiet_looks = deputy->look(deputy->context) ? quiet_looks + 1 : 0;
    }
    return NULL;
}

int pl_deputy_init(struct pl_deputy *deputy, struct pl_model *model, pl_deputy_look *look,
                   void *context)
{
    deputy->look = look;
    deputy->context = context;
    return pl_thread_set_init(&deputy->set, model, "deputy", 1, deputy_main);
}

void pl_deputy_deinit(struct pl_deputy *deputy)
{
    if (deputy->look != NULL)
        pl_thread_set_deinit(&deputy->set);
    deputy->look = NULL;
}

void pl_deputy_wake(struct pl_deputy *deputy)
{
    if (atomic_exchange(&deputy->is_asleep, false))
        (void)sem_post(&deputy->set.threads->wake);
}
