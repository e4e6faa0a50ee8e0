/* SPDX-License-Identifier: Apache-2.0 */
/* The open files of a service, below a folder of their own. Time is what the test says. */
#include "http_file_cache.h"

#include "http_service.h"
#include "http_types.h"
#include "output.h"
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define VALID_MS    1000
#define THREADS     4
#define THREAD_RUNS 3000

struct fixture {
    char folder[64];
    int root_fd;
    struct http_types *types;
    struct http_file_cache *cache;
    int64_t now_ms;
    int descriptors_before;
};

static struct fixture f;

static void in_folder(char *path, size_t size, const char *name)
{
    snprintf(path, size, "%s/%s", f.folder, name);
}

/* Like an editor that saves: the name leads to another file from here on. */
static void put_file(const char *name, const char *text)
{
    char path[128], fresh[128];
    FILE *file;

    in_folder(path, sizeof(path), name);
    in_folder(fresh, sizeof(fresh), "fresh");
    file = fopen(fresh, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(fresh, path), 0);
}

static void remove_file(const char *name)
{
    char path[128];

    in_folder(path, sizeof(path), name);
    assert_int_equal(unlink(path), 0);
}

static void begin(uint32_t files_max, int64_t valid_ms)
{
    struct pl_error error = { .message = "" };

    f.root_fd = http_open_root("http.root", f.folder, &error);
    assert_true(f.root_fd >= 0);
    assert_int_equal(http_types_new(NULL, &f.types, &error), 0);
    f.cache = http_file_cache_new(files_max, valid_ms, f.types);
    assert_non_null(f.cache);
}

static void end(void)
{
    http_file_cache_free(f.cache);
    f.cache = NULL;
    http_types_free(f.types);
    close(f.root_fd);
    f.root_fd = -1;
}

static int setup(void **state)
{
    (void)state;
    f = (struct fixture){ .folder = "/tmp/http_file_cache_test.XXXXXX",
                          .now_ms = 5000,
                          .root_fd = -1,
                          .descriptors_before = descriptors_count() };
    return mkdtemp(f.folder) == NULL ? -1 : 0;
}

/* The files of a test are named in one row, so that they can all be removed. */
static int teardown(void **state)
{
    static const char *const names[] = { "a.css", "b.txt", "c.txt", "fresh" };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128];

        in_folder(path, sizeof(path), names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(f.folder), 0);
    assert_int_equal(descriptors_count(), f.descriptors_before);
    return 0;
}

static int try_open(const char *name, struct http_file *ret_file)
{
    return http_file_cache_open(f.cache, f.root_fd,
                                (struct pl_view){ .bytes = name, .length = strlen(name) }, f.now_ms,
                                ret_file);
}

static struct http_file open_file(const char *name)
{
    struct http_file file;

    assert_int_equal(try_open(name, &file), 0);
    return file;
}

static void expect_text(const struct http_file *file, const char *text)
{
    char bytes[64];
    ssize_t length = pread(file->fd, bytes, sizeof(bytes), 0);

    assert_int_equal(length, strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

static void expect(const char *name, const char *text)
{
    struct http_file file = open_file(name);

    assert_int_equal(file.size, strlen(text));
    expect_text(&file, text);
    http_file_close(&file);
}

/* How many files the cache keeps open. */
static int count_kept(void)
{
    return descriptors_count() - f.descriptors_before - 1;
}

static void file_is_opened_once_while_it_is_fresh(void **state)
{
    struct http_file first, second;

    (void)state;
    put_file("a.css", "css");
    begin(4, VALID_MS);
    first = open_file("a.css");
    f.now_ms += VALID_MS - 1;
    second = open_file("a.css");
    assert_int_equal(first.fd, second.fd);
    assert_ptr_equal(first.cached, second.cached);
    assert_string_equal(second.type, "text/css; charset=utf-8");
    assert_int_equal(second.size, 3);
    http_file_close(&first);
    http_file_close(&second);
    assert_int_equal(count_kept(), 1);
    end();
}

static void unchanged_file_stays_open_when_it_was_looked_at(void **state)
{
    struct http_file before, after;

    (void)state;
    put_file("a.css", "css");
    begin(4, VALID_MS);
    before = open_file("a.css");
    f.now_ms += VALID_MS;
    after = open_file("a.css");
    assert_ptr_equal(before.cached, after.cached);
    http_file_close(&before);
    http_file_close(&after);
    /* It is fresh again: what stands there now is not looked at yet. */
    put_file("a.css", "other");
    f.now_ms += VALID_MS - 1;
    expect("a.css", "css");
    end();
}

static void replaced_file_is_seen_when_the_time_is_over(void **state)
{
    (void)state;
    put_file("a.css", "one");
    begin(4, VALID_MS);
    expect("a.css", "one");
    put_file("a.css", "two");
    f.now_ms += VALID_MS - 1;
    expect("a.css", "one");
    f.now_ms += 1;
    expect("a.css", "two");
    assert_int_equal(count_kept(), 1);
    end();
}

static void with_no_time_a_replaced_file_is_seen_at_once(void **state)
{
    (void)state;
    put_file("a.css", "one");
    begin(4, 0);
    expect("a.css", "one");
    put_file("a.css", "two");
    expect("a.css", "two");
    f.now_ms -= 1; /* the clock of another thread may be a turn behind */
    put_file("a.css", "three");
    expect("a.css", "three");
    end();
}

static void file_that_changed_in_place_has_its_new_size(void **state)
{
    char path[128];

    (void)state;
    put_file("a.css", "long text");
    begin(4, VALID_MS);
    expect("a.css", "long text");
    in_folder(path, sizeof(path), "a.css");
    assert_int_equal(truncate(path, 4), 0);
    f.now_ms += VALID_MS;
    expect("a.css", "long");
    end();
}

static void deleted_file_is_gone_when_the_time_is_over(void **state)
{
    struct http_file file;

    (void)state;
    put_file("a.css", "one");
    begin(4, VALID_MS);
    expect("a.css", "one");
    remove_file("a.css");
    expect("a.css", "one");
    f.now_ms += VALID_MS;
    assert_int_equal(try_open("a.css", &file), -ENOENT);
    assert_int_equal(count_kept(), 0);
    end();
}

static void failures_are_not_remembered(void **state)
{
    struct http_file file;

    (void)state;
    begin(4, VALID_MS);
    assert_int_equal(try_open("a.css", &file), -ENOENT);
    put_file("a.css", "one");
    expect("a.css", "one");
    end();
}

static void only_regular_files_are_opened(void **state)
{
    struct http_file file;

    (void)state;
    begin(4, VALID_MS);
    assert_int_equal(try_open(".", &file), -EISDIR);
    assert_int_equal(try_open("../", &file), -EXDEV);
    assert_int_equal(count_kept(), 0);
    end();
}

static void longest_unused_file_makes_room(void **state)
{
    struct http_file b;

    (void)state;
    put_file("a.css", "a");
    put_file("b.txt", "b");
    put_file("c.txt", "c");
    begin(2, 100 * VALID_MS);
    expect("a.css", "a");
    f.now_ms++;
    b = open_file("b.txt");
    f.now_ms++;
    expect("a.css", "a");
    f.now_ms++;
    expect("c.txt", "c");
    /* b was evicted, but is still being sent. */
    expect_text(&b, "b");
    assert_int_equal(count_kept(), 3);
    http_file_close(&b);
    assert_int_equal(count_kept(), 2);
    remove_file("a.css");
    remove_file("b.txt");
    expect("a.css", "a");
    assert_int_equal(try_open("b.txt", &b), -ENOENT);
    end();
}

static void file_nobody_asks_for_is_closed_in_time(void **state)
{
    (void)state;
    put_file("a.css", "a");
    put_file("b.txt", "b");
    begin(4, VALID_MS);
    expect("a.css", "a");
    f.now_ms += 3600 * 1000;
    expect("b.txt", "b");
    assert_int_equal(count_kept(), 1);
    end();
}

static void without_a_cache_each_request_opens(void **state)
{
    struct http_file first, second;

    (void)state;
    put_file("a.css", "a");
    begin(0, VALID_MS);
    first = open_file("a.css");
    second = open_file("a.css");
    assert_ptr_not_equal(first.cached, second.cached);
    assert_int_not_equal(first.fd, second.fd);
    http_file_close(&first);
    http_file_close(&second);
    assert_int_equal(count_kept(), 0);
    end();
}

static void file_outlives_its_cache_while_it_is_sent(void **state)
{
    struct http_file file;

    (void)state;
    put_file("a.css", "text");
    begin(4, VALID_MS);
    file = open_file("a.css");
    end();
    expect_text(&file, "text");
    http_file_close(&file);
}

static void output_lets_go_when_it_has_sent_or_dropped(void **state)
{
    struct pl_buffer_pool pool;
    struct pl_buffer_cache buffers;
    struct pl_stats_block stats = { .role = 0 };
    struct pl_output output = { .cache = &buffers };

    (void)state;
    assert_int_equal(pl_buffer_pool_init(&pool, 1 << 20), 0);
    pl_buffer_cache_init(&buffers, &pool, &stats);
    put_file("a.css", "text");
    begin(4, VALID_MS);
    for (int is_sent = 0; is_sent < 2; is_sent++) {
        struct http_file file = open_file("a.css");

        assert_int_equal(pl_output_append_file_shared(&output, file.fd, 0, 4, PL_FILE_SENDFILE,
                                                      http_cached_file_release, file.cached),
                         0);
        f.now_ms += VALID_MS;
        put_file("a.css", "else");
        expect("a.css", "else");
        assert_int_equal(count_kept(), 2);
        if (is_sent)
            pl_output_sent(&output, 4);
        else
            pl_output_drop(&output);
        assert_int_equal(count_kept(), 1);
    }
    end();
    pl_buffer_cache_deinit(&buffers);
    pl_buffer_pool_deinit(&pool);
}

/* The next descriptor would be one too many. */
static void exhaust_descriptors(struct rlimit *ret_before)
{
    struct rlimit none;
    int next = dup(0);

    assert_true(next >= 0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, ret_before), 0);
    none = *ret_before;
    none.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
}

static void kept_files_make_room_when_descriptors_run_out(void **state)
{
    struct rlimit before;
    struct http_file sent, other;
    int err;

    (void)state;
    put_file("a.css", "a");
    put_file("b.txt", "b");
    put_file("c.txt", "c");
    begin(4, VALID_MS);
    sent = open_file("a.css");
    expect("b.txt", "b");
    exhaust_descriptors(&before);
    err = try_open("c.txt", &other);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(err, 0);
    expect_text(&other, "c");
    expect_text(&sent, "a");
    assert_int_equal(count_kept(), 2);
    http_file_close(&other);
    http_file_close(&sent);
    end();
}

static void without_files_to_close_the_error_is_told(void **state)
{
    struct rlimit before;
    struct http_file sent, other;
    int err;

    (void)state;
    put_file("a.css", "a");
    put_file("b.txt", "b");
    begin(4, VALID_MS);
    sent = open_file("a.css");
    exhaust_descriptors(&before);
    err = try_open("b.txt", &other);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(err, -EMFILE);
    http_file_close(&sent);
    end();
}

static _Atomic int wrong;

/* Each file begins with the letter of its name, whichever of its versions it is. */
static void *use_files(void *argument)
{
    static const char *const names[] = { "a.css", "b.txt", "c.txt" };
    int64_t now_ms = 5000 + *(const int *)argument;

    for (int i = 0; i < THREAD_RUNS; i++) {
        const char *name = names[i % 3];
        struct http_file file;
        char letter = '\0';

        if (http_file_cache_open(f.cache, f.root_fd, (struct pl_view){ .bytes = name, .length = 5 },
                                 now_ms + i / 100, &file) < 0) {
            atomic_fetch_add(&wrong, 1);
            continue;
        }
        if (pread(file.fd, &letter, 1, 0) != 1 || letter != *name)
            atomic_fetch_add(&wrong, 1);
        http_file_close(&file);
    }
    return NULL;
}

static void threads_share_files_that_come_and_go(void **state)
{
    pthread_t threads[THREADS];
    int shifts[THREADS];

    (void)state;
    put_file("a.css", "a");
    put_file("b.txt", "b");
    put_file("c.txt", "c");
    atomic_store(&wrong, 0);
    begin(2, 3);
    for (int i = 0; i < THREADS; i++) {
        shifts[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, use_files, &shifts[i]), 0);
    }
    for (int i = 0; i < 100; i++)
        put_file("a.css", i % 2 == 0 ? "a again" : "a");
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_true(count_kept() <= 2);
    end();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(file_is_opened_once_while_it_is_fresh),
        CASE(unchanged_file_stays_open_when_it_was_looked_at),
        CASE(replaced_file_is_seen_when_the_time_is_over),
        CASE(with_no_time_a_replaced_file_is_seen_at_once),
        CASE(file_that_changed_in_place_has_its_new_size),
        CASE(deleted_file_is_gone_when_the_time_is_over),
        CASE(failures_are_not_remembered),
        CASE(only_regular_files_are_opened),
        CASE(longest_unused_file_makes_room),
        CASE(file_nobody_asks_for_is_closed_in_time),
        CASE(without_a_cache_each_request_opens),
        CASE(file_outlives_its_cache_while_it_is_sent),
        CASE(output_lets_go_when_it_has_sent_or_dropped),
        CASE(kept_files_make_room_when_descriptors_run_out),
        CASE(without_files_to_close_the_error_is_told),
        CASE(threads_share_files_that_come_and_go),
    };

    return cmocka_run_group_tests(cases, NULL, NULL);
}
