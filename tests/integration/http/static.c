/* SPDX-License-Identifier: Apache-2.0 */
/* What a request may ask of a file beside its bytes: conditions, ranges, codings. */
#include "web.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TEXT_TIME "Sun, 06 Nov 1994 08:49:37 GMT"

static void in_root(char *path, size_t size, const char *name)
{
    snprintf(path, size, "%s/root/%s", server_rig_folder(&web.rig), name);
}

static void put(const char *name, const void *bytes, size_t length)
{
    char path[256];
    FILE *file;

    in_root(path, sizeof(path), name);
    file = fopen(path, "wbe");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

static void set_time(const char *name, time_t seconds)
{
    const struct timespec times[2] = { { .tv_sec = seconds }, { .tv_sec = seconds } };
    char path[256];

    in_root(path, sizeof(path), name);
    assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void make_folder(const char *name)
{
    char path[256];

    in_root(path, sizeof(path), name);
    assert_int_equal(mkdir(path, 0755), 0);
}

/* The root with one file; the case may put more there before it starts. */
static void prepare(void)
{
    make_folder("");
    put_text("text.txt", "0123456789abcdefghij\n");
    set_time("text.txt", 784111777);
}

/* `sets`: more settings, ended by NULL. */
static void start(const char *const *sets)
{
    char root[128];
    const char *all[16] = { root };

    for (size_t i = 0; sets != NULL && sets[i] != NULL; i++)
        all[i + 1] = sets[i];
    snprintf(root, sizeof(root), "services.0.http.root=%s/root", server_rig_folder(&web.rig));
    web_start(all);
}

/* `fields`: whole lines. */
static void ask(int fd, const char *method, const char *path, const char *fields,
                struct reply *reply)
{
    char request[2048];

    snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", method, path, fields);
    client_say(fd, request);
    reply_read(fd, reply, strcmp(method, "HEAD") == 0);
}

static void expect_body(const struct reply *reply, const char *text)
{
    assert_int_equal(reply->length, strlen(text));
    assert_memory_equal(reply->body, text, reply->length);
}

/* Copies what stands behind the name to the end of the line. */
static void copy_value(const struct reply *reply, const char *name, char *value, size_t size)
{
    const char *line = strstr(reply->head, name);

    assert_non_null(line);
    line += strlen(name) + 2;
    snprintf(value, size, "%.*s", (int)strcspn(line, "\r"), line);
}

/* ---- conditions ----------------------------------------------------------------------------- */

static void validators_answer_conditions(void **state)
{
    static const struct {
        const char *fields; /* %s: the ETag */
        int status;
    } rows[] = {
        { "If-None-Match: %s\r\n", 304 },
        { "If-None-Match: W/%s\r\n", 304 },
        { "If-None-Match: *\r\n", 304 },
        { "If-None-Match: \"other\"\r\n", 200 },
        { "If-None-Match: \"other\"\r\nIf-Modified-Since: " TEXT_TIME "\r\n", 200 },
        { "If-Modified-Since: " TEXT_TIME "\r\n", 304 },
        { "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", 304 },
        { "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 200 },
        { "If-Modified-Since: nonsense\r\n", 200 },
        { "If-Match: %s\r\n", 200 },
        { "If-Match: W/%s\r\n", 412 },
        { "If-Match: \"other\"\r\n", 412 },
        { "If-Unmodified-Since: " TEXT_TIME "\r\n", 200 },
        { "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 412 },
    };
    static const char *const methods[] = { "GET", "HEAD" };
    struct reply reply;
    char etag[128], fields[512];
    int fd;

    (void)state;
    prepare();
    start(NULL);
    fd = client_connect(web.rig.port);
    ask(fd, "GET", "/text.txt", "", &reply);
    assert_int_equal(reply.status, 200);
    assert_true(reply_has(&reply, "\r\nLast-Modified: " TEXT_TIME "\r\n"));
    assert_true(reply_has(&reply, "\r\nAccept-Ranges: bytes\r\n"));
    copy_value(&reply, "ETag", etag, sizeof(etag));
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(fields, sizeof(fields), rows[i / 2].fields, etag);
#pragma GCC diagnostic pop
        ask(fd, methods[i % 2], "/text.txt", fields, &reply);
        if (reply.status != rows[i / 2].status)
            fail_msg("%s: %d instead of %d", fields, reply.status, rows[i / 2].status);
        assert_true(reply_has(&reply, "\r\nDate: "));
        if (reply.status == 304) {
            assert_true(reply_has(&reply, etag));
            assert_false(reply_has(&reply, "Content-"));
            assert_false(reply_has(&reply, "Last-Modified"));
        }
    }
    /* A condition on what is not there is not looked at (13.2.1). */
    ask(fd, "GET", "/missing", "If-Match: \"other\"\r\n", &reply);
    assert_int_equal(reply.status, 404);
    client_close(fd);
    web_stop();
}

static void time_to_come_is_not_said(void **state)
{
    struct reply reply;
    char date[64], modified[64];
    int fd;

    (void)state;
    prepare();
    set_time("text.txt", time(NULL) + 100000);
    start(NULL);
    fd = client_connect(web.rig.port);
    ask(fd, "GET", "/text.txt", "", &reply);
    copy_value(&reply, "Date", date, sizeof(date));
    copy_value(&reply, "Last-Modified", modified, sizeof(modified));
    assert_string_equal(date, modified);
    client_close(fd);
    web_stop();
}

static void etag_changes_with_the_file(void **state)
{
    static const char *const sets[] = { "services.0.http.open_files_valid=0s", NULL };
    struct reply reply;
    char before[128], after[128];
    int fd;

    (void)state;
    prepare();
    start(sets);
    fd = client_connect(web.rig.port);
    ask(fd, "GET", "/text.txt", "", &reply);
    copy_value(&reply, "ETag", before, sizeof(before));
    put_text("text.txt", "9876543210abcdefghij\n");
    ask(fd, "GET", "/text.txt", "", &reply);
    expect_body(&reply, "9876543210abcdefghij\n");
    copy_value(&reply, "ETag", after, sizeof(after));
    assert_string_not_equal(before, after);
    client_close(fd);
    web_stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(validators_answer_conditions),
    cmocka_unit_test(time_to_come_is_not_said),
    cmocka_unit_test(etag_changes_with_the_file),
};

const struct case_group web_static = CASE_GROUP(cases);
