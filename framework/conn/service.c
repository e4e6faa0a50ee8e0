/* SPDX-License-Identifier: Apache-2.0 */
/* Who uses a service, and how its users come to the next one. Whoever closes services looks after
 * the last user woke it; see server/service_set.c. */
#include "service.h"

#include "waker.h"

void pl_service_take(struct pl_service *service)
{
    if (service->seat != NULL)
        atomic_fetch_add_explicit(&service->users, 1, memory_order_relaxed);
}

void pl_service_put(struct pl_service *service)
{
    int gone_fd;

    if (service->seat == NULL)
        return;
    gone_fd = service->gone_fd;
    /* Released by each, acquired by whoever closes the service. */
    if (atomic_fetch_sub_explicit(&service->users, 1, memory_order_acq_rel) == 1)
        pl_waker_wake(gone_fd);
}

struct pl_service *pl_service_take_successor(const struct pl_service *service)
{
    struct pl_service_seat *seat = service->seat;
    struct pl_service *current;

    pthread_mutex_lock(&seat->lock);
    current = seat->current;
    if (current != NULL && current->protocol != service->protocol)
        current = NULL;
    if (current != NULL)
        pl_service_take(current);
    pthread_mutex_unlock(&seat->lock);
    return current;
}

void pl_service_change(struct pl_service **service, _Atomic(struct pl_service *) *next)
{
    struct pl_service *taken;

    if (atomic_load_explicit(next, memory_order_relaxed) == NULL)
        return;
    taken = atomic_exchange_explicit(next, NULL, memory_order_acquire);
    if (taken == NULL)
        return;
    pl_service_put(*service);
    *service = taken;
}

void pl_service_leave(_Atomic(struct pl_service *) *next, struct pl_service *service)
{
    struct pl_service *missed;

    pl_service_take(service);
    missed = atomic_exchange_explicit(next, service, memory_order_acq_rel);
    if (missed != NULL)
        pl_service_put(missed);
}
