/* SPDX-License-Identifier: Apache-2.0 */
/* The door of a real connection: the probe protocol holds a reply, the test posts it. */
#include "client.h"
#include "rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct rig rig;
static _Atomic uint32_t dropped;

static void count_drop(struct pl_mail *mail, struct pl_conn *conn)
{
    (void)conn;
    free(mail);
    atomic_fetch_add(&dropped, 1);
}

/* More bytes than a reply of the probe has, so that it may take this for one. */
static struct pl_mail *new_mail(void)
{
    struct pl_mail *mail = calloc(1, sizeof(*mail) + 256);

    assert_non_null(mail);
    mail->kind = PL_MAIL_JOB + 1;
    mail->drop = count_drop;
    return mail;
}

static struct pl_conn_token hold(int *fd)
{
    struct pl_conn_token token;

    atomic_store(&dropped, 0);
    *fd = client_connect(rig.port);
    client_say(*fd, "hold kept\n");
    client_await(&rig.probe.held, 1);
    pthread_mutex_lock(&rig.probe.lock);
    token = rig.probe.tokens[0];
    pthread_mutex_unlock(&rig.probe.lock);
    return token;
}

static int setup(void **state)
{
    struct rig_options options = rig_defaults();

    (void)state;
    rig_start(&rig, &options);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static void a_post_reaches_the_exchange_and_wakes_it(void **state)
{
    int fd;

    (void)state;
    (void)hold(&fd);
    assert_int_equal(probe_release(&rig.probe), 0);
    client_expect(fd, "kept\n");
    client_close(fd);
}

static void a_token_is_stale_after_its_exchange(void **state)
{
    struct pl_mail *mail = new_mail();
    struct pl_conn_token token;
    int fd;

    (void)state;
    token = hold(&fd);
    assert_int_equal(probe_release(&rig.probe), 0);
    client_expect(fd, "kept\n");
    assert_int_equal(pl_conn_post(&token, mail), -ESTALE);
    /* Nor does it reach the next exchange of the same connection. */
    client_say(fd, "hold again\n");
    client_await(&rig.probe.held, 2);
    assert_int_equal(pl_conn_post(&token, mail), -ESTALE);
    assert_int_equal(probe_release(&rig.probe), 0);
    client_expect(fd, "again\n");
    client_close(fd);
    free(mail);
}

static void a_token_is_stale_after_the_connection(void **state)
{
    struct pl_mail *mail = new_mail();
    struct pl_conn_token token;
    int fd, next;

    (void)state;
    token = hold(&fd);
    client_reset(fd);
    client_await(&rig.probe.closed, 1);
    assert_int_equal(pl_conn_post(&token, mail), -ESTALE);
    /* The next guest of the slot is another generation. */
    next = client_connect(rig.port);
    client_say(next, "echo here\n");
    client_expect(next, "here\n");
    assert_int_equal(pl_conn_post(&token, mail), -ESTALE);
    client_close(next);
    free(mail);
}

static void a_token_of_no_slot_is_stale(void **state)
{
    struct pl_conn_token token = { .table = rig.engine.face.table, .slot = 4000 };
    struct pl_mail *mail = new_mail();

    (void)state;
    assert_int_equal(pl_conn_post(&token, mail), -ESTALE);
    free(mail);
}

/* The probe takes one item per exchange; what stands behind it goes with the connection. */
static void posts_end_in_a_refusal_and_what_is_left_is_dropped(void **state)
{
    struct pl_conn_token token;
    uint32_t posted = 0;
    int fd;

    (void)state;
    token = hold(&fd);
    for (;;) {
        struct pl_mail *mail = new_mail();
        int err = pl_conn_post(&token, mail);

        if (err == 0) {
            posted++;
            continue;
        }
        assert_true(err == -EAGAIN || err == -ESTALE);
        free(mail);
        break;
    }
    assert_true(posted >= 1 && posted <= PL_MAILBOX_ITEMS_MAX + 1);
    client_reset(fd);
    client_await(&rig.probe.closed, 1);
    client_await(&dropped, posted - 1);
    assert_true(atomic_load(&dropped) <= posted);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_post_reaches_the_exchange_and_wakes_it),
        CASE(a_token_is_stale_after_its_exchange),
        CASE(a_token_is_stale_after_the_connection),
        CASE(a_token_of_no_slot_is_stale),
        CASE(posts_end_in_a_refusal_and_what_is_left_is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
