/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is connected, for whoever looks at a running server. Every slot is looked at and none is
 * claimed: the claim's generation is the same before and after what was read of a slot, so all of
 * it belongs to one connection. Only as many are kept as were asked for, in a heap whose root is
 * the one to go first.
 */
#include "server_internal.h"

#include "alloc.h"
#include "clock.h"

#include <paceline/control.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct candidate {
    uint64_t key; /* the smaller, the nearer to the top of the table */
    struct pl_slot *slot;
    uint32_t generation;
    const struct pl_service *service;
    const char *state;
    uint64_t opened_ms, received, sent;
    int fd;
};

struct top {
    enum pl_conn_order order;
    struct candidate
        *heap; /* owned array of max; a parent's key is no smaller than its children's */
    size_t count, max;
    size_t open; /* all that were seen */
};

/* ---- the heap -------------------------------------------------------------------------------- */

static void swap_candidates(struct candidate *a, struct candidate *b)
{
    struct candidate kept = *a;

    *a = *b;
    *b = kept;
}

static void sift_up(struct candidate *heap, size_t index)
{
    while (index > 0 && heap[(index - 1) / 2].key < heap[index].key) {
        swap_candidates(&heap[(index - 1) / 2], &heap[index]);
        index = (index - 1) / 2;
    }
}

static void sift_down(struct candidate *heap, size_t count, size_t index)
{
    for (;;) {
        size_t largest = index;

        for (size_t child = 2 * index + 1; child <= 2 * index + 2 && child < count; child++)
            if (heap[child].key > heap[largest].key)
                largest = child;
        if (largest == index)
            return;
        swap_candidates(&heap[largest], &heap[index]);
        index = largest;
    }
}

static void keep(struct top *top, const struct candidate *candidate)
{
    if (top->count < top->max) {
        top->heap[top->count] = *candidate;
        sift_up(top->heap, top->count++);
    } else if (top->max > 0 && candidate->key < top->heap[0].key) {
        top->heap[0] = *candidate;
        sift_down(top->heap, top->count, 0);
    }
}

/* The heap becomes a list, the smallest key first. */
static void sort(struct top *top)
{
    for (size_t count = top->count; count > 1; count--) {
        swap_candidates(&top->heap[0], &top->heap[count - 1]);
        sift_down(top->heap, count - 1, 0);
    }
}

/* ---- a slot ---------------------------------------------------------------------------------- */

/* In the order of the table by state: who costs a thread or memory stands first. */
enum state { RUNNING, WRITING, PARKED, IDLE };

static const char *const state_names[] = {
    [RUNNING] = "running", [WRITING] = "writing", [PARKED] = "parked", [IDLE] = "idle"
};

static enum state state_of(const struct pl_claim_view *claim)
{
    if (claim->is_held)
        return RUNNING;
    if (claim->waits & PL_WRITABLE)
        return WRITING;
    return claim->waits & PL_COMPLETION ? PARKED : IDLE;
}

static uint64_t key_of(enum pl_conn_order order, const struct candidate *candidate,
                       enum state state)
{
    switch (order) {
    case PL_CONN_ORDER_AGE:
        break;
    case PL_CONN_ORDER_BYTES:
        return UINT64_MAX - candidate->received - candidate->sent;
    case PL_CONN_ORDER_STATE:
        return (uint64_t)state << (64 - PL_LEDGER_FD_BITS) | candidate->opened_ms;
    }
    return candidate->opened_ms;
}

static bool is_the_same(const struct pl_slot *slot, uint32_t generation)
{
    return pl_claim_look(&slot->claim).generation == generation;
}

/* False: no client's connection is there, or no longer. */
static bool read_slot(struct pl_slot_table *table, struct pl_slot *slot, enum pl_conn_order order,
                      struct candidate *ret_candidate)
{
    struct pl_ledger *ledger = pl_slot_table_ledger(table, slot);
    struct pl_claim_view claim = pl_claim_look(&slot->claim);
    uint64_t opened;

    if (!claim.is_open)
        return false;
    ret_candidate->service = atomic_load_explicit(&ledger->of, memory_order_acquire);
    if (ret_candidate->service == NULL)
        return false;
    opened = atomic_load_explicit(&ledger->opened, memory_order_acquire);
    ret_candidate->received = atomic_load_explicit(&ledger->received, memory_order_acquire);
    ret_candidate->sent = atomic_load_explicit(&ledger->sent, memory_order_acquire);
    ret_candidate->opened_ms = opened >> PL_LEDGER_FD_BITS;
    ret_candidate->fd = (int)(opened & ((1u << PL_LEDGER_FD_BITS) - 1));
    ret_candidate->slot = slot;
    ret_candidate->generation = claim.generation;
    ret_candidate->state = state_names[state_of(&claim)];
    ret_candidate->key = key_of(order, ret_candidate, state_of(&claim));
    return is_the_same(slot, claim.generation);
}

static void look_at_table(struct pl_slot_table *table, struct top *top)
{
    uint32_t used_max = atomic_load_explicit(&table->used_max, memory_order_acquire);

    for (uint32_t i = 0; i < used_max; i++) {
        struct candidate candidate;

        if (!read_slot(table, pl_slot_table_at(table, i), top->order, &candidate))
            continue;
        top->open++;
        keep(top, &candidate);
    }
}

/* ---- views ----------------------------------------------------------------------------------- */

/* The descriptor may be somebody else's by now: what it says counts only if the connection is still
 * there behind the question. */
static void name_peer(const struct candidate *candidate, struct pl_conn_view *view)
{
    struct pl_address address = { .length = sizeof(address.socket) };
    char text[PL_ADDRESS_TEXT_BYTES] = "";
    int err = getpeername(candidate->fd, (struct sockaddr *)&address.socket, &address.length);

    if (!is_the_same(candidate->slot, candidate->generation)) {
        view->state = "closed";
        return;
    }
    if (err == 0 && address.socket.ss_family == AF_UNIX)
        snprintf(text, sizeof(text), "unix");
    else if (err == 0)
        pl_address_format(&address, text, sizeof(text));
    snprintf(view->peer, sizeof(view->peer), "%.*s", (int)sizeof(view->peer) - 1, text);
}

static void fill_view(const struct candidate *candidate, int64_t now_ms, struct pl_conn_view *view)
{
    int64_t age_ms = now_ms - (int64_t)candidate->opened_ms;

    memset(view, 0, sizeof(*view));
    snprintf(view->service, sizeof(view->service), "%s", candidate->service->name);
    view->state = candidate->state;
    view->age_ms = age_ms > 0 ? age_ms : 0;
    view->bytes_received = candidate->received;
    view->bytes_sent = candidate->sent;
    name_peer(candidate, view);
}

int pl_server_connections(struct pl_server *server, enum pl_conn_order order,
                          struct pl_conn_view *views, size_t views_max)
{
    struct top top = { .order = order, .max = views_max };
    int64_t now_ms;

    if (views_max > 0) {
        top.heap = pl_alloc(views_max * sizeof(*top.heap));
        if (top.heap == NULL)
            return -ENOMEM;
    }
    /* Services stay as long as nothing is changed. */
    pthread_mutex_lock(&server->control_lock);
    look_at_table(&server->table, &top);
    sort(&top);
    now_ms = pl_clock_ms();
    for (size_t i = 0; i < top.count; i++)
        fill_view(&top.heap[i], now_ms, &views[i]);
    pthread_mutex_unlock(&server->control_lock);
    pl_free(top.heap);
    return (int)top.open;
}
