/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work to order, to see what a model does with it: /work?cpu=MICROSECONDS&block=MICROSECONDS. The
 * path / answers at once, and lines are echoed.
 */
#include <paceline/http.h>
#include <paceline/line.h>
#include <paceline/main.h>

#include <errno.h>
#include <stdint.h>
#include <time.h>

#define MICROSECONDS_MAX 10000000

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void spin(int64_t microseconds)
{
    int64_t until_ns = now_ns() + microseconds * 1000;

    while (now_ns() < until_ns)
        ;
}

static void block(int64_t microseconds)
{
    struct timespec rest = { .tv_sec = microseconds / 1000000,
                             .tv_nsec = microseconds % 1000000 * 1000 };

    while (nanosleep(&rest, &rest) < 0 && errno == EINTR)
        ;
}

/* The number behind `key` in the query; 0 without one, -1 when it is none. */
static int64_t number_of(struct pl_view query, struct pl_view key)
{
    for (size_t at = 0; at + key.length <= query.length; at++) {
        int64_t number = 0;
        size_t digit = at + key.length;

        if (memcmp(query.bytes + at, key.bytes, key.length) != 0 ||
            (at > 0 && query.bytes[at - 1] != '&'))
            continue;
        for (; digit < query.length && query.bytes[digit] != '&'; digit++) {
            if (query.bytes[digit] < '0' || query.bytes[digit] > '9')
                return -1;
            number = number * 10 + (query.bytes[digit] - '0');
            if (number > MICROSECONDS_MAX)
                return -1;
        }
        return number;
    }
    return 0;
}

static void work(struct pl_http_exchange *exchange, void *context)
{
    struct pl_view query = pl_http_query(exchange);
    int64_t cpu_us = number_of(query, PL_VIEW("cpu="));
    int64_t block_us = number_of(query, PL_VIEW("block="));

    (void)context;
    if (cpu_us < 0 || block_us < 0) {
        pl_http_reply_text(exchange, 400,
                           "expected ?cpu=MICROSECONDS&block=MICROSECONDS, each "
                           "at most 10000000\n");
        return;
    }
    spin(cpu_us);
    if (block_us > 0)
        block(block_us);
    pl_http_reply_text(exchange, 200, "done\n");
}

/* The same without saying that it may block: its average decides who runs it. */
static void spin_only(struct pl_http_exchange *exchange, void *context)
{
    int64_t cpu_us = number_of(pl_http_query(exchange), PL_VIEW("cpu="));

    (void)context;
    if (cpu_us < 0) {
        pl_http_reply_text(exchange, 400, "expected ?cpu=MICROSECONDS, at most 10000000\n");
        return;
    }
    spin(cpu_us);
    pl_http_reply_text(exchange, 200, "done\n");
}

static void nothing(struct pl_http_exchange *exchange, void *context)
{
    (void)context;
    pl_http_reply_text(exchange, 200, "nothing to do\n");
}

int main(int argc, char **argv)
{
    static const struct pl_http_route routes[] = {
        { .method = "GET", .path = "/", .handler = nothing },
        { .method = "GET", .path = "/spin", .handler = spin_only },
        { .method = "GET", .path = "/work", .handler = work, .may_block = true },
    };

    static const struct pl_protocol *const protocols[] = { &pl_http_protocol, &pl_line_protocol };

    return pl_main(argc, argv,
                   &PL_APP(.name = "work", PL_HTTP_ROUTES(routes), .protocols = protocols,
                           .protocols_count = 2));
}
