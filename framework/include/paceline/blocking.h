/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A section in which a handler may block. Handlers that block from beginning to end say so with
 * `.may_block` instead; what is not declared is run all the same, counted, and named in the log.
 *
 * Thread: one that runs a handler; on any other both do nothing. Sections do not nest.
 */
#ifndef PACELINE_BLOCKING_H
#define PACELINE_BLOCKING_H

#include <paceline/attributes.h>

PL_API void pl_blocking_begin(void);
PL_API void pl_blocking_end(void);

#endif
