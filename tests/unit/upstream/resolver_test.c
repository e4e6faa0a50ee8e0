/* SPDX-License-Identifier: Apache-2.0 */
/* Names become addresses on a thread of their own; getaddrinfo() is the test's. */
#include "client.h"
#include "resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret_found);
void __wrap_freeaddrinfo(struct addrinfo *found);

/* What the next questions are answered with: that many addresses, from this one on. */
static _Atomic int answer_code;
static _Atomic uint32_t answer_count, answer_first;
static _Atomic uint32_t questions, frees, lists_open;
static _Atomic bool is_gated;
static sem_t gate;

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret_found)
{
    uint32_t count = answer_count;
    struct addrinfo *list = NULL;

    (void)host;
    assert_int_equal(hints->ai_socktype, SOCK_STREAM);
    atomic_fetch_add(&questions, 1);
    if (is_gated)
        sem_wait(&gate);
    if (answer_code != 0)
        return answer_code;
    while (count-- > 0) {
        struct addrinfo *one = calloc(1, sizeof(*one));
        struct sockaddr_in *address = calloc(1, sizeof(*address));

        address->sin_family = AF_INET;
        address->sin_port = htons((uint16_t)atoi(port));
        address->sin_addr.s_addr = htonl(answer_first + count);
        one->ai_addr = (struct sockaddr *)address;
        one->ai_addrlen = sizeof(*address);
        one->ai_next = list;
        list = one;
        atomic_fetch_add(&lists_open, 1);
    }
    *ret_found = list;
    return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *found)
{
    atomic_fetch_add(&frees, 1);
    while (found != NULL) {
        struct addrinfo *next = found->ai_next;

        free(found->ai_addr);
        free(found);
        atomic_fetch_sub(&lists_open, 1);
        found = next;
    }
}

struct heard {
    _Atomic uint32_t times, failures;
    _Atomic uint32_t count, first, port, number;
};

static void hear(const struct pl_address *addresses, uint32_t count, const char *error,
                 void *context, uint32_t number)
{
    const struct sockaddr_in *first = (const struct sockaddr_in *)(const void *)&addresses[0];
    struct heard *heard = context;

    heard->count = count;
    heard->number = number;
    if (count > 0) {
        heard->first = ntohl(first->sin_addr.s_addr);
        heard->port = ntohs(first->sin_port);
    } else {
        assert_non_null(error);
        atomic_fetch_add(&heard->failures, 1);
    }
    atomic_fetch_add(&heard->times, 1);
}

static int setup(void **state)
{
    (void)state;
    answer_code = 0;
    answer_count = 1;
    answer_first = 1;
    questions = 0;
    frees = 0;
    is_gated = false;
    sem_init(&gate, 0, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sem_destroy(&gate);
    assert_int_equal(lists_open, 0);
    return 0;
}

static struct pl_resolver *resolve(int64_t refresh_ms, struct heard *heard)
{
    struct pl_resolver *resolver = pl_resolver_new(refresh_ms, hear, heard);

    assert_non_null(resolver);
    assert_int_equal(pl_resolver_add(resolver, "back.example:80", 3), 0);
    assert_int_equal(pl_resolver_start(resolver), 0);
    return resolver;
}

static void names_and_addresses_are_told_apart(void **state)
{
    static const char *const names[] = { "localhost:80", "a:1", "back-1.example:65535",
                                         "1.example:80", "1a:80" };
    static const char *const others[] = {
        "127.0.0.1:80", "[::1]:80", "unix:/run/x",     "localhost",    "localhost:",
        "localhost:0",  ":80",      "localhost:80x",   "local host:1", "localhost:65536",
        "1.2:80",       "",         "udp:localhost:1", "localhost:-1", "localhost: 1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!pl_resolver_is_name(names[i]))
            fail_msg("%s should be a name", names[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (pl_resolver_is_name(others[i]))
            fail_msg("%s should be no name", others[i]);
}

static void all_addresses_of_a_name_are_told(void **state)
{
    struct heard heard = { .times = 0 };
    struct pl_resolver *resolver;

    (void)state;
    answer_count = 3;
    answer_first = 0x7f000001;
    resolver = resolve(60000, &heard);
    client_await(&heard.times, 1);
    assert_int_equal(heard.count, 3);
    assert_int_equal(heard.first, 0x7f000001);
    assert_int_equal(heard.port, 80);
    assert_int_equal(heard.number, 3);
    pl_resolver_free(resolver);
    assert_int_equal(questions, 1);
}

static void more_addresses_than_there_is_room_for_are_left_out(void **state)
{
    struct heard heard = { .times = 0 };
    struct pl_resolver *resolver;

    (void)state;
    answer_count = PL_UPSTREAM_ADDRESSES_MAX + 5;
    resolver = resolve(60000, &heard);
    client_await(&heard.times, 1);
    assert_int_equal(heard.count, PL_UPSTREAM_ADDRESSES_MAX);
    pl_resolver_free(resolver);
}

static void a_name_that_fails_is_asked_for_again_soon(void **state)
{
    struct heard heard = { .times = 0 };
    struct pl_resolver *resolver;

    (void)state;
    answer_code = EAI_AGAIN;
    resolver = resolve(20, &heard);
    client_await(&heard.failures, 2);
    assert_int_equal(heard.count, 0);
    answer_code = 0;
    client_await(&heard.times, heard.failures + 2); /* one may be on its way */
    assert_int_equal(heard.count, 1);
    pl_resolver_free(resolver);
}

static void a_name_that_fails_does_not_wait_for_a_long_refresh(void **state)
{
    struct heard heard = { .times = 0 };
    struct pl_resolver *resolver;

    (void)state;
    answer_code = EAI_NONAME;
    resolver = resolve(3600000, &heard);
    client_await(&heard.failures, 2);
    pl_resolver_free(resolver);
}

static void a_refresh_tells_what_has_changed(void **state)
{
    struct heard heard = { .times = 0 };
    struct pl_resolver *resolver;

    (void)state;
    resolver = resolve(5, &heard);
    client_await(&heard.times, 1);
    assert_int_equal(heard.first, 1);
    answer_first = 77;
    client_await(&heard.times, heard.times + 2);
    assert_int_equal(heard.first, 77);
    pl_resolver_free(resolver);
}

static void each_name_comes_back_with_its_number(void **state)
{
    struct heard heard = { .times = 0 };
    struct pl_resolver *resolver = pl_resolver_new(60000, hear, &heard);

    (void)state;
    for (uint32_t i = 0; i < PL_UPSTREAM_SERVERS_MAX; i++)
        assert_int_equal(pl_resolver_add(resolver, "a.example:80", i), 0);
    assert_int_equal(pl_resolver_add(resolver, "b.example:80", 99), -ENOSPC);
    assert_int_equal(pl_resolver_start(resolver), 0);
    client_await(&heard.times, PL_UPSTREAM_SERVERS_MAX);
    pl_resolver_free(resolver);
    assert_int_equal(questions, PL_UPSTREAM_SERVERS_MAX);
}

static void no_text_but_a_name_is_added(void **state)
{
    struct pl_resolver *resolver = pl_resolver_new(60000, hear, NULL);

    (void)state;
    assert_int_equal(pl_resolver_add(resolver, "nothing", 0), -EINVAL);
    pl_resolver_free(resolver); /* never started */
    pl_resolver_free(NULL);
}

static void freed_inside_getaddrinfo_it_calls_back_no_more(void **state)
{
    struct heard heard = { .times = 0 };
    struct pl_resolver *resolver;

    (void)state;
    is_gated = true;
    resolver = resolve(60000, &heard);
    client_await(&questions, 1);
    pl_resolver_free(resolver); /* returns although the thread does not */
    sem_post(&gate);
    client_await(&frees, 1);
    assert_int_equal(heard.times, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_addresses_are_told_apart),
        CASE(all_addresses_of_a_name_are_told),
        CASE(more_addresses_than_there_is_room_for_are_left_out),
        CASE(a_name_that_fails_is_asked_for_again_soon),
        CASE(a_name_that_fails_does_not_wait_for_a_long_refresh),
        CASE(a_refresh_tells_what_has_changed),
        CASE(each_name_comes_back_with_its_number),
        CASE(no_text_but_a_name_is_added),
        /* Last: its thread may live a little longer. */
        cmocka_unit_test_setup_teardown(freed_inside_getaddrinfo_it_calls_back_no_more, setup,
                                        NULL),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
