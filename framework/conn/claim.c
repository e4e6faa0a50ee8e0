/* SPDX-License-Identifier: Apache-2.0 */
#include "claim.h"

#include "assert.h"

#define PENDING_MASK 0xffull
#define WAITS_SHIFT  8
#define STATE_SHIFT  16
#define STATE_MASK   (0xfull << STATE_SHIFT)
#define RECALLED     (1ull << 20)
#define GENERATION   (1ull << 32)

enum state { CLOSED, WAITING, HELD };

static enum state state_of(uint64_t word)
{
    return (enum state)((word & STATE_MASK) >> STATE_SHIFT);
}

static uint64_t word_of(uint64_t old, enum state state, uint32_t waits, uint32_t pending)
{
    return (old & ~(GENERATION - 1)) | (uint64_t)state << STATE_SHIFT |
           (uint64_t)waits << WAITS_SHIFT | pending;
}

enum pl_claim pl_claim_try(_Atomic uint64_t *word, uint32_t generation, uint32_t why,
                           uint32_t *ret_reasons)
{
    uint64_t old = atomic_load_explicit(word, memory_order_acquire);

    for (;;) {
        uint32_t waits = (uint32_t)(old >> WAITS_SHIFT) & PENDING_MASK;
        uint32_t pending = (uint32_t)(old & PENDING_MASK);
        bool is_won;
        uint64_t new;

        if (pl_claim_generation(old) != generation || state_of(old) == CLOSED)
            return PL_CLAIM_STALE;
        is_won = state_of(old) == WAITING && (why & (waits | PL_REASONS_ALWAYS)) != 0;
        new = is_won ? word_of(old, HELD, 0, 0) : old | why;
        if (new == old)
            return PL_CLAIM_NOTED;
        if (!atomic_compare_exchange_weak_explicit(word, &old, new, memory_order_acq_rel,
                                                   memory_order_acquire))
            continue;
        if (!is_won)
            return PL_CLAIM_NOTED;
        *ret_reasons = why | pending;
        return PL_CLAIM_WON;
    }
}

enum pl_claim pl_claim_recall(_Atomic uint64_t *word)
{
    uint64_t old = atomic_load(word);

    for (;;) {
        bool is_won = state_of(old) == WAITING;
        uint64_t new =
            is_won ? word_of(old, HELD, 0, (uint32_t)(old & PENDING_MASK)) : old | RECALLED;

        if (state_of(old) == CLOSED)
            return PL_CLAIM_STALE;
        if (atomic_compare_exchange_weak(word, &old, new))
            return is_won ? PL_CLAIM_WON : PL_CLAIM_NOTED;
    }
}

/* Why the holder goes on; false: it does not. What is met is taken whole: the holder sorts it out,
 * nothing stays behind twice. A recall alone leaves what is pending where it is. */
static bool goes_on(uint64_t old, uint32_t waits, uint64_t *ret_new, uint32_t *ret_reasons)
{
    uint32_t pending = (uint32_t)(old & PENDING_MASK);
    bool is_met = (pending & (waits | PL_REASONS_ALWAYS)) != 0;

    *ret_reasons = is_met ? pending : 0;
    if (is_met)
        *ret_new = word_of(old, HELD, 0, 0) | (old & RECALLED);
    else if ((old & RECALLED) != 0)
        *ret_new = old & ~RECALLED;
    else
        *ret_new = word_of(old, WAITING, waits, pending);
    return is_met || (old & RECALLED) != 0;
}

bool pl_claim_release(_Atomic uint64_t *word, uint32_t waits, uint32_t *ret_reasons)
{
    uint64_t old = atomic_load_explicit(word, memory_order_acquire);

    for (;;) {
        uint64_t new;
        uint32_t reasons;
        bool is_going_on = goes_on(old, waits, &new, &reasons);

        PL_ASSERT(state_of(old) == HELD);
        if (!atomic_compare_exchange_weak_explicit(word, &old, new, memory_order_acq_rel,
                                                   memory_order_acquire))
            continue;
        if (is_going_on)
            *ret_reasons = reasons;
        return !is_going_on;
    }
}

uint32_t pl_claim_take_pending(_Atomic uint64_t *word, uint32_t mask)
{
    uint64_t old = atomic_load_explicit(word, memory_order_acquire);

    PL_ASSERT(state_of(old) == HELD);
    if ((old & mask) == 0)
        return 0;
    return (uint32_t)atomic_fetch_and_explicit(word, ~(uint64_t)mask, memory_order_acq_rel) & mask;
}

uint32_t pl_claim_open(_Atomic uint64_t *word)
{
    uint64_t old = atomic_load_explicit(word, memory_order_acquire);

    PL_ASSERT(state_of(old) == CLOSED);
    /* In one order with the taker's look at the placement: a walk that does not meet this guest has
     * changed the placement before that look. */
    atomic_store(word, word_of(old, HELD, 0, 0));
    return pl_claim_generation(old);
}

void pl_claim_close(_Atomic uint64_t *word)
{
    uint64_t old = atomic_load_explicit(word, memory_order_acquire);
    uint64_t new;

    do {
        PL_ASSERT(state_of(old) == HELD);
        new = word_of(old, CLOSED, 0, 0) + GENERATION;
    } while (!atomic_compare_exchange_weak_explicit(word, &old, new, memory_order_acq_rel,
                                                    memory_order_acquire));
}

bool pl_claim_is_held(const _Atomic uint64_t *word)
{
    return state_of(atomic_load_explicit(word, memory_order_relaxed)) == HELD;
}

struct pl_claim_view pl_claim_look(const _Atomic uint64_t *word)
{
    uint64_t now = atomic_load_explicit(word, memory_order_acquire);

    return (struct pl_claim_view){ .generation = pl_claim_generation(now),
                                   .is_open = state_of(now) != CLOSED,
                                   .is_held = state_of(now) == HELD,
                                   .waits = (uint32_t)(now >> WAITS_SHIFT) & PENDING_MASK };
}
