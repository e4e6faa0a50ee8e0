/* SPDX-License-Identifier: Apache-2.0 */
/* Replies as people read them. */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include <jansson.h>
#include <stdio.h>

/* Prints the reply to `command`, the first word of what was asked. */
void ctl_show(const char *command, const json_t *reply, FILE *out);

#endif
