/* SPDX-License-Identifier: Apache-2.0 */
/* What a reload says of itself. */
#include "reload.h"

#include <paceline/log.h>

#include <stdio.h>
#include <string.h>

static const char *verb(const struct pl_settings_change *change)
{
    return change->is_live ? "changed" : "needs a restart:";
}

void pl_reload_report_changes(struct pl_reload *reload)
{
    struct pl_reload_report *report = reload->report;
    size_t used = 0;

    for (uint32_t i = 0; i < reload->diff.count; i++) {
        const struct pl_settings_change *change = &reload->diff.changes[i];
        char line[4 * PL_CHANGE_TEXT_BYTES];
        int length = snprintf(line, sizeof(line), "%s %s: %s -> %s\n", verb(change), change->key,
                              change->before, change->after);

        if (change->is_live)
            report->changed++;
        else
            report->needs_restart++;
        if ((size_t)length < sizeof(report->text) - used) {
            memcpy(report->text + used, line, (size_t)length + 1);
            used += (size_t)length;
        }
    }
}

void pl_reload_log(const struct pl_reload *reload)
{
    const struct pl_reload_report *report = reload->report;
    const struct pl_settings_diff *diff = &reload->diff;

    if (diff->count == 0) {
        PL_LOG_RATED(PL_LOG_INFO, "reload: nothing has changed");
        return;
    }
    for (uint32_t i = 0; i < diff->count && i < PL_RELOAD_LINES_MAX; i++)
        PL_LOG(PL_LOG_INFO, "reload: %s %s: %s -> %s", verb(&diff->changes[i]),
               diff->changes[i].key, diff->changes[i].before, diff->changes[i].after);
    if (diff->count > PL_RELOAD_LINES_MAX)
        PL_LOG(PL_LOG_INFO, "reload: %u settings more", diff->count - PL_RELOAD_LINES_MAX);
    PL_LOG(PL_LOG_INFO,
           "reload: %u changed, %u need a restart, listeners: %u added, %u kept, %u dropped; %u "
           "swaps; %lld us",
           report->changed, report->needs_restart, report->listeners_added, report->listeners_kept,
           report->listeners_dropped, report->swaps, (long long)report->took_us);
}
