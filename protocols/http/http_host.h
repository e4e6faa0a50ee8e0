/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which host a request is for, and whether a route's host means it. Names are compared without
 * regard to case; a port and a final dot change nothing (RFC 9110, 4.2.3 and 7.2). Pure functions.
 *
 *     NULL             every host, none too
 *     "example.org"    that one
 *     "*.example.org"  one label or more below it, not example.org itself
 */
#ifndef PL_HTTP_HOST_H
#define PL_HTTP_HOST_H

#include <paceline/view.h>

#include <stdbool.h>

/*
 * uri-host [ ":" port ], as in Host and in a target (RFC 9110, 4.2.1 and 7.2; RFC 3986, 3.2.2). An
 * empty host is none: no http URI has one. Nor is a port that TCP does not have; an empty one is
 * left out.
 */
bool http_host_is_valid(struct pl_view host, bool *ret_has_port);

bool http_is_letter_or_digit(char byte);

/* A name or an address without a port. */
bool http_host_is_name(struct pl_view name);

/* One of the patterns above; a NULL is one too. */
bool http_host_is_pattern(const char *pattern);

/* `host` as it stands in Host or in a target: [ name [ ":" port ] ]; an escape means its byte. */
bool http_host_matches_pattern(const char *pattern, struct pl_view host);

static inline bool http_host_matches(const char *pattern, struct pl_view host)
{
    return pattern == NULL || http_host_matches_pattern(pattern, host);
}

/* The order in which patterns are asked: exact ones, then the longer below the shorter star, then
 * NULL. Less than 0: `left` first; 0: they mean the same hosts. */
int http_host_compare(const char *left, const char *right);

/* The authority of a target in absolute-form, which counts before any Host (RFC 9112, 3.2.2);
 * `path_offset` is where its path begins. Empty for other forms. */
struct pl_view http_host_of_target(struct pl_view target, size_t path_offset);

#endif
