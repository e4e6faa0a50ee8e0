/* SPDX-License-Identifier: Apache-2.0 */
#include "list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void links_leave_in_the_order_they_came(void **state)
{
    struct pl_link head, links[4];

    (void)state;
    memset(links, 0, sizeof(links));
    pl_list_init(&head);
    assert_true(pl_list_is_empty(&head));
    assert_null(pl_list_take_first(&head));
    for (size_t i = 0; i < 4; i++) {
        assert_false(pl_link_is_linked(&links[i]));
        pl_list_append(&head, &links[i]);
        assert_true(pl_link_is_linked(&links[i]));
    }
    pl_list_unlink(&links[1]);
    assert_false(pl_link_is_linked(&links[1]));
    assert_ptr_equal(pl_list_take_first(&head), &links[0]);
    assert_ptr_equal(pl_list_take_first(&head), &links[2]);
    assert_ptr_equal(pl_list_take_first(&head), &links[3]);
    assert_true(pl_list_is_empty(&head));
}

static void moving_all_appends_and_empties(void **state)
{
    struct pl_link to, from, links[4];

    (void)state;
    pl_list_init(&to);
    pl_list_init(&from);
    pl_list_move_all(&to, &from);
    assert_true(pl_list_is_empty(&to));
    pl_list_append(&to, &links[0]);
    for (size_t i = 1; i < 4; i++)
        pl_list_append(&from, &links[i]);
    pl_list_move_all(&to, &from);
    assert_true(pl_list_is_empty(&from));
    for (size_t i = 0; i < 4; i++)
        assert_ptr_equal(pl_list_take_first(&to), &links[i]);
    assert_true(pl_list_is_empty(&to));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_leave_in_the_order_they_came),
        cmocka_unit_test(moving_all_appends_and_empties),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
