/* SPDX-License-Identifier: Apache-2.0 */
/* The contenders of parse_speed: each parses one request from its first byte to the end of its
 * head, and says what it found. */
#ifndef PL_TESTS_PARSE_SPEED_H
#define PL_TESTS_PARSE_SPEED_H

#include <paceline/view.h>

#include <stdbool.h>

struct parsed {
    size_t head_bytes;
    size_t target_bytes;
    size_t fields_count;
    size_t names_bytes, values_bytes; /* of all fields */
};

/* False when the request is refused. */
typedef bool parse_request(struct pl_view input, struct parsed *ret_parsed);

/* NULL when libhttp-parser was not there at configure time. */
parse_request *parse_by_http_parser(void);

#endif
