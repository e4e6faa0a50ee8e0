/* SPDX-License-Identifier: Apache-2.0 */
#include "fairness_bound.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double fairness_bound_us(size_t greedy, double turn_us, size_t threads)
{
    if (isnan(turn_us) || turn_us <= 0)
        return (double)NAN;
    return 2 * (double)greedy * turn_us / (double)(threads == 0 ? 1 : threads);
}

static double read_duration_us(const char *text)
{
    static const struct {
        const char *unit;
        double us;
    } units[] = { { "us", 1 }, { "ms", 1e3 }, { "s", 1e6 }, { "min", 60e6 }, { "h", 3600e6 } };
    char *unit;
    double number = strtod(text, &unit);

    unit[strcspn(unit, " \n")] = '\0';
    for (size_t i = 0; unit != text && i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(unit, units[i].unit) == 0)
            return number * units[i].us;
    return (double)NAN;
}

/* The keys stand by their indentation, two blanks a level; a service's own dispatch stands deeper.
 */
double fairness_read_turn_us(FILE *config)
{
    char line[1024];
    int matched = 0; /* of "dispatch:", "turn:" */

    while (fgets(line, sizeof(line), config) != NULL) {
        if (line[0] != ' ')
            matched = strncmp(line, "dispatch:", 9) == 0;
        else if (matched > 0 && strncmp(line, "  ", 2) == 0 && line[2] != ' ')
            matched = strncmp(line, "  turn:", 7) == 0 ? 2 : 1;
        else if (matched == 2 && strncmp(line, "    time: ", 10) == 0)
            return read_duration_us(line + 10);
    }
    return (double)NAN;
}
