/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular files below a root. The kernel keeps the look-up inside it (openat2, RESOLVE_BENEATH), so
 * that neither `..` nor a symbolic link leads out; O_NONBLOCK keeps a FIFO from holding a thread.
 */
#include "http_exchange.h"
#include "http_file_cache.h"
#include "http_file_reply.h"

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

void http_serve_file(struct pl_http_exchange *exchange, struct pl_view path)
{
    static const char index[] = "index.html";
    char name[4200];
    size_t length;
    struct http_file file;
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
    err = http_file_cache_open(exchange->service->files, exchange->service->root_fd,
                               (struct pl_view){ .bytes = name, .length = length },
                               pl_conn_now_ms(exchange->conn), &file);
    if (err < 0)
        http_reply_status(exchange, status_of_errno(err));
    else
        http_reply_file(exchange, &file);
}
