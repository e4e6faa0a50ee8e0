/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"
#include "log_files.h"

#include <paceline/limits.h>
#include <paceline/log.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

ssize_t __real_write(int fd, const void *bytes, size_t length);
ssize_t __wrap_write(int fd, const void *bytes, size_t length);

/* What the next writes to a file do: bytes taken at most, or a negative errno value; 0: all. */
static const long *plan;
static char said[4096];

ssize_t __wrap_write(int fd, const void *bytes, size_t length)
{
    if (fd == STDERR_FILENO) {
        size_t used = strlen(said);

        snprintf(said + used, sizeof(said) - used, "%.*s", (int)length, (const char *)bytes);
        return (ssize_t)length;
    }
    if (fd == STDOUT_FILENO || plan == NULL || *plan == 0)
        return __real_write(fd, bytes, length);
    if (*plan < 0) {
        errno = (int)-*plan++;
        return -1;
    }
    return __real_write(fd, bytes, length < (size_t)*plan ? length : (size_t)*plan++);
}

static char folder[64], path[96];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/paceline-test-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/access", folder);
    plan = NULL;
    said[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    char moved[128];

    (void)state;
    pl_log_thread_end();
    (void)pl_log_drain();
    snprintf(moved, sizeof(moved), "%s.1", path);
    (void)unlink(path);
    (void)unlink(moved);
    return rmdir(folder);
}

static struct pl_log_file *open_file(void)
{
    struct pl_log_file *file = NULL;
    struct pl_error error = { .message = "" };

    if (pl_log_file_open(path, &file, &error) < 0)
        fail_msg("%s", error.message);
    return file;
}

static void put(struct pl_log_file *file, int64_t when_ns, const char *line)
{
    pl_log_file_write(file, when_ns, line, strlen(line));
}

static void expect(const char *name, const char *text)
{
    char found[4096];
    int fd = open(name, O_RDONLY);
    ssize_t length;

    assert_true(fd >= 0);
    length = read(fd, found, sizeof(found) - 1);
    assert_true(length >= 0);
    found[length] = '\0';
    close(fd);
    assert_string_equal(found, text);
}

static void a_thread_without_a_ring_writes_at_once(void **state)
{
    struct pl_log_file *file = open_file();
    struct stat status;

    (void)state;
    put(file, 1, "one\n");
    expect(path, "one\n");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    pl_log_file_close(file);
    file = open_file();
    put(file, 2, "two\n");
    pl_log_file_close(file);
    pl_log_file_close(NULL);
    expect(path, "one\ntwo\n");
}

static void a_thread_with_a_ring_waits_for_the_writer(void **state)
{
    struct pl_log_file *file = open_file();

    (void)state;
    assert_int_equal(pl_log_thread_begin(), 0);
    put(file, 1, "one\n");
    put(file, 2, "two\n");
    expect(path, "");
    assert_true(pl_log_drain());
    expect(path, "one\ntwo\n");
    assert_false(pl_log_drain());
    put(file, 3, "three\n");
    pl_log_file_close(file); /* leaves nothing behind */
    expect(path, "one\ntwo\nthree\n");
}

static void the_same_path_is_shared(void **state)
{
    struct pl_log_file *file = open_file(), *same = open_file();

    (void)state;
    assert_ptr_equal(file, same);
    pl_log_file_close(same);
    put(file, 1, "still\n");
    pl_log_file_close(file);
    expect(path, "still\n");
}

static void a_path_that_cannot_be_opened_is_named(void **state)
{
    struct pl_log_file *file = NULL;
    struct pl_error error;

    (void)state;
    assert_int_equal(pl_log_file_open("/nowhere/access", &file, &error), -ENOENT);
    assert_string_equal(error.message,
                        "cannot open '/nowhere/access' to append to it: No such file or directory");
    assert_int_equal(error.exit_code, EX_CONFIG);
    assert_int_equal(pl_log_file_open(folder, &file, &error), -EISDIR);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(pl_log_file_open(path, &file, &error), -ENXIO);
    assert_non_null(strstr(error.message, "nobody reads this FIFO"));
    assert_null(file);
    assert_false(pl_log_files_are_open());
}

static void the_path_is_opened_again_when_it_is_asked_for(void **state)
{
    struct pl_log_file *file = open_file();
    char moved[128];

    (void)state;
    snprintf(moved, sizeof(moved), "%s.1", path);
    put(file, 1, "before\n");
    assert_int_equal(rename(path, moved), 0);
    put(file, 2, "renamed\n");
    pl_log_files_reopen();
    (void)pl_log_drain();
    assert_non_null(strstr(said, "was opened again"));
    put(file, 3, "after\n");
    expect(moved, "before\nrenamed\n");
    expect(path, "after\n");
    /* What cannot be opened again keeps its file. */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    pl_log_files_reopen();
    (void)pl_log_drain();
    assert_non_null(strstr(said, "the old one stays in use: Is a directory"));
    put(file, 4, "nobody sees it\n");
    pl_log_file_close(file);
    assert_int_equal(rmdir(path), 0);
}

static void a_full_ring_drops_and_counts(void **state)
{
    struct pl_log_file *file = open_file();
    uint64_t before = pl_log_files_dropped();
    const uint32_t fits = PL_LOG_FILE_RING_BYTES / PL_LOG_FILE_LINE_BYTES;
    static char line[PL_LOG_FILE_LINE_BYTES];
    struct stat status;
    uint32_t kept;

    (void)state;
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\n';
    assert_int_equal(pl_log_thread_begin(), 0);
    for (uint32_t i = 0; i < 2 * fits; i++)
        pl_log_file_write(file, i, line, sizeof(line));
    kept = 2 * fits - (uint32_t)(pl_log_files_dropped() - before);
    assert_in_range(kept, fits - 4, fits);
    (void)pl_log_drain();
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, kept * sizeof(line));
    (void)pl_log_drain(); /* this thread's own word */
    assert_non_null(strstr(said, "lines dropped, its writer was too slow"));
    pl_log_file_close(file);
}

static void a_full_disk_drops_whole_lines_and_leaves_none_torn(void **state)
{
    static const long torn[] = { 6, -EINTR, -ENOSPC, 0 };
    static const long still_full[] = { -ENOSPC, 0 };
    struct pl_log_file *file = open_file();
    uint64_t before = pl_log_files_dropped();

    (void)state;
    assert_int_equal(pl_log_thread_begin(), 0);
    put(file, 1, "one\n");
    put(file, 2, "two\n");
    put(file, 3, "three\n");
    plan = torn;
    (void)pl_log_drain();
    assert_int_equal(pl_log_files_dropped() - before, 2);
    (void)pl_log_drain();
    assert_non_null(strstr(said, "2 lines dropped, it cannot be written: No space left on device"));
    put(file, 4, "four\n");
    plan = still_full;
    (void)pl_log_drain();
    assert_int_equal(pl_log_files_dropped() - before, 3);
    put(file, 5, "five\n");
    pl_log_file_close(file);
    expect(path, "one\ntw\nfive\n");
}

static void a_reader_that_does_not_read_is_waited_for_once(void **state)
{
    char line[PL_LOG_FILE_LINE_BYTES];
    uint64_t before = pl_log_files_dropped();
    struct pl_log_file *file;
    int64_t began_ms;
    int reader;

    (void)state;
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\n';
    assert_int_equal(mkfifo(path, 0600), 0);
    reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    file = open_file();
    began_ms = pl_clock_ms();
    for (int i = 0; i < 40; i++)
        pl_log_file_write(file, i, line, sizeof(line));
    assert_true(pl_clock_ms() - began_ms >= PL_LOG_FILE_STUCK_MS);
    assert_in_range(pl_log_files_dropped() - before, 30, 36);
    /* It reads again. */
    while (read(reader, line, sizeof(line)) > 0)
        ;
    before = pl_log_files_dropped();
    put(file, 41, "again\n");
    assert_int_equal(pl_log_files_dropped() - before, 0);
    close(reader);
    put(file, 42, "gone\n");
    assert_int_equal(pl_log_files_dropped() - before, 1);
    pl_log_file_close(file);
}

#define HANDS 4
#define TURNS 10000

/* A ball that goes from thread to thread, as a connection does. */
static struct game {
    struct pl_log_file *file;
    _Atomic uint32_t ball;
} game;

static void *play(void *argument)
{
    uint32_t hand = *(uint32_t *)argument, turn;

    if (pl_log_thread_begin() < 0)
        return NULL;
    while ((turn = atomic_load(&game.ball)) < TURNS) {
        char line[32];

        if (turn % HANDS != hand) {
            (void)sched_yield();
            continue;
        }
        snprintf(line, sizeof(line), "%u\n", turn);
        put(game.file, pl_clock_ns(), line);
        atomic_store(&game.ball, turn + 1);
    }
    pl_log_thread_end();
    return NULL;
}

static void lines_of_a_connection_that_changes_threads_stay_in_order(void **state)
{
    pthread_t threads[HANDS];
    uint32_t hands[HANDS];
    uint32_t number;
    FILE *read_back;

    (void)state;
    game.file = open_file();
    atomic_store(&game.ball, 0);
    for (uint32_t i = 0; i < HANDS; i++) {
        hands[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, play, &hands[i]), 0);
    }
    while (atomic_load(&game.ball) < TURNS) {
        (void)pl_log_drain();
        (void)sched_yield();
    }
    for (int i = 0; i < HANDS; i++)
        pthread_join(threads[i], NULL);
    pl_log_file_close(game.file);
    read_back = fopen(path, "r");
    assert_non_null(read_back);
    for (uint32_t i = 0; i < TURNS; i++) {
        assert_int_equal(fscanf(read_back, "%u\n", &number), 1);
        assert_int_equal(number, i);
    }
    (void)fclose(read_back);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_thread_without_a_ring_writes_at_once),
        CASE(a_thread_with_a_ring_waits_for_the_writer),
        CASE(the_same_path_is_shared),
        CASE(a_path_that_cannot_be_opened_is_named),
        CASE(the_path_is_opened_again_when_it_is_asked_for),
        CASE(a_full_ring_drops_and_counts),
        CASE(a_full_disk_drops_whole_lines_and_leaves_none_torn),
        CASE(a_reader_that_does_not_read_is_waited_for_once),
        CASE(lines_of_a_connection_that_changes_threads_stay_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
