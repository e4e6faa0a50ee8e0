/* SPDX-License-Identifier: Apache-2.0 */
/* What all connections of one HTTP service share: its settings and where requests go. */
#ifndef PL_HTTP_SERVICE_H
#define PL_HTTP_SERVICE_H

#include "http_path.h"

#include <paceline/http.h>
#include <paceline/limits.h>
#include <paceline/output.h>

struct http_access_log_settings {
    char *file;
    int format; /* enum http_access_format */
};

struct http_settings {
    char *root;
    struct pl_setting_list mounts; /* of struct http_mount_settings */
    char *index;
    bool has_listing;
    int dot_files; /* enum http_dot_files */
    char *mime_types;
    uint32_t open_files_max;
    int64_t open_files_valid_us;
    uint32_t ranges_max;
    int send; /* enum pl_file_send */
    bool has_siblings;
    bool has_gzip;
    uint64_t gzip_bytes_min;
    uint64_t gzip_bytes_max;
    uint32_t gzip_level;
    uint64_t head_bytes_max;
    uint64_t target_bytes_max;
    uint64_t body_bytes_max;
    struct http_access_log_settings access_log;
    struct pl_setting_list routes; /* of struct http_route_settings */
};

struct http_mount_settings {
    char *path;
    char *root;
};

enum http_dot_files { HTTP_DOT_FILES_REFUSE, HTTP_DOT_FILES_SERVE };

struct http_reply_settings {
    uint32_t status;
    char *type;
    char *text;
};

struct http_route_settings {
    char *host;
    char *path;
    char *method;
    struct http_reply_settings reply;
};

extern const struct pl_setting http_settings_table[];

/* A handler of the application, or a fixed reply of the configuration. */
struct http_route {
    const char *method; /* borrowed */
    const char *host;   /* borrowed; NULL: every host */
    const char *path;   /* borrowed; a pattern */
    size_t path_length;
    uint16_t segments_count; /* 0: "*", which is no path */
    bool is_literal;         /* compared with the path as it was sent */
    bool has_wildcard;
    pl_http_handler *handler; /* NULL: fixed */
    void *context;
    const struct http_reply_settings *fixed; /* borrowed */
    size_t fixed_bytes;                      /* of its body */
    struct pl_view fixed_tail; /* owned: what follows the Date of a fixed reply; may be empty */
    bool may_block;
    bool streams_body;
    struct pl_handler_note note;
};

/* A directory whose files stand below a path. */
struct http_root {
    struct pl_view prefix; /* borrowed; without a slash at its end, so that of "/" is empty */
    int fd;                /* owned */
};

/* Directories of one service: they are walked for each file. */
#define HTTP_ROOTS_MAX 16

#define HTTP_INDEX_BYTES_MAX 255

struct http_service {
    struct http_route routes[PL_ROUTES_MAX]; /* in the order in which they are asked */
    size_t routes_count;
    bool has_hosts;                         /* a route has one */
    struct http_access_log *access_log;     /* owned; NULL: off */
    struct http_root roots[HTTP_ROOTS_MAX]; /* the longest prefix first */
    size_t roots_count;
    struct http_types *types;      /* owned; NULL without a root */
    struct http_file_cache *files; /* owned; NULL without a root */
    struct pl_view index;          /* borrowed; with a NUL behind it */
    bool has_listing;
    bool serves_dot_files;
    bool has_siblings;
    bool has_gzip;
    int gzip_level;
    uint64_t gzip_bytes_min;
    uint64_t gzip_bytes_max; /* at most HTTP_GZIP_BYTES_MAX */
    uint32_t ranges_max;     /* at most HTTP_RANGES_MAX */
    enum pl_file_send send;  /* how files leave */
    size_t head_bytes_max;
    size_t target_bytes_max;
    uint64_t body_bytes_max; /* of bodies in parts */
    bool streams_bodies;     /* at least one route */
};

/* What a fixed reply without a type is. */
static inline const char *http_fixed_type(const struct http_reply_settings *fixed)
{
    return fixed->type == NULL ? "text/plain; charset=utf-8" : fixed->type;
}

/* For struct pl_protocol. */
int http_service_open(const void *data, const struct pl_binding *bindings, size_t bindings_count,
                      void **ret_data, struct pl_error *error);
void http_service_close(void *data);

/* ---- http_router.c --------------------------------------------------------------------------- */

enum http_match {
    HTTP_MATCH_ROUTE,
    HTTP_MATCH_OPTIONS,      /* the path is known: 204 with what is allowed */
    HTTP_MATCH_OTHER_METHOD, /* it is known for the methods in found->allow: 405 */
    HTTP_MATCH_NOTHING,
    HTTP_MATCH_MALFORMED, /* a broken escape or a NUL: 400 */
};

struct http_asked {
    struct pl_view method;
    struct pl_view host; /* as it was sent; may be empty while no route has one */
    struct pl_view path; /* as it was sent; begins with '/', or "*" */
};

/* Which of these are written depends on the match. */
struct http_found {
    struct http_route *route;  /* ROUTE */
    struct http_params params; /* ROUTE, unless that is a literal */
    bool is_normal;            /* always, without ROUTE: the path is its own text */
    char allow[256];           /* OPTIONS, OTHER_METHOD */
};

enum http_match http_find_route(struct http_service *service, const struct http_asked *asked,
                                struct http_found *found);

/* Reads a route's path into what the router asks of it. Returns NULL, or what was expected of a
 * path that is none. */
const char *http_pattern_read(const char *path, struct http_route *route);

/* No request could tell them apart. */
bool http_route_is_same(const struct http_route *left, const struct http_route *right);

/* Puts a route, read and checked, into its place; there is room. Returns where it stands until the
 * next is put in. */
struct http_route *http_insert_route(struct http_service *service, const struct http_route *route);

/* Which of the route's parameters has that name; "*" is the wildcard's. */
bool http_find_param(const struct http_route *route, struct pl_view name, size_t *ret_index);

/* ---- http_files.c ---------------------------------------------------------------------------- */

/* `key`: the setting that names the path. Thread: setup. */
int http_open_root(const char *key, const char *path, struct pl_error *error);

/* Whose prefix is the longest, or NULL. `path` is decoded. */
const struct http_root *http_find_root(const struct http_service *service, struct pl_view path);

/* A descriptor of what `path` leads to below the root, or a negative errno value. Thread: any. */
int http_open_beneath(int root_fd, const char *path);

/* How a request for a file that could not be opened is answered. */
int http_status_of_errno(int err);

/* Answers GET and HEAD with what stands below a root. `path` is decoded. */
void http_serve_file(struct pl_http_exchange *exchange, struct pl_view path);

#endif
