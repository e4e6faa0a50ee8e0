/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that stay in a handler are named, under every model, and what they do is left alone. */
#include "client.h"
#include "server_rig.h"

#include <paceline/control.h>
#include <paceline/events.h>
#include <paceline/http.h>
#include <paceline/stats.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define LIMIT "limits.stall=50ms"

static struct server_rig rig;
static char *log_path;
static int stderr_before = -1;

/* ---- an application whose handlers stay until they are let go ---------------------------------
 */

static sem_t gate;       /* a wait in it begins again after a signal */
static int gate_fd = -1; /* a poll(2) of it does not */
static _Atomic uint32_t entered, polls_ended, polls_interrupted, waits_interrupted, ticks;
static _Atomic bool must_tick_wait;

__attribute__((noinline)) static void stay_at_gate(void)
{
    atomic_fetch_add(&entered, 1);
    while (sem_wait(&gate) < 0 && errno == EINTR)
        atomic_fetch_add(&waits_interrupted, 1);
}

static void gated(struct pl_http_exchange *exchange, void *context)
{
    (void)context;
    stay_at_gate();
    pl_http_reply_text(exchange, 200, "gone\n");
}

/* As many a handler does it: one poll(2), and its result believed. */
static void polled(struct pl_http_exchange *exchange, void *context)
{
    struct pollfd one = { .fd = gate_fd, .events = POLLIN };
    int count;

    (void)context;
    atomic_fetch_add(&entered, 1);
    count = poll(&one, 1, CLIENT_DEADLINE_MS);
    if (count < 0 && errno == EINTR)
        atomic_fetch_add(&polls_interrupted, 1);
    atomic_fetch_add(&polls_ended, 1);
    pl_http_reply_text(exchange, 200, count == 1 ? "ready\n" : "not ready\n");
}

static void quick(struct pl_http_exchange *exchange, void *context)
{
    (void)context;
    pl_http_reply_text(exchange, 200, "quick\n");
}

static const struct pl_http_route routes[] = {
    { .method = "GET", .path = "/declared", .handler = gated, .may_block = true },
    { .method = "GET", .path = "/undeclared", .handler = gated },
    { .method = "GET", .path = "/polled", .handler = polled, .may_block = true },
    { .method = "GET", .path = "/quick", .handler = quick },
};
static const struct pl_app app = { .bytes = sizeof(app), .name = "stalls", PL_HTTP_ROUTES(routes) };

static void tick(void *context)
{
    (void)context;
    if (atomic_load(&must_tick_wait))
        stay_at_gate();
    atomic_fetch_add(&ticks, 1);
}

/* ---- the log --------------------------------------------------------------------------------- */

static void start(const char *stall, const char *more)
{
    const char *sets[] = { stall, "log.level=warning", more, NULL };
    int fd;

    sem_init(&gate, 0, 0);
    atomic_store(&entered, 0);
    atomic_store(&polls_ended, 0);
    atomic_store(&polls_interrupted, 0);
    atomic_store(&waits_interrupted, 0);
    server_rig_start(&rig, &app, sets);
    gate_fd = eventfd(0, EFD_CLOEXEC);
    fflush(stderr);
    stderr_before = dup(STDERR_FILENO);
    log_path = strdup("/tmp/paceline-stalls-XXXXXX");
    fd = mkstemp(log_path);
    assert_true(fd >= 0);
    dup2(fd, STDERR_FILENO);
    close(fd);
}

static char *log_text(void)
{
    static char text[256 * 1024];
    FILE *file = fopen(log_path, "re");
    size_t length;

    assert_non_null(file);
    length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[length] = '\0';
    return text;
}

static uint32_t count_in_log(const char *piece)
{
    uint32_t count = 0;

    for (const char *at = log_text(); (at = strstr(at, piece)) != NULL; at++)
        count++;
    return count;
}

static void restore_stderr(void)
{
    if (stderr_before < 0)
        return;
    dup2(stderr_before, STDERR_FILENO);
    close(stderr_before);
    stderr_before = -1;
}

static void fail_with_log(const char *what)
{
    static char text[8192];

    snprintf(text, sizeof(text), "%s", log_text());
    restore_stderr();
    fail_msg("%s; the log:\n%s", what, text);
}

static void await_in_log(const char *piece, uint32_t count)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    while (count_in_log(piece) < count) {
        if (client_now_ms() > until_ms)
            fail_with_log(piece);
        client_pause_ms(2);
    }
}

static uint64_t stalls_now(void)
{
    static struct pl_stats stats;

    pl_server_stats(rig.server, &stats);
    return stats.counters[PL_STAT_stalls];
}

static void await_stalls(uint64_t count)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;

    while (stalls_now() < count) {
        if (client_now_ms() > until_ms)
            fail_with_log("no stall was counted");
        client_pause_ms(2);
    }
}

/* After a failure too: nobody may be left at the gate. */
static int end(void **state)
{
    (void)state;
    restore_stderr();
    if (log_path != NULL) {
        unlink(log_path);
        free(log_path);
        log_path = NULL;
    }
    return 0;
}

static void stop(void)
{
    close(gate_fd);
    restore_stderr(); /* the rig counts descriptors */
    server_rig_stop(&rig);
    sem_destroy(&gate);
}

/* ---- a client -------------------------------------------------------------------------------- */

static int ask(const char *path)
{
    char request[128];
    int fd = client_connect(rig.port);

    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
             path);
    client_say(fd, request);
    return fd;
}

static void expect_answer(int fd, const char *body)
{
    char reply[1024];
    size_t length = client_receive_all(fd, reply, sizeof(reply) - 1);

    reply[length] = '\0';
    assert_non_null(strstr(reply, "HTTP/1.1 200"));
    assert_non_null(strstr(reply, body));
    client_close(fd);
}

static void await_entered(uint32_t count)
{
    client_await(&entered, count);
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void it_is_named_once_with_route_time_and_stack(void **state)
{
    int first, second;

    (void)state;
    start(LIMIT, NULL);
    first = ask("/declared");
    await_in_log("stall: /declared keeps thread ", 1);
    await_in_log("lines of source: addr2line", 1);
    assert_int_equal(count_in_log(" ms, since 20"), 1);
    assert_int_equal(count_in_log("says that it may block"), 1);
    assert_true(count_in_log("stay_at_gate+0x") >= 1);
    assert_true(count_in_log("pl_thread_run_job+0x") >= 1);
    sem_post(&gate);
    expect_answer(first, "gone");
    second = ask("/declared");
    await_stalls(2);
    sem_post(&gate);
    expect_answer(second, "gone");
    assert_int_equal(count_in_log("stall: /declared keeps thread "), 1);
    assert_int_equal(atomic_load(&waits_interrupted), 0);
    stop();
}

static void who_did_not_say_so_is_told(void **state)
{
    int fd;

    (void)state;
    start(LIMIT, NULL);
    fd = ask("/undeclared");
    await_in_log("stall: /undeclared keeps thread ", 1);
    await_in_log("lines of source: addr2line", 1);
    assert_int_equal(count_in_log("does not say that it may block"), 1);
    assert_true(count_in_log("stay_at_gate+0x") >= 1);
    sem_post(&gate);
    expect_answer(fd, "gone");
    stop();
}

static void it_says_who_waits_and_which_models_would_not_suffer(void **state)
{
    const char *sentence =
        server_has_pool() ? "threads that run handlers is in such a handler, the others go on; "
                            "others would wait under reactor with threads: 0, per_core"
        : server_current->threads == 0
            ? "every connection waits for it; would not suffer: leader_followers, "
              "half_sync_half_async, reactor with threads, proactor"
            : "wait for it; would not suffer: leader_followers, half_sync_half_async, reactor with "
              "threads, proactor";
    int fd;

    (void)state;
    start(LIMIT, NULL);
    fd = ask("/declared");
    await_in_log(sentence, 1);
    sem_post(&gate);
    expect_answer(fd, "gone");
    stop();
}

static void each_route_is_named(void **state)
{
    int fds[2];

    (void)state;
    start(LIMIT, NULL);
    fds[0] = ask("/declared");
    await_in_log("stall: /declared keeps thread ", 1);
    if (!server_has_pool()) {
        sem_post(&gate);
        expect_answer(fds[0], "gone");
    }
    fds[1] = ask("/undeclared");
    await_in_log("stall: /undeclared keeps thread ", 1);
    sem_post(&gate);
    sem_post(&gate);
    if (server_has_pool())
        expect_answer(fds[0], "gone");
    expect_answer(fds[1], "gone");
    stop();
}

static void let_poll_go(int fd)
{
    uint64_t one = 1;

    if (atomic_load(&polls_ended) == 0)
        assert_int_equal(write(gate_fd, &one, sizeof(one)), sizeof(one));
    client_await(&polls_ended, 1);
    client_close(fd);
}

static void a_poll_of_the_handler_is_not_interrupted(void **state)
{
    int fd;

    (void)state;
    start(LIMIT, NULL);
    fd = ask("/polled");
    await_in_log("lines of source: addr2line", 1);
    assert_true(count_in_log("which a signal would end") == 1);
    assert_true(count_in_log("polled+0x") >= 1);
    let_poll_go(fd);
    assert_int_equal(atomic_load(&polls_interrupted), 0);
    stop();
}

static void it_is_interrupted_where_that_was_asked_for(void **state)
{
    int fd;

    (void)state;
    start(LIMIT, "limits.stall_stack=always");
    fd = ask("/polled");
    client_await(&polls_ended, 1);
    client_close(fd);
    assert_int_equal(atomic_load(&polls_interrupted), 1);
    /* A wait that begins again does so also then. */
    fd = ask("/declared");
    await_in_log("stay_at_gate+0x", 1);
    sem_post(&gate);
    expect_answer(fd, "gone");
    assert_int_equal(atomic_load(&waits_interrupted), 0);
    stop();
}

static void no_stack_is_taken_where_none_is_wanted(void **state)
{
    int fd;

    (void)state;
    start(LIMIT, "limits.stall_stack=never");
    fd = ask("/declared");
    await_in_log("stall: engine default", 1);
    sem_post(&gate);
    expect_answer(fd, "gone");
    stop();
}

static void zero_turns_it_off(void **state)
{
    int fd;

    (void)state;
    start("limits.stall=0", NULL);
    fd = ask("/declared");
    await_entered(1);
    client_pause_ms(200);
    assert_int_equal(stalls_now(), 0);
    sem_post(&gate);
    expect_answer(fd, "gone");
    stop();
}

/* Longer than the limit in all, each of them short, in turns without a bound. */
static void many_quick_ones_in_a_row_are_no_stall(void **state)
{
    static const char eight[] =
        "GET /quick HTTP/1.1\r\nHost: a\r\n\r\nGET /quick HTTP/1.1\r\nHost: "
        "a\r\n\r\nGET /quick HTTP/1.1\r\nHost: a\r\n\r\nGET /quick "
        "HTTP/1.1\r\nHost: a\r\n\r\n";
    static char replies[64 * 1024];
    int64_t until_ms;
    int fd;

    (void)state;
    start("limits.stall=1s", "dispatch.turn.time=0s");
    fd = client_connect(rig.port);
    until_ms = client_now_ms() + 1500;
    while (client_now_ms() < until_ms) {
        client_say(fd, eight);
        assert_true(read(fd, replies, sizeof(replies)) > 0);
    }
    assert_int_equal(stalls_now(), 0);
    client_reset(fd);
    stop();
}

static size_t view_of_handler(const char *handler, struct pl_thread_view *ret_view)
{
    static struct pl_thread_view views[64];
    size_t count = pl_server_threads(rig.server, views, 64), found = 0;

    for (size_t i = 0; i < count && i < 64; i++)
        if (strcmp(views[i].handler, handler) == 0) {
            *ret_view = views[i];
            found++;
        }
    return found;
}

static void the_view_shows_handler_and_time(void **state)
{
    struct pl_thread_view view;
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;
    int fd;

    (void)state;
    start(LIMIT, NULL);
    fd = ask("/declared");
    await_stalls(1);
    assert_int_equal(view_of_handler("/declared", &view), 1);
    assert_true(view.handler_us >= 50000);
    sem_post(&gate);
    expect_answer(fd, "gone");
    while (view_of_handler("/declared", &view) != 0 && client_now_ms() < until_ms)
        client_pause_ms(1);
    assert_int_equal(view_of_handler("/declared", &view), 0);
    stop();
}

static void a_callback_is_named_too(void **state)
{
    struct pl_event_source timer;

    (void)state;
    start(LIMIT, NULL);
    atomic_store(&must_tick_wait, true);
    assert_int_equal(pl_timer_start(rig.server, 1, 0, tick, NULL, &timer), 0);
    await_in_log("stall: (a timer's callback) keeps thread ", 1);
    atomic_store(&must_tick_wait, false);
    sem_post(&gate);
    stop();
}

static void the_model_is_swapped_meanwhile(void **state)
{
    static struct pl_swap_report report;
    static const char *const changes[] = { "model=leader_followers", "threads=2", NULL };
    struct pl_error error = { .message = "" };
    int fds[2];

    (void)state;
    start(LIMIT, NULL);
    fds[0] = ask("/declared");
    await_entered(1);
    if (pl_server_swap(rig.server, "default", changes, &report, &error) < 0)
        fail_msg("%s", error.message);
    await_in_log("stall: /declared keeps thread ", 1);
    fds[1] = ask("/undeclared");
    await_in_log("stall: /undeclared keeps thread ", 1);
    sem_post(&gate);
    sem_post(&gate);
    expect_answer(fds[0], "gone");
    expect_answer(fds[1], "gone");
    stop();
}

static void *let_go_when_named(void *unused)
{
    (void)unused;
    await_in_log("stall: /declared keeps thread ", 1);
    sem_post(&gate);
    return NULL;
}

static void it_is_named_while_the_server_stops(void **state)
{
    pthread_t helper;
    int fd;

    (void)state;
    start("limits.stall=300ms", NULL);
    fd = ask("/declared");
    await_entered(1);
    assert_int_equal(pthread_create(&helper, NULL, let_go_when_named, NULL), 0);
    assert_int_equal(pl_server_stop(rig.server, CLIENT_DEADLINE_MS), 0);
    pthread_join(helper, NULL);
    expect_answer(fd, "gone");
    stop();
}

static long switches_of_watchdog(void)
{
    DIR *tasks = opendir("/proc/self/task");
    long switches = -1;

    assert_non_null(tasks);
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        char path[300], line[128];
        FILE *file;
        bool is_it = false;

        snprintf(path, sizeof(path), "/proc/self/task/%s/status", task->d_name);
        file = fopen(path, "re");
        while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
            is_it |= strcmp(line, "Name:\twatchdog\n") == 0;
            if (is_it)
                (void)sscanf(line, "voluntary_ctxt_switches: %ld", &switches);
        }
        if (file != NULL)
            fclose(file);
    }
    closedir(tasks);
    return switches;
}

/* Awake it would look twenty times in the pause. */
static void it_sleeps_while_nothing_happens_and_wakes_when_something_does(void **state)
{
    int64_t until_ms = client_now_ms() + CLIENT_DEADLINE_MS;
    bool is_asleep = false;
    int fd;

    (void)state;
    start(LIMIT, NULL);
    while (!is_asleep && client_now_ms() < until_ms) {
        long before = switches_of_watchdog();

        client_pause_ms(250);
        /* It may not have its name yet. */
        is_asleep = before >= 0 && switches_of_watchdog() == before;
    }
    assert_true(is_asleep);
    fd = ask("/declared");
    await_in_log("stall: /declared keeps thread ", 1);
    sem_post(&gate);
    expect_answer(fd, "gone");
    stop();
}

static void a_limit_that_would_only_look_is_refused(void **state)
{
    static const char *const sets[] = { "limits.stall=9ms", "services.0.listen=[127.0.0.1:0]",
                                        NULL };
    struct pl_error error = { .message = "" };
    struct pl_server *server;

    (void)state;
    assert_int_equal(pl_server_open(&app, NULL, sets, &server, &error), -EINVAL);
    assert_non_null(strstr(error.message, "limits.stall: 9000us; expected at least 10ms, or 0"));
}

static void write_config(const char *path, const char *stall)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fprintf(file,
            "limits: { stall: %s, stall_stack: never }\nlog: { level: error }\n"
            "services: [ { name: web, protocol: http, listen: [ \"127.0.0.1:0\" ] } ]\n",
            stall);
    fclose(file);
}

static void a_reload_turns_it_on(void **state)
{
    static struct pl_reload_report report;
    char path[] = "/tmp/paceline-stalls-XXXXXX";
    struct pl_error error = { .message = "" };
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    sem_init(&gate, 0, 0);
    atomic_store(&entered, 0);
    write_config(path, "0");
    if (pl_server_open(&app, path, NULL, &rig.server, &error) < 0 ||
        pl_server_start(rig.server, &error) < 0)
        fail_msg("%s", error.message);
    rig.port = server_rig_port(&rig, 0);
    fd = ask("/declared");
    await_entered(1);
    assert_int_equal(stalls_now(), 0);
    write_config(path, "50ms");
    if (pl_server_reload(rig.server, &report, &error) < 0)
        fail_msg("%s", error.message);
    unlink(path);
    assert_int_equal(report.changed, 1);
    await_stalls(1); /* also of a call that had begun before */
    sem_post(&gate);
    expect_answer(fd, "gone");
    assert_int_equal(pl_server_stop(rig.server, CLIENT_DEADLINE_MS), 0);
    pl_server_close(rig.server);
    sem_destroy(&gate);
}

int main(int argc, char **argv)
{
#define CASE(name) cmocka_unit_test_teardown(name, end)
    static const struct CMUnitTest cases[] = {
        CASE(it_is_named_once_with_route_time_and_stack),
        CASE(who_did_not_say_so_is_told),
        CASE(it_says_who_waits_and_which_models_would_not_suffer),
        CASE(each_route_is_named),
        CASE(a_poll_of_the_handler_is_not_interrupted),
        CASE(it_is_interrupted_where_that_was_asked_for),
        CASE(no_stack_is_taken_where_none_is_wanted),
        CASE(zero_turns_it_off),
        CASE(many_quick_ones_in_a_row_are_no_stall),
        CASE(the_view_shows_handler_and_time),
        CASE(a_callback_is_named_too),
        CASE(the_model_is_swapped_meanwhile),
        CASE(it_is_named_while_the_server_stops),
        CASE(it_sleeps_while_nothing_happens_and_wakes_when_something_does),
        CASE(a_reload_turns_it_on),
        CASE(a_limit_that_would_only_look_is_refused),
    };

    return server_run_cases(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
