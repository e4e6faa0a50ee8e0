/* SPDX-License-Identifier: Apache-2.0 */
/* What a request may ask of a file beside its bytes: conditions, ranges, codings. */
#include "web.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

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

/* Puts the ETag where the fields say %s. */
static void fill_in(char *filled, size_t size, const char *fields, const char *etag)
{
    const char *place = strstr(fields, "%s");

    if (place == NULL)
        snprintf(filled, size, "%s", fields);
    else
        snprintf(filled, size, "%.*s%s%s", (int)(place - fields), fields, etag, place + 2);
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
        fill_in(fields, sizeof(fields), rows[i / 2].fields, etag);
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

/* ---- ranges --------------------------------------------------------------------------------- */

/* text.txt has 21 bytes. */
static void range_of_a_file_is_served(void **state)
{
    static const struct {
        const char *fields; /* %s: the ETag */
        int status;
        const char *body, *content_range;
    } rows[] = {
        { "Range: bytes=0-4\r\n", 206, "01234", "bytes 0-4/21" },
        { "Range: bytes=5-\r\n", 206, "56789abcdefghij\n", "bytes 5-20/21" },
        { "Range: bytes=-3\r\n", 206, "ij\n", "bytes 18-20/21" },
        { "Range: bytes=0-4,5-9\r\n", 206, "0123456789", "bytes 0-9/21" },
        { "Range: bytes=21-\r\n", 416, NULL, "bytes */21" },
        { "Range: bytes=4-0\r\n", 200, "0123456789abcdefghij\n", NULL },
        { "Range: lines=0-1\r\n", 200, "0123456789abcdefghij\n", NULL },
        { "Range: bytes=0-4\r\nRange: bytes=0-4\r\n", 200, "0123456789abcdefghij\n", NULL },
        { "Range: bytes=0-4\r\nIf-Range: %s\r\n", 206, "01234", "bytes 0-4/21" },
        { "Range: bytes=0-4\r\nIf-Range: " TEXT_TIME "\r\n", 206, "01234", "bytes 0-4/21" },
        { "Range: bytes=0-4\r\nIf-Range: W/%s\r\n", 200, "0123456789abcdefghij\n", NULL },
        { "Range: bytes=0-4\r\nIf-Range: \"other\"\r\n", 200, "0123456789abcdefghij\n", NULL },
        { "Range: bytes=0-4\r\nIf-None-Match: %s\r\n", 304, "", NULL },
        { "Range: bytes=0-4\r\nIf-Match: \"other\"\r\n", 412, NULL, NULL },
        { "If-Range: %s\r\n", 200, "0123456789abcdefghij\n", NULL },
    };
    struct reply reply;
    char etag[128], fields[512], value[64];
    int fd;

    (void)state;
    prepare();
    start(NULL);
    fd = client_connect(web.rig.port);
    ask(fd, "GET", "/text.txt", "", &reply);
    copy_value(&reply, "ETag", etag, sizeof(etag));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fill_in(fields, sizeof(fields), rows[i].fields, etag);
        ask(fd, "GET", "/text.txt", fields, &reply);
        if (reply.status != rows[i].status)
            fail_msg("%s: %d instead of %d", fields, reply.status, rows[i].status);
        if (rows[i].body != NULL)
            expect_body(&reply, rows[i].body);
        if (rows[i].content_range != NULL) {
            copy_value(&reply, "Content-Range", value, sizeof(value));
            assert_string_equal(value, rows[i].content_range);
        } else {
            assert_false(reply_has(&reply, "Content-Range"));
        }
        if (reply.status == 206)
            assert_true(reply_has(&reply, etag));
    }
    /* GET alone has ranges. */
    ask(fd, "HEAD", "/text.txt", "Range: bytes=0-4\r\n", &reply);
    assert_int_equal(reply.status, 200);
    assert_true(reply_has(&reply, "\r\nContent-Length: 21\r\n"));
    client_close(fd);
    web_stop();
}

/* Of a file that is no longer in its place, and from a descriptor that nobody else has. */
static void ranges_leave_as_parts(void **state)
{
    static const char *const settings[] = { "services.0.http.open_files=1",
                                            "services.0.http.open_files=0" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *const sets[] = { settings[i], NULL };
        struct reply reply;
        char boundary[64], expected[1024];
        int fd;

        prepare();
        start(sets);
        fd = client_connect(web.rig.port);
        ask(fd, "GET", "/text.txt", "Range: bytes=18-, 0-4,10-11\r\n", &reply);
        assert_int_equal(reply.status, 206);
        assert_false(reply_has(&reply, "Content-Range"));
        copy_value(&reply, "Content-Type", expected, sizeof(expected));
        assert_int_equal(sscanf(expected, "multipart/byteranges; boundary=%63s", boundary), 1);
        snprintf(expected, sizeof(expected),
                 "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                 "Content-Range: bytes 18-20/21\r\n\r\nij\n\r\n"
                 "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                 "Content-Range: bytes 0-4/21\r\n\r\n01234\r\n"
                 "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                 "Content-Range: bytes 10-11/21\r\n\r\nab\r\n"
                 "--%s--\r\n",
                 boundary, boundary, boundary, boundary);
        expect_body(&reply, expected);
        web_get(fd, "/text.txt", 200, "0123456789abcdefghij\n");
        client_close(fd);
        web_stop();
    }
}

/* Pieces beyond what a turn sends and a socket takes, of one descriptor. */
static void large_parts_arrive_byte_for_byte(void **state)
{
    static char large[4 * 1024 * 1024];
    const size_t half = sizeof(large) / 2;
    const char *first, *second;
    struct reply reply;
    char fields[128];
    int fd;

    (void)state;
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (char)(i * 37 >> 4);
    prepare();
    put("large.bin", large, sizeof(large));
    start(NULL);
    fd = client_connect(web.rig.port);
    snprintf(fields, sizeof(fields), "Range: bytes=%zu-,1-%zu\r\n", half + 1, half - 1);
    ask(fd, "GET", "/large.bin", fields, &reply);
    assert_int_equal(reply.status, 206);
    first = strstr(reply.body, "\r\n\r\n") + 4;
    assert_memory_equal(first, large + half + 1, half - 1);
    second = strstr(first + half - 1, "\r\n\r\n") + 4;
    assert_memory_equal(second, large + 1, half - 1);
    ask(fd, "GET", "/text.txt", "", &reply);
    expect_body(&reply, "0123456789abcdefghij\n");
    client_close(fd);
    web_stop();
}

static void more_ranges_than_allowed_get_the_whole(void **state)
{
    static const char *const sets[] = { "services.0.http.max_ranges=2", NULL };
    struct reply reply;
    int fd;

    (void)state;
    prepare();
    start(sets);
    fd = client_connect(web.rig.port);
    ask(fd, "GET", "/text.txt", "Range: bytes=0-0,2-2\r\n", &reply);
    assert_int_equal(reply.status, 206);
    ask(fd, "GET", "/text.txt", "Range: bytes=0-0,2-2,4-4\r\n", &reply);
    assert_int_equal(reply.status, 200);
    client_close(fd);
    web_stop();
}

/* ---- directories, mounts, and what is not served ----------------------------------------------
 */

static void directory_without_its_slash_is_redirected(void **state)
{
    static const struct {
        const char *path, *location;
    } rows[] = {
        { "/dir", "/dir/" },
        { "/dir?a=b&c", "/dir/?a=b&c" },
        { "/a%20b%3cc", "/a%20b%3Cc/" },
        { "/dir/sub", "/dir/sub/" },
        { "/dir/../dir", "/dir/" },
    };
    struct reply reply;
    int fd;

    (void)state;
    prepare();
    make_folder("dir");
    make_folder("dir/sub");
    make_folder("a b<c");
    start(NULL);
    fd = client_connect(web.rig.port);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char location[256];

        ask(fd, i % 2 == 0 ? "GET" : "HEAD", rows[i].path, "", &reply);
        if (reply.status != 301)
            fail_msg("%s: %d", rows[i].path, reply.status);
        copy_value(&reply, "Location", location, sizeof(location));
        assert_string_equal(location, rows[i].location);
    }
    /* As a reference //dir/ would be another host. */
    ask(fd, "GET", "//dir", "", &reply);
    assert_int_equal(reply.status, 404);
    ask(fd, "GET", "/dir/", "", &reply);
    assert_int_equal(reply.status, 404);
    ask(fd, "POST", "/dir", "", &reply);
    assert_int_equal(reply.status, 405);
    client_close(fd);
    web_stop();
}

/* The kernel merges slashes, the router does not: no file may be there for the one and not for the
 * other. */
static void an_empty_segment_leads_around_no_route_and_no_mount(void **state)
{
    static const char *const paths[] = { "/kept/index.html",         "//kept/index.html",
                                         "/kept//index.html",        "///kept///index.html",
                                         "/dir/..//kept/index.html", "//mount/secret",
                                         "/mount//secret",           "/kept/.//index.html" };
    char folder[64], mounts[512];
    const char *sets[] = { "services.0.http.routes=[{path: /kept/*, reply: {status: 403}}]", mounts,
                           NULL };
    struct reply reply;
    int fd;

    (void)state;
    prepare();
    make_folder("kept");
    make_folder("mount");
    make_folder("other");
    put_text("kept/index.html", "kept\n");
    put_text("mount/secret", "secret\n");
    in_root(folder, sizeof(folder), "other");
    snprintf(mounts, sizeof(mounts), "services.0.http.mounts=[{path: /mount, root: %s}]", folder);
    start(sets);
    fd = client_connect(web.rig.port);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        ask(fd, "GET", paths[i], "", &reply);
        if (reply.status != 403 && reply.status != 404)
            fail_msg("%s: %d", paths[i], reply.status);
    }
    client_close(fd);
    web_stop();
}

static void location_that_is_too_long_is_refused(void **state)
{
    char path[1400];
    struct reply reply;
    int fd;

    (void)state;
    prepare();
    make_folder("d");
    start(NULL);
    memset(path, 'q', sizeof(path) - 1);
    memcpy(path, "/d?", 3);
    path[sizeof(path) - 1] = '\0';
    fd = client_connect(web.rig.port);
    ask(fd, "GET", path, "", &reply);
    assert_int_equal(reply.status, 414);
    client_close(fd);
    web_stop();
}

static void index_has_the_name_that_is_set(void **state)
{
    static const char *const sets[] = { "services.0.http.index=start.txt", NULL };
    int fd;

    (void)state;
    prepare();
    put_text("start.txt", "start\n");
    put_text("index.html", "index\n");
    start(sets);
    fd = client_connect(web.rig.port);
    web_get(fd, "/", 200, "start\n");
    client_close(fd);
    web_stop();
}

static void listing_names_what_is_there(void **state)
{
    static const char *const sets[] = { "services.0.http.listing=true", NULL };
    const char *first, *second, *third;
    struct reply reply;
    char path[256];
    int fd;

    (void)state;
    prepare();
    make_folder("dir");
    make_folder("dir/z");
    make_folder("empty");
    put_text("dir/<b>&\".txt", "1234\n");
    put_text("dir/a:b", "");
    put_text("dir/.hidden", "");
    set_time("dir/a:b", 784111777);
    in_root(path, sizeof(path), "dir/fifo");
    assert_int_equal(mkfifo(path, 0644), 0);
    in_root(path, sizeof(path), "dir/link");
    assert_int_equal(symlink("/etc/passwd", path), 0);
    start(sets);
    fd = client_connect(web.rig.port);
    ask(fd, "GET", "/dir/", "", &reply);
    assert_int_equal(reply.status, 200);
    assert_true(reply_has(&reply, "Content-Type: text/html; charset=utf-8\r\n"));
    assert_true(reply_has(&reply, "Content-Security-Policy: default-src 'none'"));
    reply.body[reply.length] = '\0';
    first = strstr(reply.body, "<a href=\"./z/\">z/</a>");
    second = strstr(reply.body, "<a href=\"./%3Cb%3E%26%22.txt\">&lt;b&gt;&amp;&quot;.txt</a>");
    third = strstr(reply.body, "<a href=\"./a:b\">a:b</a><span>0 B</span>"
                               "<span>06 Nov 1994 08:49</span>");
    assert_true(first != NULL && second > first && third > second);
    assert_non_null(strstr(reply.body, "<a href=\"../\">"));
    assert_non_null(strstr(reply.body, "name=\"viewport\""));
    assert_non_null(strstr(reply.body, "<span>5 B</span>"));
    assert_non_null(strstr(reply.body, ">link</a><span>"));
    assert_null(strstr(reply.body, "hidden"));
    assert_null(strstr(reply.body, "fifo"));
    assert_null(strstr(reply.body, "src="));
    ask(fd, "GET", "/", "", &reply);
    reply.body[reply.length] = '\0';
    assert_null(strstr(reply.body, "../"));
    ask(fd, "HEAD", "/empty/", "", &reply);
    assert_int_equal(reply.status, 200);
    ask(fd, "GET", "/empty/", "If-None-Match: *\r\n", &reply);
    assert_int_equal(reply.status, 304);
    ask(fd, "GET", "/empty/", "If-Match: \"a\"\r\n", &reply);
    assert_int_equal(reply.status, 412);
    ask(fd, "GET", "/missing/", "If-Match: \"a\"\r\n", &reply);
    assert_int_equal(reply.status, 404);
    ask(fd, "GET", "/text.txt/", "", &reply);
    assert_int_equal(reply.status, 404);
    client_close(fd);
    web_stop();
}

static void listing_is_bounded(void **state)
{
    static const char *const sets[] = { "services.0.http.listing=true", NULL };
    struct reply reply;
    char name[300];
    int fd;

    (void)state;
    prepare();
    make_folder("many");
    for (int i = 0; i < 1100; i++) {
        snprintf(name, sizeof(name), "many/%04d%0*d", i, i % 200 + 1, 0);
        put_text(name, "");
    }
    start(sets);
    fd = client_connect(web.rig.port);
    ask(fd, "GET", "/many/", "", &reply);
    assert_int_equal(reply.status, 200);
    assert_true(reply.length < 256 * 1024);
    reply.body[reply.length] = '\0';
    assert_non_null(strstr(reply.body, "There are more."));
    client_close(fd);
    web_stop();
}

static void mounts_stand_beside_the_root(void **state)
{
    static const struct {
        const char *path;
        int status;
        const char *body;
    } rows[] = {
        { "/text.txt", 200, "0123456789abcdefghij\n" },
        { "/static/name", 200, "short\n" },
        { "/static/", 404, NULL },
        { "/static", 301, NULL },
        { "/static/deep/name", 200, "long\n" },
        { "/static//deep/name", 404, NULL },
        { "/static/deeper", 200, "deeper\n" },
        { "/statics", 404, NULL },
        { "/static/../text.txt", 200, "0123456789abcdefghij\n" },
        { "/static/deep/../name", 200, "short\n" },
        { "/static%2fname", 404, NULL },
    };
    char folder[64], mounts[512];
    const char *const sets[] = { mounts, NULL };
    int fd;

    (void)state;
    prepare();
    make_folder("../one");
    make_folder("../two");
    put_text("../one/name", "short\n");
    put_text("../one/deeper", "deeper\n");
    put_text("../two/name", "long\n");
    snprintf(folder, sizeof(folder), "%s", server_rig_folder(&web.rig));
    snprintf(mounts, sizeof(mounts),
             "services.0.http.mounts=[{path: /static/, root: %s/one}, "
             "{path: /static/deep, root: %s/two}]",
             folder, folder);
    start(sets);
    fd = client_connect(web.rig.port);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        web_get(fd, rows[i].path, rows[i].status, rows[i].body);
    client_close(fd);
    web_stop();
}

static void make_socket(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path) + 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
}

/* What leads out of the root, is no regular file, or hides behind a dot; and what only looks so. */
static const struct {
    const char *path;
    int status;
} outside_rows[] = {
    { "/fifo", 404 },
    { "/socket", 404 },
    { "/device", 404 },
    { "/out", 404 },
    { "/out/secret.txt", 404 },
    { "/file-out", 404 },
    { "/loop", 404 },
    { "/../secret.txt", 404 },
    { "/dir/../../secret.txt", 404 },
    { "/%2e%2e/secret.txt", 404 },
    { "/%2E./secret.txt", 404 },
    { "/..%2fsecret.txt", 404 },
    { "/..%5csecret.txt", 404 },
    { "/%252e%252e/secret.txt", 404 },
    { "/%c0%ae%c0%ae/secret.txt", 404 },
    { "/%u002e%u002e/secret.txt", 400 },
    { "/..;/secret.txt", 404 },
    { "/text.txt%00", 400 },
    { "/text.txt%00.html", 400 },
    { "/%00", 400 },
    { "/.hidden", 404 },
    { "/dir/.hidden", 404 },
    { "/%2ehidden", 404 },
    { "//.hidden", 404 },
    { "/.git/config", 404 },
    { "/.git", 404 },
    { "/.well-known/.hidden", 404 },
    { "/dir/.well-known/text", 404 },
    { "/.well-known/text", 200 },
    { "/dir/...", 404 },
    { "/./text.txt", 200 },
    { "/dir/../text.txt", 200 },
};

static void what_is_no_file_below_the_root_is_not_served(void **state)
{
    static const char *const serving[] = { "services.0.http.dot_files=serve", NULL };
    static const char *const hidden[] = { "/.hidden", "/dir/.hidden", "/.git/config", "/dir/..." };
    char path[256];
    struct reply reply;
    int fd;

    (void)state;
    for (int serves = 0; serves < 2; serves++) {
        prepare();
        put_text("../secret.txt", "secret\n");
        make_folder("dir");
        make_folder(".git");
        make_folder(".well-known");
        make_folder("dir/.well-known");
        put_text(".hidden", "hidden\n");
        put_text("dir/.hidden", "hidden\n");
        put_text("dir/...", "hidden\n");
        put_text(".git/config", "hidden\n");
        put_text(".well-known/text", "known\n");
        put_text(".well-known/.hidden", "hidden\n");
        put_text("dir/.well-known/text", "hidden\n");
        in_root(path, sizeof(path), "fifo");
        assert_int_equal(mkfifo(path, 0644), 0);
        in_root(path, sizeof(path), "socket");
        make_socket(path);
        in_root(path, sizeof(path), "device");
        if (mknod(path, S_IFCHR | 0644, makedev(1, 3)) < 0)
            assert_int_equal(symlink("/dev/null", path), 0);
        in_root(path, sizeof(path), "out");
        assert_int_equal(symlink("..", path), 0);
        in_root(path, sizeof(path), "file-out");
        assert_int_equal(symlink("../secret.txt", path), 0);
        in_root(path, sizeof(path), "loop");
        assert_int_equal(symlink("loop", path), 0);
        start(serves ? serving : NULL);
        for (size_t i = 0; !serves && i < sizeof(outside_rows) / sizeof(outside_rows[0]); i++) {
            fd = client_connect(web.rig.port);
            ask(fd, "GET", outside_rows[i].path, "", &reply);
            if (reply.status != outside_rows[i].status)
                fail_msg("%s: %d instead of %d", outside_rows[i].path, reply.status,
                         outside_rows[i].status);
            client_close(fd);
        }
        fd = client_connect(web.rig.port);
        for (size_t i = 0; serves && i < sizeof(hidden) / sizeof(hidden[0]); i++)
            web_get(fd, hidden[i], 200, "hidden\n");
        client_close(fd);
        web_stop();
    }
}

/* ---- codings -------------------------------------------------------------------------------- */

static void expect_coding(int fd, const char *path, const char *fields, const char *coding,
                          const char *body)
{
    struct reply reply;
    char value[64] = "";

    ask(fd, "GET", path, fields, &reply);
    assert_int_equal(reply.status, 200);
    if (reply_has(&reply, "\r\nContent-Encoding: "))
        copy_value(&reply, "Content-Encoding", value, sizeof(value));
    if (strcmp(value, coding) != 0)
        fail_msg("%s, %s: '%s' instead of '%s'", path, fields, value, coding);
    if (body != NULL)
        expect_body(&reply, body);
}

static void sibling_is_served_to_who_accepts_it(void **state)
{
    static const struct {
        const char *fields, *coding, *body;
    } rows[] = {
        { "", "", "text\n" },
        { "Accept-Encoding: identity\r\n", "", "text\n" },
        { "Accept-Encoding: gzip\r\n", "gzip", "in gzip\n" },
        { "Accept-Encoding: gzip, br\r\n", "br", "in brotli\n" },
        { "Accept-Encoding: gzip, br;q=0.5\r\n", "gzip", "in gzip\n" },
        { "Accept-Encoding: br, identity;q=0\r\n", "br", "in brotli\n" },
        { "Accept-Encoding: gzip;q=0.5, identity\r\n", "", "text\n" },
        { "Accept-Encoding: gzip;q=0\r\n", "", "text\n" },
        { "Accept-Encoding: deflate, identity;q=0\r\n", "", "text\n" },
        { "Accept-Encoding: *\r\n", "br", "in brotli\n" },
        { "Accept-Encoding: gzip;;\r\n", "", "text\n" },
    };
    struct reply reply;
    char etag[128], coded[128], fields[512];
    int fd;

    (void)state;
    prepare();
    put_text("a.txt", "text\n");
    put_text("a.txt.br", "in brotli\n");
    put_text("a.txt.gz", "in gzip\n");
    put_text("old.txt", "text\n");
    put_text("old.txt.gz", "of another\n");
    set_time("old.txt.gz", 784111777);
    put_text("a.png", "image\n");
    put_text("a.png.gz", "in gzip\n");
    start(NULL);
    fd = client_connect(web.rig.port);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect_coding(fd, "/a.txt", rows[i].fields, rows[i].coding, rows[i].body);
    expect_coding(fd, "/old.txt", "Accept-Encoding: gzip\r\n", "", "text\n");
    expect_coding(fd, "/a.png", "Accept-Encoding: gzip\r\n", "", "image\n");
    expect_coding(fd, "/a.txt.gz", "Accept-Encoding: gzip\r\n", "", "in gzip\n");
    ask(fd, "GET", "/a.txt", "", &reply);
    assert_true(reply_has(&reply, "\r\nVary: Accept-Encoding\r\n"));
    copy_value(&reply, "ETag", etag, sizeof(etag));
    ask(fd, "HEAD", "/a.txt", "Accept-Encoding: gzip\r\n", &reply);
    assert_true(reply_has(&reply, "\r\nVary: Accept-Encoding\r\n"));
    assert_true(reply_has(&reply, "\r\nContent-Type: text/plain; charset=utf-8\r\n"));
    copy_value(&reply, "ETag", coded, sizeof(coded));
    assert_string_not_equal(etag, coded);
    fill_in(fields, sizeof(fields), "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n", etag);
    ask(fd, "GET", "/a.txt", fields, &reply);
    assert_int_equal(reply.status, 200);
    fill_in(fields, sizeof(fields), "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n", coded);
    ask(fd, "GET", "/a.txt", fields, &reply);
    assert_int_equal(reply.status, 304);
    assert_true(reply_has(&reply, "\r\nVary: Accept-Encoding\r\n"));
    assert_false(reply_has(&reply, "Content-Encoding"));
    ask(fd, "GET", "/a.txt", "Accept-Encoding: gzip\r\nRange: bytes=0-1,4-5\r\n", &reply);
    assert_int_equal(reply.status, 200);
    assert_true(reply_has(&reply, "Content-Encoding: gzip\r\n"));
    ask(fd, "GET", "/a.txt", "Accept-Encoding: gzip\r\nRange: bytes=0-1\r\n", &reply);
    assert_int_equal(reply.status, 206);
    assert_true(reply_has(&reply, "\r\nContent-Encoding: gzip\r\n"));
    expect_body(&reply, "in");
    ask(fd, "GET", "/a.png", "", &reply);
    assert_false(reply_has(&reply, "Vary"));
    client_close(fd);
    web_stop();
}

static void siblings_are_not_looked_for_when_told(void **state)
{
    static const char *const sets[] = { "services.0.http.precompressed=false", NULL };
    int fd;

    (void)state;
    prepare();
    put_text("text.txt.gz", "in gzip\n");
    start(sets);
    fd = client_connect(web.rig.port);
    expect_coding(fd, "/text.txt", "Accept-Encoding: gzip\r\n", "", "0123456789abcdefghij\n");
    client_close(fd);
    web_stop();
}

#ifdef HAVE_ZLIB
static size_t unpack(const struct reply *reply, char *bytes, size_t size)
{
    z_stream stream = { .next_in = (unsigned char *)reply->body,
                        .avail_in = (uInt)reply->length,
                        .next_out = (unsigned char *)bytes,
                        .avail_out = (uInt)size };

    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(inflateEnd(&stream), Z_OK);
    return size - stream.avail_out;
}

static void file_is_compressed_within_bounds(void **state)
{
    static const char *const sets[] = { "services.0.http.gzip=true",
                                        "services.0.http.gzip_min=1000B",
                                        "services.0.http.gzip_max=4KiB",
                                        "services.0.http.open_files_valid=0s", NULL };
    static char text[4096 + 1], unpacked[4096];
    struct reply reply;
    char etag[128], again[128];
    int fd;

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i / 7 % 26);
    prepare();
    put("page.html", text, 4096);
    put("short.html", text, 999);
    put("long.html", text, 4097);
    put("image.png", text, 4096);
    start(sets);
    fd = client_connect(web.rig.port);
    ask(fd, "GET", "/page.html", "Accept-Encoding: gzip\r\n", &reply);
    assert_true(reply_has(&reply, "\r\nContent-Encoding: gzip\r\n"));
    assert_true(reply_has(&reply, "-gz\"\r\n"));
    assert_true(reply.length < 4096);
    assert_int_equal(unpack(&reply, unpacked, sizeof(unpacked)), 4096);
    assert_memory_equal(unpacked, text, 4096);
    copy_value(&reply, "ETag", etag, sizeof(etag));
    ask(fd, "GET", "/page.html", "Accept-Encoding: gzip\r\n", &reply);
    copy_value(&reply, "ETag", again, sizeof(again));
    assert_string_equal(etag, again);
    expect_coding(fd, "/page.html", "", "", NULL);
    expect_coding(fd, "/short.html", "Accept-Encoding: gzip\r\n", "", NULL);
    expect_coding(fd, "/long.html", "Accept-Encoding: gzip\r\n", "", NULL);
    expect_coding(fd, "/image.png", "Accept-Encoding: gzip\r\n", "", NULL);
    /* Another file in its place is compressed anew. */
    memset(text, 'z', 2000);
    put("page.html", text, 2000);
    ask(fd, "GET", "/page.html", "Accept-Encoding: gzip\r\n", &reply);
    assert_int_equal(unpack(&reply, unpacked, sizeof(unpacked)), 2000);
    assert_memory_equal(unpacked, text, 2000);
    client_close(fd);
    web_stop();
}

static void file_that_does_not_shrink_goes_out_as_it_is(void **state)
{
    static const char *const sets[] = { "services.0.http.gzip=true", NULL };
    char bytes[2048];
    uint32_t seed = 1;
    int fd;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        seed = seed * 1664525 + 1013904223;
        bytes[i] = (char)(seed >> 24);
    }
    prepare();
    put("noise.txt", bytes, sizeof(bytes));
    start(sets);
    fd = client_connect(web.rig.port);
    for (int i = 0; i < 2; i++)
        expect_coding(fd, "/noise.txt", "Accept-Encoding: gzip\r\n", "", NULL);
    client_close(fd);
    web_stop();
}
#endif

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(validators_answer_conditions),
    cmocka_unit_test(time_to_come_is_not_said),
    cmocka_unit_test(etag_changes_with_the_file),
    cmocka_unit_test(range_of_a_file_is_served),
    cmocka_unit_test(ranges_leave_as_parts),
    cmocka_unit_test(large_parts_arrive_byte_for_byte),
    cmocka_unit_test(more_ranges_than_allowed_get_the_whole),
    cmocka_unit_test(directory_without_its_slash_is_redirected),
    cmocka_unit_test(an_empty_segment_leads_around_no_route_and_no_mount),
    cmocka_unit_test(location_that_is_too_long_is_refused),
    cmocka_unit_test(index_has_the_name_that_is_set),
    cmocka_unit_test(listing_names_what_is_there),
    cmocka_unit_test(listing_is_bounded),
    cmocka_unit_test(mounts_stand_beside_the_root),
    cmocka_unit_test(what_is_no_file_below_the_root_is_not_served),
    cmocka_unit_test(sibling_is_served_to_who_accepts_it),
    cmocka_unit_test(siblings_are_not_looked_for_when_told),
#ifdef HAVE_ZLIB
    cmocka_unit_test(file_is_compressed_within_bounds),
    cmocka_unit_test(file_that_does_not_shrink_goes_out_as_it_is),
#endif
};

const struct case_group web_static = CASE_GROUP(cases);
