/* SPDX-License-Identifier: Apache-2.0 */
#include "claim.h"
#include "client.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define ALL_REASONS 0xffu /* every reason there may be */

static _Atomic uint64_t word;
static uint32_t reasons;

static int setup(void **state)
{
    (void)state;
    atomic_store(&word, 0);
    reasons = 0;
    return 0;
}

static void a_closed_slot_refuses_every_reason(void **state)
{
    (void)state;
    for (uint32_t why = 1; why <= PL_SHUTDOWN; why <<= 1)
        assert_int_equal(pl_claim_try(&word, 0, why, &reasons), PL_CLAIM_STALE);
    assert_int_equal(atomic_load(&word), 0);
    assert_false(pl_claim_is_held(&word));
}

static void opening_holds_and_tells_the_generation(void **state)
{
    (void)state;
    atomic_store(&word, 7ull << 32);
    assert_int_equal(pl_claim_open(&word), 7);
    assert_true(pl_claim_is_held(&word));
}

static void a_held_slot_notes_what_comes(void **state)
{
    uint32_t generation;

    (void)state;
    generation = pl_claim_open(&word);
    assert_int_equal(pl_claim_try(&word, generation, PL_READABLE, &reasons), PL_CLAIM_NOTED);
    assert_int_equal(pl_claim_try(&word, generation, PL_READABLE, &reasons), PL_CLAIM_NOTED);
    assert_int_equal(pl_claim_try(&word, generation, PL_COMPLETION, &reasons), PL_CLAIM_NOTED);
    assert_int_equal(reasons, 0);
    assert_false(pl_claim_release(&word, PL_READABLE, &reasons));
    assert_int_equal(reasons, PL_READABLE | PL_COMPLETION);
    assert_true(pl_claim_is_held(&word));
    assert_true(pl_claim_release(&word, PL_READABLE, &reasons));
    assert_false(pl_claim_is_held(&word));
}

static void a_reason_nobody_waits_for_is_kept_for_the_winner(void **state)
{
    uint32_t generation;

    (void)state;
    generation = pl_claim_open(&word);
    assert_true(pl_claim_release(&word, PL_COMPLETION, &reasons));
    assert_int_equal(pl_claim_try(&word, generation, PL_READABLE, &reasons), PL_CLAIM_NOTED);
    assert_int_equal(pl_claim_try(&word, generation, PL_READABLE, &reasons), PL_CLAIM_NOTED);
    assert_false(pl_claim_is_held(&word));
    assert_int_equal(pl_claim_try(&word, generation, PL_COMPLETION, &reasons), PL_CLAIM_WON);
    assert_int_equal(reasons, PL_COMPLETION | PL_READABLE);
    /* It was taken whole. */
    assert_true(pl_claim_release(&word, PL_READABLE, &reasons));
}

static void a_release_with_nothing_waited_for_keeps_what_is_pending(void **state)
{
    uint32_t generation;

    (void)state;
    generation = pl_claim_open(&word);
    assert_int_equal(pl_claim_try(&word, generation, PL_WRITABLE, &reasons), PL_CLAIM_NOTED);
    assert_true(pl_claim_release(&word, 0, &reasons));
    assert_int_equal(pl_claim_try(&word, generation, PL_HANGUP, &reasons), PL_CLAIM_WON);
    assert_int_equal(reasons, PL_HANGUP | PL_WRITABLE);
}

static void hang_up_timeout_and_shutdown_always_win(void **state)
{
    static const uint32_t always[] = { PL_HANGUP, PL_TIMEOUT, PL_SHUTDOWN };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        uint32_t generation;

        atomic_store(&word, 0);
        generation = pl_claim_open(&word);
        assert_true(pl_claim_release(&word, 0, &reasons));
        assert_int_equal(pl_claim_try(&word, generation, always[i], &reasons), PL_CLAIM_WON);
        assert_int_equal(reasons, always[i]);
        /* The same while held: the release meets it, whatever it waits for. */
        assert_int_equal(pl_claim_try(&word, generation, always[i], &reasons), PL_CLAIM_NOTED);
        assert_false(pl_claim_release(&word, 0, &reasons));
    }
}

static void only_what_is_waited_for_wins(void **state)
{
    (void)state;
    for (uint32_t waits = 0; waits < 8; waits++)
        for (uint32_t why = 1; why < 32; why++) {
            uint32_t generation;
            enum pl_claim claim;

            atomic_store(&word, 0);
            generation = pl_claim_open(&word);
            assert_true(pl_claim_release(&word, waits, &reasons));
            claim = pl_claim_try(&word, generation, why, &reasons);
            assert_int_equal(claim, (why & waits) != 0 ? PL_CLAIM_WON : PL_CLAIM_NOTED);
            assert_int_equal(pl_claim_is_held(&word), (why & waits) != 0);
        }
}

static void a_token_of_an_earlier_generation_is_stale(void **state)
{
    uint32_t first, second;

    (void)state;
    first = pl_claim_open(&word);
    assert_int_equal(pl_claim_try(&word, first, PL_SHUTDOWN, &reasons), PL_CLAIM_NOTED);
    pl_claim_close(&word);
    assert_int_equal(pl_claim_try(&word, first, PL_SHUTDOWN, &reasons), PL_CLAIM_STALE);
    second = pl_claim_open(&word);
    assert_int_equal(second, first + 1);
    assert_int_equal(pl_claim_try(&word, first, PL_SHUTDOWN, &reasons), PL_CLAIM_STALE);
    /* What was pending for the one before has gone with it. */
    assert_true(pl_claim_release(&word, PL_READABLE, &reasons));
    assert_int_equal(pl_claim_try(&word, first, PL_READABLE, &reasons), PL_CLAIM_STALE);
    assert_int_equal(pl_claim_try(&word, second, PL_READABLE, &reasons), PL_CLAIM_WON);
}

static void what_is_asked_for_is_taken_and_the_rest_stays_pending(void **state)
{
    uint32_t generation;

    (void)state;
    generation = pl_claim_open(&word);
    assert_int_equal(pl_claim_try(&word, generation, PL_READABLE | PL_SHUTDOWN, &reasons),
                     PL_CLAIM_NOTED);
    assert_int_equal(pl_claim_try(&word, generation, PL_TIMEOUT, &reasons), PL_CLAIM_NOTED);
    assert_int_equal(pl_claim_take_pending(&word, PL_SHUTDOWN | PL_HANGUP), PL_SHUTDOWN);
    assert_true(pl_claim_is_held(&word));
    /* Once taken it is gone. */
    assert_int_equal(pl_claim_take_pending(&word, PL_SHUTDOWN | PL_HANGUP), 0);
    assert_false(pl_claim_release(&word, PL_READABLE, &reasons));
    assert_int_equal(reasons, PL_READABLE | PL_TIMEOUT);
}

static void taking_touches_nothing_but_what_is_pending(void **state)
{
    static const uint32_t masks[] = { 0, PL_HANGUP, PL_SHUTDOWN | PL_HANGUP, ALL_REASONS };
    uint64_t before;

    (void)state;
    atomic_store(&word, 0xfffffff7ull << 32);
    assert_int_equal(pl_claim_open(&word), 0xfffffff7u);
    before = atomic_load(&word);
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        assert_int_equal(pl_claim_take_pending(&word, masks[i]), 0);
        assert_int_equal(atomic_load(&word), before);
        assert_int_equal(pl_claim_try(&word, 0xfffffff7u, PL_HANGUP, &reasons), PL_CLAIM_NOTED);
        assert_int_equal(pl_claim_take_pending(&word, ALL_REASONS), PL_HANGUP);
        assert_int_equal(atomic_load(&word), before);
    }
    assert_int_equal(reasons, 0);
}

static void the_generation_wraps_without_touching_the_state(void **state)
{
    (void)state;
    atomic_store(&word, 0xffffffffull << 32);
    assert_int_equal(pl_claim_open(&word), 0xffffffffu);
    pl_claim_close(&word);
    assert_int_equal(pl_claim_generation(atomic_load(&word)), 0);
    assert_int_equal(pl_claim_open(&word), 0);
}

/* ---- recall -----------------------------------------------------------------------------------
 */

static void a_recall_takes_one_that_waits_with_all_that_is_pending(void **state)
{
    uint32_t generation;

    (void)state;
    generation = pl_claim_open(&word);
    assert_true(pl_claim_release(&word, PL_COMPLETION, &reasons));
    assert_int_equal(pl_claim_try(&word, generation, PL_READABLE, &reasons), PL_CLAIM_NOTED);
    assert_int_equal(pl_claim_recall(&word), PL_CLAIM_WON);
    assert_true(pl_claim_is_held(&word));
    assert_int_equal(pl_claim_generation(atomic_load(&word)), generation);
    /* The same reasons let it go again; what was pending is for the next winner. */
    assert_true(pl_claim_release(&word, PL_COMPLETION, &reasons));
    assert_int_equal(reasons, 0);
    assert_int_equal(pl_claim_try(&word, generation, PL_COMPLETION, &reasons), PL_CLAIM_WON);
    assert_int_equal(reasons, PL_COMPLETION | PL_READABLE);
}

static void what_comes_during_a_recall_is_met_by_the_release(void **state)
{
    uint32_t generation;

    (void)state;
    generation = pl_claim_open(&word);
    assert_true(pl_claim_release(&word, PL_READABLE, &reasons));
    assert_int_equal(pl_claim_recall(&word), PL_CLAIM_WON);
    assert_int_equal(pl_claim_try(&word, generation, PL_READABLE, &reasons), PL_CLAIM_NOTED);
    assert_false(pl_claim_release(&word, PL_READABLE, &reasons));
    assert_int_equal(reasons, PL_READABLE);
    assert_true(pl_claim_release(&word, PL_READABLE, &reasons));
}

/* Nothing came: the holder is told with no reason, once, however often it was recalled. */
static void the_holder_is_told_by_its_release_once(void **state)
{
    uint32_t generation;

    (void)state;
    generation = pl_claim_open(&word);
    for (int recalls = 1; recalls <= 3; recalls++) {
        for (int i = 0; i < recalls; i++)
            assert_int_equal(pl_claim_recall(&word), PL_CLAIM_NOTED);
        reasons = ALL_REASONS;
        assert_false(pl_claim_release(&word, PL_READABLE, &reasons));
        assert_int_equal(reasons, 0);
        assert_true(pl_claim_is_held(&word));
        assert_true(pl_claim_release(&word, PL_READABLE, &reasons));
        assert_int_equal(pl_claim_try(&word, generation, PL_READABLE, &reasons), PL_CLAIM_WON);
    }
}

static void a_recall_alone_leaves_what_nobody_waits_for_pending(void **state)
{
    uint32_t generation;

    (void)state;
    generation = pl_claim_open(&word);
    assert_int_equal(pl_claim_try(&word, generation, PL_WRITABLE, &reasons), PL_CLAIM_NOTED);
    assert_int_equal(pl_claim_recall(&word), PL_CLAIM_NOTED);
    assert_false(pl_claim_release(&word, PL_READABLE, &reasons));
    assert_int_equal(reasons, 0);
    assert_true(pl_claim_release(&word, PL_READABLE, &reasons));
    assert_int_equal(pl_claim_try(&word, generation, PL_READABLE, &reasons), PL_CLAIM_WON);
    assert_int_equal(reasons, PL_READABLE | PL_WRITABLE);
}

/* The holder goes on without having let go: it must be told again when it does. */
static void a_release_that_is_met_tells_of_the_recall_the_next_time(void **state)
{
    uint32_t generation;

    (void)state;
    generation = pl_claim_open(&word);
    assert_int_equal(pl_claim_recall(&word), PL_CLAIM_NOTED);
    assert_int_equal(pl_claim_try(&word, generation, PL_READABLE, &reasons), PL_CLAIM_NOTED);
    assert_int_equal(pl_claim_try(&word, generation, PL_HANGUP, &reasons), PL_CLAIM_NOTED);
    assert_int_equal(pl_claim_take_pending(&word, PL_HANGUP), PL_HANGUP);
    assert_false(pl_claim_release(&word, PL_READABLE, &reasons));
    assert_int_equal(reasons, PL_READABLE);
    assert_false(pl_claim_release(&word, PL_READABLE, &reasons));
    assert_int_equal(reasons, 0);
    assert_true(pl_claim_release(&word, PL_READABLE, &reasons));
}

static void a_closed_slot_is_not_recalled_and_its_next_guest_knows_nothing(void **state)
{
    uint64_t before = atomic_load(&word);

    (void)state;
    assert_int_equal(pl_claim_recall(&word), PL_CLAIM_STALE);
    assert_int_equal(atomic_load(&word), before);
    (void)pl_claim_open(&word);
    assert_int_equal(pl_claim_recall(&word), PL_CLAIM_NOTED);
    pl_claim_close(&word);
    assert_int_equal(pl_claim_recall(&word), PL_CLAIM_STALE);
    assert_int_equal(pl_claim_open(&word), 1);
    assert_true(pl_claim_release(&word, PL_READABLE, &reasons));
}

/* ---- threads --------------------------------------------------------------------------------- */

#define CLAIMERS  5
#define ROUNDS    20000
#define NOTING_MS 500

static const uint32_t own_reason[CLAIMERS] = { PL_READABLE, PL_WRITABLE, PL_COMPLETION, PL_TIMEOUT,
                                               PL_PEER_DONE };
static _Atomic uint32_t announced[CLAIMERS];
static _Atomic uint32_t handled[CLAIMERS];
static _Atomic int inside;
static _Atomic uint32_t violations;
static _Atomic uint32_t wins;
static uint64_t holder_only; /* plain on purpose: the claim word is its only guard */

static void forget_the_claimers(void)
{
    atomic_store(&inside, 0);
    atomic_store(&violations, 0);
    for (size_t i = 0; i < CLAIMERS; i++) {
        atomic_store(&announced[i], 0);
        atomic_store(&handled[i], 0);
    }
}

static void handle(uint32_t why)
{
    if (atomic_fetch_add(&inside, 1) != 0)
        atomic_fetch_add(&violations, 1);
    holder_only++;
    atomic_fetch_add(&wins, 1);
    for (size_t i = 0; i < CLAIMERS; i++)
        if (why & own_reason[i])
            atomic_store(&handled[i], atomic_load(&announced[i]));
    atomic_fetch_sub(&inside, 1);
}

static void hold_and_release(uint32_t why, uint32_t seed)
{
    do
        handle(why);
    while (!pl_claim_release(&word, seed % 8, &why));
}

static void *claim_often(void *argument)
{
    size_t own = (size_t)(uintptr_t)argument;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t why;

        atomic_fetch_add(&announced[own], 1);
        if (pl_claim_try(&word, 0, own_reason[own], &why) == PL_CLAIM_WON)
            hold_and_release(why, i + (uint32_t)own);
        if (i % 64 == 0)
            sched_yield();
    }
    return NULL;
}

static void one_holder_at_a_time_and_no_reason_is_lost(void **state)
{
    pthread_t threads[CLAIMERS];

    (void)state;
    assert_int_equal(pl_claim_open(&word), 0);
    for (size_t i = 0; i < CLAIMERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, claim_often, (void *)(uintptr_t)i), 0);
    /* The first holder lets go in the middle of it. */
    hold_and_release(0, 7);
    for (size_t i = 0; i < CLAIMERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&violations), 0);
    /* What nobody waited for is still there, and all else was handled at its last announcement. */
    assert_int_equal(pl_claim_try(&word, 0, PL_SHUTDOWN, &reasons), PL_CLAIM_WON);
    handle(reasons);
    for (size_t i = 0; i < CLAIMERS; i++)
        assert_int_equal(atomic_load(&handled[i]), ROUNDS);
    assert_int_equal(holder_only, atomic_load(&wins));
    assert_true(atomic_load(&wins) > CLAIMERS);
}

/* Goes on only when its last note was taken: one that is lost stops it. As often as there is time
 * for: on a machine with other work a round may take as long as a turn of all the others. */
static void *note_often(void *argument)
{
    size_t own = (size_t)(uintptr_t)argument;
    int64_t begun_ms = client_now_ms(), now_ms = begun_ms;
    uint32_t why;

    for (uint32_t i = 1; now_ms < begun_ms + NOTING_MS && atomic_load(&violations) == 0; i++) {
        int64_t until = now_ms + CLIENT_DEADLINE_MS;

        atomic_store(&announced[own], i);
        if (pl_claim_try(&word, 0, own_reason[own], &why) != PL_CLAIM_NOTED)
            atomic_fetch_add(&violations, 1);
        while (atomic_load(&handled[own]) < i && atomic_load(&violations) == 0) {
            sched_yield();
            now_ms = client_now_ms();
            if (now_ms > until)
                atomic_fetch_add(&violations, 1);
        }
        now_ms = client_now_ms();
    }
    atomic_fetch_sub(&inside, 1);
    return NULL;
}

/* A holder that never lets go takes one reason at a time while the others come. */
static void no_reason_is_lost_to_a_holder_that_goes_on(void **state)
{
    pthread_t threads[CLAIMERS];

    (void)state;
    forget_the_claimers();
    atomic_store(&inside, CLAIMERS);
    assert_int_equal(pl_claim_open(&word), 0);
    for (size_t i = 0; i < CLAIMERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, note_often, (void *)(uintptr_t)i), 0);
    while (atomic_load(&inside) > 0) {
        for (size_t i = 0; i < CLAIMERS; i++)
            if (pl_claim_take_pending(&word, own_reason[i]) != 0)
                atomic_store(&handled[i], atomic_load(&announced[i]));
        sched_yield();
    }
    for (size_t i = 0; i < CLAIMERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&violations), 0);
    for (size_t i = 0; i < CLAIMERS; i++)
        assert_int_equal(atomic_load(&handled[i]), atomic_load(&announced[i]));
    assert_true(pl_claim_release(&word, ALL_REASONS, &reasons));
}

/* What a swap promises: who holds the slot when it is recalled follows the new placement before it
 * lets go, and so a waiting slot never follows an old one once the walk has passed it. */
static _Atomic uint32_t placement;
static uint32_t followed; /* by the slot; the holder's */
static _Atomic uint32_t strays;
static _Atomic uint32_t walks;
static _Atomic bool is_walk_over;

static void follow_and_release(uint32_t why, uint32_t seed)
{
    do {
        if (why != 0)
            handle(why);
        followed = atomic_load(&placement);
        why = 0;
    } while (!pl_claim_release(&word, seed % 8, &why));
}

static void *claim_and_follow(void *argument)
{
    size_t own = (size_t)(uintptr_t)argument;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t why;

        atomic_fetch_add(&announced[own], 1);
        if (pl_claim_try(&word, 0, own_reason[own], &why) == PL_CLAIM_WON)
            follow_and_release(why, i + (uint32_t)own);
        if (i % 64 == 0)
            sched_yield();
    }
    return NULL;
}

/* It brings the slot home as the walk does; what came meanwhile it handles itself. */
static void walk(uint32_t waits)
{
    uint32_t why = 0;

    atomic_fetch_add(&placement, 1);
    if (pl_claim_recall(&word) == PL_CLAIM_WON) {
        if (followed + 1 < atomic_load(&placement))
            atomic_fetch_add(&strays, 1); /* an earlier walk has passed it by */
        followed = atomic_load(&placement);
        if (!pl_claim_release(&word, waits, &why))
            follow_and_release(why, waits);
    }
    atomic_fetch_add(&walks, 1);
}

static void *walk_again_and_again(void *argument)
{
    uint32_t i = 0;

    while (!atomic_load(&is_walk_over)) {
        walk(i++ % 8);
        if (i % 64 == 0)
            sched_yield();
    }
    return argument;
}

static void threads_that_race_with_a_recall_lose_nothing_and_follow_it(void **state)
{
    pthread_t threads[CLAIMERS], walker;

    (void)state;
    forget_the_claimers();
    atomic_store(&wins, 0);
    holder_only = 0;
    followed = 0;
    atomic_store(&is_walk_over, false);
    assert_int_equal(pl_claim_open(&word), 0);
    for (size_t i = 0; i < CLAIMERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, claim_and_follow, (void *)(uintptr_t)i),
                         0);
    assert_int_equal(pthread_create(&walker, NULL, walk_again_and_again, NULL), 0);
    follow_and_release(0, 7);
    for (size_t i = 0; i < CLAIMERS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&is_walk_over, true);
    pthread_join(walker, NULL);
    assert_int_equal(atomic_load(&violations), 0);
    assert_int_equal(atomic_load(&strays), 0);
    assert_true(atomic_load(&walks) > 0);
    /* The last walk left it where it belongs, and all that was announced is handled. */
    assert_int_equal(pl_claim_try(&word, 0, PL_SHUTDOWN, &reasons), PL_CLAIM_WON);
    handle(reasons);
    assert_int_equal(followed, atomic_load(&placement));
    for (size_t i = 0; i < CLAIMERS; i++)
        assert_int_equal(atomic_load(&handled[i]), ROUNDS);
    assert_int_equal(holder_only, atomic_load(&wins));
}

static _Atomic uint32_t current_generation;
static _Atomic uint32_t stale_wins;
static _Atomic bool is_over;

static void *claim_by_token(void *argument)
{
    (void)argument;
    while (!atomic_load(&is_over)) {
        uint32_t generation = atomic_load(&current_generation);
        uint32_t why;

        if (pl_claim_try(&word, generation, PL_READABLE, &why) != PL_CLAIM_WON) {
            sched_yield();
            continue;
        }
        /* Won: nobody can end this generation now. */
        if (pl_claim_generation(atomic_load(&word)) != generation ||
            atomic_load(&current_generation) != generation)
            atomic_fetch_add(&stale_wins, 1);
        holder_only++;
        pl_claim_close(&word);
        atomic_store(&current_generation, pl_claim_open(&word));
        while (!pl_claim_release(&word, PL_READABLE, &why))
            ;
    }
    return NULL;
}

static void a_late_token_never_wins_the_next_guest(void **state)
{
    pthread_t threads[3];

    (void)state;
    atomic_store(&current_generation, pl_claim_open(&word));
    holder_only = 0;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, claim_by_token, NULL), 0);
    while (!pl_claim_release(&word, PL_READABLE, &reasons))
        ;
    while (atomic_load(&current_generation) < 20000)
        sched_yield();
    atomic_store(&is_over, true);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&stale_wins), 0);
    assert_int_equal(holder_only, atomic_load(&current_generation));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_closed_slot_refuses_every_reason, setup),
        cmocka_unit_test_setup(opening_holds_and_tells_the_generation, setup),
        cmocka_unit_test_setup(a_held_slot_notes_what_comes, setup),
        cmocka_unit_test_setup(a_reason_nobody_waits_for_is_kept_for_the_winner, setup),
        cmocka_unit_test_setup(a_release_with_nothing_waited_for_keeps_what_is_pending, setup),
        cmocka_unit_test_setup(hang_up_timeout_and_shutdown_always_win, setup),
        cmocka_unit_test_setup(only_what_is_waited_for_wins, setup),
        cmocka_unit_test_setup(a_token_of_an_earlier_generation_is_stale, setup),
        cmocka_unit_test_setup(what_is_asked_for_is_taken_and_the_rest_stays_pending, setup),
        cmocka_unit_test_setup(taking_touches_nothing_but_what_is_pending, setup),
        cmocka_unit_test_setup(the_generation_wraps_without_touching_the_state, setup),
        cmocka_unit_test_setup(a_recall_takes_one_that_waits_with_all_that_is_pending, setup),
        cmocka_unit_test_setup(what_comes_during_a_recall_is_met_by_the_release, setup),
        cmocka_unit_test_setup(the_holder_is_told_by_its_release_once, setup),
        cmocka_unit_test_setup(a_recall_alone_leaves_what_nobody_waits_for_pending, setup),
        cmocka_unit_test_setup(a_release_that_is_met_tells_of_the_recall_the_next_time, setup),
        cmocka_unit_test_setup(a_closed_slot_is_not_recalled_and_its_next_guest_knows_nothing,
                               setup),
        cmocka_unit_test_setup(one_holder_at_a_time_and_no_reason_is_lost, setup),
        cmocka_unit_test_setup(threads_that_race_with_a_recall_lose_nothing_and_follow_it, setup),
        cmocka_unit_test_setup(no_reason_is_lost_to_a_holder_that_goes_on, setup),
        cmocka_unit_test_setup(a_late_token_never_wins_the_next_guest, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
