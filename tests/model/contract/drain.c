/* SPDX-License-Identifier: Apache-2.0 */
/* Drain, stop and start of the whole engine. */
#include "contract.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static void drain_answers_what_is_in_flight(void **state)
{
    int idle, parked, working;

    (void)state;
    contract_start();
    idle = client_connect(contract.rig.port);
    client_say(idle, "echo x\n");
    client_expect(idle, "x\n");
    parked = client_connect(contract.rig.port);
    client_say(parked, "hold answered\n");
    client_await(&contract.rig.probe.held, 1);
    working = client_connect(contract.rig.port);
    client_say(working, "job -1 finished\n");
    client_await(&contract.rig.probe.blocked, 1);
    rig_drain(&contract.rig);
    probe_open_gate(&contract.rig.probe);
    client_expect_end(idle);
    assert_int_equal(probe_release(&contract.rig.probe), 0);
    client_expect(parked, "answered\n");
    client_expect_end(parked);
    client_expect(working, "finished\n");
    client_expect_end(working);
    client_close(idle);
    client_close(parked);
    client_close(working);
    rig_stop(&contract.rig);
}

/* A peer that never lets its connection come to rest must not outlive the drain. */
static void drain_ends_a_client_that_pipelines_without_end(void **state)
{
    static char flood[16000];
    static char sink[65536];
    int64_t until = client_now_ms() + CLIENT_DEADLINE_MS;
    bool is_open = true;
    size_t at = 0;
    int fd;

    (void)state;
    contract_start();
    while (at + 8 <= sizeof(flood)) {
        memcpy(flood + at, "echo ab\n", 8);
        at += 8;
    }
    fd = client_connect(contract.rig.port);
    (void)!send(fd, flood, at, MSG_DONTWAIT | MSG_NOSIGNAL);
    client_await(&contract.rig.probe.commands, 1);
    rig_drain(&contract.rig);
    while (is_open) {
        ssize_t received = recv(fd, sink, sizeof(sink), MSG_DONTWAIT);

        if (received == 0 || (received < 0 && errno != EAGAIN))
            is_open = false;
        else if (send(fd, flood, 800, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
            is_open = false;
        if (client_now_ms() > until)
            fail_msg("the connection is still served after the drain");
    }
    client_reset(fd);
    client_await(&contract.rig.probe.closed, 1);
    rig_stop(&contract.rig);
}

/* What a client had sent before the drain began is answered. */
static void drain_answers_a_request_that_already_stands_in_the_socket(void **state)
{
    (void)state;
    for (int i = 0; i < 20 / contract.scale + 1; i++) {
        int fd;

        contract_start();
        fd = client_connect(contract.rig.port);
        client_say(fd, "echo first\n");
        client_expect(fd, "first\n");
        client_say(fd, "echo second\n");
        rig_drain(&contract.rig);
        client_expect(fd, "second\n");
        client_expect_end(fd);
        client_close(fd);
        rig_stop(&contract.rig);
    }
}

/* The I/O thread answers for workers that are all stuck. */
static void deadlines_pass_while_every_worker_blocks(void **state)
{
    struct rig_options options = contract_options();
    int slow[8], idle;

    (void)state;
    if (!contract_has_io_thread())
        return;
    options.idle_ms = 500;
    rig_start(&contract.rig, &options);
    for (uint32_t i = 0; i < contract.current->threads; i++) {
        slow[i] = client_connect(contract.rig.port);
        client_say(slow[i], "sleep -1 late\n");
    }
    client_await(&contract.rig.probe.blocked, contract.current->threads);
    idle = client_connect(contract.rig.port);
    client_expect(idle, "timeout\n");
    client_expect_end(idle);
    /* Nobody has come back yet: it was not a worker that answered. */
    for (uint32_t i = 0; i < contract.current->threads; i++)
        assert_true(recv(slow[i], &(char){ 0 }, 1, MSG_DONTWAIT) < 0);
    probe_open_gate(&contract.rig.probe);
    for (uint32_t i = 0; i < contract.current->threads; i++) {
        client_expect(slow[i], "late\n");
        client_close(slow[i]);
    }
    client_close(idle);
    rig_stop(&contract.rig);
}

static void stop_with_requests_in_flight_leaks_nothing(void **state)
{
    enum { COUNT = 30 };
    int fds[COUNT];

    (void)state;
    contract_start();
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_connect(contract.rig.port);
        client_say(fds[i], i % 3 == 0   ? "big 3000000\necho x\n"
                           : i % 3 == 1 ? "later 20 x\n"
                                        : "hold x\necho half");
    }
    client_pause_ms(5);
    rig_stop_at_once(&contract.rig, fds, COUNT);
}

static void start_and_stop_can_repeat(void **state)
{
    (void)state;
    for (int i = 0; i < 200 / contract.scale; i++) {
        int fd;

        contract_start();
        fd = client_connect(contract.rig.port);
        client_say(fd, "echo again\n");
        client_expect(fd, "again\n");
        client_close(fd);
        rig_stop(&contract.rig);
    }
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(drain_answers_what_is_in_flight),
    cmocka_unit_test(drain_ends_a_client_that_pipelines_without_end),
    cmocka_unit_test(drain_answers_a_request_that_already_stands_in_the_socket),
    cmocka_unit_test(deadlines_pass_while_every_worker_blocks),
    cmocka_unit_test(stop_with_requests_in_flight_leaks_nothing),
    cmocka_unit_test(start_and_stop_can_repeat),
};

const struct case_group contract_drain = CASE_GROUP(cases);
