/* SPDX-License-Identifier: Apache-2.0 */
/* An open file → the reply that a request asks of it. */
#ifndef PL_HTTP_FILE_REPLY_H
#define PL_HTTP_FILE_REPLY_H

#include "http_exchange.h"
#include "http_file_cache.h"

/*
 * Replies to GET or HEAD: 200, 206, 304, 412 or 416. `wishes`: what http_find_wishes() found.
 *
 * Owner:  takes over the file.
 * Thread: holder.
 */
void http_reply_file(struct pl_http_exchange *exchange, struct http_file *file, uint32_t wishes);

#endif
