/* SPDX-License-Identifier: Apache-2.0 */
/* What the HTTP cases share: a server with every kind of handler, and a reader of its replies. */
#ifndef PL_TESTS_WEB_H
#define PL_TESTS_WEB_H

#include "case_group.h"
#include "client.h"
#include "server_rig.h"

#include <paceline/http.h>

#include <stdatomic.h>
#include <stdbool.h>

/* More than a turn's output and far more than socket buffers hold for all who ask at once. */
#define HUGE_BYTES 300000

#define LARGE_BYTES    (5 * 1024 * 1024)
#define BODY_BYTES_MAX (LARGE_BYTES + 65536)
#define PARTS          200

struct web {
    struct server_rig rig;

    /* What handlers and those who answer later have come to. */
    _Atomic uint32_t answerers_begun, answerers_ended, blocked, producers_dropped;
    _Atomic uint32_t consumers_dropped, parts_taken;
    _Atomic int last_result, second_result;
    /* The test lets go whoever waits for it. */
    _Atomic uint32_t releases;

    char body[BODY_BYTES_MAX]; /* of the reply that was read last */
};

extern struct web web;

/* The handlers of handlers.c under their paths. */
extern const struct pl_binding web_binding;
/* Those of part_handlers.c. */
extern const struct pl_binding web_part_binding;
/* What they make of a body, part by part, from WEB_SUM_BEGIN on. */
#define WEB_SUM_BEGIN 2166136261u
uint32_t web_sum(uint32_t sum, const char *bytes, size_t length);
/* A setting: replies that the configuration fixes. */
extern const char web_fixed_routes[];

/* `sets`: as for server_rig_start(). */
void web_start(const char *const *sets);
void web_stop(void);
/* The server has seen that a client left when the connection is gone from its count. */
void web_await_no_connection(void);

struct reply {
    int status;
    char head[2048];
    size_t length;
    char *body; /* in web.body */
};

bool reply_has(const struct reply *reply, const char *text);
void reply_read_head(int fd, struct reply *reply);
/* `is_head`: no body follows, whatever the head says. */
void reply_read(int fd, struct reply *reply, bool is_head);
/* `body`: NULL for any. */
void reply_expect(int fd, int status, const char *body);
void web_get(int fd, const char *path, int status, const char *body);

/* In the order in which they run. */
extern const struct case_group web_replies, web_deferred, web_requests, web_refusals, web_files,
    web_static, web_fixed, web_parts, web_routes, web_same_bytes, web_access;

#endif
