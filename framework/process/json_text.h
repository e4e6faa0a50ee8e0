/* SPDX-License-Identifier: Apache-2.0 */
/* Texts in JSON, beside the figures of stats_block.h. */
#ifndef PL_PROCESS_JSON_TEXT_H
#define PL_PROCESS_JSON_TEXT_H

#include "stats_block.h"

/* Writes `text` as a JSON string with its quotes, valid whatever the bytes are: control bytes are
 * escaped, what is no UTF-8 becomes U+FFFD. */
void pl_json_put_text(struct pl_json *json, const char *text);
/* `,"name":"text"` */
void pl_json_put_named_text(struct pl_json *json, const char *name, const char *text);

#endif
