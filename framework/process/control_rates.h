/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of a server between two looks, for whoever watches it. */
#ifndef PL_PROCESS_CONTROL_RATES_H
#define PL_PROCESS_CONTROL_RATES_H

#include "stats_block.h"

#include <paceline/server.h>

struct pl_rates {
    struct pl_stats now;
    struct pl_stats before; /* as it stood when it was looked at last */
    int64_t looked_ms;      /* when that was */
};

/* Looks at `server` and writes, as members of an object behind others, what happened since the last
 * look; the first counts from the server's start, at `since_ms`. Thread: any, one at a time. */
void pl_rates_put(struct pl_rates *rates, struct pl_server *server, int64_t since_ms,
                  struct pl_json *json);

#endif
