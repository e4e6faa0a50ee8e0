/* SPDX-License-Identifier: Apache-2.0 */
/* Files below a root, and what must not be served as one. */
#include "web.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* More than the kernel takes off the server's hands while the client does not read. */
#define SHRINKING_BYTES (64 * 1024 * 1024)

static char large[LARGE_BYTES];

static void write_file(const char *name, const void *bytes, size_t length)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", server_rig_folder(&web.rig), name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void in_folder(char *path, size_t size, const char *name)
{
    snprintf(path, size, "%s/%s", server_rig_folder(&web.rig), name);
}

/* `set`: one more setting, or NULL. */
static void start_with_files_and(const char *set)
{
    char root[128], path[256];
    const char *const sets[] = { root, set, NULL };

    in_folder(path, sizeof(path), "root");
    assert_int_equal(mkdir(path, 0755), 0);
    in_folder(path, sizeof(path), "root/dir");
    assert_int_equal(mkdir(path, 0755), 0);
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (char)(i * 31 >> 3);
    write_file("secret.txt", "secret\n", 7);
    write_file("root/index.html", "<p>\n", 4);
    write_file("root/dir/index.html", "dir\n", 4);
    write_file("root/a.css", "css\n", 4);
    write_file("root/a b.txt", "space\n", 6);
    write_file("root/none", "", 0);
    write_file("root/large.bin", large, sizeof(large));
    in_folder(path, sizeof(path), "root/fifo");
    assert_int_equal(mkfifo(path, 0644), 0);
    in_folder(path, sizeof(path), "root/out");
    assert_int_equal(symlink("../secret.txt", path), 0);
    in_folder(path, sizeof(path), "root/absolute");
    assert_int_equal(symlink("/etc/passwd", path), 0);
    in_folder(path, sizeof(path), "root/inside");
    assert_int_equal(symlink("dir/index.html", path), 0);
    snprintf(root, sizeof(root), "services.0.http.root=%s/root", server_rig_folder(&web.rig));
    web_start(sets);
}

static void start_with_files(void)
{
    start_with_files_and(NULL);
}

/* The name leads to another file from here on, whole at any time. */
static void replace_css(const char *text)
{
    char path[256], fresh[256];

    write_file("root/fresh", text, strlen(text));
    in_folder(fresh, sizeof(fresh), "root/fresh");
    in_folder(path, sizeof(path), "root/a.css");
    assert_int_equal(rename(fresh, path), 0);
}

static void files_below_the_root_are_served_and_no_others(void **state)
{
    static const struct {
        const char *path;
        int status;
        const char *body, *type;
    } rows[] = {
        { "/", 200, "<p>\n", "text/html; charset=utf-8" },
        { "/index.html", 200, "<p>\n", "text/html; charset=utf-8" },
        { "/dir/", 200, "dir\n", "text/html; charset=utf-8" },
        { "/dir/index.html?query", 200, "dir\n", "text/html; charset=utf-8" },
        { "/dir/../index.html", 200, "<p>\n", NULL },
        { "//index.html", 404, NULL, NULL },
        { "/dir//index.html", 404, NULL, NULL },
        { "/dir//", 404, NULL, NULL },
        { "/a.css", 200, "css\n", "text/css; charset=utf-8" },
        { "/a%20b.txt", 200, "space\n", "text/plain; charset=utf-8" },
        { "/none", 200, "", "application/octet-stream" },
        { "/inside", 200, "dir\n", NULL },
        { "/dir", 301, NULL, NULL },
        { "/missing", 404, NULL, NULL },
        { "/index.html/", 404, NULL, NULL },
        { "/fifo", 404, NULL, NULL },
        { "/out", 404, NULL, NULL },
        { "/absolute", 404, NULL, NULL },
        { "/../secret.txt", 404, NULL, NULL },
        { "/%2e%2e/secret.txt", 404, NULL, NULL },
        { "/dir/..%2f..%2fsecret.txt", 404, NULL, NULL },
        { "//etc/passwd", 404, NULL, NULL },
        { "/direct", 200, "direct\n", NULL },
    };
    struct reply reply;
    int fd;

    (void)state;
    start_with_files();
    fd = client_connect(web.rig.port);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char request[256], type[128];

        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", rows[i].path);
        client_say(fd, request);
        reply_read(fd, &reply, false);
        if (reply.status != rows[i].status)
            fail_msg("%s: %d instead of %d", rows[i].path, reply.status, rows[i].status);
        if (rows[i].body != NULL) {
            assert_int_equal(reply.length, strlen(rows[i].body));
            assert_memory_equal(reply.body, rows[i].body, reply.length);
        }
        snprintf(type, sizeof(type), "Content-Type: %s\r\n",
                 rows[i].type == NULL ? "" : rows[i].type);
        if (rows[i].type != NULL)
            assert_true(reply_has(&reply, type));
    }
    client_say(fd, "HEAD /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read(fd, &reply, true);
    assert_true(reply_has(&reply, "Content-Length: 5242880\r\n"));
    client_say(fd, "POST /index.html HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read(fd, &reply, false);
    assert_int_equal(reply.status, 405);
    assert_true(reply_has(&reply, "\r\nAllow: GET, HEAD, OPTIONS\r\n"));
    client_close(fd);
    web_stop();
}

static const char *const ways_to_send[] = { "services.0.http.send=sendfile",
                                            "services.0.http.send=splice",
                                            "services.0.http.send=mmap",
                                            "services.0.http.send=read" };
#define WAYS_COUNT (sizeof(ways_to_send) / sizeof(ways_to_send[0]))

static void expect_large_file(const char *set)
{
    struct reply reply;
    int fd;

    start_with_files_and(set);
    fd = client_connect(web.rig.port);
    client_say(fd,
               "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\nGET /a.css HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read(fd, &reply, false);
    assert_int_equal(reply.length, LARGE_BYTES);
    assert_true(memcmp(reply.body, large, LARGE_BYTES) == 0);
    reply_expect(fd, 200, "css\n");
    client_say(fd, "GET /large.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=100000-299999\r\n\r\n");
    reply_read(fd, &reply, false);
    assert_int_equal(reply.status, 206);
    assert_int_equal(reply.length, 200000);
    assert_true(memcmp(reply.body, large + 100000, 200000) == 0);
    client_close(fd);
    web_stop();
}

static void large_file_arrives_byte_for_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < WAYS_COUNT; i++)
        expect_large_file(ways_to_send[i]);
}

static size_t count_to_the_end(int fd)
{
    size_t total = 0;
    ssize_t length;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO,
               &(struct timeval){ .tv_sec = CLIENT_DEADLINE_MS / 1000 }, sizeof(struct timeval));
    while ((length = recv(fd, web.body, sizeof(web.body), 0)) > 0)
        total += (size_t)length;
    assert_true(length == 0 || errno != EAGAIN);
    return total;
}

static void expect_cut(const char *set)
{
    struct reply reply;
    char path[256];
    int fd;

    start_with_files_and(set);
    write_file("root/shrinking", "", 0);
    in_folder(path, sizeof(path), "root/shrinking");
    assert_int_equal(truncate(path, SHRINKING_BYTES), 0);
    fd = client_connect(web.rig.port);
    client_say(fd, "GET /shrinking HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read_head(fd, &reply);
    assert_int_equal(truncate(path, 10), 0);
    assert_true(count_to_the_end(fd) < SHRINKING_BYTES);
    client_close(fd);
    fd = client_connect(web.rig.port);
    web_get(fd, "/a.css", 200, "css\n");
    client_close(fd);
    web_stop();
}

static void file_that_shrinks_while_it_is_served_cuts_the_connection(void **state)
{
    (void)state;
    for (size_t i = 0; i < WAYS_COUNT; i++)
        expect_cut(ways_to_send[i]);
}

/* What was opened is served to its end, whatever its name has come to. */
static void file_that_is_replaced_or_deleted_while_it_is_served_arrives_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * WAYS_COUNT; i++) {
        struct reply reply;
        char path[256], other[256];
        int fd;

        start_with_files_and(ways_to_send[i / 2]);
        in_folder(path, sizeof(path), "root/large.bin");
        in_folder(other, sizeof(other), "root/a.css");
        fd = client_connect(web.rig.port);
        client_say(fd, "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
        reply_read_head(fd, &reply);
        assert_int_equal(i % 2 == 0 ? rename(other, path) : unlink(path), 0);
        client_receive(fd, web.body, LARGE_BYTES);
        assert_true(memcmp(web.body, large, LARGE_BYTES) == 0);
        client_close(fd);
        web_stop();
    }
}

static void replaced_file_is_seen_at_once_if_asked(void **state)
{
    static const char *const settings[] = { "services.0.http.open_files_valid=0s",
                                            "services.0.http.open_files=0" };

    (void)state;
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        int fd;

        start_with_files_and(settings[i]);
        fd = client_connect(web.rig.port);
        web_get(fd, "/a.css", 200, "css\n");
        replace_css("another\n");
        web_get(fd, "/a.css", 200, "another\n");
        client_close(fd);
        web_stop();
    }
}

static void replaced_file_is_seen_in_time(void **state)
{
    int64_t until;
    struct reply reply;
    int fd;

    (void)state;
    start_with_files_and("services.0.http.open_files_valid=20ms");
    fd = client_connect(web.rig.port);
    web_get(fd, "/a.css", 200, "css\n");
    replace_css("another\n");
    until = client_now_ms() + CLIENT_DEADLINE_MS;
    do {
        assert_true(client_now_ms() < until);
        client_say(fd, "GET /a.css HTTP/1.1\r\nHost: a\r\n\r\n");
        reply_read(fd, &reply, false);
        assert_int_equal(reply.status, 200);
    } while (reply.length == 4);
    assert_memory_equal(reply.body, "another\n", 8);
    client_close(fd);
    web_stop();
}

/* More clients read it than it has descriptors; some of them leave before its end. */
static void file_that_is_sent_outlives_its_place_among_the_open_ones(void **state)
{
    struct reply reply;
    int fds[4];

    (void)state;
    start_with_files_and("services.0.http.open_files=1");
    for (int i = 0; i < 4; i++) {
        fds[i] = client_connect(web.rig.port);
        client_say(fds[i], "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
        reply_read_head(fds[i], &reply);
    }
    client_close(fds[3]);
    for (int i = 0; i < 3; i++) {
        int other = client_connect(web.rig.port);

        web_get(other, "/a.css", 200, "css\n");
        client_close(other);
        client_receive(fds[i], web.body, LARGE_BYTES);
        assert_true(memcmp(web.body, large, LARGE_BYTES) == 0);
        client_close(fds[i]);
    }
    web_stop();
}

/* A lease makes open() wait for its holder, for 45 seconds by default; a thread must not. */
static void leased_file_never_holds_a_thread(void **state)
{
    struct reply reply;
    char path[256];
    int fd, leased;

    (void)state;
    start_with_files();
    signal(SIGIO, SIG_IGN);
    in_folder(path, sizeof(path), "root/a.css");
    leased = open(path, O_RDWR | O_CLOEXEC);
    if (fcntl(leased, F_SETLEASE, F_WRLCK) < 0) {
        close(leased);
        web_stop();
        skip();
    }
    fd = client_connect(web.rig.port);
    client_say(fd, "GET /a.css HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read(fd, &reply, false);
    assert_int_equal(reply.status, 503);
    close(leased);
    web_get(fd, "/a.css", 200, "css\n");
    client_close(fd);
    web_stop();
}

/* In a child that is nobody, for root may read everything. */
static int ask_for_the_unreadable(void)
{
    struct reply reply;
    char root[128], path[256];
    const char *const sets[] = { root, NULL };
    int fd, status;

    snprintf(root, sizeof(root), "services.0.http.root=%s", server_rig_folder(&web.rig));
    in_folder(path, sizeof(path), "closed");
    if (geteuid() == 0 && (setegid(65534) < 0 || seteuid(65534) < 0))
        return 77;
    web_start(sets);
    fd = client_connect(web.rig.port);
    client_say(fd, "GET /closed HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_read(fd, &reply, false);
    status = reply.status;
    client_close(fd);
    pl_server_stop(web.rig.server, 0);
    pl_server_close(web.rig.server);
    return status == 403 ? 0 : 1;
}

static void unreadable_file_is_forbidden(void **state)
{
    char path[256];
    int status;
    pid_t child;

    (void)state;
    write_file("closed", "x", 1);
    in_folder(path, sizeof(path), "closed");
    assert_int_equal(chmod(path, 0), 0);
    assert_int_equal(chmod(server_rig_folder(&web.rig), 0755), 0);
    child = fork();
    if (child == 0)
        _exit(ask_for_the_unreadable());
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(path, 0600), 0);
    web_start(NULL);
    web_stop(); /* removes the folder */
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(files_below_the_root_are_served_and_no_others),
    cmocka_unit_test(large_file_arrives_byte_for_byte),
    cmocka_unit_test(file_that_shrinks_while_it_is_served_cuts_the_connection),
    cmocka_unit_test(file_that_is_replaced_or_deleted_while_it_is_served_arrives_whole),
    cmocka_unit_test(replaced_file_is_seen_at_once_if_asked),
    cmocka_unit_test(replaced_file_is_seen_in_time),
    cmocka_unit_test(file_that_is_sent_outlives_its_place_among_the_open_ones),
    cmocka_unit_test(leased_file_never_holds_a_thread),
    cmocka_unit_test(unreadable_file_is_forbidden),
};

const struct case_group web_files = CASE_GROUP(cases);
