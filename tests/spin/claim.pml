/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The claim word of one slot, and the settle that lets go of it.
 *
 *     here                        in the C code
 *     state, generation, waits, pending      the fields of the word, framework/conn/claim.h
 *     try, release, close, open   pl_claim_try(), pl_claim_release(), pl_claim_close(),
 *                                 pl_claim_open() in framework/conn/claim.c
 *     settle                      wait() in framework/dispatch/settle.c: arm, then release
 *     armed, edge                 the one-shot arming, or with -DEDGE what the edge arming reports
 *     mail                        the mailbox, framework/conn/conn_mailbox.c
 *     waiter                      a thread that waits for the kernel: win() in
 *                                 framework/dispatch/engine_events.c
 *
 * Abstracted. A loop around a compare-exchange is one step: an exchange that fails changes nothing.
 * The reasons are three: readable, completion, and shutdown for those that always start a turn.
 * Whoever wins runs the turn itself; where a model hands it on, the slot stays held on the way. A
 * turn acts on the reasons it was given and on nothing else, so a reason that is lost shows. The
 * mailbox's lock makes an append one step. Memory is sequentially consistent.
 *
 * Proved: one holder at most; a token of an older generation never wins; only the holder arms; when
 * nothing moves any more, no slot waits for what has come.
 */
#ifndef WAITERS
#define WAITERS 2
#endif
#ifndef GUESTS
#define GUESTS 2 /* the slot has so many, one after another */
#endif
#ifndef READS
#define READS 2 /* the peers send so often in all */
#endif
#ifndef POSTS
#define POSTS 1
#endif

#define READABLE   1
#define COMPLETION 2
#define SHUTDOWN   4

mtype = { CLOSED, WAITING, HELD };

mtype state = CLOSED;
byte generation, waits, pending;

bit is_open;  /* the guest's descriptor */
bit readable; /* bytes stand in the socket */
bit armed, armed_for_input;
bit edge, is_registered;
bit mail;
bit is_asked[GUESTS + 1]; /* to shut down */

byte holders;

/* ---- framework/conn/claim.c ----------------------------------------------------------------- */

#ifdef BROKEN_GENERATION_NOT_COMPARED
#define IS_STALE(token) (state == CLOSED)
#else
#define IS_STALE(token) (token != generation || state == CLOSED)
#endif

inline try(token, why)
{
    atomic {
        if
        :: IS_STALE(token)
        :: !IS_STALE(token) && state == WAITING && (why & (waits | SHUTDOWN)) ->
            reasons = why | pending;
            state = HELD;
            waits = 0;
            pending = 0;
            holders++;
            assert(holders == 1);
            assert(token == generation);
            is_held = 1
        :: else ->
#ifdef BROKEN_PENDING_IN_TWO_STEPS
            reasons = pending;
            is_noted = 1
#else
            pending = pending | why
#endif
        fi
    }
#ifdef BROKEN_PENDING_IN_TWO_STEPS
    ;
    atomic {
        if
        :: is_noted -> pending = reasons | why; reasons = 0; is_noted = 0
        :: else
        fi
    }
#endif
}

inline release()
{
#ifdef BROKEN_RELEASE_BY_STORE
    reasons = pending;
    atomic {
        pending = reasons;
#else
    atomic {
#endif
        assert(state == HELD);
        if
        :: pending & (wanted | SHUTDOWN) -> reasons = pending; pending = 0
        :: else -> state = WAITING; waits = wanted; wanted = 0; reasons = 0; holders--; is_held = 0
        fi
    }
}

inline close()
{
    atomic {
        is_open = 0; readable = 0; armed = 0; edge = 0; is_registered = 0; mail = 0;
        assert(state == HELD && holders == 1);
        state = CLOSED;
        pending = 0;
        generation++;
        holders--;
        reasons = 0;
        is_held = 0
    }
}

/* ---- framework/dispatch/settle.c ------------------------------------------------------------ */

/* The edge arming registers once, and a registration reports what is there already. */
inline arm()
{
    atomic {
        assert(is_open && state == HELD);
#ifdef EDGE
        if
        :: !is_registered -> is_registered = 1; edge = readable
        :: else
        fi
#else
        armed = 1;
        armed_for_input = wanted & READABLE
#endif
    }
}

inline settle()
{
    if
    :: wanted = READABLE
    :: wanted = COMPLETION
    :: wanted = READABLE | COMPLETION
    fi;
#ifdef BROKEN_ARMED_AFTER_RELEASE
    release();
    if
    :: !is_held -> arm()
    :: else
    fi
#else
    arm();
    release()
#endif
}

inline run_while_held()
{
    do
    :: is_held && (reasons & SHUTDOWN) -> close()
    :: is_held && !(reasons & SHUTDOWN) ->
        if
        :: reasons & READABLE -> readable = 0
        :: else
        fi;
        if
        :: reasons & COMPLETION -> mail = 0
        :: else
        fi;
        reasons = 0;
        settle()
    :: !is_held -> break
    od
}

/* ---- who brings work ------------------------------------------------------------------------ */

proctype waiter()
{
    bit is_held, is_noted;
    byte reasons, wanted, token;

    do
#ifdef EDGE
    :: atomic { edge -> edge = 0; token = generation };
#else
    :: atomic { armed && armed_for_input && readable -> armed = 0; token = generation };
#endif
        try(token, READABLE);
        run_while_held()
    od
}

proctype poster()
{
    bit is_held, is_noted;
    byte reasons, wanted, token, left = POSTS;

    do
    :: left > 0 ->
        atomic {
            left--;
            if
            :: is_open -> mail = 1; token = generation
            :: true -> token = 255
            fi
        };
        if
        :: token != 255 -> try(token, COMPLETION); run_while_held()
        :: else
        fi
    :: left == 0 -> break
    od
}

/* Asks guests, one after another, until it has had enough; one that ends makes room for another. */
proctype stopper()
{
    bit is_held, is_noted;
    byte reasons, wanted, token;

    do
    :: atomic { token < GUESTS && generation == token && is_open -> is_asked[token] = 1 };
        try(token, SHUTDOWN);
        run_while_held();
        token++
    :: break
    od
}

proctype opener()
{
    bit is_held, is_noted;
    byte reasons, wanted;

    do
    :: atomic {
            state == CLOSED && generation < GUESTS ->
            state = HELD;
            waits = 0;
            pending = 0;
            is_open = 1;
            holders++;
            is_held = 1
        };
        settle();
        run_while_held()
    od
}

proctype peer()
{
    byte left = READS;

    do
    :: atomic { left > 0 && is_open -> left--; readable = 1; edge = is_registered }
    :: atomic { left == 0 -> break }
    od
}

proctype quiescence()
{
    timeout;
    assert(state != HELD && holders == 0);
    assert(!(state == WAITING && (pending & (waits | SHUTDOWN))));
    assert(!(state == WAITING && (waits & READABLE) && readable));
    assert(!(state == WAITING && (waits & COMPLETION) && mail));
    assert(!(state == WAITING && is_asked[generation]))
}

init
{
    atomic {
        byte n = 0;

        do
        :: n < WAITERS -> run waiter(); n++
        :: else -> break
        od;
        run poster();
        run stopper();
        run opener();
        run peer();
        run quiescence()
    }
}
