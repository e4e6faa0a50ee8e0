/* SPDX-License-Identifier: Apache-2.0 */
/* A directory → a page of its names. */
#ifndef PL_HTTP_LISTING_H
#define PL_HTTP_LISTING_H

#include "http_exchange.h"

/*
 * Replies with the names of regular files, directories and links; 404 when it is no directory.
 * `name` leads to it from the root; `path` is what was asked for, decoded.
 *
 * Thread: holder.
 */
void http_reply_listing(struct pl_http_exchange *exchange, int root_fd, const char *name,
                        struct pl_view path);

#endif
