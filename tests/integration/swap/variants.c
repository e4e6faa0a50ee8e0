/* SPDX-License-Identifier: Apache-2.0 */
/* What a server is swapped to, and threads counted. */
#include "served.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define VARIANTS(of, ...)                                                                          \
    { of " oneshot", { __VA_ARGS__, "arming=oneshot", "inline=false", NULL } },                    \
    {                                                                                              \
        of " edge",                                                                                \
        {                                                                                          \
            __VA_ARGS__, "arming=edge", "inline=true", NULL                                        \
        }                                                                                          \
    }

const struct swap_variant swap_variants[] = {
    VARIANTS("leader_followers adaptive", "model=leader_followers", "threads=4",
             "promotion=adaptive"),
    VARIANTS("leader_followers always", "model=leader_followers", "threads=3", "promotion=always"),
    VARIANTS("leader_followers kernel", "model=leader_followers", "threads=4", "promotion=kernel"),
    VARIANTS("half_sync_half_async", "model=half_sync_half_async", "threads=3"),
    VARIANTS("reactor", "model=reactor", "threads=3"),
    VARIANTS("reactor 0", "model=reactor", "threads=0"),
    VARIANTS("proactor", "model=proactor", "threads=3"),
    VARIANTS("per_core 2", "model=per_core", "threads=2"),
    VARIANTS("per_core 3", "model=per_core", "threads=3"),
};
const size_t swap_variants_count = sizeof(swap_variants) / sizeof(swap_variants[0]);

bool swap_is_short(void)
{
    return getenv("PL_TEST_SHORT") != NULL;
}

const struct swap_variant *swap_variant_of(const char *name)
{
    for (size_t i = 0; i < swap_variants_count; i++)
        if (strcmp(swap_variants[i].name, name) == 0)
            return &swap_variants[i];
    fail_msg("no variant '%s'", name);
    return NULL;
}

void swap_to(const char *target, const struct swap_variant *variant,
             struct pl_swap_report *ret_report)
{
    struct pl_swap_report report;
    struct pl_error error = { .message = "" };

    if (pl_server_swap(rig.server, target, variant->changes, &report, &error) < 0)
        fail_msg("to %s: %s", variant->name, error.message);
    assert_string_equal(report.to, variant->changes[0] + strlen("model="));
    assert_string_equal(report.engine, target);
    if (ret_report != NULL)
        *ret_report = report;
}

void swap_expect_error(const char *target, const char *const *changes, int err, const char *text)
{
    struct pl_swap_report report;
    struct pl_error error = { .message = "" };
    int got = pl_server_swap(rig.server, target, changes, &report, &error);

    if (got != err || strstr(error.message, text) == NULL)
        fail_msg("%s: %d (%s), expected %d with '%s'", changes[0] == NULL ? "" : changes[0], got,
                 error.message, err, text);
}

uint32_t threads_count(void)
{
    DIR *tasks = opendir("/proc/self/task");
    uint32_t count = 0;

    assert_non_null(tasks);
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks))
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

void threads_await(uint32_t count)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    while (threads_count() > count) {
        if (client_now_ms() > until_ms)
            fail_msg("%u threads are there, expected %u", threads_count(), count);
        client_pause_ms(1);
    }
}
