/* SPDX-License-Identifier: Apache-2.0 */
/* An engine without a model, and one thread of it that the test itself is: what a unit test of the
 * engine needs of the rest. */
#ifndef PL_TESTS_ENGINE_RIG_H
#define PL_TESTS_ENGINE_RIG_H

#include "descriptors.h"
#include "engine.h"
#include "thread_set.h"

struct engine_rig {
    struct pl_slot_table table;
    struct pl_buffer_pool pool;
    struct pl_conn_quota quota;
    struct pl_engine engine;
    struct pl_thread_set set; /* of the thread alone: whether it is to stop */
    struct pl_thread thread;
    struct descriptors descriptors_before;
};

/* A model by its word, with so many threads. */
struct pl_engine_settings engine_rig_settings(const char *model, uint32_t threads);
/* The engine has as many handle sets as the model needs. */
void engine_rig_open(struct engine_rig *rig, const struct pl_engine_settings *settings);
/* Fails on a slot that is left, or a descriptor. */
void engine_rig_close(struct engine_rig *rig);

#endif
