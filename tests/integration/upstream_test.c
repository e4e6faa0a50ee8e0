/* SPDX-License-Identifier: Apache-2.0 */
/* The connection pool under every model: calls and leases against a backend that misbehaves. The
 * cases stand in tests/integration/upstream/. */
#include "upstream/relay.h"

int main(int argc, char **argv)
{
    static const struct case_group *const groups[] = {
        &upstream_exchanges, &upstream_reuse, &upstream_line,    &upstream_leases, &upstream_crowds,
        &upstream_servers,   &upstream_sets,  &upstream_figures, &upstream_ends,   NULL
    };
    size_t count;
    struct CMUnitTest *cases = case_groups_join(groups, &count);
    int failed = server_run_cases(argc, argv, cases, count);

    free(cases);
    return failed;
}
