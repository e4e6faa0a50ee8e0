/* SPDX-License-Identifier: Apache-2.0 */
/* A command of the control socket → its reply. */
#ifndef PL_PROCESS_CONTROL_ANSWER_H
#define PL_PROCESS_CONTROL_ANSWER_H

#include "control_parse.h"
#include "control_rates.h"

#include <paceline/server.h>

#include <stdatomic.h>
#include <stdbool.h>

/* What all connections of the socket share. */
struct pl_control {
    struct pl_server *watched; /* borrowed */
    int64_t opened_ms;         /* of the clock: about when the process began */
    _Atomic bool is_ending;    /* an end was asked for: a second signal would mean another */
};

/* Does what the command says and writes the reply as one JSON object, without a line's end; what
 * does not fit becomes an error. `rates` is the client's own. Thread: any, one at a time per
 * `rates`. */
void pl_control_answer(struct pl_control *control, const struct pl_control_command *command,
                       struct pl_rates *rates, struct pl_json *json);
/* `{"ok":false,"error":"problem"}` in place of whatever stood there. */
void pl_control_refuse(struct pl_json *json, const char *problem);

#endif
