/* SPDX-License-Identifier: Apache-2.0 */
/* Settings and the application's bindings → the routes and the root of a service. */
#include "http_access_log.h"
#include "http_encode.h"
#include "http_file_cache.h"
#include "http_gzip.h"
#include "http_host.h"
#include "http_parse.h"
#include "http_path.h"
#include "http_service.h"
#include "http_types.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* Above this a reply's body is borrowed, not copied; see framework/conn/output.c. */
#define FIXED_BYTES_MAX 2048

static bool is_method(const char *method)
{
    size_t length = strlen(method);

    for (size_t i = 0; i < length; i++)
        if (!http_is_token_byte((unsigned char)method[i]))
            return false;
    return length > 0 && length <= HTTP_METHOD_BYTES_MAX;
}

static bool is_field_value(const char *value)
{
    for (; *value != '\0'; value++)
        if ((unsigned char)*value < 0x20 || *value == 0x7f)
            return false;
    return true;
}

/* The second of two could never be asked. An application's own stand before fixed replies, which an
 * operator may write for what it leaves open. */
static bool find_same(const struct http_service *service, const struct http_route *route)
{
    for (size_t i = 0; i < service->routes_count; i++)
        if ((service->routes[i].fixed != NULL) == (route->fixed != NULL) &&
            http_route_is_same(&service->routes[i], route))
            return true;
    return false;
}

static int add_route(struct http_service *service, const struct http_route *added,
                     struct http_route **ret_route, struct pl_error *error)
{
    struct http_route route = *added;
    const char *fault;

    if (service->routes_count == PL_ROUTES_MAX)
        return pl_error_set(error, EX_CONFIG, -ENOSPC, "http: more than %d routes", PL_ROUTES_MAX);
    if (route.path == NULL || (route.path[0] != '/' && strcmp(route.path, "*") != 0))
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "http: a route's path must begin with '/', not '%s'",
                            route.path == NULL ? "" : route.path);
    if (!is_method(route.method))
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "http: route %s: '%s' is no method (a token of at most %d bytes)",
                            route.path, route.method, HTTP_METHOD_BYTES_MAX);
    fault = http_pattern_read(route.path, &route);
    if (fault != NULL)
        return pl_error_set(error, EX_CONFIG, -EINVAL, "http: route %s: %s", route.path, fault);
    if (!http_host_is_pattern(route.host))
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "http: route %s: expected a host such as example.org or "
                            "*.example.org, without a port, not '%s'",
                            route.path, route.host);
    if (find_same(service, &route))
        return pl_error_set(error, EX_CONFIG, -EINVAL, "http: route %s %s%s stands twice",
                            route.method, route.host == NULL ? "" : route.host, route.path);
    if (route.fixed != NULL && route.fixed->type != NULL && !is_field_value(route.fixed->type))
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "http: route %s: the type holds a control byte", route.path);
    route.note.name = route.path;
    service->streams_bodies |= route.streams_body;
    *ret_route = http_insert_route(service, &route);
    return 0;
}

static int add_binding(struct http_service *service, const struct pl_binding *binding,
                       struct pl_error *error)
{
    const char *element = binding->elements;

    for (size_t i = 0; i < binding->count; i++, element += binding->element_bytes) {
        struct pl_http_route route = { .method = NULL };
        struct http_route *added;
        int err;

        /* An application compiled against an older header has shorter elements. */
        memcpy(&route, element,
               binding->element_bytes < sizeof(route) ? binding->element_bytes : sizeof(route));
        err = add_route(service,
                        &(struct http_route){ .method = route.method == NULL ? "GET" : route.method,
                                              .host = route.host,
                                              .path = route.path,
                                              .handler = route.handler,
                                              .context = route.context,
                                              .may_block = route.may_block,
                                              .streams_body = route.streams_body },
                        &added, error);
        if (err < 0)
            return err;
    }
    return 0;
}

/* Short ones with a body; the others are put together each time. */
static int prepare(struct http_route *route)
{
    struct pl_view text = pl_view_of(route->fixed->text == NULL ? "" : route->fixed->text);
    char *tail;
    size_t used;

    if (text.length == 0 || text.length > FIXED_BYTES_MAX ||
        http_status_has_no_content((int)route->fixed->status))
        return 0;
    tail = malloc(HTTP_REPLY_HEAD_BYTES + text.length);
    if (tail == NULL)
        return -ENOMEM;
    used = http_encode_rest(pl_view_of(http_fixed_type(route->fixed)), text.length, tail);
    memcpy(tail + used, text.bytes, text.length);
    route->fixed_bytes = text.length;
    route->fixed_tail = (struct pl_view){ .bytes = tail, .length = used + text.length };
    return 0;
}

static int add_fixed(struct http_service *service, const struct pl_setting_list *routes,
                     struct pl_error *error)
{
    const struct http_route_settings *fixed = routes->items;

    for (uint32_t i = 0; i < routes->count; i++) {
        struct http_route *added;
        int err = add_route(
            service,
            &(struct http_route){ .method = fixed[i].method == NULL ? "GET" : fixed[i].method,
                                  .host = fixed[i].host,
                                  .path = fixed[i].path,
                                  .fixed = &fixed[i].reply },
            &added, error);

        if (err == 0 && prepare(added) < 0)
            err = pl_error_set(error, EX_OSERR, -ENOMEM, "http: no memory for the replies");
        if (err < 0)
            return err;
    }
    return 0;
}

/* It is compared with paths that are decoded and have neither dot segments nor a query. */
static bool is_mount_path(const char *path)
{
    const char *at = path;

    if (path == NULL || path[0] != '/' || strstr(path, "//") != NULL || strpbrk(path, "?#") != NULL)
        return false;
    while (*at++ == '/') {
        struct pl_view segment = { .bytes = at, .length = strcspn(at, "/") };

        if (http_path_dots(segment) > 0)
            return false;
        at += segment.length;
    }
    return true;
}

/* The longer prefix stands first. */
static int add_root(struct http_service *service, const char *key, const char *path,
                    const char *directory, struct pl_error *error)
{
    struct http_root root = { .prefix = pl_view_of(path) };
    size_t at = service->roots_count;

    if (root.prefix.length > 0 && root.prefix.bytes[root.prefix.length - 1] == '/')
        root.prefix.length--;
    for (size_t i = 0; i < service->roots_count; i++)
        if (pl_view_equals(service->roots[i].prefix, root.prefix))
            return pl_error_set(error, EX_CONFIG, -EINVAL,
                                "%s: the path '%s' has a directory already", key, path);
    if (service->roots_count == HTTP_ROOTS_MAX)
        return pl_error_set(error, EX_CONFIG, -ENOSPC, "%s: more than %d directories", key,
                            HTTP_ROOTS_MAX);
    root.fd = http_open_root(key, directory, error);
    if (root.fd < 0)
        return root.fd;
    for (; at > 0 && service->roots[at - 1].prefix.length < root.prefix.length; at--)
        service->roots[at] = service->roots[at - 1];
    service->roots[at] = root;
    service->roots_count++;
    return 0;
}

static int add_mounts(struct http_service *service, const struct pl_setting_list *mounts,
                      struct pl_error *error)
{
    const struct http_mount_settings *mount = mounts->items;

    for (uint32_t i = 0; i < mounts->count; i++) {
        int err;

        if (!is_mount_path(mount[i].path))
            return pl_error_set(
                error, EX_CONFIG, -EINVAL,
                "http.mounts: expected a path with one '/' in front, and without dot "
                "segments, '?' and '#', not '%s'",
                mount[i].path == NULL ? "" : mount[i].path);
        if (mount[i].root == NULL)
            return pl_error_set(error, EX_CONFIG, -EINVAL, "http.mounts: '%s' has no root",
                                mount[i].path);
        err = add_root(service, "http.mounts", mount[i].path, mount[i].root, error);
        if (err < 0)
            return err;
    }
    return 0;
}

static int set_index(struct http_service *service, const char *index, struct pl_error *error)
{
    service->index = pl_view_of(index == NULL ? "index.html" : index);
    if (service->index.length == 0 || service->index.length > HTTP_INDEX_BYTES_MAX ||
        strchr(service->index.bytes, '/') != NULL || http_path_dots(service->index) > 0)
        return pl_error_set(error, EX_CONFIG, -EINVAL, "http.index: '%s' is not the name of a file",
                            service->index.bytes);
    return 0;
}

static int set_codings(struct http_service *service, const struct http_settings *settings,
                       struct pl_error *error)
{
    if (settings->has_gzip && !http_gzip_is_built_in())
        return pl_error_set(error, EX_CONFIG, -ENOTSUP, "http.gzip: this was built without zlib");
    if (settings->has_gzip && settings->gzip_bytes_min > settings->gzip_bytes_max)
        return pl_error_set(error, EX_CONFIG, -EINVAL, "http.gzip_min is above http.gzip_max");
    if (settings->has_gzip && settings->open_files_max == 0)
        return pl_error_set(error, EX_CONFIG, -EINVAL,
                            "http.gzip: needs http.open_files, where its work is kept");
    service->has_siblings = settings->has_siblings;
    service->has_gzip = settings->has_gzip;
    service->gzip_level = (int)settings->gzip_level;
    service->gzip_bytes_min = settings->gzip_bytes_min;
    service->gzip_bytes_max = settings->gzip_bytes_max;
    return 0;
}

static int open_files(struct http_service *service, const struct http_settings *settings,
                      struct pl_error *error)
{
    int err = add_mounts(service, &settings->mounts, error);

    if (err == 0 && settings->root != NULL)
        err = add_root(service, "http.root", "/", settings->root, error);
    service->ranges_max = settings->ranges_max;
    service->send = (enum pl_file_send)settings->send;
    service->has_listing = settings->has_listing;
    service->serves_dot_files = settings->dot_files == HTTP_DOT_FILES_SERVE;
    /* A mistake is one also where no root has any use for it. */
    if (err == 0)
        err = set_index(service, settings->index, error);
    if (err == 0)
        err = set_codings(service, settings, error);
    if (err == 0)
        err = http_types_new(settings->mime_types, &service->types, error);
    if (err < 0 || service->roots_count == 0)
        return err;
    service->files = http_file_cache_new(settings->open_files_max,
                                         settings->open_files_valid_us / 1000, service->types);
    if (service->files == NULL)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "http: no memory for open files");
    return 0;
}

void http_service_close(void *data)
{
    struct http_service *service = data;

    http_access_log_close(service->access_log);
    http_file_cache_free(service->files);
    http_types_free(service->types);
    for (size_t i = 0; i < service->roots_count; i++)
        (void)close(service->roots[i].fd);
    for (size_t i = 0; i < service->routes_count; i++)
        free((void *)(size_t)(const void *)service->routes[i].fixed_tail.bytes);
    free(service);
}

int http_service_open(const void *data, const struct pl_binding *bindings, size_t bindings_count,
                      void **ret_data, struct pl_error *error)
{
    const struct http_settings *settings = data;
    struct http_service *service = calloc(1, sizeof(*service));
    int err = 0;

    if (service == NULL)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "http: no memory");
    service->head_bytes_max = (size_t)settings->head_bytes_max;
    service->body_bytes_max = settings->body_bytes_max;
    service->target_bytes_max = (size_t)settings->target_bytes_max;
    for (size_t i = 0; i < bindings_count && err == 0; i++)
        err = add_binding(service, &bindings[i], error);
    if (err == 0)
        err = add_fixed(service, &settings->routes, error);
    if (err == 0)
        err = open_files(service, settings, error);
    if (err == 0)
        err = http_access_log_open(&settings->access_log, &service->access_log, error);
    if (err < 0) {
        http_service_close(service);
        return err;
    }
    *ret_data = service;
    return 0;
}
