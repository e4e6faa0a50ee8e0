/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular files below a root. The kernel keeps the look-up inside it (openat2, RESOLVE_BENEATH), so
 * that neither `..` nor a symbolic link leads out; O_NONBLOCK keeps a FIFO from holding a thread.
 */
#include "http_conditional.h"
#include "http_date.h"
#include "http_exchange.h"
#include "http_file_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *ending;
    const char *type;
} types[] = {
    { "html", "text/html; charset=utf-8" },
    { "htm", "text/html; charset=utf-8" },
    { "css", "text/css; charset=utf-8" },
    { "js", "text/javascript; charset=utf-8" },
    { "mjs", "text/javascript; charset=utf-8" },
    { "json", "application/json" },
    { "txt", "text/plain; charset=utf-8" },
    { "md", "text/markdown; charset=utf-8" },
    { "xml", "application/xml" },
    { "svg", "image/svg+xml" },
    { "png", "image/png" },
    { "jpg", "image/jpeg" },
    { "jpeg", "image/jpeg" },
    { "gif", "image/gif" },
    { "webp", "image/webp" },
    { "ico", "image/x-icon" },
    { "pdf", "application/pdf" },
    { "wasm", "application/wasm" },
    { "woff2", "font/woff2" },
    { "mp4", "video/mp4" },
    { "gz", "application/gzip" },
    { "zip", "application/zip" },
};

const char *http_file_type(const char *path)
{
    const char *dot = strrchr(path, '.');

    if (dot != NULL && strchr(dot, '/') == NULL)
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
            if (strcmp(dot + 1, types[i].ending) == 0)
                return types[i].type;
    return "application/octet-stream";
}

/* EAGAIN is a rename that met the look-up, soon over, or another's lease, which is not. */
#define OPEN_TRIES 16

int http_open_beneath(int root_fd, const char *path)
{
    const struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                                  .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
    int tries_left = OPEN_TRIES;
    long fd;

    do {
        fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
    } while (fd < 0 && (errno == EINTR || (errno == EAGAIN && --tries_left > 0)));
    return fd < 0 ? -errno : (int)fd;
}

int http_open_root(const char *path, struct pl_error *error)
{
    char reason[128];
    int probe;
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return pl_error_set(error, errno == ENOENT ? EX_NOINPUT : EX_NOPERM, -errno,
                            "http.root: cannot open directory '%s': %s", path,
                            strerror_r(errno, reason, sizeof(reason)));
    probe = http_open_beneath(fd, ".");
    if (probe == -ENOSYS || probe == -EPERM) {
        (void)close(fd);
        return pl_error_set(error, EX_UNAVAILABLE, probe,
                            "http.root: this kernel or sandbox has no openat2(2), without which "
                            "files cannot be kept below '%s'",
                            path);
    }
    if (probe >= 0)
        (void)close(probe);
    return fd;
}

static int status_of_errno(int err)
{
    switch (err) {
    case -EACCES:
    case -EPERM:
        return 403;
    case -EAGAIN:
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM:
        return 503;
    default: /* absent, a path through a file, a link that leads out (EXDEV), a device (ENXIO) */
        return 404;
    }
}

static int append_body(struct pl_output *output, const struct http_file *file)
{
    size_t length = (size_t)file->size;

    if (file->cached == NULL)
        return pl_output_append_file(output, file->fd, 0, length);
    return pl_output_append_file_shared(output, file->fd, 0, length, http_cached_file_release,
                                        file->cached);
}

static void add_lines(struct pl_http_exchange *exchange, const char *lines, size_t length)
{
    memcpy(exchange->extra + exchange->extra_bytes, lines, length);
    exchange->extra_bytes = (uint16_t)(exchange->extra_bytes + length);
}

/* A time that is still to come is replaced by that of the reply (RFC 9110, 8.8.2.1). */
static void bound_modified(struct pl_http_exchange *exchange,
                           const struct http_validators *validators, char *modified)
{
    struct pl_view date = { .bytes = pl_conn_date(exchange->conn), .length = PL_DATE_BYTES };
    int64_t now_s;

    if (http_date_parse(date, 0, &now_s) && now_s < validators->modified_s)
        memcpy(modified, date.bytes, date.length);
}

static void add_validators(struct pl_http_exchange *exchange,
                           const struct http_validators *validators)
{
    char *lines = exchange->extra + exchange->extra_bytes;

    add_lines(exchange, validators->lines, validators->lines_length);
    if (validators->is_of_now)
        bound_modified(exchange, validators, lines + HTTP_MODIFIED_AT);
}

/* What 200 would say about caching, and no more (RFC 9110, 15.4.5). */
static void reply_not_modified(struct pl_http_exchange *exchange, struct http_file *file)
{
    const struct http_validators *validators = &file->validators;

    exchange->status = 304;
    add_lines(exchange, validators->lines + validators->etag_line,
              (size_t)(validators->lines_length - validators->etag_line));
    if (http_begin_reply(exchange, exchange->conn, NULL, 0) < 0)
        exchange->lacks_memory = true;
    http_file_close(file);
}

static void reply_file(struct pl_http_exchange *exchange, struct http_file *file)
{
    exchange->status = 200;
    add_validators(exchange, &file->validators);
    if (http_begin_reply(exchange, exchange->conn, file->type, (uint64_t)file->size) < 0) {
        exchange->lacks_memory = true;
        http_file_close(file);
        return;
    }
    if (exchange->is_head_method) {
        http_file_close(file);
        return;
    }
    if (append_body(exchange->output, file) < 0)
        exchange->is_broken = true;
}

/* The file as the request wishes it. */
static void reply_as_wished(struct pl_http_exchange *exchange, struct http_file *file,
                            uint32_t wishes)
{
    switch (http_check_conditions(&exchange->head, exchange->message, wishes, &file->validators,
                                  time(NULL))) {
    case HTTP_CONDITION_NOT_MODIFIED:
        reply_not_modified(exchange, file);
        return;
    case HTTP_CONDITION_FAILED:
        http_file_close(file);
        http_reply_status(exchange, 412);
        return;
    case HTTP_CONDITION_TRUE:
        break;
    }
    reply_file(exchange, file);
}

void http_serve_file(struct pl_http_exchange *exchange, struct pl_view path)
{
    static const char index[] = "index.html";
    char name[4200];
    size_t length;
    struct http_file file;
    uint32_t wishes;
    int err;

    while (path.length > 0 && *path.bytes == '/') {
        path.bytes++;
        path.length--;
    }
    if (path.length + sizeof(index) > sizeof(name)) {
        http_reply_status(exchange, 404);
        return;
    }
    memcpy(name, path.bytes, path.length);
    length = path.length;
    if (length == 0 || name[length - 1] == '/') {
        memcpy(name + length, index, sizeof(index) - 1);
        length += sizeof(index) - 1;
    }
    name[length] = '\0';
    err = http_file_cache_open(exchange->service->files,
                               (struct pl_view){ .bytes = name, .length = length },
                               pl_conn_now_ms(exchange->conn), &file);
    if (err < 0) {
        http_reply_status(exchange, status_of_errno(err));
        return;
    }
    wishes = http_find_wishes(&exchange->head, exchange->message);
    if (wishes == 0)
        reply_file(exchange, &file);
    else
        reply_as_wished(exchange, &file, wishes);
}
