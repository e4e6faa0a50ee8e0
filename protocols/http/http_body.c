/* SPDX-License-Identifier: Apache-2.0 */
#include "http_body.h"

#include <string.h>

/* Extensions are read and dropped, trailers if nobody wants them; more than this is somebody's
 * weapon. */
#define EXTRA_BYTES_MAX 8192

/* Sixteen hexadecimal digits fill 64 bits; fifteen cannot overflow. */
#define SIZE_DIGITS_MAX 15

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
        if (length > (UINT64_MAX >> 1) / 10 - 1)
            return 413;
        length = length * 10 + (byte - '0');
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

static bool is_port(struct pl_view port)
{
    for (size_t i = 0; i < port.length; i++)
        if (port.bytes[i] < '0' || port.bytes[i] > '9')
            return false;
    return port.length <= 5;
}

/* uri-host [ ":" port ] (RFC 9110, 7.2; RFC 3986, 3.2.2). */
static bool is_host(struct pl_view host)
{
    const char *colon;
    size_t name_length;

    if (host.length > 0 && host.bytes[0] == '[') {
        const char *end = memchr(host.bytes, ']', host.length);

        if (end == NULL)
            return false;
        for (const char *at = host.bytes + 1; at < end; at++)
            if (strchr("0123456789abcdefABCDEF:.", *at) == NULL)
                return false;
        host.length -= (size_t)(end + 1 - host.bytes);
        host.bytes = end + 1;
        return host.length == 0 ||
               (host.bytes[0] == ':' &&
                is_port((struct pl_view){ .bytes = host.bytes + 1, .length = host.length - 1 }));
    }
    colon = host.length > 0 ? memchr(host.bytes, ':', host.length) : NULL;
    name_length = colon == NULL ? host.length : (size_t)(colon - host.bytes);
    if (http_scan((const unsigned char *)host.bytes, name_length, HTTP_CLASS_HOST) < name_length)
        return false;
    return colon == NULL ||
           is_port((struct pl_view){ .bytes = colon + 1, .length = host.length - name_length - 1 });
}

/* What the fields of a message say about its end and its connection. */
struct framing_fields {
    uint64_t content_length;
    bool has_length;
    bool is_close, is_keep_alive;
    uint32_t hosts;
    struct codings codings;
    struct pl_view expect; /* length 0: none */
};

static int read_field(struct pl_view name, struct pl_view value, struct framing_fields *fields)
{
    /* Told apart by their lengths first: most fields of a head are none of these. */
    switch (name.length) {
    case sizeof("host") - 1:
        if (!http_equals_ignoring_case(name, "host"))
            return 0;
        fields->hosts++;
        return is_host(value) ? 0 : 400;
    case sizeof("expect") - 1:
        if (!http_equals_ignoring_case(name, "expect"))
            return 0;
        fields->expect = value;
        return http_equals_ignoring_case(value, "100-continue") ? 0 : 417;
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
    if (status != 0)
        return status;
    *ret_framing = (struct http_framing){ .content_length = fields.content_length,
                                          .is_chunked = fields.codings.is_present,
                                          .is_persistent = is_persistent(head, &fields),
                                          .expects_continue = fields.expect.length > 0 &&
                                                              head->minor_version >= 1 };
    return 0;
}

int http_read_response_framing(const struct http_head *head, struct pl_view input,
                               struct http_framing *ret_framing, bool *ret_is_until_close)
{
    struct framing_fields fields = { .hosts = 0 };
    int status = read_fields(head, input, &fields);

    if (status == 0)
        status = check_codings(&fields.codings);
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

/* The offset of the path in absolute-form, or 0 when it is none. */
static uint32_t skip_authority(struct pl_view target)
{
    static const char scheme[] = "http://";
    uint32_t at = sizeof(scheme) - 1;

    if (target.length <= at ||
        !http_equals_ignoring_case((struct pl_view){ .bytes = target.bytes, .length = at }, scheme))
        return 0;
    while (at < target.length && target.bytes[at] != '/' && target.bytes[at] != '?')
        at++;
    /* An http URI without a host is invalid, with a port too (RFC 9110, 4.2.1). */
    if (at == sizeof(scheme) - 1 || target.bytes[sizeof(scheme) - 1] == ':' ||
        !is_host((struct pl_view){ .bytes = target.bytes + sizeof(scheme) - 1,
                                   .length = at - (sizeof(scheme) - 1) }))
        return 0;
    return at;
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
        return 501;
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
    if (memchr(input.bytes + path.offset, '#', path.length) != NULL)
        return 400;
    mark = memchr(input.bytes + path.offset, '?', path.length);
    if (mark != NULL) {
        uint32_t length = (uint32_t)(mark - (input.bytes + path.offset));

        ret_query->offset = path.offset + length + 1;
        ret_query->length = path.length - length - 1;
        ret_path->length = length;
    }
    return 0;
}

/* ---- chunked --------------------------------------------------------------------------------- */

enum chunk_state {
    SIZE,
    SIZE_SPACE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER,
    TRAILER_LF,
    END_LF,
    BROKEN, /* what was refused stays refused */
};

void http_chunked_init(struct http_chunked *chunked)
{
    *chunked = (struct http_chunked){ .state = SIZE };
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

static bool size_byte(struct http_chunked *chunked, char byte)
{
    int digit = http_hex_value(byte);

    if (digit >= 0) {
        chunked->left = chunked->left * 16 + (uint64_t)digit;
        return ++chunked->digits <= SIZE_DIGITS_MAX;
    }
    if (chunked->digits == 0)
        return false;
    if (byte == '\r')
        chunked->state = SIZE_LF;
    else if (byte == ';')
        chunked->state = EXTENSION;
    else if (byte == ' ' || byte == '\t')
        chunked->state = SIZE_SPACE;
    else
        return false;
    return true;
}

/* White space is allowed before an extension, and nowhere else behind a size (RFC 9112, 7.1.1). */
static bool size_space_byte(struct http_chunked *chunked, char byte)
{
    if (++chunked->extra_bytes > EXTRA_BYTES_MAX)
        return false;
    if (byte == ';')
        chunked->state = EXTENSION;
    return byte == ';' || byte == ' ' || byte == '\t';
}

/* A trailer is a field line like any other (RFC 9112, 5.1, 7.1.2). */
static bool trailer_name_byte(struct http_chunked *chunked, char byte)
{
    if (++chunked->extra_bytes > EXTRA_BYTES_MAX)
        return false;
    if (byte == ':')
        chunked->state = TRAILER;
    return byte == ':' || http_is_token_byte((unsigned char)byte) != 0;
}

/* What is dropped is not read by anybody else either; control bytes are refused all the same. */
static bool extra_byte(struct http_chunked *chunked, char byte, enum chunk_state after_cr)
{
    if (++chunked->extra_bytes > EXTRA_BYTES_MAX)
        return false;
    if (byte == '\r') {
        chunked->state = (uint8_t)after_cr;
        return true;
    }
    return (unsigned char)byte >= 0x20 ? byte != 0x7f : byte == '\t';
}

static bool framing_byte(struct http_chunked *chunked, char byte)
{
    switch ((enum chunk_state)chunked->state) {
    case SIZE:
        return size_byte(chunked, byte);
    case SIZE_SPACE:
        return size_space_byte(chunked, byte);
    case EXTENSION:
        return extra_byte(chunked, byte, SIZE_LF);
    case SIZE_LF:
        chunked->state = chunked->left == 0 ? TRAILER_START : DATA;
        return byte == '\n';
    case DATA_CR:
        chunked->state = DATA_LF;
        return byte == '\r';
    case DATA_LF:
        chunked->state = SIZE;
        chunked->digits = 0;
        return byte == '\n';
    case TRAILER_START:
        if (byte == '\r') {
            chunked->state = END_LF;
            return true;
        }
        chunked->state = TRAILER_NAME;
        return http_is_token_byte((unsigned char)byte) != 0;
    case TRAILER_NAME:
        return trailer_name_byte(chunked, byte);
    case TRAILER:
        return extra_byte(chunked, byte, TRAILER_LF);
    case TRAILER_LF:
        chunked->state = TRAILER_START;
        return byte == '\n';
    case BROKEN:
        return false;
    case END_LF:
    case DATA:
        break;
    }
    return byte == '\n';
}

static bool is_trailer(enum chunk_state state)
{
    return state == TRAILER_START || state == TRAILER_NAME || state == TRAILER ||
           state == TRAILER_LF;
}

enum http_chunk http_chunked_decode(struct http_chunked *chunked, char *bytes, size_t *raw,
                                    size_t end, size_t *body_end, uint64_t body_max,
                                    size_t body_begin)
{
    while (*raw < end) {
        enum chunk_state state = (enum chunk_state)chunked->state;

        if (state == DATA) {
            size_t part = end - *raw < chunked->left ? end - *raw : (size_t)chunked->left;

            memmove(bytes + *body_end, bytes + *raw, part);
            *body_end += part;
            *raw += part;
            chunked->left -= part;
            if (chunked->left == 0)
                chunked->state = DATA_CR;
            continue;
        }
        if (!framing_byte(chunked, bytes[(*raw)++])) {
            chunked->state = BROKEN;
            return HTTP_CHUNK_ERROR;
        }
        if (chunked->keeps_trailers && is_trailer(state) && chunked->state != END_LF)
            bytes[*body_end + chunked->trailer_bytes++] = bytes[*raw - 1];
        if (state == END_LF)
            return HTTP_CHUNK_DONE;
        if (chunked->left > body_max || *body_end - body_begin > body_max - chunked->left)
            return HTTP_CHUNK_LARGE;
    }
    return HTTP_CHUNK_MORE;
}
