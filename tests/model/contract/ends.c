/* SPDX-License-Identifier: Apache-2.0 */
/* How connections end: by either side, in order or not. */
#include "contract.h"

#include <sys/socket.h>

static void close_after_reply_delivers_the_reply(void **state)
{
    (void)state;
    contract_start();
    for (int i = 0; i < 50 / contract.scale; i++) {
        int fd = client_connect(contract.rig.port);

        client_say(fd, "echo one\nclose two\n");
        client_expect(fd, "one\ntwo\n");
        client_expect_end(fd);
        client_close(fd);
    }
    rig_stop(&contract.rig);
}

static void half_close_is_answered_before_closing(void **state)
{
    (void)state;
    contract_start();
    for (int i = 0; i < 50 / contract.scale; i++) {
        int fd = client_connect(contract.rig.port);

        client_say(fd, "echo one\necho two\n");
        shutdown(fd, SHUT_WR);
        client_expect(fd, "one\ntwo\n");
        client_expect_end(fd);
        client_close(fd);
    }
    rig_stop(&contract.rig);
}

static void data_and_end_in_one_event_are_both_seen(void **state)
{
    (void)state;
    contract_start();
    for (int i = 0; i < 50 / contract.scale; i++) {
        int fd = client_connect(contract.rig.port);

        client_say(fd, "echo before\n");
        client_expect(fd, "before\n");
        /* The next bytes and the end of input come while the connection is idle. */
        client_say(fd, "echo last\n");
        shutdown(fd, SHUT_WR);
        client_expect(fd, "last\n");
        client_expect_end(fd);
        client_close(fd);
    }
    rig_stop(&contract.rig);
}

static void reset_at_every_stage_is_survived(void **state)
{
    static const char *const stages[] = {
        "",          "ec",          "echo x\n",      "later 1 x\n",
        "job 1 x\n", "sleep 1 x\n", "big 3000000\n", "hold x\n",
        "close x\n"
    };
    uint32_t count = 0;

    (void)state;
    contract_start();
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
            int fd = client_connect(contract.rig.port);

            client_say(fd, stages[i]);
            if (round > 0)
                client_pause_ms(round * 2);
            client_reset(fd);
            count++;
        }
    client_await(&contract.rig.probe.closed, count);
    rig_stop(&contract.rig);
}

static void thousands_of_connects_and_disconnects(void **state)
{
    const int count = 10000 / contract.scale;

    (void)state;
    contract_start();
    for (int i = 0; i < count; i++) {
        int fd = client_connect(contract.rig.port);

        client_say(fd, "echo x\n");
        if (i % 3 == 0)
            client_expect(fd, "x\n");
        /* A reset leaves no port waiting, so the test can go round as often as it likes. */
        client_reset(fd);
    }
    client_await(&contract.rig.probe.closed, (uint32_t)count * 9 / 10);
    rig_stop(&contract.rig);
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(close_after_reply_delivers_the_reply),
    cmocka_unit_test(half_close_is_answered_before_closing),
    cmocka_unit_test(data_and_end_in_one_event_are_both_seen),
    cmocka_unit_test(reset_at_every_stage_is_survived),
    cmocka_unit_test(thousands_of_connects_and_disconnects),
};

const struct case_group contract_ends = CASE_GROUP(cases);
