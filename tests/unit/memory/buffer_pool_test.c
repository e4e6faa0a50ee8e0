/* SPDX-License-Identifier: Apache-2.0 */
#include "buffer_pool.h"
#include "stats_block.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define BLOCK(class_index)                                                                         \
    (((size_t)PL_BUFFER_BYTES_MIN << (2 * (class_index))) + sizeof(struct pl_buffer))

void *__real_pl_alloc(size_t bytes);
void *__wrap_pl_alloc(size_t bytes);

static _Atomic bool has_no_memory;

void *__wrap_pl_alloc(size_t bytes)
{
    return has_no_memory ? NULL : __real_pl_alloc(bytes);
}

struct fixture {
    struct pl_buffer_pool pool;
    struct pl_buffer_cache cache, other;
    struct pl_stats_block stats, other_stats;
};

static struct fixture f;

static void open_pool(size_t bytes_max)
{
    memset(&f, 0, sizeof(f));
    assert_int_equal(pl_buffer_pool_init(&f.pool, bytes_max), 0);
    pl_buffer_cache_init(&f.cache, &f.pool, &f.stats);
    pl_buffer_cache_init(&f.other, &f.pool, &f.other_stats);
}

/* Fails by abort when a buffer is missing. */
static void close_pool(void)
{
    assert_int_equal(
        f.stats.counters[PL_STAT_buffers_taken] + f.other_stats.counters[PL_STAT_buffers_taken],
        f.stats.counters[PL_STAT_buffers_given] + f.other_stats.counters[PL_STAT_buffers_given]);
    pl_buffer_cache_deinit(&f.cache);
    pl_buffer_cache_deinit(&f.other);
    pl_buffer_pool_deinit(&f.pool);
}

static size_t bytes_now(void)
{
    size_t bytes, high;

    pl_buffer_pool_figures(&f.pool, &bytes, &high);
    return bytes;
}

static size_t bytes_high(void)
{
    size_t bytes, high;

    pl_buffer_pool_figures(&f.pool, &bytes, &high);
    return high;
}

static void every_size_gets_the_smallest_class_that_holds_it(void **state)
{
    static const struct {
        size_t bytes, size;
    } rows[] = {
        { 0, 1024 },       { 1, 1024 },         { 1024, 1024 },       { 1025, 4096 },
        { 4096, 4096 },    { 4097, 16384 },     { 16384, 16384 },     { 16385, 65536 },
        { 65537, 262144 }, { 262145, 1048576 }, { 1048576, 1048576 },
    };

    (void)state;
    open_pool(64 << 20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pl_buffer *buffer = pl_buffer_take(&f.cache, rows[i].bytes);

        assert_non_null(buffer);
        assert_int_equal(buffer->size, rows[i].size);
        assert_int_equal(pl_buffer_length(buffer), 0);
        assert_int_equal(pl_buffer_room(buffer), rows[i].size);
        memset(buffer->data, 0xa5, buffer->size);
        pl_buffer_give(&f.cache, buffer);
    }
    close_pool();
}

static void the_bound_is_never_passed(void **state)
{
    struct pl_buffer *taken[64];
    size_t count = 0;

    (void)state;
    /* The last sixteenth is for small blocks. */
    open_pool((10 * BLOCK(2) + BLOCK(2) / 2) * 16 / 15);
    while ((taken[count] = pl_buffer_take(&f.cache, PL_BUFFER_BYTES)) != NULL) {
        count++;
        assert_true(bytes_now() <= f.pool.bytes_max);
        assert_true(count < 64);
    }
    assert_int_equal(count, 10);
    assert_int_equal(f.stats.counters[PL_STAT_buffers_refused], 1);
    /* A smaller one still fits below the bound. */
    taken[count] = pl_buffer_take(&f.cache, 1);
    assert_non_null(taken[count]);
    count++;
    while (count > 0)
        pl_buffer_give(&f.cache, taken[--count]);
    close_pool();
}

static void room_is_made_by_freeing_idle_blocks_of_other_classes(void **state)
{
    struct pl_buffer *small[64], *large;

    (void)state;
    open_pool((BLOCK(4) + 8 * BLOCK(0)) * 16 / 15 + 1);
    for (size_t i = 0; i < 64; i++)
        assert_non_null(small[i] = pl_buffer_take(&f.cache, 1024));
    for (size_t i = 0; i < 64; i++)
        pl_buffer_give(&f.cache, small[i]);
    pl_buffer_cache_deinit(&f.cache); /* into the depot, all of them */
    assert_int_equal(bytes_now(), 64 * BLOCK(0));
    large = pl_buffer_take(&f.cache, 256 * 1024);
    assert_non_null(large);
    assert_int_equal(bytes_now(), BLOCK(4) + 8 * BLOCK(0));
    pl_buffer_give(&f.cache, large);
    close_pool();
}

static void the_high_water_mark_stays(void **state)
{
    struct pl_buffer *first, *second;

    (void)state;
    open_pool(16 << 20);
    first = pl_buffer_take(&f.cache, PL_BUFFER_BYTES);
    second = pl_buffer_take(&f.cache, PL_BUFFER_BYTES_MAX);
    assert_int_equal(bytes_high(), BLOCK(2) + BLOCK(5));
    pl_buffer_give(&f.cache, first);
    pl_buffer_give(&f.cache, second);
    first = pl_buffer_take(&f.cache, 1);
    assert_int_equal(bytes_high(), BLOCK(2) + BLOCK(5) + BLOCK(0));
    pl_buffer_give(&f.cache, first);
    close_pool();
    assert_int_equal(f.pool.bytes_high, BLOCK(2) + BLOCK(5) + BLOCK(0));
}

static void a_taken_buffer_comes_back_empty(void **state)
{
    struct pl_buffer *buffer;

    (void)state;
    open_pool(1 << 20);
    buffer = pl_buffer_take(&f.cache, 1024);
    buffer->read = 3;
    buffer->write = 9;
    buffer->piece = PL_PIECE_FILE;
    pl_buffer_give(&f.cache, buffer);
    assert_ptr_equal(pl_buffer_take(&f.cache, 1024), buffer);
    assert_int_equal(pl_buffer_length(buffer), 0);
    assert_int_equal(buffer->read, 0);
    assert_int_equal(buffer->piece, PL_PIECE_BYTES);
    assert_null(buffer->next);
    pl_buffer_give(&f.cache, buffer);
    close_pool();
}

static void a_full_cache_spills_to_other_threads(void **state)
{
    struct pl_buffer *taken[PL_BUFFER_CACHE_BLOCKS + 1];
    size_t bytes;

    (void)state;
    open_pool(64 << 20);
    for (size_t i = 0; i <= PL_BUFFER_CACHE_BLOCKS; i++)
        taken[i] = pl_buffer_take(&f.cache, 4096);
    bytes = bytes_now();
    for (size_t i = 0; i < PL_BUFFER_CACHE_BLOCKS; i++)
        pl_buffer_give(&f.cache, taken[i]);
    assert_int_equal(f.cache.counts[1], PL_BUFFER_CACHE_BLOCKS);
    assert_null(f.pool.free[1]);
    pl_buffer_give(&f.cache, taken[PL_BUFFER_CACHE_BLOCKS]);
    assert_int_equal(f.cache.counts[1], PL_BUFFER_CACHE_BLOCKS / 2);
    assert_non_null(f.pool.free[1]);
    /* The other thread fills half its cache at once and allocates nothing. */
    taken[0] = pl_buffer_take(&f.other, 4096);
    assert_int_equal(f.other.counts[1], PL_BUFFER_CACHE_BLOCKS / 2);
    assert_int_equal(bytes_now(), bytes);
    pl_buffer_give(&f.other, taken[0]);
    close_pool();
}

static void the_large_classes_are_kept_by_no_thread(void **state)
{
    struct pl_buffer *buffer;

    (void)state;
    open_pool(16 << 20);
    for (uint32_t i = 4; i < PL_BUFFER_CLASSES; i++) {
        buffer = pl_buffer_take(&f.cache, (size_t)PL_BUFFER_BYTES_MIN << (2 * i));
        pl_buffer_give(&f.cache, buffer);
        assert_int_equal(f.cache.counts[i], 0);
        assert_ptr_equal(pl_buffer_take(&f.other, buffer->size), buffer);
        pl_buffer_give(&f.other, buffer);
    }
    close_pool();
}

static void resizing_keeps_the_unread_bytes_both_ways(void **state)
{
    struct pl_buffer *buffer;

    (void)state;
    open_pool(16 << 20);
    buffer = pl_buffer_take(&f.cache, 1024);
    for (uint32_t i = 0; i < 1024; i++)
        buffer->data[i] = (unsigned char)(i * 7);
    buffer->read = 100;
    buffer->write = 1024;
    assert_int_equal(pl_buffer_resize(&f.cache, &buffer, 100000), 0);
    assert_int_equal(buffer->size, 262144);
    assert_int_equal(pl_buffer_length(buffer), 924);
    for (uint32_t i = 0; i < 924; i++)
        assert_int_equal(buffer->data[buffer->read + i], (unsigned char)((i + 100) * 7));
    buffer->read += 900;
    assert_int_equal(pl_buffer_resize(&f.cache, &buffer, 24), 0);
    assert_int_equal(buffer->size, 1024);
    assert_int_equal(pl_buffer_length(buffer), 24);
    assert_int_equal(buffer->data[buffer->read], (unsigned char)(1000 * 7));
    pl_buffer_give(&f.cache, buffer);
    close_pool();
}

static void a_resize_that_fails_changes_nothing(void **state)
{
    struct pl_buffer *buffer, *before;

    (void)state;
    open_pool(2 * BLOCK(2));
    buffer = before = pl_buffer_take(&f.cache, PL_BUFFER_BYTES);
    memcpy(buffer->data, "still here", 10);
    buffer->write = 10;
    assert_int_equal(pl_buffer_resize(&f.cache, &buffer, 65536), -ENOBUFS);
    assert_int_equal(pl_buffer_resize(&f.cache, &buffer, PL_BUFFER_BYTES_MAX + 1), -ENOBUFS);
    assert_ptr_equal(buffer, before);
    assert_memory_equal(pl_buffer_view(buffer).bytes, "still here", 10);
    pl_buffer_give(&f.cache, buffer);
    close_pool();
}

static void a_failing_allocator_is_a_refusal_and_costs_no_room(void **state)
{
    (void)state;
    open_pool(1 << 20);
    has_no_memory = true;
    for (int i = 0; i < 1000; i++)
        assert_null(pl_buffer_take(&f.cache, PL_BUFFER_BYTES));
    has_no_memory = false;
    assert_int_equal(bytes_now(), 0);
    assert_int_equal(f.stats.counters[PL_STAT_buffers_refused], 1000);
    close_pool();
}

static void giving_nothing_does_nothing(void **state)
{
    (void)state;
    open_pool(1 << 20);
    pl_buffer_give(&f.cache, NULL);
    assert_int_equal(f.stats.counters[PL_STAT_buffers_given], 0);
    pl_buffer_cache_deinit(&(struct pl_buffer_cache){ .pool = NULL });
    close_pool();
}

/* How a process ends that does this; its stderr goes nowhere. */
static int signal_of(void (*mistake)(void))
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);

        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(null, STDERR_FILENO);
        mistake();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void give_twice(void)
{
    struct pl_buffer *buffer = pl_buffer_take(&f.cache, 1024);

    pl_buffer_give(&f.cache, buffer);
    pl_buffer_give(&f.cache, buffer);
}

static void give_twice_by_two_threads(void)
{
    struct pl_buffer *buffer = pl_buffer_take(&f.cache, 1024);

    pl_buffer_give(&f.cache, buffer);
    pl_buffer_give(&f.other, buffer);
}

static void lose_one(void)
{
    (void)!pl_buffer_take(&f.cache, 1024);
    pl_buffer_cache_deinit(&f.cache);
    pl_buffer_pool_deinit(&f.pool);
}

static void take_too_much(void)
{
    (void)!pl_buffer_take(&f.cache, PL_BUFFER_BYTES_MAX + 1);
}

static void make_no_mistake(void)
{
    pl_buffer_give(&f.cache, pl_buffer_take(&f.cache, 1024));
    pl_buffer_cache_deinit(&f.cache);
    pl_buffer_pool_deinit(&f.pool);
}

static void a_programmers_mistake_ends_the_process(void **state)
{
    (void)state;
    open_pool(1 << 20);
    assert_int_equal(signal_of(make_no_mistake), 0);
    assert_int_equal(signal_of(give_twice), SIGABRT);
    assert_int_equal(signal_of(give_twice_by_two_threads), SIGABRT);
    assert_int_equal(signal_of(lose_one), SIGABRT);
    assert_int_equal(signal_of(take_too_much), SIGABRT);
    close_pool();
}

static void compacting_moves_the_rest_to_the_front(void **state)
{
    struct pl_buffer *buffer;

    (void)state;
    open_pool(1 << 20);
    buffer = pl_buffer_take(&f.cache, 1024);
    memcpy(buffer->data, "0123456789", 10);
    buffer->write = 10;
    pl_buffer_compact(buffer);
    assert_int_equal(buffer->write, 10);
    buffer->read = 4;
    pl_buffer_compact(buffer);
    assert_int_equal(buffer->read, 0);
    assert_int_equal(buffer->write, 6);
    assert_memory_equal(buffer->data, "456789", 6);
    pl_buffer_give(&f.cache, buffer);
    close_pool();
}

/* ---- threads --------------------------------------------------------------------------------- */

#define THREADS 4
#define ROUNDS  6000

static _Atomic(struct pl_buffer *) on_the_way[16];
static struct pl_stats_block blocks[THREADS];
static _Atomic uint32_t damaged;

/* Takes here, gives there: what one thread takes another one gives. */
static void *take_and_give(void *argument)
{
    uint32_t own = (uint32_t)(uintptr_t)argument;
    uint32_t random = own * 7919 + 1;
    struct pl_buffer_cache cache;

    pl_buffer_cache_init(&cache, &f.pool, &blocks[own]);
    for (int i = 0; i < ROUNDS; i++) {
        struct pl_buffer *buffer;

        random = random * 1103515245 + 12345;
        buffer = pl_buffer_take(&cache, (size_t)1 << (random >> 16) % 17);
        if (buffer != NULL)
            memset(buffer->data, (int)own, 64);
        if (buffer != NULL)
            buffer->write = 64;
        buffer = atomic_exchange(&on_the_way[(random >> 24) % 16], buffer);
        if (buffer != NULL && (buffer->data[0] != buffer->data[63] || buffer->write != 64))
            atomic_fetch_add(&damaged, 1);
        pl_buffer_give(&cache, buffer);
    }
    pl_buffer_cache_deinit(&cache);
    return NULL;
}

static void blocks_wander_between_threads_and_all_come_back(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    open_pool(400 * 1024);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, (void *)(uintptr_t)i), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 16; i++)
        pl_buffer_give(&f.cache, atomic_exchange(&on_the_way[i], NULL));
    assert_int_equal(atomic_load(&damaged), 0);
    assert_true(bytes_high() <= f.pool.bytes_max);
    pl_buffer_cache_deinit(&f.cache);
    pl_buffer_pool_deinit(&f.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_gets_the_smallest_class_that_holds_it),
        cmocka_unit_test(the_bound_is_never_passed),
        cmocka_unit_test(room_is_made_by_freeing_idle_blocks_of_other_classes),
        cmocka_unit_test(the_high_water_mark_stays),
        cmocka_unit_test(a_taken_buffer_comes_back_empty),
        cmocka_unit_test(a_full_cache_spills_to_other_threads),
        cmocka_unit_test(the_large_classes_are_kept_by_no_thread),
        cmocka_unit_test(resizing_keeps_the_unread_bytes_both_ways),
        cmocka_unit_test(a_resize_that_fails_changes_nothing),
        cmocka_unit_test(a_failing_allocator_is_a_refusal_and_costs_no_room),
        cmocka_unit_test(giving_nothing_does_nothing),
        cmocka_unit_test(a_programmers_mistake_ends_the_process),
        cmocka_unit_test(compacting_moves_the_rest_to_the_front),
        cmocka_unit_test(blocks_wander_between_threads_and_all_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
