/* SPDX-License-Identifier: Apache-2.0 */
#include "load_report.h"

/* Above this share of a CPU an open loop's own delays begin to show. */
#define BUSY_MAX 0.8

static const double percents[] = { 50, 90, 99, 99.9 };
static const char *const percent_names[] = { "p50", "p90", "p99", "p999" };

static double rate_of(const struct load_role *role, const struct load_result *result)
{
    return result->seconds > 0 ? (double)role->requests / result->seconds : 0;
}

static double busy_of(const struct load_result *result)
{
    return result->seconds > 0 ? result->cpu_s / result->seconds : 0;
}

bool load_was_too_busy(const struct load_plan *plan, const struct load_result *result)
{
    return plan->rate > 0 && busy_of(result) > BUSY_MAX;
}

/* ---- for people ----------------------------------------------------------------------------- */

static void print_role(const char *name, const struct load_role *role,
                       const struct load_result *result, FILE *out)
{
    fprintf(out, "%-10s %12llu requests in %.2f s, %.0f a second, %.1f MB received\n", name,
            (unsigned long long)role->requests, result->seconds, rate_of(role, result),
            (double)role->bytes / 1e6);
    if (role->offered > 0)
        fprintf(out, "           %12llu were due, %llu of them without a reply\n",
                (unsigned long long)role->offered, (unsigned long long)role->unanswered);
    fputs("           latency us ", out);
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
        fprintf(out, " %s %.1f ", percent_names[i],
                (double)histogram_percentile(&role->latency, percents[i]) / 1e3);
    fprintf(out, " max %.1f\n", (double)role->latency.max / 1e3);
}

void load_report_print(const struct load_plan *plan, const struct load_result *result, FILE *out)
{
    if (plan->conns > 0)
        print_role(plan->greedy > 0 ? "polite" : "", &result->polite, result, out);
    if (plan->greedy > 0)
        print_role("greedy", &result->greedy, result, out);
    fprintf(out, "generator  %12.3f s CPU, %.0f %% busy\n", result->cpu_s, 100 * busy_of(result));
    if (load_was_too_busy(plan, result))
        fputs("WARNING    the generator was over 80 % busy: part of the latency is its own\n", out);
    fprintf(out, "errors     %12llu\n", (unsigned long long)load_errors(result));
    for (int i = 0; i < LOAD_ERRORS_COUNT; i++)
        if (result->errors[i] > 0)
            fprintf(out, "           %12llu %s\n", (unsigned long long)result->errors[i],
                    load_error_text((enum load_error)i));
    if (load_errors(result) > 0)
        fprintf(out, "           the first: %s\n", result->first_error);
}

/* ---- for machines --------------------------------------------------------------------------- */

static void json_role(const char *name, const struct load_role *role,
                      const struct load_result *result, FILE *out)
{
    fprintf(out,
            "\"%s\":{\"requests\":%llu,\"requests_per_s\":%.3f,\"bytes\":%llu,\"offered\":%llu,"
            "\"unanswered\":%llu",
            name, (unsigned long long)role->requests, rate_of(role, result),
            (unsigned long long)role->bytes, (unsigned long long)role->offered,
            (unsigned long long)role->unanswered);
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
        fprintf(out, ",\"%s_us\":%.3f", percent_names[i],
                (double)histogram_percentile(&role->latency, percents[i]) / 1e3);
    fprintf(out, ",\"max_us\":%.3f},", (double)role->latency.max / 1e3);
}

static void json_text(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        if ((unsigned char)*text >= ' ')
            fputc(*text, out);
    }
    fputc('"', out);
}

void load_report_json(const struct load_plan *plan, const struct load_result *result, FILE *out)
{
    fputc('{', out);
    json_role("polite", &result->polite, result, out);
    json_role("greedy", &result->greedy, result, out);
    fprintf(out,
            "\"seconds\":%.6f,\"generator_cpu_s\":%.6f,\"generator_busy\":%.4f,"
            "\"generator_too_busy\":%s,\"errors\":{",
            result->seconds, result->cpu_s, busy_of(result),
            load_was_too_busy(plan, result) ? "true" : "false");
    for (int i = 0; i < LOAD_ERRORS_COUNT; i++)
        fprintf(out, "%s\"%s\":%llu", i == 0 ? "" : ",", load_error_name((enum load_error)i),
                (unsigned long long)result->errors[i]);
    fputs("},\"first_error\":", out);
    json_text(result->first_error, out);
    fputs("}\n", out);
}
