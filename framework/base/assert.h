/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PL_ASSERT: a programmer's error ends the process at once, in every build: a server that goes on
 * with a broken invariant serves somebody else's bytes. PL_ASSERT_SLOW is for checks too dear for
 * the event path; --enable-debug turns them on.
 */
#ifndef PL_BASE_ASSERT_H
#define PL_BASE_ASSERT_H

_Noreturn void pl_assert_failed(const char *condition, const char *file, int line,
                                const char *function);

#define PL_ASSERT(condition)                                                                       \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            pl_assert_failed(#condition, __FILE__, __LINE__, __func__);                            \
    } while (0)

#ifdef PL_DEBUG
#define PL_ASSERT_SLOW(condition) PL_ASSERT(condition)
#else
#define PL_ASSERT_SLOW(condition)                                                                  \
    do {                                                                                           \
        if (0)                                                                                     \
            (void)(condition);                                                                     \
    } while (0)
#endif

#endif
