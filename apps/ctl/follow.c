/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An end that is watched until it has come: the command goes out, the state is asked for while the
 * server answers, and then the process is waited for.
 */
#include "ctl.h"

#include "screen.h"
#include "text.h"

#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sysexits.h>
#include <unistd.h>

#define LOOK_MS 200

/* A line every two seconds where lines are not rewritten. */
#define LOOKS_PER_LINE 10

/* Once it answers no more, a process has this many looks to end: its drain is over. */
#define LAST_LOOKS 100

struct following {
    struct ctl_link *link;
    const struct ctl_options *options;
    int pid_fd; /* -1: the process cannot be seen from here */
    bool is_terminal;
    uint64_t looks; /* that had something to tell */
};

static json_t *ask(struct ctl_link *link, const char *line, const char **ret_text)
{
    if (ctl_link_ask(link, line, ret_text) != CTL_ANSWERED)
        return NULL;
    return json_loads(*ret_text, 0, NULL);
}

/* The first looks may come before the server has begun. */
static void report(struct following *following, const json_t *state)
{
    char left[CTL_FIGURE_BYTES];

    if (json_object_get(state, "drain_left_ms") == NULL || following->options->is_quiet ||
        following->options->is_json)
        return;
    if (!following->is_terminal && following->looks++ % LOOKS_PER_LINE != 0)
        return;
    printf("%s%s: %lld connections left, at most %s more%s", following->is_terminal ? "\r" : "",
           ctl_text_of(state, "state"), (long long)ctl_number_of(state, "connections"),
           ctl_text_duration(ctl_number_of(state, "drain_left_ms") * 1000, left),
           following->is_terminal ? "\033[K" : "\n");
    (void)fflush(stdout);
}

static bool has_ended(int pid_fd)
{
    struct pollfd watched = { .fd = pid_fd, .events = POLLIN };

    return poll(&watched, 1, 0) > 0;
}

/* While it answers, it has not ended. False: the user has had enough. */
static bool look_while_it_answers(struct following *following)
{
    for (;;) {
        const char *text;
        json_t *state = ask(following->link, "status", &text);

        if (state == NULL)
            return true;
        report(following, state);
        json_decref(state);
        if (ctl_screen_wait(LOOK_MS, -1))
            return false;
    }
}

static int wait_for_process(const struct following *following)
{
    for (int i = 0; i < LAST_LOOKS && following->pid_fd >= 0; i++) {
        if (has_ended(following->pid_fd))
            return EX_OK;
        if (ctl_screen_wait(LOOK_MS, following->pid_fd))
            return 130;
    }
    if (following->pid_fd < 0)
        return EX_OK; /* all that can be known from here: nobody answers any more */
    fprintf(stderr, "paceline-ctl: the server answers no more, but its process has not ended\n");
    return EX_TEMPFAIL;
}

static int follow(struct following *following)
{
    int code;

    if (!look_while_it_answers(following)) {
        fprintf(stderr, "%spaceline-ctl: the server goes on without this command\n",
                following->is_terminal ? "\n" : "");
        return 130;
    }
    code = wait_for_process(following);
    if (code == EX_OK && !following->options->is_quiet && !following->options->is_json)
        printf("%sthe server has ended%s\n", following->is_terminal ? "\r" : "",
               following->is_terminal ? "\033[K" : "");
    return code;
}

int ctl_follow(struct ctl_link *link, const struct ctl_options *options)
{
    struct following following = {
        .link = link, .options = options, .pid_fd = -1, .is_terminal = isatty(STDOUT_FILENO)
    };
    json_t *reply = NULL;
    int code = ctl_demand(link, "status", false, &reply);

    if (code != 0)
        return code;
    /* Before it is asked to end: later its number may be another's. */
    if (ctl_number_of(reply, "pid") > 0)
        following.pid_fd = pidfd_open((pid_t)ctl_number_of(reply, "pid"), 0);
    json_decref(reply);
    ctl_screen_catch_signals();
    code = ctl_demand(link, options->line, options->is_json, &reply);
    if (code == 0) {
        json_decref(reply);
        code = follow(&following);
    }
    if (following.pid_fd >= 0)
        (void)close(following.pid_fd);
    return code;
}
