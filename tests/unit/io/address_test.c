/* SPDX-License-Identifier: Apache-2.0 */
#include "address.h"

#include <errno.h>
#include <stdio.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sysexits.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void good_addresses_are_read_and_shown(void **state)
{
    static const struct {
        const char *text, *shown;
        int family;
        bool is_datagram;
    } table[] = {
        { "127.0.0.1:8080", "127.0.0.1:8080", AF_INET, false },
        { "0.0.0.0:0", "0.0.0.0:0", AF_INET, false },
        { "1.2.3.4:65535", "1.2.3.4:65535", AF_INET, false },
        { "1.2.3.4:080", "1.2.3.4:80", AF_INET, false },
        { "[::1]:80", "[::1]:80", AF_INET6, false },
        { "[::]:0", "[::]:0", AF_INET6, false },
        { "[2001:DB8:0:0::1]:443", "[2001:db8::1]:443", AF_INET6, false },
        { "udp:127.0.0.1:7007", "udp:127.0.0.1:7007", AF_INET, true },
        { "udp:[::1]:7007", "udp:[::1]:7007", AF_INET6, true },
        { "unix:/run/x.sock", "unix:/run/x.sock", AF_UNIX, false },
        { "unix:x:y", "unix:x:y", AF_UNIX, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct pl_address address;
        struct pl_error error;
        char shown[PL_ADDRESS_TEXT_BYTES];

        if (pl_address_parse(table[i].text, &address, &error) != 0)
            fail_msg("%s", error.message);
        assert_int_equal(address.socket.ss_family, table[i].family);
        assert_int_equal(address.is_datagram, table[i].is_datagram);
        pl_address_format(&address, shown, sizeof(shown));
        assert_string_equal(shown, table[i].shown);
    }
}

static void bad_addresses_say_what_was_expected(void **state)
{
    static const struct {
        const char *text, *why;
    } table[] = {
        { "", "the port is missing" },
        { "8080", "the port is missing" },
        { "127.0.0.1", "the port is missing" },
        { "127.0.0.1:", "the port is missing" },
        { "127.0.0.1:65536", "not 0 to 65535" },
        { "127.0.0.1:99999999999999999999999", "not 0 to 65535" },
        { "127.0.0.1:-1", "not 0 to 65535" },
        { "127.0.0.1:+1", "not 0 to 65535" },
        { "127.0.0.1: 1", "not 0 to 65535" },
        { "127.0.0.1:80x", "not 0 to 65535" },
        { "localhost:80", "not a numeric address" },
        { ":80", "not a numeric address" },
        { "1.2.3:80", "not a numeric address" },
        { "::1:80", "not a numeric address" },
        { "[::1]80", "the port is missing" },
        { "[]:80", "not a" },
        { "[1.2.3.4]:80", "not an IPv6 address" },
        { "[::g]:80", "not an IPv6 address" },
        { "[::1:80", "not a" },
        { "tcp:127.0.0.1:80", "not a numeric address" },
        { "udp:unix:/x", "the port is missing" },
        { "unix:", "the path is empty" },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:80",
          "the address is too long" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct pl_address address = { .length = 99 };
        struct pl_error error;

        if (pl_address_parse(table[i].text, &address, &error) != -EINVAL)
            fail_msg("taken: '%s'", table[i].text);
        if (strstr(error.message, table[i].why) == NULL)
            fail_msg("'%s': %s", table[i].text, error.message);
        assert_non_null(strstr(error.message, "; expected ADDRESS:PORT, "));
        assert_int_equal(error.exit_code, EX_CONFIG);
        assert_int_equal(address.length, 99);
    }
}

static void a_path_may_have_107_bytes_and_no_more(void **state)
{
    struct pl_address address;
    struct pl_error error;
    char text[128] = "unix:", shown[PL_ADDRESS_TEXT_BYTES];

    (void)state;
    memset(text + 5, 'p', 107);
    assert_int_equal(pl_address_parse(text, &address, &error), 0);
    pl_address_format(&address, shown, sizeof(shown));
    assert_string_equal(shown, text);
    text[112] = 'p';
    assert_int_equal(pl_address_parse(text, &address, &error), -EINVAL);
    assert_non_null(strstr(error.message, "longer than 107 bytes"));
}

static void a_peer_is_its_host_alone(void **state)
{
    static const struct {
        int family;
        const char *host;
        const char *text;
    } table[] = {
        { AF_INET, "0.0.0.0", "0.0.0.0" },
        { AF_INET, "127.0.0.1", "127.0.0.1" },
        { AF_INET, "10.99.100.9", "10.99.100.9" },
        { AF_INET, "255.255.255.255", "255.255.255.255" },
        { AF_INET6, "::1", "::1" },
        { AF_INET6, "2001:db8:1:2:3:4:5:abcd", "2001:db8:1:2:3:4:5:abcd" },
        { AF_UNIX, NULL, "unix:" },
        { AF_UNSPEC, NULL, "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(4711) };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(4711) };
        struct sockaddr other = { .sa_family = (sa_family_t)table[i].family };
        const void *address = &other;
        char text[PL_PEER_TEXT_BYTES];
        struct pl_peer peer;

        if (table[i].family == AF_INET) {
            assert_int_equal(inet_pton(AF_INET, table[i].host, &v4.sin_addr), 1);
            address = &v4;
        } else if (table[i].family == AF_INET6) {
            assert_int_equal(inet_pton(AF_INET6, table[i].host, &v6.sin6_addr), 1);
            address = &v6;
        }
        pl_peer_init(&peer, address);
        assert_int_equal(pl_peer_format(&peer, text), strlen(table[i].text));
        assert_string_equal(text, table[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_addresses_are_read_and_shown),
        cmocka_unit_test(bad_addresses_say_what_was_expected),
        cmocka_unit_test(a_path_may_have_107_bytes_and_no_more),
        cmocka_unit_test(a_peer_is_its_host_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
