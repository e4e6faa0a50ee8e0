/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of a directory without an index: read, sort, write.
 *
 * It takes memory of its own, of a fixed size, and looks at each file: dear beside any other reply,
 * bounded, and off unless it is asked for.
 */
#include "http_listing.h"

#include "http_date.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names on one page: some milliseconds of look-ups. */
#define ENTRIES_MAX 1000

/* The page of so many names of usual length; what does not fit is left out, and the page says so.
 */
#define PAGE_BYTES (256 * 1024)

/* The longest line: a name of 255 bytes, percent-encoded and escaped, and what stands around. */
#define LINE_BYTES_MAX (255 * 3 + 255 * 6 + 256)

struct entry {
    bool is_directory, is_link;
    uint64_t size;
    int64_t modified_s;
    char name[256];
};

struct listing {
    size_t count;
    bool is_cut;
    size_t used; /* of page */
    struct entry entries[ENTRIES_MAX];
    char page[PAGE_BYTES];
};

static const char page_begin[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:1rem auto;"
    "padding:0 1rem}h1{font-size:1.25rem;overflow-wrap:anywhere}ul{list-style:none;padding:0}"
    "li{display:flex;flex-wrap:wrap;gap:0 1rem;padding:.25rem 0;"
    "border-bottom:1px solid #8884}li a{flex:1 1 12rem;overflow-wrap:anywhere}"
    "li span{opacity:.75;font-variant-numeric:tabular-nums}</style>\n";

/* ---- reading -------------------------------------------------------------------------------- */

/* A link is named and not followed: what it leads to may be anywhere. */
static bool describe(int fd, const char *name, struct entry *ret_entry)
{
    struct stat status;

    if (strlen(name) >= sizeof(ret_entry->name) ||
        fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) && !S_ISLNK(status.st_mode))
        return false;
    ret_entry->is_directory = S_ISDIR(status.st_mode);
    ret_entry->is_link = S_ISLNK(status.st_mode);
    ret_entry->size = (uint64_t)status.st_size;
    ret_entry->modified_s = status.st_mtim.tv_sec;
    memcpy(ret_entry->name, name, strlen(name) + 1);
    return true;
}

static int compare(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;

    if (a->is_directory != b->is_directory)
        return a->is_directory ? -1 : 1;
    return strcmp(a->name, b->name);
}

static void read_entries(struct listing *listing, DIR *directory, bool with_dot_files)
{
    const struct dirent *found;

    while ((found = readdir(directory)) != NULL) {
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0 ||
            (found->d_name[0] == '.' && !with_dot_files))
            continue;
        if (listing->count == ENTRIES_MAX) {
            listing->is_cut = true;
            break;
        }
        if (describe(dirfd(directory), found->d_name, &listing->entries[listing->count]))
            listing->count++;
    }
    qsort(listing->entries, listing->count, sizeof(listing->entries[0]), compare);
}

/* ---- writing -------------------------------------------------------------------------------- */

static void put(struct listing *listing, const char *text)
{
    size_t length = strlen(text);

    memcpy(listing->page + listing->used, text, length);
    listing->used += length;
}

/* A control byte has no place in HTML; bytes that are no UTF-8 are shown as such by the browser. */
static void put_escaped(struct listing *listing, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (byte == '<')
            put(listing, "&lt;");
        else if (byte == '>')
            put(listing, "&gt;");
        else if (byte == '&')
            put(listing, "&amp;");
        else if (byte == '"')
            put(listing, "&quot;");
        else if (byte < 0x20 || byte == 0x7f)
            put(listing, "?");
        else
            listing->page[listing->used++] = (char)byte;
    }
}

/* "./" in front: a name with a colon is no scheme. */
static void put_link(struct listing *listing, const struct entry *entry)
{
    put(listing, "<li><a href=\"./");
    for (const char *at = entry->name; *at != '\0'; at++)
        listing->used += http_encode_path_byte((unsigned char)*at, listing->page + listing->used);
    put(listing, entry->is_directory ? "/\">" : "\">");
    put_escaped(listing, entry->name, strlen(entry->name));
    put(listing, entry->is_directory ? "/</a>" : "</a>");
}

static void put_size(struct listing *listing, uint64_t size)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    char text[64];
    size_t unit = 0;
    uint64_t tenths = size * 10;

    if (size > UINT64_MAX / 10)
        tenths = UINT64_MAX;
    for (; tenths >= 10240 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
        tenths /= 1024;
    if (unit == 0)
        snprintf(text, sizeof(text), "<span>%" PRIu64 " B</span>", size);
    else
        snprintf(text, sizeof(text), "<span>%" PRIu64 ".%" PRIu64 " %s</span>", tenths / 10,
                 tenths % 10, units[unit]);
    put(listing, text);
}

static void put_entry(struct listing *listing, const struct entry *entry)
{
    char date[HTTP_DATE_BYTES], text[64];

    put_link(listing, entry);
    if (!entry->is_directory && !entry->is_link)
        put_size(listing, entry->size);
    http_date_format(entry->modified_s, date);
    snprintf(text, sizeof(text), "<span>%.*s</span></li>\n", 17, date + 5);
    put(listing, text);
}

static void write_page(struct listing *listing, struct pl_view path, bool has_parent)
{
    put(listing, page_begin);
    put(listing, "<title>");
    put_escaped(listing, path.bytes, path.length);
    put(listing, "</title></head>\n<body><h1>");
    put_escaped(listing, path.bytes, path.length);
    put(listing, "</h1>\n<ul>\n");
    if (has_parent)
        put(listing, "<li><a href=\"../\">../</a></li>\n");
    for (size_t i = 0; i < listing->count; i++) {
        if (PAGE_BYTES - listing->used < 2 * LINE_BYTES_MAX) {
            listing->is_cut = true;
            break;
        }
        put_entry(listing, &listing->entries[i]);
    }
    put(listing, "</ul>\n");
    if (listing->is_cut)
        put(listing, "<p>There are more.</p>\n");
    put(listing, "</body></html>\n");
}

/* ---- the reply ------------------------------------------------------------------------------ */

static int read_listing(struct pl_http_exchange *exchange, int root_fd, const char *name,
                        struct listing *listing)
{
    int fd = http_open_beneath(root_fd, name);
    DIR *directory;

    if (fd < 0)
        return fd;
    directory = fdopendir(fd);
    if (directory == NULL) {
        int err = -errno;

        (void)close(fd);
        return err;
    }
    read_entries(listing, directory, exchange->service->serves_dot_files);
    (void)closedir(directory);
    return 0;
}

/* Nothing of it may run or be fetched, whatever a name contains. */
static int add_policy(struct pl_http_exchange *exchange)
{
    return pl_http_add_field(exchange, "Content-Security-Policy",
                             "default-src 'none'; style-src 'unsafe-inline'");
}

void http_reply_listing(struct pl_http_exchange *exchange, int root_fd, const char *name,
                        struct pl_view path)
{
    struct listing *listing = malloc(sizeof(*listing));
    int err = listing == NULL ? -ENOMEM : 0;

    if (err == 0) {
        listing->count = listing->used = 0;
        listing->is_cut = false;
        err = read_listing(exchange, root_fd, name, listing);
    }
    if (err == 0)
        err = add_policy(exchange);
    if (err < 0) {
        http_reply_status(exchange, http_status_of_errno(err));
    } else if (!http_answer_conditions(exchange)) {
        write_page(listing, path, strcmp(name, ".") != 0);
        pl_http_reply(exchange, 200, "text/html; charset=utf-8", listing->page, listing->used);
    }
    free(listing);
}
