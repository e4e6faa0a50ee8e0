/* SPDX-License-Identifier: Apache-2.0 */
#include "http_types.h"

#include "http_body.h"
#include "http_encode.h"
#include "http_parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* Debian's file has 2200 lines and 1600 endings; a list of walls, not of wishes. */
#define LINES_MAX        20000
#define LINE_BYTES_MAX   1024
#define ENDINGS_MAX      10000
#define ENDING_BYTES_MAX 32

/* A power of two: some entries per bucket with Debian's file. */
#define BUCKETS_COUNT 1024

#define CHARSET "; charset=utf-8"

static const struct {
    const char *type;
    const char *endings[4];
} own_types[] = {
    { "text/html", { "html", "htm" } },
    { "text/css", { "css" } },
    { "text/javascript", { "js", "mjs" } },
    { "application/json", { "json", "map" } },
    { "application/manifest+json", { "webmanifest" } },
    { "text/plain", { "txt" } },
    { "text/csv", { "csv" } },
    { "text/markdown", { "md" } },
    { "application/xml", { "xml" } },
    { "image/svg+xml", { "svg" } },
    { "image/png", { "png" } },
    { "image/jpeg", { "jpg", "jpeg" } },
    { "image/gif", { "gif" } },
    { "image/webp", { "webp" } },
    { "image/avif", { "avif" } },
    { "image/vnd.microsoft.icon", { "ico" } },
    { "application/pdf", { "pdf" } },
    { "application/wasm", { "wasm" } },
    { "font/woff", { "woff" } },
    { "font/woff2", { "woff2" } },
    { "audio/mpeg", { "mp3" } },
    { "video/mp4", { "mp4" } },
    { "video/webm", { "webm" } },
    { "application/gzip", { "gz" } },
    { "application/zip", { "zip" } },
};

struct type {
    struct type *next; /* in `types` */
    char text[];
};

struct ending {
    struct ending *next; /* in its bucket */
    const char *type;    /* borrowed from a struct type */
    char text[];         /* in lower case */
};

struct http_types {
    struct type *types; /* each is owned */
    uint32_t endings_count;
    struct ending *buckets[BUCKETS_COUNT]; /* each is owned */
};

/* ---- the table ------------------------------------------------------------------------------ */

static uint32_t hash_of(const char *ending)
{
    uint32_t hash = 2166136261u;

    for (; *ending != '\0'; ending++)
        hash = (hash ^ http_lower(*ending)) * 16777619u;
    return (hash ^ hash >> 16) & (BUCKETS_COUNT - 1);
}

static bool is_same(const char *text, const char *ending)
{
    for (; *text != '\0' && (unsigned char)*text == http_lower(*ending); text++)
        ending++;
    return *text == '\0' && *ending == '\0';
}

static const char *find_ending(const struct http_types *types, const char *ending)
{
    const struct ending *at = types->buckets[hash_of(ending)];

    while (at != NULL && !is_same(at->text, ending))
        at = at->next;
    return at == NULL ? NULL : at->type;
}

/* The first line that names an ending has it. */
static int add_ending(struct http_types *types, const char *text, const char *type)
{
    size_t length = strlen(text);
    struct ending **bucket = &types->buckets[hash_of(text)];
    struct ending *ending;

    if (find_ending(types, text) != NULL)
        return 0;
    if (types->endings_count == ENDINGS_MAX)
        return -ENOSPC;
    ending = malloc(sizeof(*ending) + length + 1);
    if (ending == NULL)
        return -ENOMEM;
    for (size_t i = 0; i <= length; i++)
        ending->text[i] = (char)http_lower(text[i]);
    ending->type = type;
    ending->next = *bucket;
    *bucket = ending;
    types->endings_count++;
    return 0;
}

/* The text that a reply says: what is text has its charset. */
static const char *add_type(struct http_types *types, const char *text)
{
    const char *charset = strncmp(text, "text/", 5) == 0 ? CHARSET : "";
    size_t size = strlen(text) + strlen(charset) + 1;
    struct type *type = malloc(sizeof(*type) + size);

    if (type == NULL)
        return NULL;
    snprintf(type->text, size, "%s%s", text, charset);
    type->next = types->types;
    types->types = type;
    return type->text;
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool is_token(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!http_is_token_byte((unsigned char)text[i]))
            return false;
    return length > 0;
}

/* RFC 9110, 8.3.1, without parameters. */
static bool is_type(const char *text)
{
    size_t length = strcspn(text, "/");

    return text[length] == '/' && is_token(text, length) &&
           is_token(text + length + 1, strlen(text + length + 1)) &&
           strlen(text) + strlen(CHARSET) <= HTTP_TYPE_BYTES_MAX;
}

static bool is_ending(const char *text)
{
    return strlen(text) <= ENDING_BYTES_MAX && is_token(text, strlen(text));
}

static char *take_word(char **rest)
{
    char *word = *rest + strspn(*rest, " \t\r\n");
    char *end = word + strcspn(word, " \t\r\n");

    *rest = *end == '\0' ? end : end + 1;
    *end = '\0';
    return word;
}

/* NULL, or what is wrong with the line. */
static const char *read_line(struct http_types *types, char *line)
{
    const char *name, *type, *ending;

    line[strcspn(line, "#")] = '\0';
    name = take_word(&line);
    if (*name == '\0')
        return NULL;
    if (!is_type(name))
        return "not a media type";
    ending = take_word(&line);
    if (*ending == '\0')
        return NULL;
    type = add_type(types, name);
    if (type == NULL)
        return "no memory";
    for (; *ending != '\0'; ending = take_word(&line)) {
        if (!is_ending(ending))
            return "not the ending of a name";
        if (add_ending(types, ending, type) < 0)
            return "more endings than there is room for";
    }
    return NULL;
}

static int read_lines(struct http_types *types, FILE *file, const char *path, bool is_strict,
                      struct pl_error *error)
{
    char line[LINE_BYTES_MAX];

    for (int number = 1; fgets(line, sizeof(line), file) != NULL; number++) {
        const char *mistake = NULL;

        if (number > LINES_MAX || (strchr(line, '\n') == NULL && !feof(file)))
            mistake = "more lines or longer ones than there is room for";
        else
            mistake = read_line(types, line);
        if (mistake != NULL && is_strict)
            return pl_error_set(error, EX_CONFIG, -EINVAL, "%s:%d: %s", path, number, mistake);
        if (number > LINES_MAX)
            break;
    }
    if (ferror(file) && is_strict)
        return pl_error_set(error, EX_NOINPUT, -EIO, "http.mime_types: cannot read '%s'", path);
    return 0;
}

static int read_file(struct http_types *types, const char *path, bool is_strict,
                     struct pl_error *error)
{
    char reason[128];
    FILE *file = fopen(path, "re");
    int err;

    if (file == NULL && !is_strict)
        return 0;
    if (file == NULL)
        return pl_error_set(error, EX_NOINPUT, -errno, "http.mime_types: cannot open '%s': %s",
                            path, strerror_r(errno, reason, sizeof(reason)));
    err = read_lines(types, file, path, is_strict, error);
    (void)fclose(file);
    return err;
}

static int add_own(struct http_types *types, struct pl_error *error)
{
    for (size_t i = 0; i < sizeof(own_types) / sizeof(own_types[0]); i++) {
        const char *type = add_type(types, own_types[i].type);

        for (const char *const *at = own_types[i].endings; type != NULL && *at != NULL; at++)
            if (add_ending(types, *at, type) == -ENOMEM)
                type = NULL;
        if (type == NULL)
            return pl_error_set(error, EX_OSERR, -ENOMEM, "http: no memory for the types");
    }
    return 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

void http_types_free(struct http_types *types)
{
    if (types == NULL)
        return;
    for (size_t i = 0; i < BUCKETS_COUNT; i++) {
        struct ending *next;

        for (struct ending *at = types->buckets[i]; at != NULL; at = next) {
            next = at->next;
            free(at);
        }
    }
    for (struct type *next, *at = types->types; at != NULL; at = next) {
        next = at->next;
        free(at);
    }
    free(types);
}

int http_types_new(const char *path, struct http_types **ret_types, struct pl_error *error)
{
    struct http_types *types = calloc(1, sizeof(*types));
    int err;

    if (types == NULL)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "http: no memory for the types");
    err = read_file(types, path == NULL ? HTTP_MIME_TYPES : path, path != NULL, error);
    if (err == 0)
        err = add_own(types, error);
    if (err < 0) {
        http_types_free(types);
        return err;
    }
    *ret_types = types;
    return 0;
}

/* ---- asking --------------------------------------------------------------------------------- */

const char *http_types_find(const struct http_types *types, const char *path)
{
    const char *dot = strrchr(path, '.');
    const char *type = NULL;

    if (dot != NULL && strchr(dot, '/') == NULL)
        type = find_ending(types, dot + 1);
    return type == NULL ? "application/octet-stream" : type;
}

bool http_type_is_compressible(const char *type)
{
    static const char *const others[] = {
        "application/json",
        "application/javascript",
        "application/xml",
        "application/wasm",
        "application/x-javascript",
        "font/ttf",
        "font/otf",
        "image/bmp",
        "image/vnd.microsoft.icon",
        "application/rtf",
        "application/sql",
        "application/toml",
        "application/x-yaml",
        "application/yaml",
    };
    size_t length = strcspn(type, ";");

    if (strncmp(type, "text/", 5) == 0)
        return true;
    if (length > 4 && strncmp(type + length - 4, "+xml", 4) == 0)
        return true;
    if (length > 5 && strncmp(type + length - 5, "+json", 5) == 0)
        return true;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strlen(others[i]) == length && strncmp(type, others[i], length) == 0)
            return true;
    return false;
}
