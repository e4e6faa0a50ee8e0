/* SPDX-License-Identifier: Apache-2.0 */
#include "http_body.h"

#include "http_host.h"
#include "http_path.h"

#include <string.h>

bool http_take_element(struct pl_view *list, struct pl_view *ret_element)
{
    while (list->length > 0) {
        const char *comma = memchr(list->bytes, ',', list->length);
        size_t length = comma == NULL ? list->length : (size_t)(comma - list->bytes);
        struct pl_view element = { .bytes = list->bytes, .length = length };
        size_t used = comma == NULL ? length : length + 1;

        list->bytes += used;
        list->length -= used;
        element = http_trim(element);
        if (element.length == 0)
            continue;
        *ret_element = element;
        return true;
    }
    return false;
}

/* No body of this length is ever taken, and what is added to it does not overflow. */
#define LENGTH_MAX (UINT64_MAX >> 1)

/* Digits only, one field, one number: everything else can be read in two ways (RFC 9112, 6.3). */
static int read_content_length(struct pl_view value, uint64_t *ret_length)
{
    uint64_t length = 0;

    if (value.length == 0)
        return 400;
    for (size_t i = 0; i < value.length; i++) {
        unsigned char byte = (unsigned char)value.bytes[i];

        if (byte < '0' || byte > '9')
            return 400;
        length = length > LENGTH_MAX / 10 - 1 ? LENGTH_MAX : length * 10 + (byte - '0');
    }
    *ret_length = length;
    return 0;
}

/* The codings of all Transfer-Encoding lines, which are one list (RFC 9110, 5.3). */
struct codings {
    bool is_present;      /* there is a line, though it may be empty */
    bool is_chunked_last; /* as far as the list was read */
    bool has_unknown;
    bool is_broken; /* something stands behind `chunked` */
};

static void read_transfer_encoding(struct pl_view value, struct codings *codings)
{
    struct pl_view coding;

    codings->is_present = true;
    while (http_take_element(&value, &coding)) {
        codings->is_broken |= codings->is_chunked_last;
        codings->is_chunked_last = http_equals_ignoring_case(coding, "chunked");
        codings->has_unknown |= !codings->is_chunked_last;
    }
}

/*
 * Only `chunked`, once and last. A list that does not end in it leaves the end of the body open:
 * 400 (RFC 9112, 6.3), before a coding in front of it is one that is not implemented: 501 (6.1).
 */
static int check_codings(const struct codings *codings)
{
    if (!codings->is_present)
        return 0;
    if (codings->is_broken || !codings->is_chunked_last)
        return 400;
    return codings->has_unknown ? 501 : 0;
}

static void read_connection(struct pl_view value, bool *is_close, bool *is_keep_alive)
{
    struct pl_view option;

    while (http_take_element(&value, &option)) {
        if (http_equals_ignoring_case(option, "close"))
            *is_close = true;
        else if (http_equals_ignoring_case(option, "keep-alive"))
            *is_keep_alive = true;
    }
}

/* What the fields of a message say about its end and its connection. */
struct framing_fields {
    uint64_t content_length;
    bool has_length;
    bool is_close, is_keep_alive;
    uint32_t hosts;
    struct codings codings;
    bool expects_continue, expects_other;
    bool is_conditional;
};

/* Returns 0 or 400: a message whose end or whose host is in doubt is refused as that, whatever else
 * is wrong with it (RFC 9112, 3.2 and 6.3). */
static int read_field(struct pl_view name, struct pl_view value, struct framing_fields *fields)
{
    bool has_port;

    /* Told apart by their lengths first: most fields of a head are none of these. */
    switch (name.length) {
    case sizeof("host") - 1:
        if (!http_equals_ignoring_case(name, "host"))
            return 0;
        fields->hosts++;
        return http_host_is_valid(value, &has_port) ? 0 : 400;
    case sizeof("if-match") - 1:
        fields->is_conditional |= http_equals_ignoring_case(name, "if-match");
        return 0;
    case sizeof("if-none-match") - 1:
        fields->is_conditional |= http_equals_ignoring_case(name, "if-none-match");
        return 0;
    case sizeof("expect") - 1:
        if (!http_equals_ignoring_case(name, "expect"))
            return 0;
        if (http_equals_ignoring_case(value, "100-continue"))
            fields->expects_continue = true;
        else
            fields->expects_other = true;
        return 0;
    case sizeof("connection") - 1:
        if (http_equals_ignoring_case(name, "connection"))
            read_connection(value, &fields->is_close, &fields->is_keep_alive);
        return 0;
    case sizeof("content-length") - 1:
        if (!http_equals_ignoring_case(name, "content-length"))
            return 0;
        if (fields->has_length)
            return 400;
        fields->has_length = true;
        return read_content_length(value, &fields->content_length);
    case sizeof("transfer-encoding") - 1:
        if (http_equals_ignoring_case(name, "transfer-encoding"))
            read_transfer_encoding(value, &fields->codings);
        return 0;
    default:
        return 0;
    }
}

/* Returns 0 or the status of the refusal. */
static int read_fields(const struct http_head *head, struct pl_view input,
                       struct framing_fields *fields)
{
    int status = 0;

    for (uint16_t i = 0; i < head->fields_count && status == 0; i++)
        status = read_field(http_view(input, head->fields[i].name),
                            http_view(input, head->fields[i].value), fields);
    /* Both, or a coding in 1.0, is how messages are smuggled (RFC 9112, 6.1). */
    if (status == 0 && fields->codings.is_present &&
        (fields->has_length || head->minor_version == 0))
        return 400;
    return status;
}

static bool is_persistent(const struct http_head *head, const struct framing_fields *fields)
{
    return head->minor_version >= 1 ? !fields->is_close
                                    : fields->is_keep_alive && !fields->is_close;
}

int http_read_framing(const struct http_head *head, struct pl_view input,
                      struct http_framing *ret_framing)
{
    struct framing_fields fields = { .hosts = 0 };
    int status = read_fields(head, input, &fields);

    if (status != 0)
        return status;
    /* RFC 9112, 3.2: exactly one in 1.1; two make the message ambiguous in any version. */
    if (fields.hosts > 1 || (fields.hosts == 0 && head->minor_version >= 1))
        return 400;
    status = check_codings(&fields.codings);
    if (status == 0 && fields.content_length == LENGTH_MAX)
        status = 413;
    if (status == 0 && fields.expects_other)
        status = 417;
    if (status != 0)
        return status;
    *ret_framing = (struct http_framing){ .content_length = fields.content_length,
                                          .is_chunked = fields.codings.is_present,
                                          .is_persistent = is_persistent(head, &fields),
                                          .is_conditional = fields.is_conditional,
                                          .expects_continue =
                                              fields.expects_continue && head->minor_version >= 1 };
    return 0;
}

int http_read_response_framing(const struct http_head *head, struct pl_view input,
                               struct http_framing *ret_framing, bool *ret_is_until_close)
{
    struct framing_fields fields = { .hosts = 0 };
    int status = read_fields(head, input, &fields);

    if (status == 0)
        status = check_codings(&fields.codings);
    if (status == 0 && fields.content_length == LENGTH_MAX)
        status = 413;
    if (status != 0)
        return status;
    *ret_is_until_close = !fields.has_length && !fields.codings.is_present;
    *ret_framing = (struct http_framing){ .content_length = fields.content_length,
                                          .is_chunked = fields.codings.is_present,
                                          .is_persistent = is_persistent(head, &fields) };
    return 0;
}

static inline bool is_method(const struct http_head *head, struct pl_view input, const char *name)
{
    return pl_view_equals(http_view(input, head->method), pl_view_of(name));
}

/* authority-form (RFC 9112, 3.2.3): a port is never left out. */
static bool is_authority(struct pl_view target)
{
    bool has_port = false;

    return http_host_is_valid(target, &has_port) && has_port;
}

/* What a query holds (RFC 3986, 3.4); no fragment is ever sent. */
static bool is_query(struct pl_view query)
{
    size_t at = 0;

    while (at < query.length) {
        at +=
            http_scan((const unsigned char *)query.bytes + at, query.length - at, HTTP_CLASS_PLAIN);
        if (at < query.length && (query.bytes[at] == '#' || http_next_byte(query, &at) < 0))
            return false;
    }
    return true;
}

/* The offset of the path in absolute-form, or 0 when it is none. */
static uint32_t skip_authority(struct pl_view target)
{
    static const char scheme[] = "http://";
    uint32_t at = sizeof(scheme) - 1;
    bool has_port;

    if (target.length <= at ||
        !http_equals_ignoring_case((struct pl_view){ .bytes = target.bytes, .length = at }, scheme))
        return 0;
    while (at < target.length && target.bytes[at] != '/' && target.bytes[at] != '?')
        at++;
    return http_host_is_valid((struct pl_view){ .bytes = target.bytes + sizeof(scheme) - 1,
                                                .length = at - (sizeof(scheme) - 1) },
                              &has_port)
               ? at
               : 0;
}

int http_read_target(const struct http_head *head, struct pl_view input, struct http_span *ret_path,
                     struct http_span *ret_query)
{
    struct pl_view target = http_view(input, head->target);
    struct http_span path = head->target;
    const char *mark;

    *ret_query = (struct http_span){ .offset = head->target.offset };
    /* CONNECT names an authority, not a resource: nothing here is a tunnel (RFC 9110, 9.3.6). */
    if (is_method(head, input, "CONNECT"))
        return is_authority(target) ? 501 : 400;
    if (target.length == 1 && target.bytes[0] == '*') {
        *ret_path = path;
        return is_method(head, input, "OPTIONS") ? 0 : 400;
    }
    if (target.bytes[0] != '/') {
        uint32_t skipped = skip_authority(target);

        if (skipped == 0)
            return 400;
        path.offset += skipped;
        path.length -= skipped;
    }
    *ret_path = path;
    /* Nearly every path is all of itself. */
    if (http_scan((const unsigned char *)input.bytes + path.offset, path.length,
                  HTTP_CLASS_PLAIN) == path.length)
        return 0;
    mark = memchr(input.bytes + path.offset, '?', path.length);
    if (mark != NULL) {
        uint32_t length = (uint32_t)(mark - (input.bytes + path.offset));

        ret_query->offset = path.offset + length + 1;
        ret_query->length = path.length - length - 1;
        ret_path->length = length;
    }
    if (memchr(input.bytes + ret_path->offset, '#', ret_path->length) != NULL)
        return 400;
    return is_query(http_view(input, *ret_query)) ? 0 : 400;
}

int http_hex_value(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}
