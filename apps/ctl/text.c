/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <stdio.h>

const char *ctl_text_duration(int64_t us, char text[CTL_FIGURE_BYTES])
{
    long long s = us / 1000000;

    if (us < 1000)
        snprintf(text, CTL_FIGURE_BYTES, "%lld us", (long long)us);
    else if (us < 1000000)
        snprintf(text, CTL_FIGURE_BYTES, "%lld.%lld ms", (long long)us / 1000,
                 (long long)us % 1000 / 100);
    else if (s < 60)
        snprintf(text, CTL_FIGURE_BYTES, "%lld.%lld s", s, (long long)us % 1000000 / 100000);
    else if (s < 3600)
        snprintf(text, CTL_FIGURE_BYTES, "%lld min %lld s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(text, CTL_FIGURE_BYTES, "%lld h %lld min", s / 3600, s % 3600 / 60);
    else
        snprintf(text, CTL_FIGURE_BYTES, "%lld d %lld h", s / 86400, s % 86400 / 3600);
    return text;
}

const char *ctl_text_bytes(uint64_t bytes, char text[CTL_FIGURE_BYTES])
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    snprintf(text, CTL_FIGURE_BYTES, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text;
}

int64_t ctl_number_of(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

/* Names come from a configuration, peers from the network: neither may move a cursor. */
const char *ctl_text_in(const json_t *text)
{
    const char *value = json_string_value(text);

    if (value == NULL)
        return "";
    for (const char *at = value; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return "?";
    return value;
}

const char *ctl_text_of(const json_t *object, const char *name)
{
    return ctl_text_in(json_object_get(object, name));
}
