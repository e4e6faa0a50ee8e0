/* SPDX-License-Identifier: Apache-2.0 */
#include "ring.h"

#include <pthread.h>
#include <sched.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct pl_ring ring;

static void a_full_ring_refuses_and_an_empty_one_has_nothing(void **state)
{
    (void)state;
    assert_int_equal(pl_ring_init(&ring, 4, sizeof(uint64_t)), 0);
    assert_null(pl_ring_peek(&ring));
    for (uint64_t round = 0; round < 5; round++) {
        for (uint64_t i = 0; i < 4; i++) {
            uint64_t *element = pl_ring_reserve(&ring);

            assert_non_null(element);
            *element = round * 10 + i;
            pl_ring_publish(&ring);
        }
        assert_null(pl_ring_reserve(&ring));
        for (uint64_t i = 0; i < 4; i++) {
            assert_int_equal(*(uint64_t *)pl_ring_peek(&ring), round * 10 + i);
            pl_ring_consume(&ring);
        }
        assert_null(pl_ring_peek(&ring));
    }
    pl_ring_deinit(&ring);
}

static void the_counters_wrap(void **state)
{
    (void)state;
    assert_int_equal(pl_ring_init(&ring, 2, sizeof(uint32_t)), 0);
    ring.written = ring.read = UINT32_MAX;
    for (uint32_t i = 0; i < 2; i++) {
        *(uint32_t *)pl_ring_reserve(&ring) = i;
        pl_ring_publish(&ring);
    }
    assert_null(pl_ring_reserve(&ring));
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(*(uint32_t *)pl_ring_peek(&ring), i);
        pl_ring_consume(&ring);
    }
    assert_null(pl_ring_peek(&ring));
    pl_ring_deinit(&ring);
}

#define ITEMS 100000u

struct item {
    uint32_t number, square;
};

static void *produce(void *argument)
{
    (void)argument;
    for (uint32_t i = 0; i < ITEMS;) {
        struct item *item = pl_ring_reserve(&ring);

        if (item == NULL) {
            sched_yield();
            continue;
        }
        *item = (struct item){ .number = i, .square = i * i };
        pl_ring_publish(&ring);
        i++;
    }
    return NULL;
}

static void one_thread_to_another_keeps_order_and_content(void **state)
{
    pthread_t producer;
    uint32_t wrong = 0;

    (void)state;
    assert_int_equal(pl_ring_init(&ring, 8, sizeof(struct item)), 0);
    assert_int_equal(pthread_create(&producer, NULL, produce, NULL), 0);
    for (uint32_t i = 0; i < ITEMS;) {
        struct item *item = pl_ring_peek(&ring);

        if (item == NULL) {
            sched_yield();
            continue;
        }
        wrong += item->number != i || item->square != i * i;
        pl_ring_consume(&ring);
        i++;
    }
    pthread_join(producer, NULL);
    assert_int_equal(wrong, 0);
    pl_ring_deinit(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_ring_refuses_and_an_empty_one_has_nothing),
        cmocka_unit_test(the_counters_wrap),
        cmocka_unit_test(one_thread_to_another_keeps_order_and_content),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
