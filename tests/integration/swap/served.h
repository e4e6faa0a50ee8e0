/* SPDX-License-Identifier: Apache-2.0 */
/* A server whose replies name the request they answer: its number is the query. */
#ifndef PL_TESTS_SERVED_H
#define PL_TESTS_SERVED_H

#include "case_group.h"
#include "client.h"
#include "../upstream/relay.h"

#include <paceline/control.h>
#include <paceline/line.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SERVED_BODY_BYTES   65536
#define SERVED_FILE_BYTES   (256 * 1024)
#define SERVED_STREAM_PARTS 40 /* of /stream */
#define SERVED_LATER_PARTS  8  /* of /later-stream */
#define SERVED_PART_BYTES   512

extern const struct pl_http_route served_routes[];
extern const size_t served_routes_count;

/* Threads that are inside /hold, or /hold-may-block; they leave when the test says so. More than
 * the maximum do not stay. */
extern _Atomic uint32_t served_holding, served_holding_max, served_releases;

/* What /file sends, and the bodies of uploads: SERVED_BODY_BYTES from any offset below 256 on. */
extern const char *served_file_bytes;
const char *served_body(uint64_t number);
/* The sum that the reply to an upload names. */
uint32_t served_sum(const char *bytes, size_t length);
/* Writes part `part` of the streamed reply to `number`: SERVED_PART_BYTES. */
void served_write_part(char *bytes, uint64_t number, uint32_t part);

/* Starts it under leader_followers with these lines KEY=VALUE too; one service, "web". */
void served_start(const char *const *sets);
/* With a second service, which echoes lines; the lines say where it listens. */
void served_start_beside_lines(const char *const *sets);
/* The first behind a backend, which /call and /lease ask. */
void served_start_relaying(const char *const *sets);
/* Fails on connections, buffers, threads and descriptors that are left. */
void served_stop(void);
void served_await_no_connection(void);

/* The thread that answers deferred requests; begun and ended by start and stop. */
void answerer_begin(void);
void answerer_end(void);
void answerer_defer(struct pl_http_exchange *exchange, uint64_t number, bool is_stream);

/* ---- swaps ---- */

struct swap_variant {
    const char *name;
    const char *changes[6]; /* ended by NULL */
};
/* Every model under every arming, promotion and kind of number of threads. */
extern const struct swap_variant swap_variants[];
extern const size_t swap_variants_count;

/* Swaps the target's model; fails the test on an error. */
void swap_to(const char *target, const struct swap_variant *variant,
             struct pl_swap_report *ret_report);
/* Expects that error, and a sentence with `text` in it. */
void swap_expect_error(const char *target, const char *const *changes, int err, const char *text);
/* PL_TEST_SHORT is in the environment: fewer rounds. */
bool swap_is_short(void);
/* A variant by its name. */
const struct swap_variant *swap_variant_of(const char *name);
/* As /proc/self/task has them. */
uint32_t threads_count(void);
/* Waits until there are at most as many. */
void threads_await(uint32_t count);

extern const struct case_group swap_walks, swap_edges, swap_lives, swap_memory, swap_waits;

#endif
