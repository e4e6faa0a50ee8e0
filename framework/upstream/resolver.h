/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names → addresses, on a thread of its own: getaddrinfo() may block for as long as it likes. Each
 * name is asked for at the start, again every refresh time, and soon again while it fails.
 *
 * Invariant: after pl_resolver_free() no callback runs any more, even if the thread is still inside
 * getaddrinfo(); the memory they share goes with the last of the two.
 */
#ifndef PL_UPSTREAM_RESOLVER_H
#define PL_UPSTREAM_RESOLVER_H

#include "address.h"

#include <paceline/attributes.h>
#include <paceline/limits.h>

#include <stdint.h>

struct pl_resolver;

/* What a name stands for now, at most PL_UPSTREAM_ADDRESSES_MAX; none: it could not be resolved,
 * and `error` says why. Thread: the resolver's; must not block. */
typedef void pl_resolved(const struct pl_address *addresses, uint32_t count, const char *error,
                         void *context, uint32_t number);

/* Owner: the caller, until pl_resolver_free(). NULL: no memory. Thread: setup. */
PL_MUST_CHECK struct pl_resolver *pl_resolver_new(int64_t refresh_ms, pl_resolved *on_resolved,
                                                  void *context);
/* Adds a name, "HOST:PORT"; `number` comes back with its addresses. Errors: -EINVAL, -ENOMEM,
 * -ENOSPC. Thread: setup. */
PL_MUST_CHECK int pl_resolver_add(struct pl_resolver *resolver, const char *text, uint32_t number);
/* Errors: of pthread_create(). Thread: control. */
PL_MUST_CHECK int pl_resolver_start(struct pl_resolver *resolver);
/* Does nothing with NULL. Thread: control. */
void pl_resolver_free(struct pl_resolver *resolver);

/* Is it a name with a port, as opposed to a numeric address or a path? Thread: any. */
bool pl_resolver_is_name(const char *text);

#endif
