/* SPDX-License-Identifier: Apache-2.0 */
/* Urgent data, deadlines and datagrams. */
#include "contract.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void urgent_data_is_harmless(void **state)
{
    int fd;

    (void)state;
    contract_start();
    fd = client_connect(contract.rig.port);
    for (int i = 0; i < 10; i++) {
        client_say(fd, "echo bef");
        assert_int_equal(send(fd, "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
        client_say(fd, "ore\necho after\n");
        client_expect(fd, "before\nafter\n");
    }
    client_close(fd);
    rig_stop(&contract.rig);
}

static void idle_connection_is_ended_by_its_deadline(void **state)
{
    struct rig_options options = contract_options();
    int fd;

    (void)state;
    options.idle_ms = 50;
    rig_start(&contract.rig, &options);
    fd = client_connect(contract.rig.port);
    client_expect(fd, "timeout\n");
    client_expect_end(fd);
    assert_int_equal(contract.rig.probe.timeouts, 1);
    client_close(fd);
    rig_stop(&contract.rig);
}

static void deadline_ends_a_parked_connection_and_its_reply_is_stale(void **state)
{
    struct rig_options options = contract_options();
    int fd;

    (void)state;
    options.handler_ms = 50;
    rig_start(&contract.rig, &options);
    fd = client_connect(contract.rig.port);
    client_say(fd, "hold too-late\n");
    client_expect(fd, "timeout\n");
    client_expect_end(fd);
    client_await(&contract.rig.probe.closed, 1);
    assert_int_equal(probe_release(&contract.rig.probe), -ESTALE);
    client_close(fd);
    rig_stop(&contract.rig);
}

static void deadline_ends_a_job_that_blocks_too_long(void **state)
{
    struct rig_options options = contract_options();
    int fd;

    (void)state;
    if (!contract_has_pool())
        return;
    options.handler_ms = 50;
    rig_start(&contract.rig, &options);
    fd = client_connect(contract.rig.port);
    client_say(fd, "job -1 too-late\n");
    client_expect(fd, "timeout\n");
    client_expect_end(fd);
    client_close(fd);
    client_await(&contract.rig.probe.closed, 1);
    probe_open_gate(&contract.rig.probe);
    rig_stop(&contract.rig);
}

static void writer_that_makes_no_progress_is_closed(void **state)
{
    struct rig_options options = contract_options();
    int fd;

    (void)state;
    options.write_ms = 50;
    rig_start(&contract.rig, &options);
    fd = client_connect(contract.rig.port);
    client_say(fd, "big 30000000\n");
    client_await(&contract.rig.probe.closed, 1);
    client_close(fd);
    rig_stop(&contract.rig);
}

static void datagrams_come_back(void **state)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = 20 };
    char found[2000];
    int fd;

    (void)state;
    contract_start();
    address.sin_port = htons(contract.rig.datagram_port);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    for (size_t length = 0; length < 40; length++) {
        char text[40];

        memset(text, 'a' + (int)length % 26, sizeof(text));
        assert_int_equal(send(fd, text, length, 0), length);
        assert_int_equal(recv(fd, found, sizeof(found), 0), length);
        assert_memory_equal(found, text, length);
    }
    close(fd);
    rig_stop(&contract.rig);
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(urgent_data_is_harmless),
    cmocka_unit_test(idle_connection_is_ended_by_its_deadline),
    cmocka_unit_test(deadline_ends_a_parked_connection_and_its_reply_is_stale),
    cmocka_unit_test(deadline_ends_a_job_that_blocks_too_long),
    cmocka_unit_test(writer_that_makes_no_progress_is_closed),
    cmocka_unit_test(datagrams_come_back),
};

const struct case_group contract_events = CASE_GROUP(cases);
