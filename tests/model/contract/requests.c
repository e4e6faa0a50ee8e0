/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and replies: none lost, none doubled, in order. */
#include "contract.h"

#include <stdio.h>
#include <string.h>

static void one_request_gets_its_reply(void **state)
{
    int fd;

    (void)state;
    contract_start();
    fd = client_connect(contract.rig.port);
    client_say(fd, "echo hello\n");
    client_expect(fd, "hello\n");
    client_close(fd);
    rig_stop(&contract.rig);
}

static void requests_follow_each_other_on_one_connection(void **state)
{
    int fd;

    (void)state;
    contract_start();
    fd = client_connect(contract.rig.port);
    for (int i = 0; i < 500 / contract.scale; i++) {
        char text[64];

        snprintf(text, sizeof(text), "echo number %d\n", i);
        client_say(fd, text);
        client_expect(fd, text + 5);
    }
    client_close(fd);
    rig_stop(&contract.rig);
}

static void request_split_at_every_byte_is_one_request(void **state)
{
    const char *text = "echo split\n";
    int fd;

    (void)state;
    contract_start();
    fd = client_connect(contract.rig.port);
    for (size_t split = 1; split < strlen(text); split++) {
        client_send(fd, text, split);
        client_pause_ms(1);
        client_send(fd, text + split, strlen(text) - split);
        client_expect(fd, "split\n");
    }
    for (const char *at = text; *at != '\0'; at++) {
        client_send(fd, at, 1);
        client_pause_ms(1);
    }
    client_expect(fd, "split\n");
    client_close(fd);
    rig_stop(&contract.rig);
}

static void pipelined_replies_leave_in_order(void **state)
{
    static char batch[200000];
    char expected[64];
    size_t length = 0;
    int fd;

    (void)state;
    contract_start();
    fd = client_connect(contract.rig.port);
    for (int i = 0; i < 5000; i++)
        length += (size_t)snprintf(batch + length, sizeof(batch) - length, "echo %d\n", i);
    client_send(fd, batch, length);
    for (int i = 0; i < 5000; i++) {
        snprintf(expected, sizeof(expected), "%d\n", i);
        client_expect(fd, expected);
    }
    client_close(fd);
    rig_stop(&contract.rig);
}

static void pipelined_kinds_of_reply_keep_their_order(void **state)
{
    int fd;

    (void)state;
    contract_start();
    fd = client_connect(contract.rig.port);
    client_say(fd, "echo a\nlater 5 b\njob 5 c\necho d\nbefore e\nsleep 2 f\njob 1 g\njob 1 h\n"
                   "later 1 i\necho j\n");
    client_expect(fd, "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
    client_close(fd);
    rig_stop(&contract.rig);
}

static void many_connections_are_served_at_once(void **state)
{
    enum { COUNT = 200 };
    int fds[COUNT];

    (void)state;
    contract_start();
    for (int i = 0; i < COUNT; i++)
        fds[i] = client_connect(contract.rig.port);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < COUNT; i++) {
            char text[64];

            snprintf(text, sizeof(text), "echo %d of %d\n", i, round);
            client_say(fds[i], text);
        }
        for (int i = 0; i < COUNT; i++) {
            char text[64];

            snprintf(text, sizeof(text), "%d of %d\n", i, round);
            client_expect(fds[i], text);
        }
    }
    for (int i = 0; i < COUNT; i++)
        client_close(fds[i]);
    rig_stop(&contract.rig);
}

static void no_request_is_lost_or_doubled(void **state)
{
    enum { COUNT = 16 };
    const int rounds = 200 / contract.scale;
    int fds[COUNT];

    (void)state;
    contract_start();
    for (int i = 0; i < COUNT; i++)
        fds[i] = client_connect(contract.rig.port);
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < COUNT; i++)
            client_say(fds[i], "echo x\necho y\n");
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < COUNT; i++)
            client_expect(fds[i], "x\ny\n");
    assert_int_equal(contract.rig.probe.commands, 2 * COUNT * rounds);
    for (int i = 0; i < COUNT; i++)
        client_close(fds[i]);
    rig_stop(&contract.rig);
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(one_request_gets_its_reply),
    cmocka_unit_test(requests_follow_each_other_on_one_connection),
    cmocka_unit_test(request_split_at_every_byte_is_one_request),
    cmocka_unit_test(pipelined_replies_leave_in_order),
    cmocka_unit_test(pipelined_kinds_of_reply_keep_their_order),
    cmocka_unit_test(many_connections_are_served_at_once),
    cmocka_unit_test(no_request_is_lost_or_doubled),
};

const struct case_group contract_requests = CASE_GROUP(cases);
