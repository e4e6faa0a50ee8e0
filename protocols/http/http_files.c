/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path → what stands there below a root: a regular file, a directory's index or listing. The
 * kernel keeps the look-up inside it (openat2, RESOLVE_BENEATH), so that neither `..` nor a
 * symbolic link leads out; O_NONBLOCK keeps a FIFO from holding a thread.
 */
#include "http_exchange.h"
#include "http_file_cache.h"
#include "http_file_reply.h"
#include "http_listing.h"
#include "http_variant.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

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

int http_open_root(const char *key, const char *path, struct pl_error *error)
{
    char reason[128];
    int probe;
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return pl_error_set(error, errno == ENOENT ? EX_NOINPUT : EX_NOPERM, -errno,
                            "%s: cannot open directory '%s': %s", key, path,
                            strerror_r(errno, reason, sizeof(reason)));
    probe = http_open_beneath(fd, ".");
    if (probe == -ENOSYS || probe == -EPERM) {
        (void)close(fd);
        return pl_error_set(error, EX_UNAVAILABLE, probe,
                            "%s: this kernel or sandbox has no openat2(2), without which "
                            "files cannot be kept below '%s'",
                            key, path);
    }
    if (probe >= 0)
        (void)close(probe);
    return fd;
}

int http_status_of_errno(int err)
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

/* ---- which file ----------------------------------------------------------------------------- */

/* The prefix ends where a segment of the path does. */
static bool is_below(struct pl_view path, struct pl_view prefix)
{
    return path.length >= prefix.length && memcmp(path.bytes, prefix.bytes, prefix.length) == 0 &&
           (path.length == prefix.length || path.bytes[prefix.length] == '/');
}

const struct http_root *http_find_root(const struct http_service *service, struct pl_view path)
{
    for (size_t i = 0; i < service->roots_count; i++)
        if (is_below(path, service->roots[i].prefix))
            return &service->roots[i];
    return NULL;
}

/* Names that begin with a dot hold what is nobody's business: .git, .env, .htpasswd. What a site
 * says about itself stands in /.well-known/ (RFC 8615). */
static bool has_dot_file(const char *name)
{
    static const char known[] = ".well-known/";

    if (strncmp(name, known, sizeof(known) - 1) == 0)
        name += sizeof(known) - 1;
    for (const char *at = name; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        if (at[0] != '.' || at[1] == '\0' || at[1] == '/')
            continue;
        if (at[1] != '.' || (at[2] != '\0' && at[2] != '/'))
            return true;
    }
    return false;
}

/* No file has one in its name. The kernel would leave it out, and so lead to what the path without
 * it is for: another route, or another root. */
static bool has_empty_segment(struct pl_view path)
{
    for (size_t i = 1; i < path.length; i++)
        if (path.bytes[i] == '/' && path.bytes[i - 1] == '/')
            return true;
    return false;
}

struct place {
    const struct http_root *root;
    size_t length; /* of the name, which is relative to the root */
    bool is_directory;
    char name[4096 + HTTP_INDEX_BYTES_MAX + 1]; /* PATH_MAX: the kernel takes no longer one */
};

static bool find_place(const struct http_service *service, struct pl_view path,
                       struct place *ret_place)
{
    ret_place->root = http_find_root(service, path);
    if (ret_place->root == NULL || has_empty_segment(path))
        return false;
    path.bytes += ret_place->root->prefix.length;
    path.length -= ret_place->root->prefix.length;
    ret_place->is_directory = path.length > 0 && path.bytes[path.length - 1] == '/';
    if (path.length > 0) {
        path.bytes++;
        path.length--;
    }
    if (path.length > sizeof(ret_place->name) - HTTP_INDEX_BYTES_MAX - 1)
        return false;
    memcpy(ret_place->name, path.bytes, path.length);
    ret_place->name[path.length] = '\0';
    ret_place->length = path.length;
    return service->serves_dot_files || !has_dot_file(ret_place->name);
}

/* ---- directories ---------------------------------------------------------------------------- */

/* As it was understood. It has no empty segment: in front that would be the name of another host.
 */
static size_t write_location(struct pl_view path, char *bytes, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < path.length; i++) {
        if (used + 4 > size)
            return 0;
        used += http_encode_path_byte((unsigned char)path.bytes[i], bytes + used);
    }
    if (used > 1)
        bytes[used++] = '/';
    return used;
}

static void redirect_to_directory(struct pl_http_exchange *exchange, struct pl_view path)
{
    struct pl_view query = pl_http_query(exchange);
    char location[HTTP_EXTRA_BYTES_MAX - 64];
    size_t used = write_location(path, location, sizeof(location) - 2);

    if (used == 0 || used + query.length + 2 > sizeof(location)) {
        http_reply_status(exchange, 414);
        return;
    }
    if (query.length > 0) {
        location[used++] = '?';
        memcpy(location + used, query.bytes, query.length);
        used += query.length;
    }
    location[used] = '\0';
    if (pl_http_add_field(exchange, "Location", location) == 0)
        http_reply_status(exchange, 301);
    else
        http_reply_status(exchange, 414);
}

/* The directory has no index. */
static void reply_directory(struct pl_http_exchange *exchange, struct place *place,
                            struct pl_view path)
{
    place->name[place->length] = '\0';
    if (exchange->service->has_listing)
        http_reply_listing(exchange, place->root->fd, place->length == 0 ? "." : place->name, path);
    else
        http_reply_status(exchange, 404);
}

/* A request that wishes nothing costs this look at the names of its fields. */
static void reply_found(struct pl_http_exchange *exchange, const struct place *place, size_t length,
                        struct http_file *file)
{
    uint32_t wishes = http_find_wishes(&exchange->head, exchange->message);

    if (file->varies && (wishes & HTTP_WISH_ACCEPT_ENCODING) != 0)
        http_choose_variant(exchange, place->root->fd,
                            (struct pl_view){ .bytes = place->name, .length = length }, file);
    http_reply_file(exchange, file, wishes);
}

void http_serve_file(struct pl_http_exchange *exchange, struct pl_view path)
{
    const struct http_service *service = exchange->service;
    struct place place;
    struct http_file file;
    size_t length;
    int err;

    if (!find_place(service, path, &place)) {
        http_reply_status(exchange, 404);
        return;
    }
    length = place.length;
    if (place.is_directory) {
        memcpy(place.name + length, service->index.bytes, service->index.length + 1);
        length += service->index.length;
    }
    err = length == 0
              ? -EISDIR
              : http_file_cache_open(service->files, place.root->fd,
                                     (struct pl_view){ .bytes = place.name, .length = length },
                                     pl_conn_now_ms(exchange->conn), &file);
    if (err == 0)
        reply_found(exchange, &place, length, &file);
    else if (err == -EISDIR && !place.is_directory)
        redirect_to_directory(exchange, path);
    else if ((err == -ENOENT || err == -EISDIR) && place.is_directory)
        reply_directory(exchange, &place, path);
    else
        http_reply_status(exchange, http_status_of_errno(err));
}
