/* SPDX-License-Identifier: Apache-2.0 */
/* Every way from a file into a socket, against a real file and a real peer. */
#include "file_send.h"

#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define FILE_BYTES    (1024 * 1024 + 321)
#define AT_ONCE_BYTES (256 * 1024)

static struct {
    int fd;
    int peer;
    int file_fd;
    off_t offset;
    bool has_blocks;
    struct pl_splice_pipe pipe;
    struct descriptors before;
    char block[16384];
    char content[FILE_BYTES];
    char got[FILE_BYTES];
    size_t got_bytes;
} f;

void *__real_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);

static enum { MAPPING_GOES, MAPPING_FAILS, MAPPING_LOSES_ITS_FILE } mapping;

void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    if (mapping == MAPPING_FAILS) {
        errno = ENODEV;
        return MAP_FAILED;
    }
    if (mapping == MAPPING_LOSES_ITS_FILE)
        assert_int_equal(ftruncate(fd, 0), 0);
    return __real_mmap(address, length, protection, flags, fd, offset);
}

static enum pl_io by_splice(size_t length, size_t *ret_length)
{
    return pl_socket_splice_file(f.fd, &f.pipe, f.file_fd, &f.offset, length, false, ret_length);
}

static enum pl_io by_mapping(size_t length, size_t *ret_length)
{
    return pl_socket_send_mapped_file(f.fd, f.file_fd, &f.offset, length, false, ret_length);
}

static enum pl_io by_reading(size_t length, size_t *ret_length)
{
    return pl_socket_send_read_file(f.fd, f.has_blocks ? f.block : NULL, sizeof(f.block), f.file_fd,
                                    &f.offset, length, false, ret_length);
}

static enum pl_io (*const ways[])(size_t length, size_t *ret_length) = { by_splice, by_mapping,
                                                                         by_reading };
#define WAYS_COUNT (sizeof(ways) / sizeof(ways[0]))

static void open_all(void)
{
    char path[] = "/tmp/file_send_test.XXXXXX";
    int fds[2];

    memset(&f, 0, sizeof(f));
    f.has_blocks = true;
    descriptors_now(&f.before);
    for (size_t i = 0; i < FILE_BYTES; i++)
        f.content[i] = (char)(i * 7 + i / 4096 + 1);
    f.file_fd = mkstemp(path);
    assert_true(f.file_fd >= 0);
    unlink(path);
    assert_int_equal(write(f.file_fd, f.content, FILE_BYTES), FILE_BYTES);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    f.fd = fds[0];
    f.peer = fds[1];
}

static void close_all(void)
{
    pl_splice_pipe_close(&f.pipe);
    pl_close_fd(&f.fd);
    pl_close_fd(&f.peer);
    pl_close_fd(&f.file_fd);
    descriptors_expect_no_new(&f.before);
}

static void hear(void)
{
    ssize_t length;

    while ((length = recv(f.peer, f.got + f.got_bytes, FILE_BYTES - f.got_bytes, 0)) > 0)
        f.got_bytes += (size_t)length;
}

/* The peer reads only when nothing more goes: what a full socket left over comes once. */
static void every_way_brings_every_byte_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < WAYS_COUNT; i++) {
        int blocks = 0;

        open_all();
        f.offset = 5000;
        while (f.offset < FILE_BYTES) {
            size_t left = (size_t)(FILE_BYTES - f.offset), length = 0;
            off_t before = f.offset;
            enum pl_io outcome = ways[i](left < AT_ONCE_BYTES ? left : AT_ONCE_BYTES, &length);

            if (outcome == PL_IO_WOULD_BLOCK) {
                assert_true(f.offset == before);
                blocks++;
                hear();
                continue;
            }
            assert_int_equal(outcome, PL_IO_DONE);
            assert_true(length > 0);
            assert_true(f.offset == before + (off_t)length);
        }
        hear();
        assert_true(blocks > 0);
        assert_int_equal(f.got_bytes, FILE_BYTES - 5000);
        assert_memory_equal(f.got, f.content + 5000, f.got_bytes);
        close_all();
    }
}

/* Behind the end the last page of a mapping would be zeros. */
static void what_the_file_has_lost_is_not_made_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < WAYS_COUNT; i++) {
        size_t length = 0;

        open_all();
        assert_int_equal(ftruncate(f.file_fd, 4500), 0);
        while (ways[i](5000 - (size_t)f.offset, &length) == PL_IO_DONE)
            hear();
        assert_int_equal(f.got_bytes, 4500);
        assert_memory_equal(f.got, f.content, 4500);
        assert_int_equal(ways[i](500, &length), PL_IO_END);
        f.offset = 100000;
        assert_int_equal(ways[i](500, &length), PL_IO_END);
        close_all();
    }
}

static void a_way_that_does_not_go_is_sendfile(void **state)
{
    (void)state;
    for (size_t i = 0; i < WAYS_COUNT; i++) {
        struct rlimit before, few;
        size_t length = 0;

        open_all();
        f.has_blocks = false;
        getrlimit(RLIMIT_NOFILE, &before);
        few = before;
        few.rlim_cur = 0; /* no pipe */
        setrlimit(RLIMIT_NOFILE, &few);
        assert_int_equal(ways[i](3000, &length), PL_IO_DONE);
        setrlimit(RLIMIT_NOFILE, &before);
        assert_false(f.pipe.is_open);
        assert_int_equal(length, 3000);
        assert_int_equal(f.offset, 3000);
        hear();
        assert_memory_equal(f.got, f.content, 3000);
        close_all();
    }
}

static void a_file_that_cannot_be_mapped_goes_by_sendfile(void **state)
{
    size_t length = 0;

    (void)state;
    open_all();
    mapping = MAPPING_FAILS;
    assert_int_equal(by_mapping(3000, &length), PL_IO_DONE);
    mapping = MAPPING_GOES;
    assert_int_equal(f.offset, 3000);
    hear();
    assert_memory_equal(f.got, f.content, 3000);
    close_all();
}

/* It becomes shorter between the look at its size and the send: an error of the call, no signal. */
static void a_mapping_without_pages_is_the_end(void **state)
{
    size_t length = 0;

    (void)state;
    open_all();
    mapping = MAPPING_LOSES_ITS_FILE;
    assert_int_equal(by_mapping(3000, &length), PL_IO_END);
    mapping = MAPPING_GOES;
    assert_int_equal(f.offset, 0);
    close_all();
}

static void a_peer_that_left_is_a_failure(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < WAYS_COUNT; i++) {
        size_t length = 0;

        open_all();
        pl_close_fd(&f.peer);
        assert_int_equal(ways[i](3000, &length), PL_IO_FAILED);
        assert_int_equal(f.offset, 0);
        close_all();
    }
    signal(SIGPIPE, SIG_DFL);
}

int main(void)
{
    static const struct CMUnitTest cases[] = {
        cmocka_unit_test(every_way_brings_every_byte_once),
        cmocka_unit_test(what_the_file_has_lost_is_not_made_up),
        cmocka_unit_test(a_way_that_does_not_go_is_sendfile),
        cmocka_unit_test(a_file_that_cannot_be_mapped_goes_by_sendfile),
        cmocka_unit_test(a_mapping_without_pages_is_the_end),
        cmocka_unit_test(a_peer_that_left_is_a_failure),
    };

    return cmocka_run_group_tests(cases, NULL, NULL);
}
