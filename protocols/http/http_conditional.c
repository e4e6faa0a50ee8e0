/* SPDX-License-Identifier: Apache-2.0 */
#include "http_conditional.h"

#include "http_body.h"
#include "http_date.h"

/* ---- validators ----------------------------------------------------------------------------- */

static char *put(char *at, const char *text, size_t length)
{
    memcpy(at, text, length);
    return at + length;
}

#define PUT(at, literal) put((at), (literal), sizeof(literal) - 1)

static char *put_hex(char *at, uint64_t number)
{
    int shift = 60;

    while (shift > 0 && number >> shift == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *at++ = "0123456789abcdef"[number >> shift & 15];
    return at;
}

static char *put_etag(char *at, const struct stat *status, const char *suffix)
{
    uint64_t modified_ns =
        (uint64_t)status->st_mtim.tv_sec * 1000000000u + (uint64_t)status->st_mtim.tv_nsec;

    at = PUT(at, "\"");
    at = put_hex(at, (uint64_t)status->st_ino);
    at = PUT(at, "-");
    at = put_hex(at, (uint64_t)status->st_size);
    at = PUT(at, "-");
    at = put_hex(at, modified_ns);
    at = put(at, suffix, strlen(suffix));
    return PUT(at, "\"");
}

/* A file's time may be anything; a date has a year of four digits. */
static int64_t clamp_time(int64_t seconds)
{
    const int64_t last = 253402300799; /* of 9999 */

    return seconds < 0 ? 0 : seconds > last ? last : seconds;
}

void http_validators_init(struct http_validators *validators, const struct stat *status,
                          int64_t now_s, const char *suffix)
{
    char *at = PUT(validators->lines, "Last-Modified: ");
    char *etag;

    validators->modified_s = clamp_time(status->st_mtim.tv_sec);
    validators->is_of_now = validators->modified_s >= now_s;
    http_date_format(validators->modified_s, at);
    at = PUT(at + HTTP_DATE_BYTES, "\r\nAccept-Ranges: bytes\r\n");
    validators->etag_line = (uint8_t)(at - validators->lines);
    etag = PUT(at, "ETag: ");
    at = put_etag(etag, status, suffix);
    validators->etag_length = (uint8_t)(at - etag);
    at = PUT(at, "\r\n");
    validators->lines_length = (uint8_t)(at - validators->lines);
}

/* ---- the fields ----------------------------------------------------------------------------- */

static uint32_t wish_of(struct pl_view name)
{
    switch (name.length) {
    case 5:
        return http_equals_ignoring_case(name, "range") ? HTTP_WISH_RANGE : 0;
    case 8:
        if (http_equals_ignoring_case(name, "if-match"))
            return HTTP_WISH_IF_MATCH;
        return http_equals_ignoring_case(name, "if-range") ? HTTP_WISH_IF_RANGE : 0;
    case 13:
        return http_equals_ignoring_case(name, "if-none-match") ? HTTP_WISH_IF_NONE_MATCH : 0;
    case 15:
        return http_equals_ignoring_case(name, "accept-encoding") ? HTTP_WISH_ACCEPT_ENCODING : 0;
    case 17:
        return http_equals_ignoring_case(name, "if-modified-since") ? HTTP_WISH_IF_MODIFIED_SINCE
                                                                    : 0;
    case 19:
        return http_equals_ignoring_case(name, "if-unmodified-since")
                   ? HTTP_WISH_IF_UNMODIFIED_SINCE
                   : 0;
    default:
        return 0;
    }
}

uint32_t http_find_wishes(const struct http_head *head, struct pl_view message)
{
    uint32_t wishes = 0;

    for (uint16_t i = 0; i < head->fields_count; i++)
        wishes |= wish_of(http_view(message, head->fields[i].name));
    return wishes;
}

bool http_only_field(const struct http_head *head, struct pl_view message, const char *name,
                     struct pl_view *ret_value)
{
    uint32_t count = 0;

    for (uint16_t i = 0; i < head->fields_count; i++) {
        if (!http_equals_ignoring_case(http_view(message, head->fields[i].name), name))
            continue;
        *ret_value = http_view(message, head->fields[i].value);
        count++;
    }
    return count == 1;
}

/* ---- entity tags ---------------------------------------------------------------------------- */

/* entity-tag of RFC 9110, 8.8.3: the length of the one at the beginning, or 0. */
static size_t tag_length(struct pl_view text)
{
    size_t at = text.length >= 2 && memcmp(text.bytes, "W/", 2) == 0 ? 2 : 0;

    if (at >= text.length || text.bytes[at] != '"')
        return 0;
    for (at++; at < text.length; at++) {
        unsigned char byte = (unsigned char)text.bytes[at];

        if (byte == '"')
            return at + 1;
        if (byte <= 0x20 || byte == 0x7f)
            return 0;
    }
    return 0;
}

static bool is_same_tag(struct pl_view tag, struct pl_view own, bool is_weak_comparison)
{
    if (is_weak_comparison && tag.length > 2 && tag.bytes[0] == 'W') {
        tag.bytes += 2;
        tag.length -= 2;
    }
    return pl_view_equals(tag, own);
}

static size_t count_space(struct pl_view text, size_t at)
{
    size_t begin = at;

    while (at < text.length && (text.bytes[at] == ' ' || text.bytes[at] == '\t'))
        at++;
    return at - begin;
}

enum tags { TAGS_WRONG, TAGS_MATCH, TAGS_NO_MATCH };

/* One line of a list; empty elements are none (RFC 9110, 5.6.1.2). */
static enum tags match_line(struct pl_view line, struct pl_view own, bool is_weak_comparison)
{
    enum tags result = TAGS_NO_MATCH;
    size_t at = 0;

    while (at < line.length) {
        struct pl_view tag = { .bytes = line.bytes + at, .length = line.length - at };

        if (*tag.bytes == ',' || count_space(line, at) > 0) {
            at++;
            continue;
        }
        tag.length = tag_length(tag);
        if (tag.length == 0)
            return TAGS_WRONG;
        if (is_same_tag(tag, own, is_weak_comparison))
            result = TAGS_MATCH;
        at += tag.length;
        at += count_space(line, at);
        if (at < line.length && line.bytes[at] != ',')
            return TAGS_WRONG;
    }
    return result;
}

/* All lines of the field are one list. One that is wrong anywhere names nothing: what its sender
 * has cannot be known. */
static bool match_tags(const struct http_head *head, struct pl_view message, const char *name,
                       struct pl_view own, bool is_weak_comparison)
{
    struct pl_view line;
    bool matches = false;

    if (http_only_field(head, message, name, &line) && pl_view_equals(line, PL_VIEW("*")))
        return true;
    for (uint16_t i = 0; i < head->fields_count; i++) {
        if (!http_equals_ignoring_case(http_view(message, head->fields[i].name), name))
            continue;
        switch (match_line(http_view(message, head->fields[i].value), own, is_weak_comparison)) {
        case TAGS_WRONG:
            return false;
        case TAGS_MATCH:
            matches = true;
            break;
        case TAGS_NO_MATCH:
            break;
        }
    }
    return matches;
}

/* ---- conditions ----------------------------------------------------------------------------- */

/* A list of dates is none (RFC 9110, 13.1.3 and 13.1.4). */
static bool find_date(const struct http_head *head, struct pl_view message, const char *name,
                      int64_t now_s, int64_t *ret_s)
{
    struct pl_view value;

    return http_only_field(head, message, name, &value) && http_date_parse(value, now_s, ret_s);
}

enum http_condition http_check_conditions(const struct http_head *head, struct pl_view message,
                                          uint32_t wishes, const struct http_validators *validators,
                                          int64_t now_s)
{
    struct pl_view own = http_etag(validators);
    int64_t date;

    if (wishes & HTTP_WISH_IF_MATCH) {
        if (!match_tags(head, message, "if-match", own, false))
            return HTTP_CONDITION_FAILED;
    } else if (wishes & HTTP_WISH_IF_UNMODIFIED_SINCE) {
        if (find_date(head, message, "if-unmodified-since", now_s, &date) &&
            validators->modified_s > date)
            return HTTP_CONDITION_FAILED;
    }
    if (wishes & HTTP_WISH_IF_NONE_MATCH) {
        if (match_tags(head, message, "if-none-match", own, true))
            return HTTP_CONDITION_NOT_MODIFIED;
    } else if (wishes & HTTP_WISH_IF_MODIFIED_SINCE) {
        if (find_date(head, message, "if-modified-since", now_s, &date) &&
            validators->modified_s <= date)
            return HTTP_CONDITION_NOT_MODIFIED;
    }
    return HTTP_CONDITION_TRUE;
}

enum http_condition http_check_existence(const struct http_head *head, struct pl_view message,
                                         bool is_read)
{
    uint32_t wishes = http_find_wishes(head, message);

    if ((wishes & HTTP_WISH_IF_MATCH) && !match_tags(head, message, "if-match", PL_VIEW(""), false))
        return HTTP_CONDITION_FAILED;
    if ((wishes & HTTP_WISH_IF_NONE_MATCH) &&
        match_tags(head, message, "if-none-match", PL_VIEW(""), true))
        return is_read ? HTTP_CONDITION_NOT_MODIFIED : HTTP_CONDITION_FAILED;
    return HTTP_CONDITION_TRUE;
}

bool http_if_range_holds(const struct http_head *head, struct pl_view message,
                         const struct http_validators *validators, int64_t now_s)
{
    struct pl_view value;
    int64_t date;

    if (!http_only_field(head, message, "if-range", &value))
        return false;
    if (tag_length(value) == value.length && value.length > 0)
        return is_same_tag(value, http_etag(validators), false);
    /* A date is strong when the file could not change again within its second (8.8.2.2). */
    return http_date_parse(value, now_s, &date) && date == validators->modified_s &&
           now_s > date + 1;
}
