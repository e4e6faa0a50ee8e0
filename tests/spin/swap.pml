/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The swap: one model hands a running engine to another, and no slot is lost on the way.
 *
 *     here                        in the C code
 *     model, placement            engine->model, the engine's placement: handle sets, arming
 *     is_retired, is_stopping, has_left, freed     the life of each model that was
 *     ring[], asleep[], waker[]   the engine's ready rings, by handle set, with the flag that its
 *                                 waiter sleeps and the eventfd that ends the sleep
 *     stop_fd[], waits_in[]       the eventfd that ends every wait of an old model, and how many of
 *                                 a model's threads are in a wait or about to be
 *     try, release, recall        pl_claim_try(), pl_claim_release() in framework/conn/claim.c, and
 *                                 the flag that sends a slot home
 *     ready, rouse, hand_over     the way to the rings of the present model
 *     control                     the steps of a swap, in their order
 *
 * Models wait in a set of their own, or with -DSAME_SET all in one. Abstracted. A thread waits in
 * its set, takes from the ring of that set, and runs whole turns: followers and workers are the
 * thread set's, see leader_followers.pml. The gate opens before the old threads leave, and slots are
 * sent home meanwhile: more orders than swap.c has, which waits for those that wait. A slot waits for input alone; generations and the other
 * reasons are in claim.pml. A section under a ring's lock is one step. A handler of an old model
 * takes as long as it likes, or never ends (with -DENDING it does). Deadlines are left out: they
 * move with the slot, under its claim. Memory is sequentially consistent, so flags that are said
 * before a look have to be, too, in C.
 *
 * Proved: one holder at most; nobody touches a model that was freed; the end of a swap waits for no
 * handler; when nothing moves any more, every slot that no such handler holds has been run and is
 * armed in the set of the present model, no ring holds anything, and no old thread waits for ever.
 */
#ifndef SWAPS
#define SWAPS 1
#endif
#ifndef OLD_THREADS
#define OLD_THREADS 1 /* of the first model; each other has one */
#endif
#ifndef READS
#define READS 2 /* the peers send so often in all */
#endif

#ifndef SLOTS
#define SLOTS 2 /* with -DOPENER the second is opened while the swap goes on */
#endif

#define MODELS (SWAPS + 1)
#define NOBODY 255

#ifdef SAME_SET
#define SETS      1
#define SET_OF(m) 0
#else
#define SETS      2
#define SET_OF(m) ((m) & 1)
#endif
#define THREADS_OF(m) ((m) == 0 -> OLD_THREADS : 1)

mtype = { CLOSED, WAITING, HELD };

mtype state[2] = CLOSED;
bit pending[2], recalled[2];
byte set_of[2];
byte armed_in[2] = NOBODY; /* of one-shot arming: until it has fired */
bit readable[2];
byte holders[2];

byte model, placement;
bit model_lock;
byte ring[SETS]; /* a set of slots: bit n is slot n */
bit asleep[SETS], waker[SETS];
bit stop_fd[SETS];

bit is_retired[MODELS], is_stopping[MODELS], gate[MODELS], freed[MODELS];
byte waits_in[MODELS], has_left[MODELS];
bit is_stuck[2]; /* by a handler that never ends */
bit is_done;

#define TOUCH(m) assert(!freed[m])

/* ---- the rings ------------------------------------------------------------------------------ */

inline append(s, k)
{
    atomic { assert(state[s] == HELD && !(ring[k] & (1 << s))); ring[k] = ring[k] | (1 << s) };
    atomic {
        if
        :: asleep[k] -> asleep[k] = 0; waker[k] = 1
        :: else
        fi
    }
}

inline take(k)
{
    atomic {
        if
        :: ring[k] & 1 -> slot = 0; ring[k] = ring[k] & ~1
        :: ring[k] & 2 -> slot = 1; ring[k] = ring[k] & ~2
        :: ring[k] == 0 -> slot = NOBODY
        fi
    }
}

/* Under the model's lock: everything that stands anywhere goes to the present model. */
inline hand_all_over()
{
    atomic { came = ring[0]; ring[0] = 0 };
#ifndef SAME_SET
    atomic { came = came | ring[1]; ring[1] = 0 };
#endif
    do
    :: came & 1 -> came = came & ~1; append(0, SET_OF(model))
    :: came == 2 -> came = 0; append(1, SET_OF(model))
    :: came == 0 -> break
    od
}

inline lock()
{
    atomic { !model_lock -> model_lock = 1 }
}

inline rouse()
{
    lock();
    hand_all_over();
    model_lock = 0
}

/* By a thread that is none of the present model's. */
inline hand_over(s)
{
    lock();
    append(s, SET_OF(model));
    model_lock = 0
}

/* By a thread of model m. */
inline ready(m, s)
{
    TOUCH(m);
    if
    :: is_retired[m] -> hand_over(s)
    :: else ->
        append(s, SET_OF(m));
#ifndef BROKEN_NO_SECOND_LOOK
        if
        :: is_retired[m] -> rouse()
        :: else
        fi
#endif
    fi
}

/* ---- claim and settle ----------------------------------------------------------------------- */

inline try(s, is_won)
{
    atomic {
        if
        :: state[s] == WAITING ->
            state[s] = HELD;
            holders[s]++;
            assert(holders[s] == 1);
            pending[s] = 0;
            is_won = 1
        :: state[s] == HELD -> pending[s] = 1
        :: else
        fi
    }
}

inline arm(s)
{
    atomic { assert(state[s] == HELD); armed_in[s] = set_of[s] }
}

/* DEL in the old set, ADD in the new. */
inline move_home(s)
{
#ifdef BROKEN_FLAG_CLEARED_LATE
    set_of[s] = SET_OF(placement);
    arm(s);
    recalled[s] = 0
#else
    set_of[s] = SET_OF(placement);
    arm(s)
#endif
}

/* Arms and lets go; is_met: something came meanwhile, the slot is still held. */
inline settle(s)
{
    arm(s);
    do
    :: atomic {
            recalled[s] ->
#ifndef BROKEN_FLAG_CLEARED_LATE
            recalled[s] = 0
#endif
        };
#ifndef BROKEN_FLAG_IGNORED
        move_home(s)
#endif
    :: atomic {
            !recalled[s] && pending[s] ->
            pending[s] = 0;
            is_met = 1;
            break
        }
#ifdef BROKEN_MET_WIPES_FLAG
    :: atomic {
            recalled[s] && pending[s] ->
            pending[s] = 0;
            recalled[s] = 0;
            is_met = 1;
            break
        }
#endif
    :: atomic {
            !recalled[s] && !pending[s] ->
            holders[s]--;
            state[s] = WAITING;
            is_met = 0;
            break
        }
    od
}

/* ---- a thread of model m -------------------------------------------------------------------- */

/* Says that it sleeps, looks once more, sleeps, takes one event or the waker. The stop is level
 * triggered: it is there until the control thread takes it away. */
inline wait_for_one(m, k)
{
#ifndef BROKEN_WAIT_SAID_LATE
    waits_in[m]++;
#endif
    if
    :: is_stopping[m]
    :: else ->
#ifdef BROKEN_WAIT_SAID_LATE
        waits_in[m]++;
#endif
#ifdef BROKEN_SLEEP_WITHOUT_LOOK
        asleep[k] = 1;
#else
        asleep[k] = 1;
        if
        :: ring[k] != 0
        :: else ->
#endif
            if
            :: atomic { armed_in[0] == k && readable[0] -> armed_in[0] = NOBODY; slot = 0 }
            :: atomic { armed_in[1] == k && readable[1] -> armed_in[1] = NOBODY; slot = 1 }
            :: atomic { waker[k] -> waker[k] = 0 }
            :: stop_fd[k]
            fi
#ifndef BROKEN_SLEEP_WITHOUT_LOOK
        fi
#endif
        ;
        asleep[k] = 0
#ifdef BROKEN_WAIT_SAID_LATE
        ;
        waits_in[m]--
#endif
    fi;
#ifndef BROKEN_WAIT_SAID_LATE
    waits_in[m]--
#endif
}

inline collect(k)
{
    if
    :: armed_in[0] == k && readable[0] -> armed_in[0] = NOBODY; slot = 0
    :: armed_in[1] == k && readable[1] -> armed_in[1] = NOBODY; slot = 1
    :: else -> slot = NOBODY
    fi
}

/* Of what it finds it runs one; what it finds beyond, and what got work while it was let go, it
 * hands on. */
proctype thread(byte m)
{
    byte slot = NOBODY, came;
    bit is_won, is_met;

    gate[m];
next:
    if
    :: is_stopping[m] -> goto leave
    :: else
    fi;
    take(SET_OF(m));
    if
    :: slot != NOBODY -> goto run_slot
    :: else -> wait_for_one(m, SET_OF(m))
    fi;
found:
    if
    :: slot == NOBODY -> goto next
    :: else
    fi;
    try(slot, is_won);
    if
    :: is_won -> is_won = 0; goto run_slot
    :: is_won -> is_won = 0; goto hand_on
    :: else -> slot = NOBODY; goto next
    fi;
run_slot:
    atomic {
        readable[slot] = 0;
        if
#ifndef ENDING
        :: m < SWAPS -> is_stuck[slot] = 1; goto end_stuck
#endif
        :: true
        fi
    };
    settle(slot);
    if
    :: is_met -> is_met = 0
    :: else -> slot = NOBODY; goto next
    fi;
hand_on:
    ready(m, slot);
    atomic { collect(SET_OF(m)) };
    goto found;
leave:
    TOUCH(m);
    if
    :: is_retired[m] -> rouse()
    :: else
    fi;
    atomic { TOUCH(m); has_left[m]++; goto end_left };
end_stuck:
    false;
end_left:
    skip
}

/* ---- the control thread --------------------------------------------------------------------- */

/* A slot that waits is claimed, with what pends kept, moved and let go; one that is held gets the
 * flag. */
inline recall(s)
{
    atomic {
        if
        :: state[s] == WAITING && set_of[s] != SET_OF(placement) ->
            state[s] = HELD;
            holders[s]++;
            is_won = 1
        :: state[s] == HELD ->
#ifndef BROKEN_HELD_SKIPPED
            recalled[s] = 1
#else
            skip
#endif
        :: else
        fi
    };
    if
    :: is_won ->
        is_won = 0;
        set_of[s] = SET_OF(placement);
        settle(s);
        if
        :: is_met -> is_met = 0; hand_over(s)
        :: else
        fi
    :: else
    fi
}

proctype control()
{
    byte m, n, came;
    bit is_won, is_met;

    do
    :: m < SWAPS ->
        lock();
#ifdef BROKEN_RINGS_BEFORE_FLIP
        hand_all_over();
#endif
        model = m + 1;
        placement = m + 1;
        is_retired[m] = 1;
#ifndef BROKEN_RINGS_BEFORE_FLIP
        hand_all_over();
#endif
        model_lock = 0;
        gate[m + 1] = 1;
        is_stopping[m] = 1;
        stop_fd[SET_OF(m)] = 1;
        n = 0;
        do
        :: n < SLOTS -> recall(n); n++
        :: else -> break
        od;
        waits_in[m] == 0;
        stop_fd[SET_OF(m)] = 0;
#ifndef BROKEN_NO_WAKE_AFTER_STOP
        waker[SET_OF(m + 1)] = 1;
#endif
        m++
    :: else -> break
    od;
    is_done = 1
}

/* Later, whenever the last thread of an old model has come out of its handler. */
proctype reaper()
{
    byte m;

    do
    :: m < SWAPS ->
#ifdef BROKEN_FREED_EARLY
        atomic { is_stopping[m] && waits_in[m] == 0 -> freed[m] = 1 };
#else
        atomic { has_left[m] == THREADS_OF(m) -> freed[m] = 1 };
#endif
        m++
    :: else -> break
    od
}

/* ---- the world ------------------------------------------------------------------------------ */

/* A new guest: it looks where it belongs after it has opened, so that either the walk finds it or
 * it finds the placement. */
#ifdef OPENER
proctype opener()
{
    byte slot = 1, came;
    bit is_met;

#ifdef BROKEN_OPENED_AFTER_CHOICE
    set_of[slot] = SET_OF(placement);
    atomic { state[slot] = HELD; holders[slot]++ };
#else
    atomic { state[slot] = HELD; holders[slot]++ };
    set_of[slot] = SET_OF(placement);
#endif
    settle(slot);
    if
    :: is_met -> hand_over(slot)
    :: else
    fi
}
#endif

proctype peer()
{
    byte left = READS;

    do
    :: atomic { left > 0 -> left--; readable[0] = 1 }
    :: atomic { left > 0 && state[1] != CLOSED -> left--; readable[1] = 1 }
    :: atomic { left == 0 -> break }
    od
}

#define IS_AT_REST(s)                                                                              \
    (is_stuck[s] ||                                                                                \
     (state[s] == WAITING && !readable[s] && !pending[s] && !recalled[s] &&                        \
      set_of[s] == SET_OF(model) && armed_in[s] == set_of[s]))

proctype quiescence()
{
    byte n;

    timeout;
    assert(is_done && model == SWAPS && !model_lock);
    assert(ring[0] == 0 && ring[SETS - 1] == 0);
    assert(IS_AT_REST(0));
    assert(SLOTS == 1 || IS_AT_REST(1));
    do
    :: n < SWAPS -> assert(waits_in[n] == 0); n++
    :: else -> break
    od
}

init
{
    atomic {
        byte m = 0, n;

        state[0] = WAITING;
        armed_in[0] = 0;
#if SLOTS == 2 && !defined(OPENER)
        state[1] = WAITING;
        armed_in[1] = 0;
#endif
        gate[0] = 1;
        do
        :: m < MODELS ->
            n = 0;
            do
            :: n < THREADS_OF(m) -> run thread(m); n++
            :: else -> break
            od;
            m++
        :: else -> break
        od;
        m = 0; n = 0;
        run control();
        run reaper();
#ifdef OPENER
        run opener();
#endif
        run peer();
        run quiescence()
    }
}
