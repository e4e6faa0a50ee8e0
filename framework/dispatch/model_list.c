/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <paceline/limits.h>

#include <sched.h>
#include <stdio.h>
#include <string.h>

const struct pl_model_ops *const pl_models[] = {
    &pl_leader_followers_ops, &pl_half_sync_half_async_ops,
    &pl_reactor_ops,          &pl_proactor_ops,
    &pl_per_core_ops,         NULL
};

static bool is_spelling(const char *spellings, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = spellings; *at != '\0';) {
        size_t word = strcspn(at, "|");

        if (word == length && memcmp(at, name, length) == 0)
            return true;
        at += word + (at[word] == '|');
    }
    return false;
}

const struct pl_model_ops *pl_model_find(const char *name)
{
    for (size_t i = 0; pl_models[i] != NULL; i++)
        if (is_spelling(pl_models[i]->spellings, name))
            return pl_models[i];
    return NULL;
}

/* CPUs that the cgroup's quota pays for, rounded up; 0 where there is no quota. */
static uint32_t quota_cpus(void)
{
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    unsigned long long quota, period;
    uint32_t cpus = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu", &quota, &period) == 2 && period > 0)
        cpus = (uint32_t)((quota + period - 1) / period);
    (void)fclose(file);
    return cpus;
}

static uint32_t usable_cpus(void)
{
    cpu_set_t set;
    uint32_t quota = quota_cpus();
    uint32_t cpus = 1;

    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        cpus = (uint32_t)CPU_COUNT(&set);
    return quota != 0 && quota < cpus ? quota : cpus;
}

uint32_t pl_model_threads_auto(const struct pl_model_ops *ops)
{
    uint32_t cpus = usable_cpus();
    uint32_t pool = cpus * 8 < 16 ? 16 : cpus * 8;
    uint32_t threads = ops->has_pool ? pool : cpus;

    return threads < PL_THREADS_MAX ? threads : PL_THREADS_MAX;
}
