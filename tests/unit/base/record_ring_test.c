/* SPDX-License-Identifier: Apache-2.0 */
#include "record_ring.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct pl_record_ring ring;

static int setup(void **state)
{
    (void)state;
    return pl_record_ring_init(&ring, 256);
}

static int teardown(void **state)
{
    (void)state;
    pl_record_ring_deinit(&ring);
    pl_record_ring_deinit(&ring); /* does nothing the second time */
    return 0;
}

static bool put(uint32_t bytes, int fill)
{
    void *record = pl_record_ring_reserve(&ring, bytes);

    if (record == NULL)
        return false;
    assert_int_equal((size_t)record % sizeof(void *), 0);
    memset(record, fill, bytes);
    (void)pl_record_ring_publish(&ring);
    return true;
}

static void expect(uint32_t bytes, int fill)
{
    const unsigned char *record = pl_record_ring_peek(&ring);

    assert_non_null(record);
    for (uint32_t i = 0; i < bytes; i++)
        assert_int_equal(record[i], fill);
    pl_record_ring_consume(&ring);
}

static void what_was_written_after_the_look_is_not_seen(void **state)
{
    (void)state;
    assert_false(pl_record_ring_look(&ring));
    assert_true(put(5, 'a'));
    assert_null(pl_record_ring_peek(&ring));
    assert_true(pl_record_ring_look(&ring));
    assert_true(put(6, 'b'));
    expect(5, 'a');
    assert_null(pl_record_ring_peek(&ring));
    assert_true(pl_record_ring_look(&ring));
    expect(6, 'b');
    assert_false(pl_record_ring_look(&ring));
}

static void a_full_ring_refuses_until_one_is_consumed(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_true(put(56, 'a' + i));
    assert_false(put(1, 'x'));
    assert_true(pl_record_ring_look(&ring));
    expect(56, 'a');
    assert_true(put(56, 'e'));
    assert_false(put(1, 'x'));
    assert_true(pl_record_ring_look(&ring));
    for (int i = 1; i < 5; i++)
        expect(56, 'a' + i);
}

static void a_record_may_fill_the_ring_and_no_more(void **state)
{
    (void)state;
    assert_false(put(249, 'x'));
    assert_false(put(UINT32_MAX, 'x'));
    assert_true(put(248, 'a'));
    assert_true(pl_record_ring_look(&ring));
    expect(248, 'a');
}

static void a_record_stands_in_one_piece_wherever_it_begins(void **state)
{
    (void)state;
    for (uint32_t place = 0; place < 256; place += 8)
        for (uint32_t bytes = 1; bytes <= 120; bytes++) {
            /* Both counts run over on the way. */
            atomic_store(&ring.written, UINT32_MAX - 255 + place);
            atomic_store(&ring.read, UINT32_MAX - 255 + place);
            assert_true(put(bytes, 'p'));
            assert_true(pl_record_ring_look(&ring));
            expect(bytes, 'p');
            assert_true(put(bytes, 'q'));
            assert_true(pl_record_ring_look(&ring));
            expect(bytes, 'q');
            assert_false(pl_record_ring_look(&ring));
        }
}

#define RECORDS 200000

static void *write_numbers(void *unused)
{
    (void)unused;
    for (uint32_t i = 0; i < RECORDS;) {
        uint32_t *record = pl_record_ring_reserve(&ring, (uint32_t)(sizeof(i) * (1 + i % 7)));

        if (record == NULL)
            continue;
        for (uint32_t k = 0; k < 1 + i % 7; k++)
            record[k] = i;
        (void)pl_record_ring_publish(&ring);
        i++;
    }
    return NULL;
}

static void two_threads_lose_and_mix_nothing(void **state)
{
    pthread_t writer;

    (void)state;
    assert_int_equal(pthread_create(&writer, NULL, write_numbers, NULL), 0);
    for (uint32_t i = 0; i < RECORDS;) {
        const uint32_t *record;

        (void)pl_record_ring_look(&ring);
        while ((record = pl_record_ring_peek(&ring)) != NULL) {
            for (uint32_t k = 0; k < 1 + i % 7; k++)
                assert_int_equal(record[k], i);
            pl_record_ring_consume(&ring);
            i++;
        }
    }
    pthread_join(writer, NULL);
    assert_false(pl_record_ring_look(&ring));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_was_written_after_the_look_is_not_seen),
        CASE(a_full_ring_refuses_until_one_is_consumed),
        CASE(a_record_may_fill_the_ring_and_no_more),
        CASE(a_record_stands_in_one_piece_wherever_it_begins),
        CASE(two_threads_lose_and_mix_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
