/* SPDX-License-Identifier: Apache-2.0 */
/* The cases of one program in several files: each gives a group, main() joins them in their order.
 */
#ifndef PL_TESTS_CASE_GROUP_H
#define PL_TESTS_CASE_GROUP_H

#include <stddef.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct case_group {
    const struct CMUnitTest *cases;
    size_t count;
};

#define CASE_GROUP(array)                                                                          \
    {                                                                                              \
        .cases = (array), .count = sizeof(array) / sizeof((array)[0])                              \
    }

/* All cases of the groups, which NULL ends; the caller frees them. */
static inline struct CMUnitTest *case_groups_join(const struct case_group *const *groups,
                                                  size_t *ret_count)
{
    struct CMUnitTest *cases;
    size_t count = 0;

    for (size_t i = 0; groups[i] != NULL; i++)
        count += groups[i]->count;
    cases = calloc(count, sizeof(*cases));
    if (cases == NULL)
        abort();
    *ret_count = count;
    count = 0;
    for (size_t i = 0; groups[i] != NULL; i++)
        for (size_t k = 0; k < groups[i]->count; k++)
            cases[count++] = groups[i]->cases[k];
    return cases;
}

#endif
