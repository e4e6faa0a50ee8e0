/* SPDX-License-Identifier: Apache-2.0 */
/* What a server wrote of its threads: changes of role, per thread in the order of time. */
#ifndef BENCH_TIMELINE_RECORD_H
#define BENCH_TIMELINE_RECORD_H

#include "timeline.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define THREAD_NAME_BYTES 32

enum role { ROLE_IDLE, ROLE_LEADER, ROLE_PROCESSING, ROLES_COUNT };

struct change {
    uint64_t time_ns;
    uint16_t thread; /* index of its thread */
    uint8_t role;    /* until the thread's next change, or the record's end */
};

struct record_thread {
    char name[THREAD_NAME_BYTES];
    size_t first, count; /* its changes */
};

struct record {
    struct change *changes; /* owned */
    size_t changes_count, changes_room;
    struct record_thread threads[TIMELINE_THREADS_MAX];
    size_t threads_count;
    uint64_t begin_ns, end_ns; /* of the first change and of the last */
};

/* Errors: an exit code with a sentence on stderr, as timeline_draw() says; the record is empty. */
int record_read(struct record *record, FILE *in, const char *in_name);
void record_free(struct record *record);

const char *role_name(enum role role);

/* The end of what change `index` began. */
uint64_t change_end_ns(const struct record *record, size_t index);

struct hand_over {
    uint64_t from_ns, to_ns;
    uint16_t from_thread, to_thread;
};

/*
 * With an I/O thread ("io-0"): a thread left idle during its processing or shortly after.
 * Elsewhere: leadership left the only one that led, and the next that led took it. The latest cause
 * counts, and only within a millisecond. A loop ("loop-0") hands nothing over.
 *
 * Owner:  the caller, by free(); in the order of to_ns.
 * Errors: -1 when memory is out.
 */
int hand_overs_find(struct record *record, struct hand_over **ret_list, size_t *ret_count);

#endif
