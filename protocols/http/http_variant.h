/* SPDX-License-Identifier: Apache-2.0 */
/* A file → the coding of it that a client takes (RFC 9110, 12.5.3). */
#ifndef PL_HTTP_VARIANT_H
#define PL_HTTP_VARIANT_H

#include "http_exchange.h"
#include "http_file_cache.h"

/*
 * Puts a compressed form in the place of *file when the request accepts one and there is one: the
 * file NAME.br or NAME.gz beside it, or a gzip of our own. `name` is the file's, below the root.
 *
 * Thread: holder.
 */
void http_choose_variant(struct pl_http_exchange *exchange, int root_fd, struct pl_view name,
                         struct http_file *file);

#endif
