/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The claim word: one 64-bit atomic decides which thread holds a slot.
 *
 *     63            32 31   21 20       19    16 15       8 7        0
 *     [  generation   |   0  | recalled | state  |  waits   | pending  ]
 *
 *                     pl_claim_open
 *     CLOSED ───────────────────────────────▶ HELD ──pl_claim_release──▶ WAITING
 *        ▲                                    │  ▲                          │
 *        └────────────pl_claim_close──────────┘  └──────pl_claim_try────────┘
 *
 * Every source of work (an event, a timer, a post, a shutdown) goes through pl_claim_try(). Who
 * wins owns the slot; who comes while it is held leaves a pending bit, which the release meets.
 * pl_claim_release() publishes all the holder wrote (release); pl_claim_try() sees it (acquire).
 *
 * A recall is for who would move a slot to another handle set, and has nothing to tell it: one that
 * waits is held by the caller, with all that is pending; the holder of a held one is told by its
 * release to look where it belongs before it lets go.
 */
#ifndef PL_CONN_CLAIM_H
#define PL_CONN_CLAIM_H

#include <paceline/reason.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum pl_claim {
    PL_CLAIM_WON,   /* the caller holds the slot */
    PL_CLAIM_NOTED, /* remembered: the holder, or a later winner, will see it */
    PL_CLAIM_STALE, /* that generation is gone */
};

static inline uint32_t pl_claim_generation(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

/* Thread: any. *ret_reasons, written when won: `why` and what was pending. */
enum pl_claim pl_claim_try(_Atomic uint64_t *word, uint32_t generation, uint32_t why,
                           uint32_t *ret_reasons);

/* Takes a slot, whoever is its guest, back from what it waits for: won, what was pending still is,
 * and a release for the same reasons lets it go again. Noted: pl_claim_release() will say so.
 * Thread: any. */
enum pl_claim pl_claim_recall(_Atomic uint64_t *word);

/* Lets go, to wait for `waits`. False: something among them came meanwhile; the caller still holds
 * the slot and finds it in *ret_reasons, 0 when it was recalled. Thread: the holder. */
bool pl_claim_release(_Atomic uint64_t *word, uint32_t waits, uint32_t *ret_reasons);

/* Takes those of `mask` that are pending; the slot stays held. For a holder that goes on without
 * letting go. Thread: the holder. */
uint32_t pl_claim_take_pending(_Atomic uint64_t *word, uint32_t mask);

/* A closed slot becomes held by the caller; returns its generation. */
uint32_t pl_claim_open(_Atomic uint64_t *word);
/* The generation ends: from here on every token of it is stale. Thread: the holder. */
void pl_claim_close(_Atomic uint64_t *word);

bool pl_claim_is_held(const _Atomic uint64_t *word);

/* What somebody sees who only looks; true a moment ago. */
struct pl_claim_view {
    uint32_t generation;
    bool is_open, is_held;
    uint32_t waits; /* while it is open and not held */
};
/* Thread: any. */
struct pl_claim_view pl_claim_look(const _Atomic uint64_t *word);

#endif
