/* SPDX-License-Identifier: Apache-2.0 */
/* A loop per core: listeners that share a port, connections dealt out, each loop on its own. */
#include "client.h"
#include "server_rig.h"

#include <paceline/line.h>

#include <ctype.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define LOOPS 3

static const struct server_combination combinations[] = { { "per_core", "oneshot", LOOPS },
                                                          { "per_core", "edge", LOOPS } };
static struct server_rig rig;
static _Atomic uint32_t blocked, answerers_begun, answerers_ended;
static _Atomic bool is_gate_open;

/* ---- an application that says which thread answers --------------------------------------------
 */

static void *answer_later(void *argument)
{
    struct pl_line_deferred deferred = *(struct pl_line_deferred *)argument;

    free(argument);
    (void)!pl_line_deferred_reply(&deferred, "later\n", 6);
    atomic_fetch_add(&answerers_ended, 1);
    return NULL;
}

static void defer(struct pl_line *line)
{
    struct pl_line_deferred *deferred = malloc(sizeof(*deferred));
    pthread_t thread;

    if (deferred == NULL)
        abort();
    *deferred = pl_line_defer(line);
    atomic_fetch_add(&answerers_begun, 1);
    if (pthread_create(&thread, NULL, answer_later, deferred) != 0)
        abort();
    pthread_detach(thread);
}

/* Bounded: a test that has failed does not open the gate. */
static void block(void)
{
    atomic_fetch_add(&blocked, 1);
    for (int i = 0; i < 3 * CLIENT_DEADLINE_MS && !atomic_load(&is_gate_open); i++)
        client_pause_ms(1);
}

static void handle(struct pl_line *line, struct pl_view text, void *context)
{
    char name[18];

    (void)context;
    if (pl_view_equals(text, PL_VIEW("later"))) {
        defer(line);
        return;
    }
    if (pl_view_equals(text, PL_VIEW("block")))
        block();
    if (pthread_getname_np(pthread_self(), name, 16) != 0)
        abort();
    (void)pl_line_reply(line, name, strlen(name));
    (void)pl_line_reply(line, "\n", 1);
}

static const struct pl_line_handling handling = { .handler = handle, .name = "who" };
static const struct pl_app app = { .bytes = sizeof(app),
                                   .name = "who",
                                   PL_LINE_HANDLING(&handling) };

static void start(const char *const *sets)
{
    atomic_store(&blocked, 0);
    atomic_store(&is_gate_open, false);
    atomic_store(&answerers_begun, 0);
    atomic_store(&answerers_ended, 0);
    server_rig_start(&rig, &app, sets);
}

static void stop(void)
{
    client_await(&answerers_ended, atomic_load(&answerers_begun));
    server_rig_stop(&rig);
}

struct name {
    char text[18];
};

static struct name receive_name(int fd)
{
    struct name name;
    size_t length = 0;

    do {
        assert_true(length < sizeof(name.text));
        client_receive(fd, name.text + length, 1);
    } while (name.text[length++] != '\n');
    name.text[length - 1] = '\0';
    return name;
}

static struct name who(int fd)
{
    client_say(fd, "who\n");
    return receive_name(fd);
}

/* Of the loop, from its thread's name. */
static unsigned loop_of(int fd)
{
    struct name name = who(fd);
    unsigned loop;

    if (sscanf(name.text, "loop-%u", &loop) != 1 || loop >= LOOPS)
        fail_msg("answered by %s", name.text);
    return loop;
}

/* Connects one after the other; each has been answered before the next comes. */
static void connect_all(int *fds, size_t count, uint32_t *conns_of_loop)
{
    memset(conns_of_loop, 0, LOOPS * sizeof(*conns_of_loop));
    for (size_t i = 0; i < count; i++) {
        fds[i] = client_connect(rig.port);
        conns_of_loop[loop_of(fds[i])]++;
    }
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        client_close(fds[i]);
}

/* ---- listeners --------------------------------------------------------------------------------
 */

/* Sockets of that kernel table which stand on the port; 0x0a: listening (tcp_states.h). */
static int sockets_on(const char *table, uint16_t port, unsigned wanted_state)
{
    FILE *file = fopen(table, "re");
    char line[512];
    int count = 0;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        unsigned address, at, peer, peer_port, state;

        if (sscanf(line, " %*u: %x:%x %x:%x %x", &address, &at, &peer, &peer_port, &state) == 5 &&
            at == port && state == wanted_state)
            count++;
    }
    fclose(file);
    return count;
}

static void each_loop_has_a_listener_of_its_own(void **state)
{
    static const char *const datagrams[] = { "services.0.listen=[udp:127.0.0.1:0]", NULL };

    (void)state;
    start(NULL);
    assert_int_equal(sockets_on("/proc/net/tcp", rig.port, 0x0a), LOOPS);
    stop();
    start(datagrams);
    assert_int_equal(sockets_on("/proc/net/udp", rig.port, 0x07), LOOPS);
    stop();
}

static void expect_refused(const char *listen, const char *model)
{
    const char *const sets[] = { listen, model, "dispatch.threads=2", "log.level=error", NULL };
    struct pl_error error = { .message = "" };
    struct pl_server *server = NULL;

    assert_true(pl_server_open(&app, NULL, sets, &server, &error) < 0);
    assert_int_equal(error.exit_code, EX_UNAVAILABLE);
    assert_non_null(strstr(error.message, "cannot listen on "));
    assert_non_null(strstr(error.message, "in use"));
}

/* The kernel alone would let it in, and take connections away without a word. */
static void a_second_server_on_the_port_is_refused(void **state)
{
    static const char *const kinds[] = { "", "udp:" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char first[64], second[64];
        const char *const sets[] = { first, NULL };

        snprintf(first, sizeof(first), "services.0.listen=[%s127.0.0.1:0]", kinds[i]);
        start(sets);
        snprintf(second, sizeof(second), "services.0.listen=[%s127.0.0.1:%u]", kinds[i], rig.port);
        expect_refused(second, "dispatch.model=per_core");
        expect_refused(second, "dispatch.model=reactor");
        stop();
    }
}

/* ---- connections ------------------------------------------------------------------------------
 */

static void connections_reach_more_than_one_loop(void **state)
{
    enum { CONNS_MAX = 300 };
    static int fds[CONNS_MAX];
    struct pl_stats stats;
    size_t count = 0;

    (void)state;
    start(NULL);
    do {
        fds[count] = client_connect(rig.port);
        (void)loop_of(fds[count++]);
        pl_server_stats(rig.server, &stats);
    } while (stats.accepts_per_thread_max == count && count < CONNS_MAX);
    assert_true(stats.accepts_per_thread_max < count);
    assert_true(stats.accepts_per_thread_min > 0);
    close_all(fds, count);
    stop();
}

static void expect_even(const uint32_t *conns_of_loop)
{
    for (size_t i = 0; i < LOOPS; i++)
        for (size_t k = 0; k < LOOPS; k++)
            if (conns_of_loop[i] > conns_of_loop[k] + 1)
                fail_msg("loop %zu has %u, loop %zu has %u", i, conns_of_loop[i], k,
                         conns_of_loop[k]);
}

static void balanced_connections_are_spread_evenly(void **state)
{
    static const char *const sets[] = { "dispatch.balance=true", NULL };
    enum { CONNS = 31 };
    uint32_t conns_of_loop[LOOPS];
    int fds[CONNS];

    (void)state;
    start(sets);
    connect_all(fds, CONNS, conns_of_loop);
    expect_even(conns_of_loop);
    close_all(fds, CONNS);
    stop();
}

static int connect_unix(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void connections_of_a_unix_socket_are_dealt_out(void **state)
{
    enum { CONNS = 10 };
    uint32_t conns_of_loop[LOOPS] = { 0 };
    char path[96], listen[160];
    const char *const sets[] = { listen, NULL };
    int fds[CONNS];

    (void)state;
    snprintf(path, sizeof(path), "%s/who", server_rig_folder(&rig));
    snprintf(listen, sizeof(listen), "services.0.listen=['unix:%s']", path);
    start(sets);
    for (size_t i = 0; i < CONNS; i++) {
        fds[i] = connect_unix(path);
        conns_of_loop[loop_of(fds[i])]++;
    }
    expect_even(conns_of_loop);
    close_all(fds, CONNS);
    stop();
}

/* ---- threads ----------------------------------------------------------------------------------
 */

static bool read_status(const char *task, const char *key, char *value, size_t size)
{
    char path[300], line[512];
    FILE *file;
    bool is_found = false;

    snprintf(path, sizeof(path), "/proc/self/task/%s/status", task);
    file = fopen(path, "re");
    while (file != NULL && !is_found && fgets(line, sizeof(line), file) != NULL) {
        is_found = strncmp(line, key, strlen(key)) == 0;
        if (is_found)
            snprintf(value, size, "%.*s", (int)strcspn(line + strlen(key), "\n"),
                     line + strlen(key));
    }
    if (file != NULL)
        fclose(file);
    return is_found;
}

/* The CPUs that each loop's thread may use, as the kernel writes them. */
static void read_cpus(char (*cpus)[64])
{
    DIR *directory = opendir("/proc/self/task");
    const struct dirent *entry;
    char name[64];
    unsigned loop;

    assert_non_null(directory);
    memset(cpus, 0, LOOPS * sizeof(*cpus));
    while ((entry = readdir(directory)) != NULL)
        if (isdigit((unsigned char)entry->d_name[0]) &&
            read_status(entry->d_name, "Name:\t", name, sizeof(name)) &&
            sscanf(name, "loop-%u", &loop) == 1 && loop < LOOPS)
            assert_true(
                read_status(entry->d_name, "Cpus_allowed_list:\t", cpus[loop], sizeof(cpus[loop])));
    closedir(directory);
}

/* The n-th CPU that this process may use, counted round. */
static unsigned nth_cpu(unsigned n)
{
    cpu_set_t usable;
    unsigned cpu = 0;

    assert_int_equal(sched_getaffinity(0, sizeof(usable), &usable), 0);
    for (unsigned left = n % (unsigned)CPU_COUNT(&usable);; cpu++)
        if (CPU_ISSET(cpu, &usable) && left-- == 0)
            return cpu;
}

static void pinned_loops_stay_on_their_cpus(void **state)
{
    static const char *const sets[] = { "dispatch.pin=true", NULL };
    char cpus[LOOPS][64];

    (void)state;
    start(sets);
    /* A thread bears its name a moment after it was started. */
    for (int i = 0; i < CLIENT_DEADLINE_MS && (i == 0 || cpus[LOOPS - 1][0] == '\0'); i++) {
        read_cpus(cpus);
        client_pause_ms(1);
    }
    for (unsigned i = 0; i < LOOPS; i++) {
        char expected[16];

        snprintf(expected, sizeof(expected), "%u", nth_cpu(i));
        assert_string_equal(cpus[i], expected);
    }
    stop();
}

/* One connection on each loop. */
static void connect_to_each(int *fds)
{
    for (size_t found = 0; found < LOOPS; found++)
        fds[found] = -1;
    for (size_t i = 0; i < LOOPS; i++) {
        int fd = client_connect(rig.port);
        unsigned loop = loop_of(fd);

        assert_int_equal(fds[loop], -1);
        fds[loop] = fd;
    }
}

static bool has_answer(int fd)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

    return poll(&poll_fd, 1, 0) > 0;
}

static void a_loop_that_blocks_stops_only_its_own(void **state)
{
    static const char *const sets[] = { "dispatch.balance=true", NULL };
    int fds[LOOPS], twins[LOOPS];

    (void)state;
    start(sets);
    connect_to_each(fds);
    connect_to_each(twins);
    client_say(fds[0], "block\n");
    client_await(&blocked, 1);
    client_say(twins[0], "who\n");
    for (int round = 0; round < 20; round++)
        for (size_t i = 1; i < LOOPS; i++)
            assert_int_equal(loop_of(fds[i]), i);
    assert_false(has_answer(fds[0]));
    assert_false(has_answer(twins[0]));
    atomic_store(&is_gate_open, true);
    assert_string_equal(receive_name(fds[0]).text, "loop-0");
    assert_string_equal(receive_name(twins[0]).text, "loop-0");
    close_all(fds, LOOPS);
    close_all(twins, LOOPS);
    stop();
}

static void what_foreign_threads_post_reaches_the_right_loop(void **state)
{
    static const char *const sets[] = { "dispatch.balance=true", NULL };
    enum { CONNS = 9, ROUNDS = 30 };
    uint32_t conns_of_loop[LOOPS];
    unsigned loops[CONNS];
    int fds[CONNS];

    (void)state;
    start(sets);
    connect_all(fds, CONNS, conns_of_loop);
    for (size_t i = 0; i < CONNS; i++)
        loops[i] = loop_of(fds[i]);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < CONNS; i++)
            client_say(fds[i], "later\nwho\n");
        for (size_t i = 0; i < CONNS; i++) {
            char expected[32];

            snprintf(expected, sizeof(expected), "later\nloop-%u\n", loops[i]);
            client_expect(fds[i], expected);
        }
    }
    close_all(fds, CONNS);
    stop();
}

/* ---- beside other models ----------------------------------------------------------------------
 */

static void services_of_different_models_share_a_process(void **state)
{
    static const char *const sets[] = {
        "services=[{name: a, protocol: line, listen: ['127.0.0.1:0']}, "
        "{name: b, protocol: line, listen: ['127.0.0.1:0'], "
        "dispatch: {model: half_sync_half_async, threads: 2, inline: false}}, "
        "{name: c, protocol: line, listen: ['127.0.0.1:0'], "
        "dispatch: {model: leader_followers, threads: 2}}, "
        "{name: d, protocol: line, listen: ['127.0.0.1:0'], "
        "dispatch: {model: reactor, threads: 0}}, "
        "{name: e, protocol: line, listen: ['127.0.0.1:0'], dispatch: {threads: 2}}]",
        NULL
    };
    static const char *const threads[] = { "loop-", "worker-", "lf-", "io-", "loop-" };
    enum { SERVICES = sizeof(threads) / sizeof(threads[0]), ROUNDS = 5 };
    int fds[SERVICES];

    (void)state;
    start(sets);
    for (size_t i = 0; i < SERVICES; i++)
        fds[i] = client_connect(server_rig_port(&rig, i));
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < SERVICES; i++) {
            struct name name = who(fds[i]);

            if (strncmp(name.text, threads[i], strlen(threads[i])) != 0)
                fail_msg("service %zu is answered by %s", i, name.text);
        }
    close_all(fds, SERVICES);
    stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(each_loop_has_a_listener_of_its_own),
    cmocka_unit_test(a_second_server_on_the_port_is_refused),
    cmocka_unit_test(connections_reach_more_than_one_loop),
    cmocka_unit_test(balanced_connections_are_spread_evenly),
    cmocka_unit_test(connections_of_a_unix_socket_are_dealt_out),
    cmocka_unit_test(pinned_loops_stay_on_their_cpus),
    cmocka_unit_test(a_loop_that_blocks_stops_only_its_own),
    cmocka_unit_test(what_foreign_threads_post_reaches_the_right_loop),
    cmocka_unit_test(services_of_different_models_share_a_process),
};

int main(void)
{
    int failed = 0;

    for (size_t i = 0; i < sizeof(combinations) / sizeof(combinations[0]); i++) {
        server_current = &combinations[i];
        failed += _cmocka_run_group_tests(combinations[i].arming, cases,
                                          sizeof(cases) / sizeof(cases[0]), NULL, NULL);
    }
    return failed != 0;
}
