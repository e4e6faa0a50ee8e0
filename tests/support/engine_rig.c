/* SPDX-License-Identifier: Apache-2.0 */
#include "engine_rig.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define SLOTS_MAX 1024

struct pl_engine_settings engine_rig_settings(const char *model, uint32_t threads)
{
    return (struct pl_engine_settings){
        .name = "rig",
        .arming = &pl_arming_oneshot,
        .turn_ns = PL_TURN_TIME_US * 1000,
        .turn_bytes = PL_TURN_INPUT_BYTES_MAX,
        .model = pl_model_find(model),
        .model_settings = { .threads = threads, .queue_max = 1024, .is_inlining = true },
    };
}

void engine_rig_open(struct engine_rig *rig, const struct pl_engine_settings *settings)
{
    struct pl_error error = { .message = "" };

    memset(rig, 0, sizeof(*rig));
    descriptors_now(&rig->descriptors_before);
    pl_conn_quota_init(&rig->quota, SLOTS_MAX);
    assert_int_equal(pl_slot_table_open(&rig->table, SLOTS_MAX), 0);
    assert_int_equal(pl_buffer_pool_init(&rig->pool, 1 << 20), 0);
    if (pl_engine_open(&rig->engine, settings, &rig->table, &rig->pool, &rig->quota, &error) < 0)
        fail_msg("%s", error.message);
    rig->thread.set = &rig->set;
    assert_int_equal(pl_engine_enter_thread(&rig->engine, &rig->thread), 0);
}

void engine_rig_close(struct engine_rig *rig)
{
    assert_int_equal(atomic_load(&rig->table.slots_open), 0);
    pl_engine_leave_thread(&rig->thread);
    pl_engine_close(&rig->engine);
    pl_buffer_pool_deinit(&rig->pool);
    pl_slot_table_close(&rig->table);
    pl_conn_quota_deinit(&rig->quota);
    descriptors_expect_no_new(&rig->descriptors_before);
}
