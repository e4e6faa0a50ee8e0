/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real backend: nginx on a free port of loopback in a folder of its own, asked through HTTP over
 * calls and over leases, under every model. It is stopped and started again in the middle.
 */
#include "client.h"
#include "server_rig.h"

#include <paceline/line.h>
#include <paceline/upstream.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define PATH_NGINX "/usr/sbin/nginx"

static struct server_rig rig;
static struct pl_upstream *upstream;

/* ---- nginx ---- */

static char folder[64];
static uint16_t port;
static pid_t nginx_pid = -1;

static uint16_t find_free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void write_text(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void write_configuration(void)
{
    char text[2048];

    snprintf(text, sizeof(text),
             "daemon off;\nmaster_process off;\npid %s/pid;\nerror_log %s/error.log;\n"
             "events { worker_connections 64; }\n"
             "http {\n"
             "  access_log off;\n  keepalive_requests 50;\n"
             "  client_body_temp_path %s/a; proxy_temp_path %s/b; fastcgi_temp_path %s/c;\n"
             "  uwsgi_temp_path %s/d; scgi_temp_path %s/e;\n"
             "  server {\n    listen 127.0.0.1:%u;\n"
             "    location /tag/ { return 200 $uri; }\n"
             "  }\n}\n",
             folder, folder, folder, folder, folder, folder, folder, port);
    write_text("nginx.conf", text);
}

static bool is_listening(void)
{
    const struct sockaddr_in address = { .sin_family = AF_INET,
                                         .sin_port = htons(port),
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_so = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;

    close(fd);
    return is_so;
}

static void start_nginx(void)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;
    char file[128], log[128];

    snprintf(file, sizeof(file), "%s/nginx.conf", folder);
    snprintf(log, sizeof(log), "%s/error.log", folder);
    nginx_pid = fork();
    if (nginx_pid == 0) {
        execl(PATH_NGINX, PATH_NGINX, "-p", folder, "-c", file, "-e", log, (char *)NULL);
        _exit(127);
    }
    while (!is_listening() && client_now_ms() < until_ms) {
        if (waitpid(nginx_pid, NULL, WNOHANG) == nginx_pid)
            fail_msg("nginx ended; see %s", log);
        client_pause_ms(2);
    }
    assert_true(is_listening());
}

static void stop_nginx(void)
{
    if (nginx_pid < 0)
        return;
    kill(nginx_pid, SIGTERM);
    assert_int_equal(waitpid(nginx_pid, NULL, 0), nginx_pid);
    nginx_pid = -1;
}

/* ---- HTTP, as much as nginx answers here (RFC 9112, 6) ---- */

static enum pl_upstream_frame frame_reply(struct pl_view input, bool is_ended, uint64_t scratch[4],
                                          size_t *ret_bytes)
{
    const char *end = memmem(input.bytes, input.length, "\r\n\r\n", 4);
    char head[2048];
    const char *length;
    size_t head_bytes;

    (void)is_ended; /* a reply that ends early is CLOSED */
    (void)scratch;
    if (end == NULL)
        return input.length >= sizeof(head) ? PL_UPSTREAM_REFUSED : PL_UPSTREAM_MORE;
    head_bytes = (size_t)(end - input.bytes) + 4;
    if (head_bytes >= sizeof(head))
        return PL_UPSTREAM_REFUSED;
    memcpy(head, input.bytes, head_bytes);
    head[head_bytes] = '\0';
    length = strcasestr(head, "\r\nContent-Length: ");
    if (strncmp(head, "HTTP/1.1 200 ", 13) != 0 || length == NULL)
        return PL_UPSTREAM_REFUSED;
    *ret_bytes = head_bytes + strtoul(length + 18, NULL, 10);
    if (input.length < *ret_bytes)
        return PL_UPSTREAM_MORE;
    return strcasestr(head, "\r\nConnection: close") != NULL ? PL_UPSTREAM_WHOLE_END
                                                             : PL_UPSTREAM_WHOLE;
}

static size_t make_request(char *text, size_t size, uint32_t tag)
{
    return (size_t)snprintf(text, size, "GET /tag/%u HTTP/1.1\r\nHost: back\r\n\r\n", tag);
}

static bool has_tag(struct pl_view reply, uint32_t tag)
{
    char body[64];
    size_t length = (size_t)snprintf(body, sizeof(body), "\r\n\r\n/tag/%u", tag);

    return reply.length > length && memcmp(reply.bytes + reply.length - length, body, length) == 0;
}

/* ---- the ways ---- */

struct asked {
    sem_t is_done;
    uint32_t tag;
    _Atomic uint32_t ends;
    enum pl_upstream_outcome outcome;
    bool is_right;
};

static void note(const struct pl_upstream_result *result, void *context)
{
    struct asked *asked = context;

    asked->outcome = result->outcome;
    asked->is_right = has_tag(result->reply, asked->tag);
    atomic_fetch_add(&asked->ends, 1);
    sem_post(&asked->is_done);
}

static void begin(struct asked *asked, uint32_t tag)
{
    char text[128];
    const struct pl_upstream_call settings = {
        .request = { .bytes = text, .length = make_request(text, sizeof(text), tag) },
        .framer = frame_reply,
        .done = note,
        .context = asked,
        .is_idempotent = true
    };

    *asked = (struct asked){ .tag = tag };
    sem_init(&asked->is_done, 0, 0);
    assert_int_equal(pl_upstream_call(upstream, &settings, NULL), 0);
}

static enum pl_upstream_outcome await(struct asked *asked)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLIENT_DEADLINE_MS / 1000;
    assert_int_equal(sem_timedwait(&asked->is_done, &until), 0);
    sem_destroy(&asked->is_done);
    assert_int_equal(asked->ends, 1);
    if (asked->outcome == PL_UPSTREAM_REPLIED)
        assert_true(asked->is_right);
    return asked->outcome;
}

static int lease_once(uint32_t tag)
{
    struct pl_upstream_lease leased;
    uint64_t scratch[4] = { 0 };
    char text[2048];
    size_t used = 0, got, bytes = 0, length = make_request(text, sizeof(text), tag);
    enum pl_upstream_frame found = PL_UPSTREAM_MORE;
    int err = pl_upstream_lease(upstream, CLIENT_DEADLINE_MS, &leased);

    if (err < 0)
        return err;
    err = pl_upstream_write(&leased, text, length);
    while (err == 0 && found == PL_UPSTREAM_MORE) {
        err = pl_upstream_read(&leased, text + used, sizeof(text) - used, &got);
        if (err < 0)
            break;
        if (got == 0)
            err = -EPIPE;
        used += got;
        found = frame_reply((struct pl_view){ .bytes = text, .length = used }, got == 0, scratch,
                            &bytes);
    }
    if (err == 0 && found == PL_UPSTREAM_WHOLE && bytes == used)
        pl_upstream_return(&leased);
    else
        pl_upstream_discard(&leased, err < 0 || found == PL_UPSTREAM_REFUSED);
    if (err == 0 && found != PL_UPSTREAM_REFUSED)
        assert_true(has_tag((struct pl_view){ .bytes = text, .length = bytes }, tag));
    return err == 0 && found == PL_UPSTREAM_REFUSED ? -EPROTO : err;
}

/* ---- cases ---- */

static void say_line(struct pl_line *line, struct pl_view text, void *context)
{
    (void)context;
    (void)!pl_line_reply(line, text.bytes, text.length);
}

static const struct pl_line_handling handling = { .handler = say_line, .name = "say" };
static const struct pl_binding binding = { .protocol = &pl_line_protocol,
                                           .elements = &handling,
                                           .element_bytes = sizeof(handling),
                                           .count = 1 };
static const struct pl_app app = PL_APP(.name = "asks", .bindings = &binding, .bindings_count = 1);

static void start(void)
{
    char text[256];
    const char *const sets[] = { text, NULL };

    start_nginx();
    snprintf(text, sizeof(text),
             "upstreams=[{name: back, servers: [\"127.0.0.1:%u\"], pool: {max: 4}, "
             "eject: {failures: 0}}]",
             port);
    server_rig_start(&rig, &app, sets);
    upstream = pl_server_upstream(rig.server, "back");
    assert_non_null(upstream);
}

static void stop(void)
{
    server_rig_stop(&rig);
    stop_nginx();
}

static void its_connections_are_kept_and_nothing_crosses(void **state)
{
    enum { CALLS = 400 };
    static struct asked asked[CALLS];
    static struct pl_upstream_stats figures;

    (void)state;
    start();
    for (uint32_t i = 0; i < CALLS; i++)
        begin(&asked[i], i);
    for (uint32_t i = 0; i < 50; i++)
        assert_int_equal(lease_once(1000 + i), 0);
    for (uint32_t i = 0; i < CALLS; i++)
        assert_int_equal(await(&asked[i]), PL_UPSTREAM_REPLIED);
    pl_upstream_stats(upstream, &figures);
    /* It closes each connection after 50 requests (keepalive_requests), and says so. */
    assert_true(figures.counters[PL_UPSTREAM_COUNT_connects] >= 450 / 50);
    assert_true(figures.counters[PL_UPSTREAM_COUNT_connects] < 30);
    assert_true(figures.counters[PL_UPSTREAM_COUNT_reuses] > 400);
    stop();
}

/* Calls go on while it is away: each has an end with a name, and then they are answered again. */
static void it_stops_and_comes_back(void **state)
{
    struct asked asked;
    uint32_t failed = 0;

    (void)state;
    start();
    for (uint32_t i = 0; i < 20; i++) {
        begin(&asked, i);
        assert_int_equal(await(&asked), PL_UPSTREAM_REPLIED);
    }
    stop_nginx();
    for (uint32_t i = 0; i < 20; i++) {
        begin(&asked, i);
        assert_int_equal(await(&asked), PL_UPSTREAM_CONNECT_FAILED);
        failed++;
        assert_int_equal(lease_once(i), -ECONNREFUSED);
    }
    assert_int_equal(failed, 20);
    start_nginx();
    for (uint32_t i = 0; i < 20; i++) {
        begin(&asked, i);
        assert_int_equal(await(&asked), PL_UPSTREAM_REPLIED);
        assert_int_equal(lease_once(i), 0);
    }
    stop();
}

static void it_stops_in_the_middle_of_a_crowd(void **state)
{
    enum { CALLS = 200 };
    static struct asked asked[CALLS];

    (void)state;
    start();
    for (uint32_t i = 0; i < CALLS; i++)
        begin(&asked[i], i);
    stop_nginx();
    for (uint32_t i = 0; i < CALLS; i++) {
        enum pl_upstream_outcome outcome = await(&asked[i]);

        if (outcome != PL_UPSTREAM_REPLIED && outcome != PL_UPSTREAM_CLOSED &&
            outcome != PL_UPSTREAM_CONNECT_FAILED)
            fail_msg("%s", pl_upstream_outcome_name(outcome));
    }
    start_nginx();
    begin(&asked[0], 1);
    assert_int_equal(await(&asked[0]), PL_UPSTREAM_REPLIED);
    stop();
}

static int make_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/paceline-nginx-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    port = find_free_port();
    write_configuration();
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(its_connections_are_kept_and_nothing_crosses),
        cmocka_unit_test(it_stops_and_comes_back),
        cmocka_unit_test(it_stops_in_the_middle_of_a_crowd),
    };
    char command[128];
    int failed;

    if (access(PATH_NGINX, X_OK) < 0) {
        fprintf(stderr, "%s is missing (package nginx-light)\n", PATH_NGINX);
        return 1;
    }
    if (make_folder() < 0)
        return 1;
    failed = server_run_cases(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
    stop_nginx();
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command) != 0 || failed != 0;
}
