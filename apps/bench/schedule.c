/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule.h"

void schedule_init(struct schedule *schedule, uint64_t begin_ns, double rate)
{
    *schedule = (struct schedule){ .begin_ns = begin_ns, .interval_ns = 1e9 / rate };
}

/* Multiplied rather than summed up: a long run does not drift. */
uint64_t schedule_next_ns(const struct schedule *schedule)
{
    return schedule->begin_ns + (uint64_t)((double)schedule->begun * schedule->interval_ns);
}

bool schedule_take(struct schedule *schedule, uint64_t now_ns, uint64_t *ret_due_ns)
{
    uint64_t due_ns = schedule_next_ns(schedule);

    if (due_ns > now_ns)
        return false;
    schedule->begun++;
    *ret_due_ns = due_ns;
    return true;
}
