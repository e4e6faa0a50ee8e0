/* SPDX-License-Identifier: Apache-2.0 */
/* What the cases of the contract share: the combination they run under, and one rig. */
#ifndef PL_TESTS_CONTRACT_H
#define PL_TESTS_CONTRACT_H

#include "case_group.h"
#include "client.h"
#include "rig.h"

#include <stdbool.h>

struct combination {
    const char *model;
    const char *arming;
    uint32_t threads;
};

struct contract {
    const struct combination *current;
    struct rig rig;
    int scale; /* divides the counts of the long cases, for builds that are slow */
};

extern struct contract contract;

struct rig_options contract_options(void);
void contract_start(void);
/* While one thread blocks in a handler, another serves its connections. */
bool contract_has_pool(void);
/* A thread that waits for events beside workers that may all block. */
bool contract_has_io_thread(void);

/* In the order in which they run. */
extern const struct case_group contract_requests, contract_completions, contract_ends,
    contract_pressure, contract_events, contract_limits, contract_dispatch, contract_drain;

#endif
