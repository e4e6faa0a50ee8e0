/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every dispatch model promises, under both armings; the cases stand in tests/model/contract/.
 * `contract_test` runs all combinations, `contract_test MODEL ARMING THREADS [CASE]` one.
 */
#include "contract/contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct contract contract = { .scale = 1 };

struct rig_options contract_options(void)
{
    struct rig_options options = rig_defaults();

    options.model = contract.current->model;
    options.arming = contract.current->arming;
    options.threads = contract.current->threads;
    return options;
}

void contract_start(void)
{
    struct rig_options options = contract_options();

    rig_start(&contract.rig, &options);
}

bool contract_has_pool(void)
{
    return contract.current->threads > 1 && strcmp(contract.current->model, "per_core") != 0;
}

bool contract_has_io_thread(void)
{
    static const char *const models[] = { "half_sync_half_async", "reactor", "proactor" };

    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++)
        if (strncmp(contract.current->model, models[i], strlen(models[i])) == 0)
            return contract.current->threads > 0;
    return false;
}

static const struct combination combinations[] = {
    { "leader_followers", "oneshot", 4 },
    { "leader_followers", "edge", 4 },
    { "leader_followers", "edge", 1 },
    { "leader_followers+always", "oneshot", 4 },
    { "leader_followers+always", "edge", 4 },
    { "leader_followers+kernel", "oneshot", 4 },
    { "leader_followers+kernel", "edge", 4 },
    { "half_sync_half_async", "oneshot", 3 },
    { "half_sync_half_async+handed", "edge", 3 },
    { "reactor+handed", "oneshot", 3 },
    { "reactor", "edge", 3 },
    { "reactor", "oneshot", 0 },
    { "reactor", "edge", 0 },
    { "proactor", "oneshot", 3 },
    { "proactor+handed", "edge", 3 },
    { "per_core", "oneshot", 3 },
    { "per_core", "edge", 2 },
};

static int run(const struct combination *combination, const struct CMUnitTest *cases, size_t count)
{
    char name[96];

    contract.current = combination;
    snprintf(name, sizeof(name), "%s/%s/%u threads", combination->model, combination->arming,
             combination->threads);
    return _cmocka_run_group_tests(name, cases, count, NULL, NULL);
}

int main(int argc, char **argv)
{
    static const struct case_group *const groups[] = {
        &contract_requests, &contract_completions, &contract_ends,
        &contract_pressure, &contract_events,      &contract_limits,
        &contract_dispatch, &contract_drain,       NULL
    };
    size_t count;
    struct CMUnitTest *cases = case_groups_join(groups, &count);
    int failed = 0;

    if (getenv("PL_TEST_SCALE") != NULL)
        contract.scale = atoi(getenv("PL_TEST_SCALE"));
    if (argc == 5)
        cmocka_set_test_filter(argv[4]);
    if (argc >= 4) {
        struct combination one = { argv[1], argv[2], (uint32_t)strtoul(argv[3], NULL, 10) };

        failed = run(&one, cases, count);
    } else {
        for (size_t i = 0; i < sizeof(combinations) / sizeof(combinations[0]); i++)
            failed += run(&combinations[i], cases, count);
    }
    free(cases);
    return failed != 0;
}
