/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who handed over to whom. All changes are walked in the order of time, whichever thread's they
 * are, with the last cause kept in hand.
 */
#include "timeline_record.h"

#include <stdlib.h>
#include <string.h>

/* A thread that was woken runs within this, or something else woke it. */
#define HAND_OVER_NS_MAX 1000000

struct finder {
    const struct record *record;
    struct hand_over *list;
    size_t count;
    uint8_t roles[TIMELINE_THREADS_MAX]; /* ROLES_COUNT: not known yet */
    size_t leaders;                      /* threads whose role is to lead */

    /* The last cause: leadership given up, or an I/O thread's processing. */
    bool has_cause, is_cause_going_on;
    uint64_t cause_ns;
    uint16_t cause_thread;
};

/* Places of the changes; what a thread did at one instant stays in its order. */
static int by_time(const void *left, const void *right, void *context)
{
    const struct record *record = context;
    size_t a = *(const size_t *)left, b = *(const size_t *)right;
    uint64_t a_ns = record->changes[a].time_ns, b_ns = record->changes[b].time_ns;

    if (a_ns != b_ns)
        return a_ns < b_ns ? -1 : 1;
    return (a > b) - (a < b);
}

static void add(struct finder *finder, const struct change *to)
{
    finder->list[finder->count++] = (struct hand_over){
        .from_ns = finder->is_cause_going_on ? to->time_ns : finder->cause_ns,
        .to_ns = to->time_ns,
        .from_thread = finder->cause_thread,
        .to_thread = to->thread,
    };
}

static bool is_caused(const struct finder *finder, const struct change *to)
{
    return finder->has_cause && to->thread != finder->cause_thread &&
           (finder->is_cause_going_on || to->time_ns - finder->cause_ns <= HAND_OVER_NS_MAX);
}

static void keep_cause(struct finder *finder, const struct change *change, bool is_going_on)
{
    finder->has_cause = true;
    finder->is_cause_going_on = is_going_on;
    finder->cause_ns = change->time_ns;
    finder->cause_thread = change->thread;
}

static void follow_leadership(struct finder *finder, const struct change *change)
{
    uint8_t before = finder->roles[change->thread];

    if (change->role == ROLE_LEADER && before != ROLE_LEADER) {
        if (is_caused(finder, change))
            add(finder, change);
        finder->has_cause = false;
    } else if (before == ROLE_LEADER && change->role == ROLE_PROCESSING && finder->leaders == 1) {
        keep_cause(finder, change, false);
    }
}

static bool is_io_thread(const struct record_thread *thread)
{
    return strncmp(thread->name, "io-", 3) == 0;
}

/* One that waits for itself alone. */
static bool is_loop(const struct record_thread *thread)
{
    return strncmp(thread->name, "loop-", 5) == 0;
}

static void follow_queue(struct finder *finder, const struct change *change)
{
    uint8_t before = finder->roles[change->thread];

    if (is_io_thread(&finder->record->threads[change->thread])) {
        if (change->role == ROLE_PROCESSING || before == ROLE_PROCESSING)
            keep_cause(finder, change, change->role == ROLE_PROCESSING);
    } else if (before == ROLE_IDLE && change->role != ROLE_IDLE && is_caused(finder, change)) {
        add(finder, change);
    }
}

/* Its waiting is a lead too, but nobody takes that over. */
static bool has_io_thread(const struct record *record)
{
    for (size_t i = 0; i < record->threads_count; i++)
        if (is_io_thread(&record->threads[i]))
            return true;
    return false;
}

static void note_role(struct finder *finder, const struct change *change)
{
    finder->leaders += change->role == ROLE_LEADER;
    finder->leaders -= finder->roles[change->thread] == ROLE_LEADER;
    finder->roles[change->thread] = change->role;
}

static void follow_all(struct finder *finder, const size_t *places)
{
    bool has_queue = has_io_thread(finder->record);

    memset(finder->roles, ROLES_COUNT, sizeof(finder->roles));
    for (size_t i = 0; i < finder->record->changes_count; i++) {
        const struct change *change = &finder->record->changes[places[i]];

        if (is_loop(&finder->record->threads[change->thread]))
            continue;
        if (has_queue)
            follow_queue(finder, change);
        else
            follow_leadership(finder, change);
        note_role(finder, change);
    }
}

int hand_overs_find(struct record *record, struct hand_over **ret_list, size_t *ret_count)
{
    struct finder finder = { .record = record };
    size_t count = record->changes_count;
    size_t *places = reallocarray(NULL, count, sizeof(*places));

    if (places == NULL)
        return -1;
    finder.list = reallocarray(NULL, count, sizeof(*finder.list));
    if (finder.list == NULL) {
        free(places);
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        places[i] = i;
    qsort_r(places, count, sizeof(*places), by_time, record);
    follow_all(&finder, places);
    free(places);
    *ret_list = finder.list;
    *ret_count = finder.count;
    return 0;
}
