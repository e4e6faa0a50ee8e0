/* SPDX-License-Identifier: Apache-2.0 */
#include "listener.h"
#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

int __real_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog);

static bool listen_fails;

int __wrap_listen(int fd, int backlog)
{
    if (listen_fails) {
        errno = EADDRINUSE;
        return -1;
    }
    return __real_listen(fd, backlog);
}

static const struct pl_listener_options options = { .backlog = 8, .unix_mode = 0600 };
static char folder[64], path[96], text[128];
static struct pl_error error;
static int descriptors_before;

static int setup(void **state)
{
    (void)state;
    descriptors_before = descriptors_count();
    snprintf(folder, sizeof(folder), "/tmp/listener_test.XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/s", folder);
    snprintf(text, sizeof(text), "unix:%s", path);
    memset(&error, 0, sizeof(error));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    listen_fails = false;
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(descriptors_count(), descriptors_before);
    return 0;
}

static int open_text(const char *where, struct pl_address *address, int *fd)
{
    if (pl_address_parse(where, address, &error) < 0)
        fail_msg("%s", error.message);
    return pl_listener_open(address, &options, fd, &error);
}

static void port_0_is_replaced_by_the_one_that_was_given(void **state)
{
    static const char *const where[] = { "127.0.0.1:0", "udp:127.0.0.1:0" };
    struct pl_address address;
    char shown[PL_ADDRESS_TEXT_BYTES];
    int fd;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(open_text(where[i], &address, &fd), 0);
        pl_address_format(&address, shown, sizeof(shown));
        assert_null(strstr(shown, ":0"));
        assert_int_equal(strncmp(shown, where[i], strlen(where[i]) - 1), 0);
        assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
        assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        close(fd);
    }
}

static void a_taken_port_is_named(void **state)
{
    struct pl_address address;
    int fd, other;

    (void)state;
    assert_int_equal(open_text("127.0.0.1:0", &address, &fd), 0);
    assert_int_equal(pl_listener_open(&address, &options, &other, &error), -EADDRINUSE);
    assert_int_equal(error.exit_code, EX_UNAVAILABLE);
    assert_non_null(strstr(error.message, "cannot listen on 127.0.0.1:"));
    close(fd);
}

static void ipv6_stays_with_ipv6_or_says_why_not(void **state)
{
    struct pl_address address;
    int fd, on = 0;
    socklen_t length = sizeof(on);
    int err = open_text("[::1]:0", &address, &fd);

    (void)state;
    if (err < 0) {
        assert_true(err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL);
        assert_int_equal(error.exit_code, EX_UNAVAILABLE);
        assert_non_null(strstr(error.message, "cannot listen on [::1]:0: "));
        return;
    }
    assert_int_equal(getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, &length), 0);
    assert_int_equal(on, 1);
    close(fd);
}

static void a_unix_socket_gets_its_mode_and_is_removed(void **state)
{
    struct pl_address address;
    struct stat status;
    int fd;

    (void)state;
    assert_int_equal(open_text(text, &address, &fd), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    pl_listener_remove(&address);
    assert_int_equal(access(path, F_OK), -1);
    close(fd);
}

static void a_dead_unix_socket_is_replaced_a_living_one_is_not(void **state)
{
    struct pl_address address;
    int fd, other;

    (void)state;
    assert_int_equal(open_text(text, &address, &fd), 0);
    assert_int_equal(open_text(text, &address, &other), -EADDRINUSE);
    assert_int_equal(access(path, F_OK), 0);
    close(fd); /* as a killed server leaves it */
    assert_int_equal(open_text(text, &address, &other), 0);
    close(other);
}

static void a_file_that_is_no_socket_is_kept(void **state)
{
    struct pl_address address;
    struct stat status;
    int fd, file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    assert_int_equal(write(file, "mine", 4), 4);
    close(file);
    assert_int_equal(open_text(text, &address, &fd), -EEXIST);
    assert_non_null(strstr(error.message, path));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 4);
}

static void a_symbolic_link_is_not_followed(void **state)
{
    struct pl_address address;
    int fd;

    (void)state;
    assert_int_equal(symlink("/nonexistent", path), 0);
    assert_int_equal(open_text(text, &address, &fd), -EEXIST);
}

static void a_missing_folder_is_an_error(void **state)
{
    struct pl_address address;
    int fd;

    (void)state;
    assert_int_equal(open_text("unix:/nonexistent/s", &address, &fd), -ENOENT);
    assert_non_null(strstr(error.message, "unix:/nonexistent/s"));
}

static void a_failed_listen_leaves_no_file(void **state)
{
    struct pl_address address;
    int fd;

    (void)state;
    listen_fails = true;
    assert_int_equal(open_text(text, &address, &fd), -EADDRINUSE);
    assert_int_equal(access(path, F_OK), -1);
}

static void accepting_from_an_empty_queue_says_so(void **state)
{
    struct pl_address address;
    struct pl_peer peer;
    int fd, conn = -1;

    (void)state;
    assert_int_equal(open_text("127.0.0.1:0", &address, &fd), 0);
    assert_int_equal(pl_listener_accept(fd, &conn, &peer), PL_ACCEPT_EMPTY);
    assert_int_equal(conn, -1);
    close(fd);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(port_0_is_replaced_by_the_one_that_was_given),
        CASE(a_taken_port_is_named),
        CASE(ipv6_stays_with_ipv6_or_says_why_not),
        CASE(a_unix_socket_gets_its_mode_and_is_removed),
        CASE(a_dead_unix_socket_is_replaced_a_living_one_is_not),
        CASE(a_file_that_is_no_socket_is_kept),
        CASE(a_symbolic_link_is_not_followed),
        CASE(a_missing_folder_is_an_error),
        CASE(a_failed_listen_leaves_no_file),
        CASE(accepting_from_an_empty_queue_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
