/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handle set: one epoll instance. A handle is a descriptor under a token of slot and
 * generation, so that an event which comes late can never reach a new connection.
 *
 * How the set gives a handle to exactly one thread is its arming, one of two:
 *
 *     oneshot  the kernel disarms the handle with the event; pl_handle_set_arm() re-arms it after
 *              each turn with what is waited for (one epoll_ctl more per request)
 *     edge     registered once for everything; events also come while the connection is held,
 *              and the claim word remembers them
 */
#ifndef PL_IO_HANDLE_SET_H
#define PL_IO_HANDLE_SET_H

#include <paceline/attributes.h>
#include <paceline/reason.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pl_handle_set;

/* A descriptor in the set. Thread: the holder of what it belongs to. */
struct pl_handle {
    int fd;             /* owned by whoever embeds the handle; -1 while there is none */
    bool is_registered; /* the set knows it */
    uint64_t token;
};

struct pl_arming {
    const char *name; /* the word in the configuration */
    /* holder; the last thing before the handle is let go */
    int (*arm)(struct pl_handle_set *set, struct pl_handle *handle, uint32_t waits);
};

extern const struct pl_arming pl_arming_oneshot;
extern const struct pl_arming pl_arming_edge;
/* NULL when there is none of that name. */
const struct pl_arming *pl_arming_find(const char *name);

struct pl_handle_set {
    int epoll_fd;
};

struct pl_event {
    uint64_t token;
    uint32_t reasons; /* of enum pl_reason */
};

PL_MUST_CHECK int pl_handle_set_open(struct pl_handle_set *set);
void pl_handle_set_close(struct pl_handle_set *set);

/*
 * Arms the handle for a set of reasons, the way `arming` says. An event may reach another thread
 * before this returns; the claim word decides.
 *
 * Thread: the holder.
 * Errors: -ENOMEM, -ENOSPC (the user's limit of watches).
 */
PL_MUST_CHECK int pl_handle_set_arm(struct pl_handle_set *set, const struct pl_arming *arming,
                                    struct pl_handle *handle, uint32_t waits);
/* Takes it out; to be called before the descriptor is closed or moves to another set. */
void pl_handle_set_forget(struct pl_handle_set *set, struct pl_handle *handle);

/* Watches an eventfd or timerfd that nobody reads. */
PL_MUST_CHECK int pl_handle_set_watch(struct pl_handle_set *set, int fd, uint64_t token,
                                      bool is_edge);

/* Waits at most `timeout_ms` (-1: without end) for at most `count_max` events; returns how many.
 * A signal ends the wait with 0. */
size_t pl_handle_set_wait(struct pl_handle_set *set, struct pl_event *events, size_t count_max,
                          int timeout_ms);

/* For the armings: one epoll_ctl with the interest, ADD the first time and MOD from then on. */
PL_MUST_CHECK int pl_handle_set_control(struct pl_handle_set *set, struct pl_handle *handle,
                                        uint32_t interest);

#endif
