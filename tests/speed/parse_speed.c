/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a request's head takes to parse, beside http-parser:
 *
 *     requests ─▶ all find the same? ─▶ rounds: each contender in turn ─▶ medians, ratios
 *
 * Two rows are ours, because http-parser reads Content-Length, Transfer-Encoding and Connection
 * while it parses: http_parse_head() alone, and with http_read_framing() behind it. CPU time of
 * this thread counts, and the order changes from round to round.
 */
#include "parse_speed.h"

#include "http_body.h"
#include "http_parse.h"
#include "series.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#define TARGET_MAX 8192
#define HEAD_MAX   16384

#define ROUNDS       21
#define ROUNDS_QUICK 3

/* One contender's part of a round: far longer than the clock's step and an interrupt. */
#define STRETCH_S       0.02
#define STRETCH_QUICK_S 0.001

/* Requests between two looks at the clock. */
#define BATCH 256

/* ---- requests -------------------------------------------------------------------------------- */

#define COOKIE                                                                                     \
    "session=0f3b2c9d8e7a6b5c4d3e2f1a0b9c8d7e; theme=dark; consent=analytics%3D1%26ads%3D0; "      \
    "_track=GA1.2.1234567890.1700000000; "                                                         \
    "cart=eyJpdGVtcyI6W3siaWQiOjEyMywibiI6Mn0seyJpZCI6NDU2fV19"

static const struct request {
    const char *name;
    const char *text;
} requests[] = {
    { "minimal", "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n" },
    { "browser", "GET /articles/2026/11/index.html?page=2 HTTP/1.1\r\n"
                 "Host: www.example.org\r\n"
                 "Connection: keep-alive\r\n"
                 "Cache-Control: max-age=0\r\n"
                 "Upgrade-Insecure-Requests: 1\r\n"
                 "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like "
                 "Gecko) Chrome/120.0.0.0 Safari/537.36\r\n"
                 "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,"
                 "image/webp,*/*;q=0.8\r\n"
                 "Sec-Fetch-Site: same-origin\r\n"
                 "Sec-Fetch-Mode: navigate\r\n"
                 "Sec-Fetch-Dest: document\r\n"
                 "Referer: https://www.example.org/articles/2026/11/\r\n"
                 "Accept-Encoding: gzip, deflate, br\r\n"
                 "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\r\n" },
    { "cookies", "GET /account HTTP/1.1\r\n"
                 "Host: www.example.org\r\n"
                 "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 "
                 "Firefox/120.0\r\n"
                 "Accept: */*\r\n"
                 "Cookie: " COOKIE "; " COOKIE "; " COOKIE "; " COOKIE "\r\n\r\n" },
};
#define REQUESTS_COUNT (sizeof(requests) / sizeof(requests[0]))

/* ---- contenders ------------------------------------------------------------------------------ */

static bool parse_head(struct pl_view input, struct http_head *head)
{
    struct http_parser parser;

    /* As for each request of a connection, whose head is used again. */
    http_parser_init(&parser, TARGET_MAX, HEAD_MAX);
    head->fields_count = 0;
    head->minor_version = 1;
    return http_parse_head(&parser, head, input) == HTTP_PARSE_HEAD;
}

static void sum_up(const struct http_head *head, struct parsed *ret_parsed)
{
    *ret_parsed = (struct parsed){ .head_bytes = head->length,
                                   .target_bytes = head->target.length,
                                   .fields_count = head->fields_count };
    for (uint16_t i = 0; i < head->fields_count; i++) {
        ret_parsed->names_bytes += head->fields[i].name.length;
        ret_parsed->values_bytes += head->fields[i].value.length;
    }
}

static bool by_head(struct pl_view input, struct parsed *ret_parsed)
{
    struct http_head head;

    if (!parse_head(input, &head))
        return false;
    sum_up(&head, ret_parsed);
    return true;
}

static bool by_head_and_framing(struct pl_view input, struct parsed *ret_parsed)
{
    struct http_framing framing;
    struct http_head head;

    if (!parse_head(input, &head) || http_read_framing(&head, input, &framing) != 0)
        return false;
    sum_up(&head, ret_parsed);
    return true;
}

struct contender {
    const char *name;
    parse_request *parse;                /* NULL: not built in */
    struct series ns[REQUESTS_COUNT];    /* per request */
    struct series ratio[REQUESTS_COUNT]; /* to http-parser in the same round */
};

enum { HEAD, FRAMING, OTHER, CONTENDERS_COUNT };

/* ---- measuring ------------------------------------------------------------------------------- */

/* What was parsed goes here, so that no parsing can be left out. */
static volatile size_t sink;

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double measure(parse_request *parse, struct pl_view input, double stretch_s)
{
    double begin_s = now_s(), end_s;
    size_t count = 0;

    do {
        for (size_t i = 0; i < BATCH; i++) {
            struct parsed parsed;

            if (parse(input, &parsed))
                sink += parsed.values_bytes;
        }
        count += BATCH;
        end_s = now_s();
    } while (end_s - begin_s < stretch_s);
    return (end_s - begin_s) * 1e9 / (double)count;
}

static struct pl_view view_of(const struct request *request)
{
    return (struct pl_view){ .bytes = request->text, .length = strlen(request->text) };
}

/* A parser that finds something else is not faster, it does something else. */
static bool all_find_the_same(const struct contender *contenders)
{
    for (size_t r = 0; r < REQUESTS_COUNT; r++) {
        struct parsed first, other;

        if (!contenders[0].parse(view_of(&requests[r]), &first) ||
            first.head_bytes != strlen(requests[r].text))
            return false;
        for (size_t c = 1; c < CONTENDERS_COUNT; c++)
            if (contenders[c].parse != NULL &&
                (!contenders[c].parse(view_of(&requests[r]), &other) ||
                 memcmp(&first, &other, sizeof(first)) != 0))
                return false;
    }
    return true;
}

static void measure_round(struct contender *contenders, size_t round, double stretch_s)
{
    for (size_t r = 0; r < REQUESTS_COUNT; r++) {
        double ns[CONTENDERS_COUNT];

        for (size_t i = 0; i < CONTENDERS_COUNT; i++) {
            size_t c = (i + round) % CONTENDERS_COUNT;

            ns[c] = contenders[c].parse == NULL
                        ? (double)NAN
                        : measure(contenders[c].parse, view_of(&requests[r]), stretch_s);
        }
        for (size_t c = 0; c < CONTENDERS_COUNT; c++) {
            series_add(&contenders[c].ns[r], ns[c]);
            series_add(&contenders[c].ratio[r], ns[c] / ns[OTHER]);
        }
    }
}

static void print_cell(double number)
{
    if (isnan(number))
        printf(" %11s", "-");
    else
        printf(" %11.2f", number);
}

static void print_table(const struct contender *contenders)
{
    printf("%-8s %5s %6s  %-26s %11s %11s %11s %11s\n", "request", "bytes", "fields", "parser",
           "ns/request", "+-", "ns/byte", "ratio");
    for (size_t r = 0; r < REQUESTS_COUNT; r++) {
        struct parsed parsed;

        (void)contenders[0].parse(view_of(&requests[r]), &parsed);
        for (size_t c = 0; c < CONTENDERS_COUNT; c++) {
            struct summary ns = series_summary(&contenders[c].ns[r]);

            printf("%-8s %5zu %6zu  %-26s", requests[r].name, parsed.head_bytes,
                   parsed.fields_count, contenders[c].name);
            print_cell(ns.median);
            print_cell((ns.high - ns.low) / 2);
            print_cell(ns.median / (double)parsed.head_bytes);
            print_cell(series_summary(&contenders[c].ratio[r]).median);
            putchar('\n');
        }
    }
    if (contenders[OTHER].parse == NULL)
        puts("http-parser was not there at configure time: on Debian, apt-get install "
             "libhttp-parser-dev");
    else
        puts("ratio: to http-parser in the same round; below 1 is faster. Medians, and half the "
             "distance between the quartiles.");
}

int main(int argc, char **argv)
{
    static struct contender contenders[CONTENDERS_COUNT] = {
        [HEAD] = { .name = "http_parse_head", .parse = by_head },
        [FRAMING] = { .name = "with http_read_framing", .parse = by_head_and_framing },
        [OTHER] = { .name = "http-parser" },
    };
    bool is_quick = argc == 2 && strcmp(argv[1], "--quick") == 0;
    size_t rounds = is_quick ? ROUNDS_QUICK : ROUNDS;

    if (argc > 2 || (argc == 2 && !is_quick)) {
        fputs("Usage: parse_speed [--quick]\n", stderr);
        return EX_USAGE;
    }
    contenders[OTHER].parse = parse_by_http_parser();
    if (!all_find_the_same(contenders)) {
        fputs("parse_speed: the parsers do not find the same in a request\n", stderr);
        return EXIT_FAILURE;
    }
    for (size_t round = 0; round < rounds; round++)
        measure_round(contenders, round, is_quick ? STRETCH_QUICK_S : STRETCH_S);
    print_table(contenders);
    return EXIT_SUCCESS;
}
