/* SPDX-License-Identifier: Apache-2.0 */
#include "screen.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t is_ending;
static sigset_t mask_while_waiting;

static void end(int signal)
{
    (void)signal;
    is_ending = 1;
}

void ctl_screen_catch_signals(void)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action = { .sa_handler = end };
    sigset_t blocked;

    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaddset(&blocked, signals[i]);
        (void)sigaction(signals[i], &action, NULL);
    }
    (void)sigprocmask(SIG_BLOCK, &blocked, &mask_while_waiting);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigdelset(&mask_while_waiting, signals[i]);
}

bool ctl_screen_wait(int64_t ms, int fd)
{
    struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    struct pollfd watched = { .fd = fd, .events = POLLIN };

    (void)ppoll(&watched, 1, &time, &mask_while_waiting);
    return is_ending != 0;
}

void ctl_screen_enter(struct ctl_screen *screen)
{
    const char *wanted = getenv("NO_COLOR"), *kind = getenv("TERM");

    screen->is_terminal = isatty(STDOUT_FILENO) && kind != NULL && strcmp(kind, "dumb") != 0;
    screen->has_colour = screen->is_terminal && (wanted == NULL || wanted[0] == '\0');
    if (screen->is_terminal)
        fputs("\033[?1049h\033[?25l", stdout); /* another screen, no cursor */
    (void)fflush(stdout);
}

void ctl_screen_leave(const struct ctl_screen *screen)
{
    if (screen->is_terminal)
        fputs("\033[0m\033[?25h\033[?1049l", stdout);
    (void)fflush(stdout);
}

/* Prints one line, cut to the columns; a sequence of colour takes none. */
static void put_cut(const char *line, size_t length, unsigned columns)
{
    unsigned column = 0;
    bool is_escape = false;

    for (size_t i = 0; i < length; i++) {
        bool is_first_byte = ((unsigned char)line[i] & 0xc0) != 0x80; /* of a character */

        if (line[i] == '\033')
            is_escape = true;
        if (!is_escape && is_first_byte)
            column++;
        if (is_escape || column <= columns)
            fputc(line[i], stdout);
        if (line[i] == 'm')
            is_escape = false;
    }
}

static void show_on_terminal(const char *text)
{
    struct winsize size = { .ws_row = 24, .ws_col = 80 };

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
        size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
    fputs("\033[H", stdout);
    for (unsigned row = 0; row < size.ws_row && *text != '\0'; row++) {
        size_t length = strcspn(text, "\n");

        if (row > 0)
            fputs("\r\n", stdout);
        put_cut(text, length, size.ws_col);
        fputs("\033[0m\033[K", stdout);
        text += length + (text[length] == '\n');
    }
    fputs("\033[J", stdout);
}

void ctl_screen_show(const struct ctl_screen *screen, const char *text)
{
    if (screen->is_terminal)
        show_on_terminal(text);
    else
        fputs(text, stdout);
    (void)fflush(stdout);
}
