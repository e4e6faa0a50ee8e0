/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leader/followers and its thread set: who waits for the kernel, who sleeps, who wakes whom.
 *
 *     here                        in the C code
 *     thread                      thread_main() in framework/dispatch/leader_followers.c
 *     take_ready, look_at_kernel, become_leader, leave_leadership, lead, promote_new_leader,
 *     is_someone_needed, wake_someone        the functions of these names there
 *     park, wake_one              pl_thread_set_park(), pl_thread_set_wake_one() (thread_set.c)
 *     deputy, stir                deputy_main() with its look(), pl_deputy_stir() (deputy.c)
 *     idle, wake[], searching     the stack of followers, their semaphores, 0 or 1
 *     ring, events, waker         what stands in the ready ring, what the kernel would report, the
 *                                 eventfd that ends the leader's wait
 *
 * Abstracted. Slots are counted, not told apart: claim.pml has their life. The stack is a set and
 * any member may be popped: its order keeps caches warm, nothing else. A section under a lock is
 * one step, since nobody outside reads two of its values. pops_left is a free choice. A handler
 * ends soon, late (any other step may come first) or never; none announces that it blocks, since
 * announcing only adds a wake. The deputy's millisecond is a free choice of when, its hundred
 * quiet looks are one or more. Memory is sequentially consistent, as the atomics involved are.
 * Stopping is left out here; swap.pml has it.
 *
 * Proved: at most one leader; and when nothing moves any more, nothing waits (neither in the ring
 * nor in the kernel) while a thread is asleep that could run it. With -DALWAYS (promotion: always)
 * this holds without the deputy, else (adaptive) with its help.
 */
#ifndef THREADS
#define THREADS 3
#endif
#ifndef EVENTS
#define EVENTS 3 /* the kernel reports so many in all */
#endif
#ifndef POSTS
#define POSTS 1 /* other threads bring so many slots to the ring */
#endif
#ifndef AGAINS
#define AGAINS 1 /* so many turns are cut */
#endif

byte ring, events;
byte agains = AGAINS;
bit waker;

bit has_leader, leader_asleep;
byte leaders;

byte idle; /* a set: bit n is thread n */
byte wake[THREADS];
bit searching;

bit in_kernel[THREADS]; /* for the property: waits there without a time-out */
bit stuck[THREADS];

bit moved; /* a leadership or a take since the deputy's last look */
bit deputy_asleep;
byte deputy_wake;

/* ---- the thread set ------------------------------------------------------------------------- */

/* Whom it pops it wakes in the same step: nobody else can reach one that is off the stack. */
inline pop_idle(woken)
{
    atomic {
        if
        :: idle == 0
        :: idle & 1 -> wake[0]++; idle = idle & ~1; woken = 1
        :: idle & 2 -> wake[1]++; idle = idle & ~2; woken = 1
#if THREADS > 2
        :: idle & 4 -> wake[2]++; idle = idle & ~4; woken = 1
#endif
        fi
    }
}

inline wake_one(woken)
{
    do
    :: atomic { idle == 0 -> break }
    :: atomic { idle != 0 };
        if
        :: atomic { searching -> woken = 1; break }
        :: atomic { !searching -> searching = 1 }
        fi;
        pop_idle(woken);
        if
        :: woken -> break
        :: else -> searching = 0
        fi
    od
}

/* ---- who is needed -------------------------------------------------------------------------- */

inline is_someone_needed(needed)
{
    if
    :: atomic { ring > 0 -> needed = 1 }
    :: else -> needed = !has_leader
    fi
}

inline wake_someone()
{
    wake_one(woken);
    if
    :: !woken ->
        atomic {
            if
            :: leader_asleep -> leader_asleep = 0; waker = 1
            :: else
            fi
        }
    :: else -> woken = 0
    fi
}

inline stir()
{
#ifdef ALWAYS
    skip
#else
    atomic {
        if
        :: deputy_asleep -> deputy_asleep = 0; deputy_wake++
        :: else
        fi
    }
#endif
}

/* ---- leading -------------------------------------------------------------------------------- */

inline become_leader(won)
{
#ifdef BROKEN_LEADER_WITHOUT_EXCHANGE
    won = !has_leader;
    atomic { has_leader = 1; leaders = leaders + won; assert(leaders <= 1) }
#else
    atomic {
        won = !has_leader;
        has_leader = 1;
        leaders = leaders + won;
        assert(leaders <= 1)
    }
#endif
}

inline leave_leadership()
{
    atomic { moved = 1; leaders-- };
    has_leader = 0
}

/* What the kernel has, at once; `always` asks for one event, and the waker is one too. */
inline collect(found)
{
#ifdef ALWAYS
    if
    :: events > 0 -> found = 1; events--
    :: waker -> waker = 0
    :: else
    fi
#else
    found = events;
    events = 0;
    waker = 0
#endif
}

inline poll_at_once(found)
{
    atomic { collect(found) }
}

inline poll_and_wait(me, found)
{
    atomic { events > 0 || waker -> in_kernel[me] = 0; collect(found) }
}

inline promote_new_leader()
{
    needed = ring > 0;
    leave_leadership();
#ifndef BROKEN_NOBODY_TOLD
    if
#ifdef ALWAYS
    :: true ->
#else
    :: needed ->
#endif
        wake_one(woken);
        woken = 0
#ifndef ALWAYS
    :: else
#endif
    fi;
    needed = 0;
    stir()
#endif
}

inline look_at_ring(me)
{
    atomic { needed = ring > 0; in_kernel[me] = !needed }
}

inline lead(me)
{
#ifdef BROKEN_ASLEEP_AFTER_LOOK
    look_at_ring(me);
    leader_asleep = 1;
#else
    leader_asleep = 1;
    look_at_ring(me);
#endif
    if
    :: needed -> poll_at_once(found)
    :: else -> poll_and_wait(me, found)
    fi;
    leader_asleep = 0;
    if
    :: found > 0 -> found--; slot = 1
    :: else
    fi;
    atomic { ring = ring + found; found = 0 };
    promote_new_leader()
}

inline look_at_kernel()
{
    if
    :: true /* the round is not over */
    :: true ->
        become_leader(won);
        if
        :: won ->
            poll_at_once(found);
            leave_leadership();
            atomic { ring = ring + found; found = 0; won = 0 }
        :: else
        fi
    fi
}

inline take_ready()
{
    if
    :: ring > 0 ->
        look_at_kernel();
        atomic {
            moved = 1;
            if
            :: ring > 0 -> ring--; slot = 1
            :: else
            fi
        };
        if
        :: slot ->
            if
            :: ring > 0 -> wake_someone()
            :: else ->
#ifdef ALWAYS
                is_someone_needed(needed);
                if
                :: needed -> wake_one(woken); woken = 0; needed = 0
                :: else
                fi
#elif !defined(BROKEN_TAKER_STIRS_NOBODY)
                stir()
#else
                skip
#endif
            fi
        :: else
        fi
    :: else
    fi
}

/* ---- the threads ---------------------------------------------------------------------------- */

inline park(me)
{
#ifdef BROKEN_PUSH_AFTER_LOOK
    is_someone_needed(needed);
    if
    :: !needed -> idle = idle | (1 << me)
    :: else
    fi;
#else
    idle = idle | (1 << me);
    is_someone_needed(needed);
#endif
    atomic {
        if
        :: needed && (idle & (1 << me)) -> idle = idle & ~(1 << me)
        :: else -> is_asleep = 1
        fi;
        needed = 0
    };
    if
    :: is_asleep ->
#ifdef BROKEN_PUSH_AFTER_LOOK
        atomic { wake[me] > 0 || !(idle & (1 << me)) -> wake[me] = 0 };
#else
        atomic { wake[me] > 0 -> wake[me]-- };
#endif
        is_asleep = 0;
#ifndef BROKEN_SEARCHING_AFTER_LOOK
        searching = 0
#else
        take_ready();
        searching = 0
#endif
    :: else
    fi
}

/* A turn: it ends armed, or in the ring because it was cut, or the handler never comes back. The
 * last thread comes back from each: with all of them stuck there is nothing to prove. */
inline run_and_settle(me)
{
    slot = 0;
    if
    :: true
    :: atomic { agains > 0 -> agains-- };
        ring++;
        stir()
    :: atomic { me < THREADS - 1 -> stuck[me] = 1 };
end_stuck:
        false
    fi
}

proctype thread(byte me)
{
    bit slot, won, woken, needed, is_asleep;
    byte found;
    do
    :: take_ready();
        if
        :: !slot ->
            become_leader(won);
            if
            :: won -> won = 0; lead(me)
            :: else -> park(me)
            fi
        :: else
        fi;
        if
        :: slot -> run_and_settle(me)
        :: else
        fi
    od
}

#ifndef ALWAYS
proctype deputy()
{
    bit is_quiet, needed, woken, falls_asleep;

    do
    :: atomic { is_quiet = !moved; moved = 0 };
        if
        :: is_quiet ->
            is_someone_needed(needed);
            if
            :: needed -> needed = 0; wake_someone()
            :: else
            fi
        :: else
        fi;
        if
        :: atomic { falls_asleep && !is_quiet && deputy_asleep -> deputy_asleep = 0 }
        :: atomic { falls_asleep && (is_quiet || !deputy_asleep) -> skip };
            atomic { deputy_wake > 0 -> deputy_wake-- }
        :: !falls_asleep
        fi;
        if
        :: atomic { is_quiet && !falls_asleep -> falls_asleep = 1; deputy_asleep = 1 }
        :: falls_asleep = 0
        fi;
        is_quiet = 0
    od
}
#endif

/* The peers. */
proctype kernel()
{
    byte left = EVENTS;

    do
    :: atomic { left > 0 -> left--; events++ }
    :: atomic { left == 0 -> break }
    od
}

/* ready() by a thread that is none of the model's. */
proctype poster()
{
    bit woken;
        byte left = POSTS;

    do
    :: left > 0 ->
        left--;
        ring++;
        wake_someone();
        stir()
    :: else -> break
    od
}

#define WAITS    (ring > 0 || events > 0)
#define FOLLOWS  (idle != 0)
#define IS_IN_KERNEL (in_kernel[0] || in_kernel[1] || in_kernel[THREADS - 1])

/* When nothing moves any more. */
proctype quiescence()
{
    timeout;
    assert(!(WAITS && FOLLOWS));
    assert(!(WAITS && IS_IN_KERNEL));
    assert(!WAITS || stuck[0] || stuck[1]);
    assert(has_leader || !FOLLOWS || !WAITS)
}

init
{
    atomic {
        byte n = 0;

        do
        :: n < THREADS -> run thread(n); n++
        :: else -> break
        od;
#ifndef ALWAYS
        run deputy();
#endif
        run kernel();
        run poster();
        run quiescence()
    }
}
