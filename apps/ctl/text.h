/* SPDX-License-Identifier: Apache-2.0 */
/* Figures as people read them, and texts that a terminal does not act on. */
#ifndef CTL_TEXT_H
#define CTL_TEXT_H

#include <jansson.h>
#include <stdint.h>

/* Enough for any of the figures below. */
#define CTL_FIGURE_BYTES 32

/* "12 us", "3.4 ms", "1.2 s", "5 min 3 s", "2 h 10 min", "3 d 4 h". Returns `text`. */
const char *ctl_text_duration(int64_t us, char text[CTL_FIGURE_BYTES]);
/* "512 B", "1.5 KiB", … Returns `text`. */
const char *ctl_text_bytes(uint64_t bytes, char text[CTL_FIGURE_BYTES]);

/* A member of an object; 0 or "" where it has none of that kind, "?" for a text with control bytes.
 * A text lives as long as the object. */
int64_t ctl_number_of(const json_t *object, const char *name);
const char *ctl_text_of(const json_t *object, const char *name);
/* The same for a text that is an item of a list. */
const char *ctl_text_in(const json_t *text);

#endif
