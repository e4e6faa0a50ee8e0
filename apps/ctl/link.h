/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: a line goes out, a line of JSON comes back. One thread. */
#ifndef CTL_LINK_H
#define CTL_LINK_H

#include <stddef.h>

/* A reply is at most 256 KiB (docs/control.md); what is longer is no reply. */
#define CTL_REPLY_BYTES_MAX (512 * 1024)

/* How long a command may take; the longest, a swap, takes milliseconds. */
#define CTL_REPLY_MS 10000

struct ctl_link {
    const char *path; /* borrowed */
    int fd;
    char *reply;  /* owned: CTL_REPLY_BYTES_MAX + 1 */
    size_t start; /* of what stands behind the last reply */
    size_t end;
};

enum ctl_asked {
    CTL_ANSWERED,
    CTL_GONE,   /* the server has closed the connection */
    CTL_SILENT, /* no whole line within CTL_REPLY_MS */
    CTL_BROKEN, /* what came is no reply; or no memory */
};

/* Returns 0, or the exit code after saying what is wrong. Owner: the caller, until
 * ctl_link_close(). */
int ctl_link_open(struct ctl_link *link, const char *path);
void ctl_link_close(struct ctl_link *link);

/* *ret_line: the reply, without its end, valid until the next question; written if answered. */
enum ctl_asked ctl_link_ask(struct ctl_link *link, const char *line, const char **ret_line);
/* Says what went wrong; returns the exit code. */
int ctl_link_complain(const struct ctl_link *link, enum ctl_asked asked);

#endif
