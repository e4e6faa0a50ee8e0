/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a right reply looks like, byte for byte. The first reply of a plan is the template of all
 * the others; only the value of an HTTP Date field may differ. Since the length is known, checking
 * needs no parser and no buffer: a connection keeps how far into its reply it is.
 */
#ifndef BENCH_REPLY_H
#define BENCH_REPLY_H

#include <stdbool.h>
#include <stddef.h>

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7) */
#define REPLY_DATE_BYTES 29

struct reply_template {
    char *bytes; /* owned */
    size_t length;
    size_t mask_from, mask_to; /* not compared; equal: nothing is masked */
};

struct reply_fault {
    size_t offset; /* in the reply */
    unsigned char expected, got;
};

/* Copies `bytes` and finds the Date field in their HTTP head, if there is one. */
void reply_template_init(struct reply_template *template, const char *bytes, size_t length);
void reply_template_deinit(struct reply_template *template);

/*
 * Checks what one recv() brought against replies one after another. `at` is how far into a reply
 * the connection was, and is moved on; `ret_completed` counts the replies that ended in these
 * bytes. False at the first wrong byte.
 */
bool reply_check(const struct reply_template *template, size_t *at, const char *bytes,
                 size_t length, size_t *ret_completed, struct reply_fault *ret_fault);

enum reply_framing {
    REPLY_PARTIAL,   /* more bytes must come */
    REPLY_COMPLETE,  /* `ret_length` bytes are the reply */
    REPLY_UNBOUNDED, /* a head without Content-Length */
    REPLY_MALFORMED,
};

/* How long the reply is that `bytes` begin with. */
enum reply_framing reply_frame_http(const char *bytes, size_t length, size_t *ret_head,
                                    size_t *ret_length);

#endif
