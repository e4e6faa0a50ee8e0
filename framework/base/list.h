/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A circular doubly linked intrusive list: membership, never ownership. A zeroed link is in no
 * list; the head is a link of its own.
 */
#ifndef PL_BASE_LIST_H
#define PL_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct pl_link {
    struct pl_link *next;
    struct pl_link *previous;
};

#define PL_CONTAINER_OF(pointer, type, member)                                                     \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void pl_list_init(struct pl_link *head)
{
    head->next = head;
    head->previous = head;
}

static inline bool pl_list_is_empty(const struct pl_link *head)
{
    return head->next == head;
}

static inline bool pl_link_is_linked(const struct pl_link *link)
{
    return link->next != NULL;
}

static inline void pl_list_append(struct pl_link *head, struct pl_link *link)
{
    link->next = head;
    link->previous = head->previous;
    head->previous->next = link;
    head->previous = link;
}

static inline void pl_list_prepend(struct pl_link *head, struct pl_link *link)
{
    link->previous = head;
    link->next = head->next;
    head->next->previous = link;
    head->next = link;
}

static inline void pl_list_unlink(struct pl_link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->next = NULL;
    link->previous = NULL;
}

static inline struct pl_link *pl_list_take_first(struct pl_link *head)
{
    struct pl_link *first = head->next;

    if (first == head)
        return NULL;
    pl_list_unlink(first);
    return first;
}

/* Moves every link of `from` to the tail of `to`. */
static inline void pl_list_move_all(struct pl_link *to, struct pl_link *from)
{
    if (pl_list_is_empty(from))
        return;
    from->next->previous = to->previous;
    to->previous->next = from->next;
    from->previous->next = to;
    to->previous = from->previous;
    pl_list_init(from);
}

#endif
