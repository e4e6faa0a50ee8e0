/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct fixture {
    struct pl_buffer_pool pool;
    struct pl_buffer_cache cache;
    struct pl_stats_block stats;
    struct pl_output output;
    int descriptors_before;
};

static struct fixture f;
static char pattern[200000];

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (char)('a' + (i * 31 + i / 251) % 26);
    memset(&f, 0, sizeof(f));
    f.descriptors_before = descriptors_count();
    pl_buffer_cache_init(&f.cache, &f.pool, &f.stats);
    f.output.cache = &f.cache;
    return pl_buffer_pool_init(&f.pool, 4 << 20);
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(pl_output_length(&f.output), 0);
    assert_null(f.output.first);
    pl_buffer_cache_deinit(&f.cache);
    pl_buffer_pool_deinit(&f.pool);
    assert_int_equal(descriptors_count(), f.descriptors_before);
    return 0;
}

/* A file that holds the pattern. */
static int pattern_file(size_t length)
{
    char name[] = "/tmp/output_test.XXXXXX";
    int fd = mkstemp(name);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, pattern, length), (ssize_t)length);
    unlink(name);
    return fd;
}

/* What a send stage does, `step` bytes at a time; returns how many bytes stand in `out`. */
static size_t send_all(char *out, size_t step)
{
    size_t length = 0;

    while (f.output.first != NULL) {
        struct pl_buffer *first = f.output.first;
        struct iovec pieces[PL_SEND_PIECES_MAX];
        size_t before = pl_output_length(&f.output), sent = 0;
        bool has_more;

        if (first->piece == PL_PIECE_FILE) {
            struct pl_file_piece *file = (struct pl_file_piece *)(void *)first->data;
            ssize_t got = pread(file->fd, out + length, file->length < step ? file->length : step,
                                file->offset);

            assert_true(got > 0);
            file->offset += got;
            sent = (size_t)got;
        } else {
            size_t count = pl_output_gather(&f.output, pieces, PL_SEND_PIECES_MAX, &has_more);
            size_t room = step;

            assert_true(count > 0);
            for (size_t i = 0; i < count && room > 0; i++) {
                size_t part = pieces[i].iov_len < room ? pieces[i].iov_len : room;

                memcpy(out + length + sent, pieces[i].iov_base, part);
                sent += part;
                room -= part;
            }
        }
        length += sent;
        pl_output_sent(&f.output, sent);
        assert_int_equal(pl_output_length(&f.output), before - sent);
    }
    return length;
}

static void many_blocks_keep_their_bytes_in_order(void **state)
{
    static char out[sizeof(pattern)];

    (void)state;
    for (size_t part = 1; part <= sizeof(pattern); part = part * 7 + 3) {
        for (size_t at = 0; at < sizeof(pattern); at += part) {
            size_t length = sizeof(pattern) - at < part ? sizeof(pattern) - at : part;

            assert_int_equal(pl_output_append(&f.output, pattern + at, length), 0);
        }
        assert_int_equal(pl_output_length(&f.output), sizeof(pattern));
        assert_int_equal(send_all(out, 65536), sizeof(pattern));
        assert_memory_equal(out, pattern, sizeof(pattern));
    }
}

static void small_pieces_share_a_block(void **state)
{
    struct iovec pieces[PL_SEND_PIECES_MAX];
    bool has_more;

    (void)state;
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(pl_output_append(&f.output, pattern, 30), 0);
    assert_int_equal(pl_output_gather(&f.output, pieces, PL_SEND_PIECES_MAX, &has_more), 1);
    assert_int_equal(pieces[0].iov_len, 3000);
    assert_false(has_more);
    pl_output_drop(&f.output);
}

static void append_one_of_each_kind(void)
{
    char *place;

    assert_int_equal(pl_output_append(&f.output, pattern, 100), 0);
    assert_int_equal(pl_output_append_borrowed(&f.output, pattern + 100, 3000), 0);
    assert_int_equal(pl_output_append_borrowed(&f.output, pattern + 3100, 100), 0);
    assert_int_equal(pl_output_append_file(&f.output, pattern_file(5000), 3200, 1000), 0);
    place = pl_output_reserve(&f.output, 500);
    assert_non_null(place);
    memcpy(place, pattern + 4200, 300);
    pl_output_commit(&f.output, 300);
    assert_int_equal(pl_output_length(&f.output), 4500);
}

static void a_partial_send_at_every_byte_loses_nothing(void **state)
{
    static char out[8192];

    (void)state;
    append_one_of_each_kind();
    assert_int_equal(send_all(out, 1), 4500);
    assert_memory_equal(out, pattern, 4500);
    for (size_t step = 2; step < 4600; step += 37) {
        append_one_of_each_kind();
        memset(out, 0, sizeof(out));
        assert_int_equal(send_all(out, step), 4500);
        assert_memory_equal(out, pattern, 4500);
    }
}

static void gathering_stops_in_front_of_a_file(void **state)
{
    struct iovec pieces[PL_SEND_PIECES_MAX];
    bool has_more;

    (void)state;
    append_one_of_each_kind();
    assert_int_equal(pl_output_gather(&f.output, pieces, PL_SEND_PIECES_MAX, &has_more), 3);
    assert_true(has_more);
    assert_int_equal(pl_output_gather(&f.output, pieces, 2, &has_more), 2);
    assert_true(has_more);
    pl_output_drop(&f.output);
}

static void a_short_borrowed_piece_is_copied_a_long_one_is_not(void **state)
{
    char text[4096];
    struct iovec pieces[2];
    bool has_more;

    (void)state;
    memset(text, 'b', sizeof(text));
    assert_int_equal(pl_output_append_borrowed(&f.output, text, 10), 0);
    assert_int_equal(pl_output_append_borrowed(&f.output, text, sizeof(text)), 0);
    assert_int_equal(pl_output_gather(&f.output, pieces, 2, &has_more), 2);
    assert_ptr_not_equal(pieces[0].iov_base, text);
    assert_ptr_equal(pieces[1].iov_base, text);
    pl_output_drop(&f.output);
}

static void dropping_closes_the_files(void **state)
{
    (void)state;
    append_one_of_each_kind();
    assert_int_equal(pl_output_append_file(&f.output, pattern_file(10), 0, 10), 0);
    assert_int_equal(descriptors_count(), f.descriptors_before + 2);
    pl_output_sent(&f.output, 4501); /* in the middle of the last file */
    assert_int_equal(descriptors_count(), f.descriptors_before + 1);
    pl_output_drop(&f.output);
    assert_int_equal(descriptors_count(), f.descriptors_before);
}

static void count_release(void *context)
{
    ++*(int *)context;
}

static void a_shared_file_is_released_once_and_not_closed(void **state)
{
    struct pl_output other = { .cache = &f.cache };
    struct pl_output_mark mark;
    int fd = pattern_file(10), released = 0;

    (void)state;
    assert_int_equal(pl_output_append_file_shared(&f.output, fd, 0, 10, PL_FILE_SENDFILE,
                                                  count_release, &released),
                     0);
    mark = pl_output_mark(&f.output);
    assert_int_equal(pl_output_append_file_shared(&f.output, fd, 5, 5, PL_FILE_SENDFILE,
                                                  count_release, &released),
                     0);
    assert_int_equal(released, 0);
    pl_output_rollback(&f.output, mark);
    assert_int_equal(released, 1);
    pl_output_move_all(&other, &f.output);
    pl_output_sent(&other, 9);
    assert_int_equal(released, 1);
    pl_output_sent(&other, 1);
    assert_int_equal(released, 2);
    assert_int_equal(pl_output_append_file_shared(&f.output, fd, 0, 0, PL_FILE_SENDFILE,
                                                  count_release, &released),
                     0);
    assert_int_equal(released, 3);
    f.pool.bytes_max = 0; /* what the thread keeps for itself is used up first */
    while (pl_output_append_file_shared(&f.output, fd, 0, 1, PL_FILE_SENDFILE, count_release,
                                        &released) == 0)
        assert_int_equal(released, 3);
    assert_int_equal(released, 4);
    released = -(int)pl_output_length(&f.output);
    pl_output_drop(&f.output);
    assert_int_equal(released, 0);
    assert_true(fcntl(fd, F_GETFD) >= 0);
    close(fd);
}

static void a_file_is_closed_when_there_is_no_memory_for_its_piece(void **state)
{
    struct pl_buffer *hog[8];
    size_t count = 0;

    (void)state;
    while ((hog[count] = pl_buffer_take(&f.cache, PL_BUFFER_BYTES_MAX)) != NULL)
        count++;
    f.pool.bytes_max = f.pool.bytes;
    assert_int_equal(pl_output_append_file(&f.output, pattern_file(10), 0, 10), -ENOBUFS);
    assert_int_equal(pl_output_append(&f.output, "x", 1), -ENOBUFS);
    assert_int_equal(pl_output_append_borrowed(&f.output, pattern, 5000), -ENOBUFS);
    assert_null(pl_output_reserve(&f.output, 1));
    assert_int_equal(pl_output_length(&f.output), 0);
    assert_int_equal(descriptors_count(), f.descriptors_before);
    while (count > 0)
        pl_buffer_give(&f.cache, hog[--count]);
}

static void what_was_appended_before_a_refusal_stays(void **state)
{
    static char out[sizeof(pattern)];
    size_t length;

    (void)state;
    f.pool.bytes_max = 60000;
    assert_int_equal(pl_output_append(&f.output, pattern, sizeof(pattern)), -ENOBUFS);
    length = pl_output_length(&f.output);
    assert_true(length > 16384 && length < 60000);
    assert_int_equal(send_all(out, 4096), length);
    assert_memory_equal(out, pattern, length);
}

/* The send stage takes "nothing sent from a file" for a file that was cut. */
static void an_empty_file_leaves_no_piece_behind(void **state)
{
    (void)state;
    assert_int_equal(pl_output_append_file(&f.output, pattern_file(10), 0, 0), 0);
    assert_null(f.output.first);
    assert_int_equal(descriptors_count(), f.descriptors_before);
    pl_output_drop(&f.output);
}

static void appending_nothing_leaves_nothing(void **state)
{
    (void)state;
    assert_int_equal(pl_output_append(&f.output, NULL, 0), 0);
    assert_int_equal(pl_output_append_borrowed(&f.output, "", 0), 0);
    assert_null(f.output.first);
}

static void pieces_of_one_output_move_behind_anothers(void **state)
{
    struct pl_output from = { .cache = &f.cache };
    static char out[8192];

    (void)state;
    pl_output_move_all(&f.output, &from);
    assert_null(f.output.first);
    assert_int_equal(pl_output_append(&from, pattern + 50, 50), 0);
    assert_int_equal(pl_output_append(&f.output, pattern, 50), 0);
    pl_output_move_all(&f.output, &from);
    assert_int_equal(pl_output_length(&from), 0);
    assert_null(from.first);
    assert_int_equal(pl_output_append(&f.output, pattern + 100, 10), 0);
    assert_int_equal(pl_output_length(&f.output), 110);
    assert_int_equal(send_all(out, 7), 110);
    assert_memory_equal(out, pattern, 110);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_blocks_keep_their_bytes_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(small_pieces_share_a_block, setup, teardown),
        cmocka_unit_test_setup_teardown(a_partial_send_at_every_byte_loses_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(gathering_stops_in_front_of_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_short_borrowed_piece_is_copied_a_long_one_is_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(dropping_closes_the_files, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shared_file_is_released_once_and_not_closed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_file_is_closed_when_there_is_no_memory_for_its_piece,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_appended_before_a_refusal_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_file_leaves_no_piece_behind, setup, teardown),
        cmocka_unit_test_setup_teardown(appending_nothing_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(pieces_of_one_output_move_behind_anothers, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
