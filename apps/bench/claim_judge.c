/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts: what two series say about each other, and the one sentence made of it. */
#include "claims.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void sentence_add(struct sentence *sentence, const char *format, ...)
{
    size_t room = sizeof(sentence->text) - sentence->length;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(sentence->text + sentence->length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        sentence->length += (size_t)length < room ? (size_t)length : room - 1;
}

/* ---- two series ------------------------------------------------------------------------------ */

struct comparison claim_compare(const struct series *left, const struct series *right)
{
    size_t count = left->count < right->count ? left->count : right->count;
    struct series ratios = { .count = 0 };
    struct summary summary;

    for (size_t i = 0; i < count; i++) {
        double ratio = left->values[i] / right->values[i];

        if (isfinite(ratio))
            series_add(&ratios, ratio);
    }
    summary = series_summary(&ratios);
    return (struct comparison){ .ratio = summary.median,
                                .pairs_count = summary.count,
                                .differs = series_differ(left, right, REPORT_THRESHOLD) };
}

bool claim_is_known(const struct comparison *comparison)
{
    return comparison->pairs_count >= SERIES_PAIRS_MIN;
}

bool claim_is_more(const struct comparison *comparison)
{
    return comparison->differs && comparison->ratio > 1;
}

bool claim_is_less(const struct comparison *comparison)
{
    return comparison->differs && comparison->ratio < 1;
}

/* ---- the sentence ---------------------------------------------------------------------------- */

static void add_comparison(struct sentence *verdict, const struct comparison *comparison)
{
    if (comparison->pairs_count == 0)
        sentence_add(verdict, "not measured");
    else if (!claim_is_known(comparison))
        sentence_add(verdict, "unknown after %zu round%s", comparison->pairs_count,
                     comparison->pairs_count == 1 ? "" : "s");
    else if (!comparison->differs)
        sentence_add(verdict, "no difference that chance does not explain");
    else
        sentence_add(verdict, "%.*f times", comparison->ratio < 10 ? 2 : 0, comparison->ratio);
}

static void add_places(struct sentence *verdict, const struct claim_item *items, size_t count,
                       size_t holding)
{
    size_t named = 0;

    for (size_t i = 0; i < count; i++) {
        if (!items[i].is_judged || !items[i].holds)
            continue;
        sentence_add(verdict, "%s%s",
                     named == 0            ? " only "
                     : named + 1 < holding ? ", "
                                           : " and ",
                     items[i].place);
        named++;
    }
}

static void add_conclusion(struct sentence *verdict, const struct claim_item *items, size_t count,
                           const char *conclusion)
{
    size_t judged = 0, known = 0, holding = 0;

    for (size_t i = 0; i < count; i++) {
        judged += items[i].is_judged;
        known += items[i].is_judged && claim_is_known(&items[i].comparison);
        holding += items[i].is_judged && items[i].holds;
    }
    if (known < judged || judged == 0) {
        sentence_add(verdict, "Here too few rounds were measured to tell");
        return;
    }
    sentence_add(verdict, "Here %s", conclusion);
    if (holding == 0)
        sentence_add(verdict, " in no case");
    else if (holding == judged)
        sentence_add(verdict, " in every case");
    else
        add_places(verdict, items, count, holding);
}

void claim_judge(struct sentence *verdict, const char *conclusion, const char *subject,
                 const struct claim_item *items, size_t count)
{
    add_conclusion(verdict, items, count, conclusion);
    claim_add_figures(verdict, subject, items, count);
}

void claim_add_figures(struct sentence *verdict, const char *subject,
                       const struct claim_item *items, size_t count)
{
    sentence_add(verdict, "; %s:", subject);
    for (size_t i = 0; i < count; i++) {
        sentence_add(verdict, "%s %s ", i == 0 ? "" : ",", items[i].label);
        add_comparison(verdict, &items[i].comparison);
    }
    sentence_add(verdict, ".");
}
