/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of paceline-ctl share. One thread. */
#ifndef CTL_H
#define CTL_H

#include "link.h"

#include <stdbool.h>
#include <stdint.h>

/* The server's answer was no. */
#define CTL_REFUSED 1

struct ctl_options {
    const char *socket; /* -s; NULL: not told */
    const char *config; /* -c */
    bool is_json;
    bool is_quiet;
    int64_t interval_ms; /* watch */
    uint64_t frames_max; /* watch; 0: without end */
    const char *line;    /* the command as it is sent */
};

/* Each returns an exit code and has said on stderr what went wrong. */
int ctl_watch(struct ctl_link *link, const struct ctl_options *options);
/* Sends `drain` or `stop` and stays until the process has gone. */
int ctl_follow(struct ctl_link *link, const struct ctl_options *options);

#endif
