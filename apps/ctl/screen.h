/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal, taken for a while and given back as it was, and the wish to end.
 *
 * Signals that end a program are blocked but while it waits, so that none is missed and nothing is
 * cut in the middle.
 */
#ifndef CTL_SCREEN_H
#define CTL_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From here on INT, TERM and HUP only make ctl_screen_wait() return true. */
void ctl_screen_catch_signals(void);
/* Waits; true: the user wants to end. `fd` that becomes readable ends the wait, too; -1: none. */
bool ctl_screen_wait(int64_t ms, int fd);

struct ctl_screen {
    bool is_terminal; /* else frames follow each other as plain text */
    bool has_colour;
};

/* The terminal shows nothing but frames until ctl_screen_leave(). */
void ctl_screen_enter(struct ctl_screen *screen);
void ctl_screen_leave(const struct ctl_screen *screen);

/* Shows a text of lines in place of the last one; on a terminal cut to its size. */
void ctl_screen_show(const struct ctl_screen *screen, const char *text);

#endif
