/* SPDX-License-Identifier: Apache-2.0 */
/* Whole HTTP servers on loopback: every kind of handler, reply and refusal under every model. The
 * cases stand in tests/integration/http/. */
#include "http/web.h"

int main(int argc, char **argv)
{
    static const struct case_group *const groups[] = {
        &web_replies, &web_deferred, &web_requests, &web_refusals,   &web_files,  &web_static,
        &web_fixed,   &web_parts,    &web_routes,   &web_same_bytes, &web_access, NULL
    };
    size_t count;
    struct CMUnitTest *cases = case_groups_join(groups, &count);
    int failed = server_run_cases(argc, argv, cases, count);

    free(cases);
    return failed;
}
