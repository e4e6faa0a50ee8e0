/* SPDX-License-Identifier: Apache-2.0 */
#include "slot_table.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

void *__real_mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset);

static bool has_no_memory;

void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    if (has_no_memory) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return __real_mmap(address, bytes, protection, flags, fd, offset);
}

static struct pl_slot_table table;

static int setup(void **state)
{
    (void)state;
    memset(&table, 0, sizeof(table));
    return pl_slot_table_open(&table, 4);
}

static int teardown(void **state)
{
    (void)state;
    pl_slot_table_close(&table);
    pl_slot_table_close(&table); /* does nothing the second time */
    return 0;
}

static void a_full_table_refuses_until_one_is_given(void **state)
{
    struct pl_slot *slots[4], *again;

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        slots[i] = pl_slot_table_take(&table);
        assert_non_null(slots[i]);
        assert_int_equal(slots[i]->index, i);
        assert_true(pl_claim_is_held(&slots[i]->claim));
        assert_int_equal(slots[i]->handle.fd, -1);
    }
    assert_null(pl_slot_table_take(&table));
    pl_claim_close(&slots[2]->claim);
    pl_slot_table_give(&table, slots[2]);
    again = pl_slot_table_take(&table);
    assert_ptr_equal(again, slots[2]);
    assert_null(pl_slot_table_take(&table));
}

static void the_generation_grows_with_every_guest(void **state)
{
    struct pl_slot *slot;
    uint64_t token = 0;

    (void)state;
    for (uint32_t i = 0; i < 100; i++) {
        slot = pl_slot_table_take(&table);
        assert_int_equal(slot->index, 0);
        assert_int_equal(slot->handle.token, (uint64_t)i << 32);
        assert_int_equal(slot->timer.token, slot->handle.token);
        if (i > 0)
            assert_true(slot->handle.token > token);
        token = slot->handle.token;
        pl_claim_close(&slot->claim);
        pl_slot_table_give(&table, slot);
    }
}

static void a_late_token_meets_a_stale_generation(void **state)
{
    struct pl_slot *slot = pl_slot_table_take(&table);
    uint64_t late = slot->handle.token;
    uint32_t reasons;

    (void)state;
    pl_claim_close(&slot->claim);
    pl_slot_table_give(&table, slot);
    /* Both while nobody is there and when the next guest is. */
    for (int i = 0; i < 2; i++) {
        slot = pl_slot_table_at(&table, (uint32_t)late);
        assert_non_null(slot);
        assert_int_equal(pl_claim_try(&slot->claim, (uint32_t)(late >> 32), PL_SHUTDOWN, &reasons),
                         PL_CLAIM_STALE);
        slot = pl_slot_table_take(&table);
        assert_true(pl_claim_release(&slot->claim, PL_READABLE, &reasons));
    }
}

static void a_number_outside_names_nothing(void **state)
{
    (void)state;
    assert_null(pl_slot_table_at(&table, 0));
    assert_non_null(pl_slot_table_take(&table));
    assert_non_null(pl_slot_table_at(&table, 0));
    assert_null(pl_slot_table_at(&table, 1));
    assert_null(pl_slot_table_at(&table, 4));
    assert_null(pl_slot_table_at(&table, UINT32_MAX));
}

static void a_slot_is_clean_for_its_next_guest(void **state)
{
    static const unsigned char zero[PL_SLOT_BYTES];
    struct pl_slot *slot = pl_slot_table_take(&table);
    size_t kept = offsetof(struct pl_slot, engine);

    (void)state;
    memset((unsigned char *)slot + kept, 0xff, PL_SLOT_BYTES - kept);
    pl_claim_close(&slot->claim);
    pl_slot_table_give(&table, slot);
    slot = pl_slot_table_take(&table);
    assert_memory_equal((unsigned char *)slot + sizeof(struct pl_slot), zero,
                        PL_SLOT_BYTES - sizeof(struct pl_slot));
    assert_null(slot->engine);
    assert_null(slot->kind);
    assert_null(slot->thread);
    assert_int_equal(slot->waits, 0);
    assert_false(slot->queued);
    assert_false(slot->handle.is_registered);
    assert_int_equal(slot->due_ms, PL_TIMER_NEVER);
}

static void a_table_that_cannot_be_mapped_says_why(void **state)
{
    struct pl_slot_table other = { .memory = NULL };

    (void)state;
    has_no_memory = true;
    assert_int_equal(pl_slot_table_open(&other, 1000), -ENOMEM);
    has_no_memory = false;
    assert_null(other.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_full_table_refuses_until_one_is_given, setup, teardown),
        cmocka_unit_test_setup_teardown(the_generation_grows_with_every_guest, setup, teardown),
        cmocka_unit_test_setup_teardown(a_late_token_meets_a_stale_generation, setup, teardown),
        cmocka_unit_test_setup_teardown(a_number_outside_names_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slot_is_clean_for_its_next_guest, setup, teardown),
        cmocka_unit_test_setup_teardown(a_table_that_cannot_be_mapped_says_why, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
