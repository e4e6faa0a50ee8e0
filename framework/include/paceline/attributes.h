/* SPDX-License-Identifier: Apache-2.0 */
/* What a declaration promises to the compiler. */
#ifndef PACELINE_ATTRIBUTES_H
#define PACELINE_ATTRIBUTES_H

#define PL_API               __attribute__((visibility("default")))
#define PL_MUST_CHECK        __attribute__((warn_unused_result))
#define PL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

#endif
