/* SPDX-License-Identifier: Apache-2.0 */
/* A server whose handlers ask the backend for what stands in the query, and the test's own calls of
 * its upstream, "back". One at a time. */
#ifndef PL_TESTS_RELAY_H
#define PL_TESTS_RELAY_H

#include "backend.h"
#include "case_group.h"
#include "client.h"
#include "server_rig.h"

#include <paceline/http.h>
#include <paceline/upstream.h>

#include <semaphore.h>
#include <stdatomic.h>

extern struct server_rig rig;
extern struct backend backend;
extern struct pl_upstream *upstream;
extern struct pl_upstream_stats figures; /* as of the last count_of() */

extern const struct case_group upstream_exchanges, upstream_reuse, upstream_line, upstream_leases,
    upstream_crowds, upstream_ends, upstream_servers, upstream_sets, upstream_figures;

/* A reply is a line; one that begins with "last" is the last of its connection. */
enum pl_upstream_frame frame_line(struct pl_view input, bool is_ended, uint64_t scratch[4],
                                  size_t *ret_bytes);

struct asked {
    sem_t is_done;
    _Atomic uint32_t count;
    enum pl_upstream_outcome outcome;
    char reply[4096];
    bool was_reused;
};

/* Handlers that answer with what the backend says to the query, '+' for a space: as a call, and
 * with a lease from one that may block; and the application's start, which finds the upstream. */
void relay_call(struct pl_http_exchange *exchange, void *context);
void relay_lease(struct pl_http_exchange *exchange, void *context);
int relay_on_start(struct pl_server *server, void *context);

/* A `done` that fills its struct asked. */
void note(const struct pl_upstream_result *result, void *context);
void begin(struct asked *asked, const char *text, struct pl_upstream_ticket *ticket);
/* Waits for its end, and that there was one only. */
void await(struct asked *asked);
enum pl_upstream_outcome ask(const char *text, char *reply);
enum pl_upstream_outcome ask_idempotent(const char *text);
void expect_outcome(const char *text, enum pl_upstream_outcome outcome);
void expect_reply(const char *text, const char *expected);

uint64_t count_of(enum pl_upstream_counter counter);
#define COUNT(name) count_of(PL_UPSTREAM_COUNT_##name)

/* A server with these lines KEY=VALUE, ended by NULL. */
void start_relay(const char *const *sets);
/* Reads to the end of the connection: one reply, of status 200. */
void expect_ok(int fd);
/* A server with these settings of the upstream. */
void start_upstream(const char *settings);
/* One backend, and a server with `more` in the upstream's settings. */
void start_with(const char *more);
/* Stops a backend; until bury() or start_again() its port refuses connections. */
void kill_one(struct backend *one);
void bury(void);
/* A backend under a server that runs already: its descriptors are no leak of the server's. */
void start_again(struct backend *one, uint16_t port);
/* Waits until the backend has accepted as many and all have closed. */
void await_no_connection_of(uint64_t connects);
void await_no_connection(void);
/* After a stop. */
void expect_no_buffer_taken(void);
/* Fails on connections, waits and buffers that are left. */
void stop_server(void);
/* Closes a server that has stopped while connections were leased, which only the close closes. */
void close_stopped(void);
/* Both. */
void stop(void);

#endif
