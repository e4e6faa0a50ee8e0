/* SPDX-License-Identifier: Apache-2.0 */
/* One engine with one service of the probe protocol on a free port, under any model and arming. */
#ifndef PL_TESTS_RIG_H
#define PL_TESTS_RIG_H

#include "descriptors.h"
#include "engine.h"
#include "probe_protocol.h"

struct rig_options {
    const char *model;
    const char *arming;
    uint32_t threads;
    uint32_t queue_max;
    enum pl_queue_full queue_full;
    bool has_no_budget;
    uint32_t conns_max;
    int64_t idle_ms, handler_ms, write_ms;
    size_t buffer_bytes;
};

struct rig {
    struct pl_engine engine;
    struct pl_slot_table table;
    struct pl_buffer_pool pool;
    struct pl_conn_quota quota;
    struct pl_service service;
    struct probe probe;
    uint16_t port;
    uint16_t datagram_port;
    uint64_t listeners[2]; /* tokens */
    struct descriptors descriptors_before;
};

/* What every case starts from: a model with a few threads and long deadlines. */
struct rig_options rig_defaults(void);
void rig_start(struct rig *rig, const struct rig_options *options);
/* Asks every slot to come to its end. */
void rig_drain(struct rig *rig);
/* Drains, stops, closes; fails on a leaked descriptor, buffer or connection, and on a violation of
 * one thread at a time. */
void rig_stop(struct rig *rig);
/* The same without a drain: requests may be in flight; closes the clients' descriptors too. */
void rig_stop_at_once(struct rig *rig, const int *fds, size_t count);
struct pl_stats *rig_stats(struct rig *rig, struct pl_stats *stats);

#endif
