/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include "model_words.h"

#include "client.h"
#include "clock.h"
#include "listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct rig_options rig_defaults(void)
{
    return (struct rig_options){ .model = "reactor",
                                 .arming = "oneshot",
                                 .threads = 3,
                                 .queue_max = 1024,
                                 .conns_max = 4096,
                                 .idle_ms = 60000,
                                 .handler_ms = 60000,
                                 .write_ms = 60000,
                                 .buffer_bytes = 64 * 1024 * 1024 };
}

static enum pl_promotion promotion_of(const char *word)
{
    if (strcmp(word, "adaptive") == 0)
        return PL_PROMOTION_ADAPTIVE;
    return strcmp(word, "always") == 0 ? PL_PROMOTION_ALWAYS : PL_PROMOTION_KERNEL;
}

static uint16_t listen_on_free_port(struct rig *rig, bool is_datagram)
{
    const struct pl_listener_options options = { .backlog = 1024, .has_nodelay = true };
    struct pl_error error = { .message = "" };
    struct pl_address address;
    int fd;

    assert_int_equal(
        pl_address_parse(is_datagram ? "udp:127.0.0.1:0" : "127.0.0.1:0", &address, &error), 0);
    if (pl_listener_open(&address, &options, &fd, &error) < 0)
        fail_msg("%s", error.message);
    assert_int_equal(pl_engine_listen(&rig->engine, PL_LISTENER_ALONE, &rig->service, fd,
                                      is_datagram, &rig->listeners[is_datagram]),
                     0);
    return ntohs(((struct sockaddr_in *)&address.socket)->sin_port);
}

void rig_start(struct rig *rig, const struct rig_options *options)
{
    const struct model_words words = model_words_of(options->model);
    struct pl_error error = { .message = "" };
    struct pl_engine_settings settings = {
        .name = "rig",
        .arming = pl_arming_find(options->arming),
        .turn_ns = options->has_no_budget ? 0 : PL_TURN_TIME_US * 1000,
        .turn_bytes = options->has_no_budget ? 0 : PL_TURN_INPUT_BYTES_MAX,
        .model = pl_model_find(words.model),
        .model_settings = { .threads = options->threads,
                            .queue_max = options->queue_max,
                            .queue_full = options->queue_full,
                            .promotion = promotion_of(words.promotion),
                            .is_inlining = words.is_inlining },
    };

    memset(rig, 0, sizeof(*rig));
    descriptors_now(&rig->descriptors_before);
    probe_init(&rig->probe);
    pl_conn_quota_init(&rig->quota, options->conns_max);
    assert_int_equal(pl_slot_table_open(&rig->table, options->conns_max + 64), 0);
    rig->service = (struct pl_service){ .name = "probe",
                                        .protocol = &probe_protocol,
                                        .data = &rig->probe,
                                        .message_bytes_max = 65536,
                                        .header_ms = options->idle_ms,
                                        .body_ms = options->idle_ms,
                                        .idle_ms = options->idle_ms,
                                        .write_ms = options->write_ms,
                                        .handler_ms = options->handler_ms };
    assert_int_equal(pl_buffer_pool_init(&rig->pool, options->buffer_bytes), 0);
    if (pl_engine_open(&rig->engine, &settings, &rig->table, &rig->pool, &rig->quota, &error) < 0)
        fail_msg("%s", error.message);
    rig->port = listen_on_free_port(rig, false);
    rig->datagram_port = listen_on_free_port(rig, true);
    if (pl_engine_start(&rig->engine, &error) < 0)
        fail_msg("%s", error.message);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pl_engine_arm_listener(&rig->engine, rig->listeners[i]), 0);
}

struct pl_stats *rig_stats(struct rig *rig, struct pl_stats *stats)
{
    memset(stats, 0, sizeof(*stats));
    pl_engine_stats(&rig->engine, stats);
    stats->counters[PL_STAT_posts_stale] += atomic_load(&rig->table.posts_stale);
    return stats;
}

void rig_stop_at_once(struct rig *rig, const int *fds, size_t count)
{
    assert_int_equal(pl_engine_stop(&rig->engine, pl_clock_ms() + CLIENT_DEADLINE_MS), 0);
    /* Tokens are good as long as the engine lives: its posters must have ended. */
    probe_deinit(&rig->probe);
    pl_engine_close(&rig->engine);
    pl_slot_table_close(&rig->table);
    pl_conn_quota_deinit(&rig->quota);
    pl_buffer_pool_deinit(&rig->pool);
    assert_int_equal(rig->probe.violations, 0);
    assert_int_equal(rig->probe.opened, rig->probe.closed);
    assert_int_equal(rig->quota.used, 0);
    for (size_t i = 0; i < count; i++)
        client_reset(fds[i]);
    descriptors_expect_no_new(&rig->descriptors_before);
}

void rig_drain(struct rig *rig)
{
    struct pl_engine *const engines[] = { &rig->engine };

    pl_engine_drain(engines, 1);
}

void rig_stop(struct rig *rig)
{
    int64_t until = client_now_ms() + CLIENT_DEADLINE_MS;

    rig_drain(rig);
    while (!pl_engine_is_empty(&rig->engine)) {
        if (client_now_ms() > until)
            fail_msg("%u slots are left after the drain", atomic_load(&rig->table.slots_open));
        client_pause_ms(1);
    }
    rig_stop_at_once(rig, NULL, 0);
}
