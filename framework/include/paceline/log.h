/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines to stderr, as text or JSON. A thread of a running server fills a bounded ring of its
 * own and one writer thread writes, so a stuck terminal costs counted, dropped lines and never a
 * stalled loop; everybody else writes directly.
 *
 * Thread: any.
 */
#ifndef PACELINE_LOG_H
#define PACELINE_LOG_H

#include <paceline/attributes.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum pl_log_level { PL_LOG_ERROR, PL_LOG_WARNING, PL_LOG_INFO, PL_LOG_DEBUG };
enum pl_log_format { PL_LOG_TEXT, PL_LOG_JSON };

/* One call site's allowance; see PL_LOG_RATED. */
struct pl_log_rate {
    _Atomic int64_t window_ms;
    _Atomic uint32_t suppressed;
};

PL_API void pl_log_configure(enum pl_log_level level, enum pl_log_format format);
PL_API bool pl_log_is_on(enum pl_log_level level);
PL_API void pl_log_write(enum pl_log_level level, const char *format, ...) PL_PRINTF(2, 3);
/* As pl_log_write(), but at most one line a second from this site; the next line that gets
 * through says how many did not. */
PL_API void pl_log_write_rated(struct pl_log_rate *rate, enum pl_log_level level,
                               const char *format, ...) PL_PRINTF(3, 4);

#define PL_LOG(level, ...)                                                                         \
    do {                                                                                           \
        if (pl_log_is_on(level))                                                                   \
            pl_log_write(level, __VA_ARGS__);                                                      \
    } while (0)

#define PL_LOG_RATED(level, ...)                                                                   \
    do {                                                                                           \
        static struct pl_log_rate pl_rate_of_this_site;                                            \
        if (pl_log_is_on(level))                                                                   \
            pl_log_write_rated(&pl_rate_of_this_site, level, __VA_ARGS__);                         \
    } while (0)

#endif
