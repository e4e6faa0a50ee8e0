/* SPDX-License-Identifier: Apache-2.0 */
/* Which descriptors this process has, by number and by what stands behind it, so that a case can
 * say of each whether it was there before. */
#ifndef PL_TESTS_DESCRIPTORS_H
#define PL_TESTS_DESCRIPTORS_H

#include <stddef.h>

#define DESCRIPTORS_MAX 512

struct descriptors {
    size_t count;
    struct descriptor {
        int fd;
        char target[96]; /* as readlink(2) of /proc/self/fd/N gives it */
    } all[DESCRIPTORS_MAX];
};

void descriptors_now(struct descriptors *ret_descriptors);
/* `fd` counts as one that was there. */
void descriptors_add(struct descriptors *descriptors, int fd);
int descriptors_count(void);
/* How many there are that `before` has not; the first of them is named in `ret_new`. */
size_t descriptors_new_since(const struct descriptors *before, struct descriptor *ret_new);
/* Fails on one that `before` has not. What other threads have open for a moment goes away; a leak
 * stays. One of `before` may have ended meanwhile: it was nobody's here. A number that is closed
 * twice is found where it is closed (pl_close_fd). */
void descriptors_expect_no_new(const struct descriptors *before);

#endif
