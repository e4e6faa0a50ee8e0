/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol of the control socket: a command per line, its reply a line of JSON; see
 * docs/control.md. */
#ifndef PL_PROCESS_CONTROL_H
#define PL_PROCESS_CONTROL_H

#include <paceline/protocol.h>

struct pl_server;

extern const struct pl_protocol pl_control_protocol;

/* What commands are about; an element of the protocol's binding. */
struct pl_control_handling {
    struct pl_server *watched; /* borrowed; lives longer than the service */
};

#endif
