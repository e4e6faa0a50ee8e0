/* SPDX-License-Identifier: Apache-2.0 */
#include "http_gzip.h"

#include <errno.h>

#ifdef HAVE_ZLIB

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

/* The largest window, with the head and trailer of gzip (RFC 1952). */
#define WINDOW_BITS  (15 + 16)
#define MEMORY_LEVEL 8

static int read_whole(int fd, unsigned char *bytes, size_t length)
{
    size_t used = 0;

    while (used < length) {
        ssize_t part = pread(fd, bytes + used, length - used, (off_t)used);

        if (part < 0 && errno == EINTR)
            continue;
        if (part <= 0)
            return -EIO;
        used += (size_t)part;
    }
    return 0;
}

/* Into less room than it took: what does not fit is not worth it. */
static int compress_bytes(const unsigned char *bytes, size_t length, int level,
                          unsigned char *packed, size_t *ret_length)
{
    z_stream stream = { .next_in = (unsigned char *)(size_t)(const void *)bytes,
                        .avail_in = (uInt)length,
                        .next_out = packed,
                        .avail_out = (uInt)length };
    int result;

    if (deflateInit2(&stream, level, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return -ENOMEM;
    result = deflate(&stream, Z_FINISH);
    *ret_length = length - stream.avail_out;
    (void)deflateEnd(&stream);
    return result == Z_STREAM_END && *ret_length < length ? 0 : -ERANGE;
}

static int keep(const unsigned char *bytes, size_t length)
{
    int fd = memfd_create("paceline-gzip", MFD_CLOEXEC);
    size_t used = 0;

    if (fd < 0)
        return -errno;
    while (used < length) {
        ssize_t part = write(fd, bytes + used, length - used);

        if (part < 0 && errno == EINTR)
            continue;
        if (part <= 0) {
            (void)close(fd);
            return -ENOMEM;
        }
        used += (size_t)part;
    }
    return fd;
}

int http_gzip_file(int fd, size_t length, int level, size_t *ret_length)
{
    unsigned char *bytes = malloc(2 * length + 1);
    size_t packed_length;
    int result = bytes == NULL ? -ENOMEM : read_whole(fd, bytes, length);

    if (result == 0)
        result = compress_bytes(bytes, length, level, bytes + length, &packed_length);
    if (result == 0)
        result = keep(bytes + length, packed_length);
    free(bytes);
    if (result >= 0)
        *ret_length = packed_length;
    return result;
}

bool http_gzip_is_built_in(void)
{
    return true;
}

#else

int http_gzip_file(int fd, size_t length, int level, size_t *ret_length)
{
    (void)fd;
    (void)length;
    (void)level;
    (void)ret_length;
    return -ENOTSUP;
}

bool http_gzip_is_built_in(void)
{
    return false;
}

#endif
