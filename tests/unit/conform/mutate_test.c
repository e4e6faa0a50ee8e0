/* SPDX-License-Identifier: Apache-2.0 */
/* Mutations: the same from the same seed and number alone, within their bounds; and what may come
 * back for them. */
#include "mutate.h"

#include "case_text.h"
#include "mutate_judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct case_list list;
static struct stock stock;

static void fill_stock(const char *text)
{
    struct case_error error;
    bool *is_chosen;

    assert_int_equal(case_list_read(&list, SUITE_HTTP, "test", "test", text, strlen(text), &error),
                     0);
    is_chosen = must_alloc(list.count);
    memset(is_chosen, true, list.count);
    stock_init(&stock, &list, is_chosen);
    free(is_chosen);
}

static int empty_stock(void **state)
{
    (void)state;
    stock_deinit(&stock);
    case_list_deinit(&list);
    return 0;
}

#define TWO_CASES                                                                                  \
    "case one\nrule r\nsend @good@\nfence\nexpect responses 1\n\n"                                 \
    "case two\nrule r\nsend POST / HTTP/1.1\\r\\nHost: @host@\\r\\nContent-Length: 3\\r\\n\\r\\n"  \
    "abc\nexpect responses 1\n"

static bool is_same(const struct mutation *left, const struct mutation *right)
{
    return left->one == right->one && left->length == right->length &&
           memcmp(left->bytes, right->bytes, left->length) == 0 &&
           left->cuts_count == right->cuts_count &&
           memcmp(left->cuts, right->cuts, left->cuts_count * sizeof(left->cuts[0])) == 0;
}

static void a_seed_and_a_number_alone_decide(void **state)
{
    struct mutation forward[50], again;

    (void)state;
    fill_stock(TWO_CASES);
    for (uint64_t i = 0; i < 50; i++)
        mutation_init(&forward[i], &stock, 7, i);
    for (uint64_t i = 50; i-- > 0;) {
        mutation_init(&again, &stock, 7, i);
        assert_true(is_same(&forward[i], &again));
        mutation_deinit(&again);
        mutation_deinit(&forward[i]);
    }
}

static void seeds_and_numbers_differ(void **state)
{
    unsigned same = 0;

    (void)state;
    fill_stock(TWO_CASES);
    for (uint64_t i = 0; i < 200; i++) {
        struct mutation left, of_seed, of_number;

        mutation_init(&left, &stock, 1, i);
        mutation_init(&of_seed, &stock, 2, i);
        mutation_init(&of_number, &stock, 1, i + 1);
        same += is_same(&left, &of_seed) + is_same(&left, &of_number);
        mutation_deinit(&left);
        mutation_deinit(&of_seed);
        mutation_deinit(&of_number);
    }
    assert_true(same < 20); /* some are empty, or cut to the same front */
}

static void bytes_and_cuts_stay_in_their_bounds(void **state)
{
    unsigned changed = 0;

    (void)state;
    fill_stock("case tiny\nrule r\nsend a\nexpect responses 0\n\n" TWO_CASES
               "\ncase long\nrule r\nsend-repeat 8192 b\nexpect responses 0\n");
    assert_int_equal(stock.count, 4);
    for (uint64_t i = 0; i < 20000; i++) {
        struct mutation mutation;

        mutation_init(&mutation, &stock, 3, i);
        assert_true(mutation.length <= MUTATION_BYTES_MAX);
        assert_true(mutation.cuts_count <= MUTATION_CUTS_MAX);
        for (size_t k = 0; k < mutation.cuts_count; k++) {
            assert_true(mutation.cuts[k] > 0);
            assert_true(mutation.cuts[k] < mutation.length);
            assert_true(k == 0 || mutation.cuts[k - 1] <= mutation.cuts[k]);
        }
        changed += mutation.length != 1 || mutation.bytes[0] != 'a';
        mutation_deinit(&mutation);
    }
    assert_true(changed > 15000);
}

static void what_is_about_size_is_no_stock(void **state)
{
    (void)state;
    fill_stock("case large\nrule r\nsend-repeat 8193 b\nexpect responses 0\n\n"
               "case silent\nrule r\nhalf-close\nexpect responses 0\n");
    assert_int_equal(stock.count, 0);
}

/* ---- judging --------------------------------------------------------------------------------- */

#define GET   "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define HEAD  "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
#define BARE  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
#define BAD   "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
#define GO_ON "HTTP/1.1 100 Continue\r\n\r\n"

static void answers_are_judged(void **state)
{
    static const struct {
        const char *sent, *received, *problem; /* a part of it; NULL: none */
        bool is_open, was_reset;
    } rows[] = {
        { GET, OK, NULL, false, false },
        { GET, "", NULL, false, false },
        { GET, "", "stayed open", true, false },
        { GET, OK, "stayed open", true, false },
        { GET, GO_ON OK, NULL, false, false },
        { GET, OK BAD, NULL, false, false },
        { "\r\n\r\n", BAD, NULL, false, false },
        { "x", BAD, NULL, false, false },
        { "x", BAD BAD, "2 responses, and the bytes hold 0 heads", false, false },
        { GET, OK OK OK, "3 responses, and the bytes hold 1 heads", false, false },
        { GET, BARE, "cut", false, false },
        { GET, BARE, NULL, false, true },
        { GET, OK "c", "", false, false },
        { HEAD, BARE, NULL, false, false },
        { GET HEAD GET, OK BARE OK, NULL, false, false },
        { HEAD HEAD GET HEAD, BARE BARE OK BARE, NULL, false, false },
        { GET HEAD, BARE OK "c", "", false, false },
        { GET, "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "LF alone", false, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mutation_answer answer = { .sent = rows[i].sent,
                                          .sent_bytes = strlen(rows[i].sent),
                                          .received = rows[i].received,
                                          .received_bytes = strlen(rows[i].received),
                                          .is_ended = !rows[i].is_open,
                                          .was_reset = rows[i].was_reset };
        struct mutation_verdict verdict;

        mutation_judge(&answer, &verdict);
        if (rows[i].problem == NULL)
            assert_string_equal(verdict.problem, "");
        else if (verdict.problem[0] == '\0' || strstr(verdict.problem, rows[i].problem) == NULL)
            fail_msg("row %zu: '%s' lacks '%s'", i, verdict.problem, rows[i].problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_seed_and_a_number_alone_decide, empty_stock),
        cmocka_unit_test_teardown(seeds_and_numbers_differ, empty_stock),
        cmocka_unit_test_teardown(bytes_and_cuts_stay_in_their_bounds, empty_stock),
        cmocka_unit_test_teardown(what_is_about_size_is_no_stock, empty_stock),
        cmocka_unit_test(answers_are_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
