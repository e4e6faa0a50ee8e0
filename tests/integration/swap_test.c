/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model of a running server is swapped, with everything under way that can be. The cases stand
 * in tests/integration/swap/.
 *
 *     swap_test [CASE]
 *
 * PL_SWAP_REQUESTS=N in the environment: the walk through all models goes on, with a swap every
 * 200 ms, until N requests are answered.
 */
#include "swap/served.h"

int main(int argc, char **argv)
{
    static const struct case_group *const groups[] = { &swap_edges,  &swap_lives, &swap_waits,
                                                       &swap_memory, &swap_walks, NULL };
    size_t count;
    struct CMUnitTest *cases = case_groups_join(groups, &count);
    int failed;

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    failed = _cmocka_run_group_tests("swap", cases, count, NULL, NULL);
    free(cases);
    return failed != 0;
}
