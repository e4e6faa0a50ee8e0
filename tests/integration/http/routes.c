/* SPDX-License-Identifier: Apache-2.0 */
/* Routes with parameters and hosts, and what handlers ask of a request: at once and in a job. */
#include "web.h"

#include <stdio.h>
#include <string.h>

static void parameters_reach_every_kind_of_handler(void **state)
{
    static const struct {
        const char *path, *body;
    } rows[] = {
        { "/7", "7 - - - - -\n" },
        { "/a%20b%2Fc", "a b/c - - - - -\n" },
        { "/x/../%37?q=a+b", "7 - - a b - -\n" },
        { "/7/posts/8", "7 8 - - - -\n" },
        { "/7/files/", "7 -  - - -\n" },
        { "/7/files/a/./b%20/..%2f/../c", "7 - a/b /c - - -\n" },
    };
    static const char *const prefixes[] = { "/data", "/data-block", "/data-later" };

    (void)state;
    web_start(NULL);
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        int fd = client_connect(web.rig.port);

        for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
            char path[128];

            snprintf(path, sizeof(path), "%s%s", prefixes[i], rows[k].path);
            web_get(fd, path, 200, rows[k].body);
        }
        client_close(fd);
    }
    web_stop();
}

/* Of a body that comes chunked too: what was decoded in place is what the form is read from. */
static void forms_and_cookies_reach_every_kind_of_handler(void **state)
{
    static const char *const prefixes[] = { "/data", "/data-block", "/data-later" };

    (void)state;
    web_start(NULL);
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        int fd = client_connect(web.rig.port);
        struct reply reply;
        char request[512];

        snprintf(request, sizeof(request),
                 "POST %s/7 HTTP/1.1\r\nHost: a\r\nCookie: a=b; c=d\r\nTransfer-Encoding: "
                 "chunked\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n"
                 "5\r\nx=y&f\r\n6\r\n=%%41+b\r\n0\r\n\r\n",
                 prefixes[i]);
        client_say(fd, request);
        reply_read(fd, &reply, false);
        assert_int_equal(reply.status, 200);
        assert_int_equal(reply.length, strlen("7 - - - A b d\n"));
        assert_memory_equal(reply.body, "7 - - - A b d\n", reply.length);
        assert_true(reply_has(&reply, "\r\nSet-Cookie: one=1; Path=/; HttpOnly\r\n"));
        assert_true(reply_has(&reply, "\r\nSet-Cookie: two=2\r\n"));
        client_close(fd);
    }
    web_stop();
}

static void host_of_the_target_counts_first_9112_3_2_2(void **state)
{
    static const struct {
        const char *target, *host, *body;
    } rows[] = {
        { "/host", "example.org", "exact\n" },
        { "/host", "EXAMPLE.ORG.:8080", "exact\n" },
        { "/host", "a.b.example.org", "below\n" },
        { "/host", "example.com", "every\n" },
        { "http://example.org/host", "example.com", "exact\n" },
        { "http://example.com/host", "example.org", "every\n" },
        { "HTTP://www.example.org:80/host?q", "example.org", "below\n" },
    };
    int fd;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char request[256];

        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", rows[i].target,
                 rows[i].host);
        client_say(fd, request);
        reply_expect(fd, 200, rows[i].body);
    }
    client_say(fd, "GET /host HTTP/1.0\r\n\r\n");
    reply_expect(fd, 200, "every\n");
    client_close(fd);
    web_stop();
}

static void fixed_replies_have_hosts_and_patterns(void **state)
{
    static const char *const sets[] = {
        "services.0.http.routes=[{path: '/fixed/{x}', reply: {text: any}}, "
        "{path: /fixed/me, host: '*.example.org', reply: {text: below}}, "
        "{path: /fixed/me, reply: {text: me}}, {path: '/', reply: {text: root}}, "
        "{path: /direct, reply: {text: never}}]",
        NULL
    };
    int fd;

    (void)state;
    web_start(sets);
    fd = client_connect(web.rig.port);
    web_get(fd, "/fixed/1", 200, "any");
    web_get(fd, "/fixed/me", 200, "me");
    web_get(fd, "/direct", 200, "direct\n");
    client_say(fd, "GET /fixed/me HTTP/1.1\r\nHost: www.example.org\r\n\r\n");
    reply_expect(fd, 200, "below");
    client_say(fd, "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n");
    reply_expect(fd, 200, "root");
    client_close(fd);
    web_stop();
}

static void options_says_what_is_allowed_9110_9_3_7(void **state)
{
    static const struct {
        const char *target;
        int status;
        const char *allow;
    } rows[] = {
        { "/direct", 204, "\r\nAllow: GET, HEAD, OPTIONS\r\n" },
        { "/echo", 204, "\r\nAllow: POST, OPTIONS\r\n" },
        { "/data/7", 204, "\r\nAllow: GET, HEAD, POST, OPTIONS\r\n" },
        { "/options", 200, "\r\nContent-Length: " },
        { "/none", 404, "\r\nContent-Length: " },
        { "*", 204, "HEAD, " },
    };
    int fd;

    (void)state;
    web_start(NULL);
    fd = client_connect(web.rig.port);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reply reply;
        char request[128];

        snprintf(request, sizeof(request), "OPTIONS %s HTTP/1.1\r\nHost: a\r\n\r\n",
                 rows[i].target);
        client_say(fd, request);
        reply_read(fd, &reply, false);
        assert_int_equal(reply.status, rows[i].status);
        if (!reply_has(&reply, rows[i].allow))
            fail_msg("%s: %s", rows[i].target, reply.head);
        assert_int_equal(reply_has(&reply, "Content-Type: "), reply.status != 204);
    }
    client_close(fd);
    web_stop();
}

static void malformed_path_is_refused_3986_2_1(void **state)
{
    static const char *const paths[] = { "/data/%",     "/data/%4", "/data/%zz",
                                         "/data/a%00b", "/none/%",  "/direct%" };

    (void)state;
    web_start(NULL);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int fd = client_connect(web.rig.port);

        web_get(fd, paths[i], 400, NULL);
        client_expect_end(fd);
        client_close(fd);
    }
    web_stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(parameters_reach_every_kind_of_handler),
    cmocka_unit_test(forms_and_cookies_reach_every_kind_of_handler),
    cmocka_unit_test(host_of_the_target_counts_first_9112_3_2_2),
    cmocka_unit_test(fixed_replies_have_hosts_and_patterns),
    cmocka_unit_test(options_says_what_is_allowed_9110_9_3_7),
    cmocka_unit_test(malformed_path_is_refused_3986_2_1),
};

const struct case_group web_routes = CASE_GROUP(cases);
