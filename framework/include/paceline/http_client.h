/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 towards an upstream (RFC 9112): where a response ends, and what stands in it. For
 * pl_upstream_call() and for leases; the request's bytes are the application's.
 *
 * Thread: any; these functions look at bytes and nothing else.
 */
#ifndef PACELINE_HTTP_CLIENT_H
#define PACELINE_HTTP_CLIENT_H

#include <paceline/upstream.h>
#include <paceline/view.h>

#include <stdbool.h>

/* Framers: interim responses (1xx) are part of what they frame; a response without a length lasts
 * until the peer closes. What can be read in two ways is refused: two lengths, a length and a
 * coding, a coding that is not `chunked`. The second is for requests with the method HEAD. */
PL_API pl_upstream_framer pl_http_frame_response;
PL_API pl_upstream_framer pl_http_frame_response_to_head;

/* The final response of what a framer found whole. Views are borrowed from the reply. */
struct pl_http_response {
    int status;
    struct pl_view fields; /* all field lines, with their CRLF */
    struct pl_view body;   /* as it was sent: still chunked if is_chunked */
    bool is_chunked;
};

/* Errors: -EINVAL: not a whole response. */
PL_MUST_CHECK PL_API int pl_http_read_response(struct pl_view reply, bool is_to_head,
                                               struct pl_http_response *ret_response);
/* The value of the first field of that name, in any case; false without one. */
PL_API bool pl_http_response_field(const struct pl_http_response *response, const char *name,
                                   struct pl_view *ret_value);
/* Copies the body, decoded, to `bytes`. Errors: -ENOSPC: it is longer than `size`; -EINVAL. */
PL_MUST_CHECK PL_API int pl_http_response_body(const struct pl_http_response *response, char *bytes,
                                               size_t size, size_t *ret_length);

#endif
