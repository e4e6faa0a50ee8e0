/* SPDX-License-Identifier: Apache-2.0 */
/* A case made ready for the wire: variables replaced, repetitions written out, sends joined. */
#ifndef CONFORM_SCRIPT_H
#define CONFORM_SCRIPT_H

#include "target.h"

struct action {
    enum step_kind kind; /* STEP_PATTERN and STEP_FENCE have become STEP_SEND */
    size_t offset;       /* STEP_SEND: which bytes */
    size_t length;
    unsigned long count;
    unsigned long piece_bytes;
};

struct script {
    char *bytes; /* owned */
    size_t length;
    size_t fence_offset;    /* where the fence begins; `length` without one */
    struct action *actions; /* owned */
    size_t actions_count;
};

struct script_options {
    bool is_behind; /* a good request goes before the case's own bytes */
    bool is_split;  /* one byte per segment */
};

void script_init(struct script *script, const struct conform_case *one, const struct target *target,
                 const struct script_options *options);
void script_deinit(struct script *script);

#endif
