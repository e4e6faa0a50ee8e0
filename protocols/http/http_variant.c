/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which coding of a file leaves. What is tried is remembered: a sibling that is missing is not
 * looked for again as long as its file is fresh, and a gzip of our own stands among the open files
 * until its source changes.
 */
#include "http_variant.h"

#include "http_accept_encoding.h"
#include "http_gzip.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *ending;
    const char *coding;
} siblings[] = {
    [HTTP_CODING_BR] = { ".br", "br" },
    [HTTP_CODING_GZIP] = { ".gz", "gzip" },
};

static void replace(struct http_file *file, struct http_file *variant, const char *coding)
{
    variant->type = file->type;
    variant->coding = coding;
    variant->varies = true;
    http_file_close(file);
    *file = *variant;
}

/* A sibling older than its file was made of another one. */
static bool take_sibling(struct pl_http_exchange *exchange, int root_fd, struct pl_view name,
                         enum http_coding coding, struct http_file *file)
{
    struct http_file_cache *cache = exchange->service->files;
    int64_t now_ms = pl_conn_now_ms(exchange->conn);
    char path[4096 + 8];
    struct http_file variant;

    if (!exchange->service->has_siblings || name.length + 4 > sizeof(path) ||
        http_file_lacks_sibling(cache, file, (uint32_t)coding, now_ms))
        return false;
    memcpy(path, name.bytes, name.length);
    memcpy(path + name.length, siblings[coding].ending, 4);
    if (http_file_cache_open(cache, root_fd,
                             (struct pl_view){ .bytes = path, .length = name.length + 3 }, now_ms,
                             &variant) < 0) {
        http_file_note_no_sibling(file, (uint32_t)coding, now_ms);
        return false;
    }
    if (variant.validators->modified_s < file->validators->modified_s) {
        http_file_close(&variant);
        return false;
    }
    replace(file, &variant, siblings[coding].coding);
    return true;
}

struct gzip_order {
    size_t length;
    int level;
};

static int make_gzip(int fd, void *context, off_t *ret_size)
{
    const struct gzip_order *order = context;
    size_t length = 0;
    int made = http_gzip_file(fd, order->length, order->level, &length);

    *ret_size = (off_t)length;
    return made;
}

static bool take_own_gzip(struct pl_http_exchange *exchange, int root_fd, struct pl_view name,
                          struct http_file *file)
{
    const struct http_service *service = exchange->service;
    struct gzip_order order = { .length = (size_t)file->size, .level = service->gzip_level };
    struct http_file variant;

    if (!service->has_gzip || (uint64_t)file->size < service->gzip_bytes_min ||
        (uint64_t)file->size > service->gzip_bytes_max)
        return false;
    if (http_file_cache_open_made(service->files, root_fd, name, pl_conn_now_ms(exchange->conn),
                                  file, make_gzip, &order, &variant) < 0)
        return false;
    replace(file, &variant, "gzip");
    return true;
}

static bool take(struct pl_http_exchange *exchange, int root_fd, struct pl_view name,
                 enum http_coding coding, struct http_file *file)
{
    return take_sibling(exchange, root_fd, name, coding, file) ||
           (coding == HTTP_CODING_GZIP && take_own_gzip(exchange, root_fd, name, file));
}

void http_choose_variant(struct pl_http_exchange *exchange, int root_fd, struct pl_view name,
                         struct http_file *file)
{
    struct http_codings codings;
    enum http_coding first = HTTP_CODING_BR, second = HTTP_CODING_GZIP;

    http_read_codings(&exchange->head, exchange->message, &codings);
    if (codings.weights[second] > codings.weights[first]) {
        first = HTTP_CODING_GZIP;
        second = HTTP_CODING_BR;
    }
    /* A client that refuses identity too gets it all the same: what else is there says more to it
     * than 406. */
    if (codings.weights[first] == 0 ||
        codings.weights[first] < codings.weights[HTTP_CODING_IDENTITY] ||
        take(exchange, root_fd, name, first, file))
        return;
    if (codings.weights[second] > 0 &&
        codings.weights[second] >= codings.weights[HTTP_CODING_IDENTITY])
        (void)take(exchange, root_fd, name, second, file);
}
