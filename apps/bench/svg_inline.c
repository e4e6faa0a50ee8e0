/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SVG that was made to stand alone, moved into a page. Identifiers are global there, so that the
 * second plot would be drawn with the first one's shapes; and black would be lost in the dark.
 */
#include "report_plot.h"

#include <stdlib.h>
#include <string.h>

/* A column's plot takes some thousand bytes. */
#define SVG_BYTES_MAX (1024 * 1024)

struct exchange {
    const char *from;
    const char *to;         /* NULL: the same again */
    bool is_prefix_follows; /* an identifier begins behind it */
};

static const struct exchange exchanges[] = {
    { " id=\"", NULL, true },
    { " id='", NULL, true },
    { "href='#", NULL, true },
    { "href=\"#", NULL, true },
    { "url(#", NULL, true },
    { "\"black\"", "\"currentColor\"", false },
    { "'black'", "'currentColor'", false },
    { "rgb(  0,   0,   0)", "currentColor", false },
};
#define EXCHANGES_COUNT (sizeof(exchanges) / sizeof(exchanges[0]))

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Passes what stands at `text` within a tag; returns what is behind it. */
static const char *pass(const char *text, const char *prefix, FILE *out)
{
    for (size_t i = 0; i < EXCHANGES_COUNT; i++) {
        const struct exchange *one = &exchanges[i];

        if (!begins_with(text, one->from))
            continue;
        fputs(one->to != NULL ? one->to : one->from, out);
        fputs(one->is_prefix_follows ? prefix : "", out);
        return text + strlen(one->from);
    }
    fputc(*text, out);
    return text + 1;
}

/* Titles and descriptions become tool tips of gnuplot's own words: they are left out. */
static const char *behind_element(const char *text, const char *open, const char *close)
{
    const char *end = begins_with(text, open) ? strstr(text, close) : NULL;

    return end == NULL ? text : end + strlen(close);
}

static void pass_all(const char *text, const char *prefix, FILE *out)
{
    bool is_in_tag = false;

    while (*text != '\0') {
        const char *behind = behind_element(text, "<title>", "</title>");

        behind = behind_element(behind, "<desc>", "</desc>");
        if (behind != text) {
            text = behind;
            continue;
        }
        is_in_tag = *text == '<' || (is_in_tag && *text != '>');
        if (is_in_tag)
            text = pass(text, prefix, out);
        else
            fputc(*text++, out);
    }
}

int svg_inline(FILE *in, const char *prefix, FILE *out)
{
    char *all = malloc(SVG_BYTES_MAX + 1);
    const char *begin = NULL;
    size_t length;

    if (all == NULL)
        return -1;
    length = fread(all, 1, SVG_BYTES_MAX, in);
    all[length] = '\0';
    if (ferror(in) == 0 && length < SVG_BYTES_MAX && strstr(all, "</svg>") != NULL)
        begin = strstr(all, "<svg");
    if (begin != NULL)
        pass_all(begin, prefix, out);
    free(all);
    return begin == NULL ? -1 : 0;
}
