/* SPDX-License-Identifier: Apache-2.0 */
/* paceline-bench load: the load generator as a command. */
#include "bench.h"
#include "load.h"
#include "load_report.h"
#include "options.h"
#include "request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define BODY_BYTES_MAX ((size_t)64 << 20)

static const char usage_text[] =
    "Usage: paceline-bench load --target HOST:PORT [OPTION]...\n"
    "\n"
    "Every reply is compared, byte for byte, with the first one (but for an HTTP Date).\n"
    "\n"
    "      --target HOST:PORT   the server\n"
    "      --protocol NAME      http, or line: a line is sent, a line comes back (http)\n"
    "      --path PATH          http: what is asked for (/)\n"
    "      --header LINE        http: one more line of the head; may be given again\n"
    "      --line TEXT          line: what is sent (hello)\n"
    "  -c, --connections N      polite connections (64)\n"
    "  -d, --depth N            requests a polite connection has outstanding (1)\n"
    "      --rate N             open loop: N requests a second, latency from when each was due\n"
    "      --think MS           closed loop: rest between a reply and the next request\n"
    "      --new-connection     a connection per request\n"
    "      --greedy N           connections more that pipeline without end\n"
    "      --greedy-depth N     how many requests each of those has outstanding (1024)\n"
    "      --idle N             connections more that do one request and then nothing\n"
    "      --warm-up SECONDS    not counted (0.2)\n"
    "  -s, --seconds SECONDS    how long is counted (2)\n"
    "      --requests N         end after so many\n"
    "      --expect-body FILE   the body, or the line, that every reply has to have\n"
    "      --any-status         take a first reply that is an error as right, too\n"
    "      --cpu N              run the generator on this CPU only\n"
    "      --json               print the result for machines\n"
    "  -h, --help               print this, and end\n"
    "\n"
    "Exit code: 0 every reply was right, 1 one was not or none came, 64 wrong use, 66 no such "
    "file,\n"
    "69 the target is not there or its first reply is not what was expected.\n";

enum {
    OPT_TARGET = 256,
    OPT_PROTOCOL,
    OPT_PATH,
    OPT_HEADER,
    OPT_LINE,
    OPT_RATE,
    OPT_THINK,
    OPT_NEW_CONNECTION,
    OPT_GREEDY,
    OPT_GREEDY_DEPTH,
    OPT_IDLE,
    OPT_WARM_UP,
    OPT_REQUESTS,
    OPT_EXPECT_BODY,
    OPT_ANY_STATUS,
    OPT_CPU,
    OPT_JSON,
};

static const struct option long_options[] = {
    { "target", required_argument, NULL, OPT_TARGET },
    { "protocol", required_argument, NULL, OPT_PROTOCOL },
    { "path", required_argument, NULL, OPT_PATH },
    { "header", required_argument, NULL, OPT_HEADER },
    { "line", required_argument, NULL, OPT_LINE },
    { "connections", required_argument, NULL, 'c' },
    { "depth", required_argument, NULL, 'd' },
    { "rate", required_argument, NULL, OPT_RATE },
    { "think", required_argument, NULL, OPT_THINK },
    { "new-connection", no_argument, NULL, OPT_NEW_CONNECTION },
    { "greedy", required_argument, NULL, OPT_GREEDY },
    { "greedy-depth", required_argument, NULL, OPT_GREEDY_DEPTH },
    { "idle", required_argument, NULL, OPT_IDLE },
    { "warm-up", required_argument, NULL, OPT_WARM_UP },
    { "seconds", required_argument, NULL, 's' },
    { "requests", required_argument, NULL, OPT_REQUESTS },
    { "expect-body", required_argument, NULL, OPT_EXPECT_BODY },
    { "any-status", no_argument, NULL, OPT_ANY_STATUS },
    { "cpu", required_argument, NULL, OPT_CPU },
    { "json", no_argument, NULL, OPT_JSON },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

struct load_options {
    struct load_plan plan;
    const char *path, *line;
    char headers[4096];
    double warm_up_s, seconds;
    cpu_set_t cpus;
    bool is_pinned, is_json;
};

/* ---- command line ---------------------------------------------------------------------------- */

static void read_body(struct load_plan *plan, const char *path)
{
    char *bytes = must_alloc(1, BODY_BYTES_MAX);
    FILE *file = fopen(path, "re");

    if (file == NULL)
        die(EX_NOINPUT, "%s: %s", path, strerror(errno));
    plan->body_expected_length = fread(bytes, 1, BODY_BYTES_MAX, file);
    plan->body_expected = bytes;
    fclose(file);
}

static void add_header(struct load_options *options, const char *line)
{
    size_t used = strlen(options->headers);

    if (strchr(line, ':') == NULL || strpbrk(line, "\r\n") != NULL)
        die(EX_USAGE, "--header: expected 'Name: value', not '%s'", line);
    if (used + strlen(line) + 3 > sizeof(options->headers))
        die(EX_USAGE, "--header: more than %zu bytes in all", sizeof(options->headers));
    snprintf(options->headers + used, sizeof(options->headers) - used, "%s\r\n", line);
}

static enum load_protocol protocol_of(const char *name)
{
    if (strcmp(name, "http") == 0)
        return LOAD_HTTP;
    if (strcmp(name, "line") == 0)
        return LOAD_LINE;
    die(EX_USAGE, "--protocol: expected http or line, not '%s'", name);
}

/* What the plan says of connections; false for any other option. */
static bool take_plan_option(struct load_plan *plan, int option)
{
    switch (option) {
    case 'c':
        plan->conns = argument_count("connections", optarg, 0, LOAD_CONNS_MAX);
        return true;
    case 'd':
        plan->depth = argument_count("depth", optarg, 1, LOAD_DEPTH_MAX);
        return true;
    case OPT_RATE:
        plan->rate = argument_number("rate", optarg, 0.1, 1e8);
        return true;
    case OPT_THINK:
        plan->think_s = argument_number("think", optarg, 0, 3600e3) / 1000;
        return true;
    case OPT_NEW_CONNECTION:
        plan->is_conn_per_request = true;
        return true;
    case OPT_GREEDY:
        plan->greedy = argument_count("greedy", optarg, 0, 1000);
        return true;
    case OPT_GREEDY_DEPTH:
        plan->greedy_depth = argument_count("greedy-depth", optarg, 1, LOAD_DEPTH_MAX);
        return true;
    case OPT_IDLE:
        plan->idle = argument_count("idle", optarg, 0, LOAD_CONNS_MAX);
        return true;
    case OPT_REQUESTS:
        plan->requests_max = argument_count("requests", optarg, 1, (size_t)1 << 40);
        return true;
    case OPT_ANY_STATUS:
        plan->is_any_status = true;
        return true;
    default:
        return false;
    }
}

static void take_option(void *context, int option)
{
    struct load_options *options = context;

    if (take_plan_option(&options->plan, option))
        return;
    switch (option) {
    case OPT_TARGET:
        options->plan.target = argument_address("target", optarg);
        return;
    case OPT_PROTOCOL:
        options->plan.protocol = protocol_of(optarg);
        return;
    case OPT_PATH:
        options->path = optarg;
        return;
    case OPT_HEADER:
        add_header(options, optarg);
        return;
    case OPT_LINE:
        options->line = optarg;
        return;
    case OPT_WARM_UP:
        options->warm_up_s = argument_number("warm-up", optarg, 0, 3600);
        return;
    case 's':
        options->seconds = argument_number("seconds", optarg, 0.01, 86400);
        return;
    case OPT_EXPECT_BODY:
        read_body(&options->plan, optarg);
        return;
    case OPT_CPU:
        CPU_ZERO(&options->cpus);
        CPU_SET(argument_count("cpu", optarg, 0, CPU_SETSIZE - 1), &options->cpus);
        options->is_pinned = true;
        return;
    case OPT_JSON:
        options->is_json = true;
        return;
    }
}

static const struct option_reader reader = { .command = "load",
                                             .usage = usage_text,
                                             .short_options = "c:d:s:h",
                                             .options = long_options,
                                             .take = take_option };

static void check_options(const struct load_options *options)
{
    const struct load_plan *plan = &options->plan;

    if (plan->target.length == 0)
        die(EX_USAGE, "load: no target, expected --target HOST:PORT");
    if (plan->conns + plan->greedy == 0)
        die(EX_USAGE, "load: no connections at all");
    if (plan->rate > 0 && (plan->think_s > 0 || plan->conns == 0))
        die(EX_USAGE, "--rate: an open loop has polite connections, and they do not think");
    if (plan->is_conn_per_request && (plan->depth > 1 || plan->protocol == LOAD_LINE))
        die(EX_USAGE, "--new-connection: one http request per connection, no --depth");
    if (strpbrk(options->path, " \r\n") != NULL || options->path[0] != '/')
        die(EX_USAGE, "--path: expected a path from / on, without spaces, not '%s'", options->path);
}

static void read_options(struct load_options *options, int argc, char **argv)
{
    *options = (struct load_options){
        .plan = { .conns = 64, .depth = 1, .greedy_depth = LOAD_DEPTH_MAX },
        .path = "/",
        .line = "hello",
        .warm_up_s = 0.2,
        .seconds = 2,
    };
    options_read(&reader, NULL, options, argc, argv);
    check_options(options);
}

/* ---- the command ----------------------------------------------------------------------------- */

int load_main(int argc, char **argv)
{
    struct load_options options;
    struct load_result result;
    struct request request;
    char sentence[256];

    read_options(&options, argc, argv);
    signals_catch();
    if (options.plan.protocol == LOAD_LINE)
        request_line(&request, options.line);
    else
        request_http(&request, &options.plan.target, options.path, options.headers,
                     options.plan.is_conn_per_request);
    options.plan.request = request.bytes;
    options.plan.request_length = request.length;
    if (!load_run(&options.plan, options.is_pinned ? &options.cpus : NULL, options.warm_up_s,
                  options.seconds, &result, sentence, sizeof(sentence)))
        die(EX_UNAVAILABLE, "%s", sentence);
    if (options.is_json)
        load_report_json(&options.plan, &result, stdout);
    else
        load_report_print(&options.plan, &result, stdout);
    return load_errors(&result) == 0 && result.polite.requests + result.greedy.requests > 0 ? EX_OK
                                                                                            : 1;
}
