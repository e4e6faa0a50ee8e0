/* SPDX-License-Identifier: Apache-2.0 */
/* One client of the load: what it asks and where its reading stands. Thread: its load_thread's. */
#ifndef PL_TESTS_LOAD_CLIENT_H
#define PL_TESTS_LOAD_CLIENT_H

#include "load.h"

#include <stddef.h>

struct question {
    enum load_kind kind;
    uint64_t number;
    int64_t asked_us;
};

enum reading { HEAD, BODY, CHUNK_SIZE, CHUNK, CHUNK_END };

struct load_client {
    int fd;
    enum load_kind kind; /* of the next round */

    /* What it sends: a head, or several, and a body. */
    char head[1024];
    const char *body; /* borrowed; NULL: none */
    size_t head_bytes, body_bytes, sent, allowed;
    int64_t more_us; /* when more may be sent; 0: all may */

    struct question questions[LOAD_PIPELINE_DEPTH];
    uint32_t asked, answered;
    int64_t moved_us;

    /* The answer that it reads. */
    enum reading reading;
    char text[1024]; /* of a head, or of a chunk's size */
    size_t text_bytes, left, body_at;
    bool is_chunked;
};

int64_t load_now_us(void);
/* Keeps the first failure. `question`: NULL for none. Thread: any. */
void load_fail(struct load *load, const char *what, const struct question *question);
/* Takes bytes that the server has sent. */
void load_take(struct load_thread *thread, struct load_client *client, const char *bytes,
               size_t length);

#endif
