/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP-date (RFC 9110, 5.6.7): pure functions, in seconds since 1970. */
#ifndef PL_HTTP_DATE_H
#define PL_HTTP_DATE_H

#include <paceline/view.h>

#include <stdbool.h>
#include <stdint.h>

/* Length of "Sun, 06 Nov 1994 08:49:37 GMT". */
#define HTTP_DATE_BYTES 29

/*
 * Reads any of the three forms: IMF-fixdate, rfc850-date and asctime-date. False for everything
 * else, also for a day that the month does not have or that is another day of the week; who asks
 * ignores such a date. `now_s` tells the century of a year of two digits.
 */
bool http_date_parse(struct pl_view text, int64_t now_s, int64_t *ret_s);

/* Writes an IMF-fixdate without a NUL; what lies outside the years 0 to 9999 has their first or
 * last day. */
void http_date_format(int64_t seconds, char *bytes);

#endif
