/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one case over sockets: all its clients in one loop over poll(2), bounded in time. */
#ifndef CONFORM_EXCHANGE_H
#define CONFORM_EXCHANGE_H

#include "expect.h"
#include "script.h"

/* The deadline of a case unless --timeout says otherwise. */
#define TIMEOUT_MS 5000

struct run_options {
    struct script_options script;
    unsigned long timeout_ms;
    bool is_tracing; /* shows the bytes of both directions on stdout */
};

/*
 * Runs the case and judges it.
 *
 * Thread: any; cases share nothing.
 */
void exchange_run(const struct conform_case *one, const struct target *target,
                  const struct run_options *options, struct verdict *ret_verdict);

#endif
