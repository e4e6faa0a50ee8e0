/* SPDX-License-Identifier: Apache-2.0 */
/*
 * multipart/form-data, byte by byte, over pieces that may be cut anywhere.
 *
 *     preamble ─delimiter─▶ behind it ─CR LF─▶ head ─empty line─▶ data ─delimiter─▶ behind it …
 *                              └─ "--" ─▶ end
 *
 * A piece may end within a delimiter. What has matched of it is then not known to be data yet; it
 * needs no keeping, since it is the delimiter's own beginning: if the match fails, that is given
 * out. No other beginning of the delimiter can hide in there: only its first byte is a CR.
 */
#include "http_body.h"

#include <paceline/http.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BOUNDARY_BYTES_MAX 70

/* All lines of one field's head. */
#define HEAD_BYTES_MAX 4096

enum state { PREAMBLE, BEHIND, BEHIND_DASH, BEHIND_LF, HEAD, HEAD_LF, DATA, EPILOGUE, BROKEN };

/* ---- parameters: ; name=token or ; name="quoted" ----------------------------------------------
 */

static void skip_space(struct pl_view *text)
{
    while (text->length > 0 && (*text->bytes == ' ' || *text->bytes == '\t')) {
        text->bytes++;
        text->length--;
    }
}

static struct pl_view take_token(struct pl_view *text)
{
    struct pl_view token = { .bytes = text->bytes, .length = 0 };

    while (text->length > 0 && http_is_token_byte((unsigned char)*text->bytes)) {
        text->bytes++;
        text->length--;
        token.length++;
    }
    return token;
}

/* Browsers write %22 for a quote and send backslashes as they are (HTML, 4.10.21.8); a backslash
 * before a quote or another is RFC 9110's. */
static bool take_quoted(struct pl_view *text, char *ret_value, size_t size)
{
    size_t used = 0;

    for (size_t i = 1; i < text->length; i++) {
        char byte = text->bytes[i];

        if (byte == '"') {
            ret_value[used] = '\0';
            text->bytes += i + 1;
            text->length -= i + 1;
            return true;
        }
        if (byte == '\\' && i + 1 < text->length &&
            (text->bytes[i + 1] == '"' || text->bytes[i + 1] == '\\'))
            byte = text->bytes[++i];
        if (used + 1 >= size)
            return false;
        ret_value[used++] = byte;
    }
    return false;
}

static bool take_value(struct pl_view *text, char *ret_value, size_t size)
{
    struct pl_view token;

    if (text->length > 0 && *text->bytes == '"')
        return take_quoted(text, ret_value, size);
    token = take_token(text);
    if (token.length == 0 || token.length >= size)
        return false;
    memcpy(ret_value, token.bytes, token.length);
    ret_value[token.length] = '\0';
    return true;
}

/* The next parameter of *text. False: none is left, or *ret_is_broken. */
static bool take_parameter(struct pl_view *text, struct pl_view *ret_name, char *ret_value,
                           size_t size, bool *ret_is_broken)
{
    skip_space(text);
    *ret_is_broken = text->length > 0;
    if (text->length == 0 || *text->bytes != ';')
        return false;
    text->bytes++;
    text->length--;
    skip_space(text);
    *ret_name = take_token(text);
    if (ret_name->length == 0 || text->length == 0 || *text->bytes != '=')
        return false;
    text->bytes++;
    text->length--;
    *ret_is_broken = !take_value(text, ret_value, size);
    return !*ret_is_broken;
}

static bool is_boundary(const char *text)
{
    static const char allowed[] = "'()+_,-./:=? ";
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i++) {
        char byte = text[i];
        bool is_alphanumeric =
            (byte >= '0' && byte <= '9') || (http_lower(byte) >= 'a' && http_lower(byte) <= 'z');

        if (!is_alphanumeric && strchr(allowed, byte) == NULL)
            return false;
    }
    return length > 0 && length <= BOUNDARY_BYTES_MAX && text[length - 1] != ' ';
}

int pl_http_multipart_init(struct pl_http_multipart *multipart, struct pl_view content_type)
{
    static const char type[] = "multipart/form-data";
    char value[BOUNDARY_BYTES_MAX + 2];
    struct pl_view kind = { .bytes = content_type.bytes, .length = sizeof(type) - 1 }, name;
    bool is_broken;

    memset(multipart, 0, sizeof(*multipart));
    if (content_type.length < kind.length || !http_equals_ignoring_case(kind, type))
        return -EINVAL;
    content_type.bytes += kind.length;
    content_type.length -= kind.length;
    while (take_parameter(&content_type, &name, value, sizeof(value), &is_broken)) {
        if (!http_equals_ignoring_case(name, "boundary"))
            continue;
        if (multipart->delimiter_bytes > 0 || !is_boundary(value))
            return -EINVAL;
        memcpy(multipart->delimiter, "\r\n--", 4);
        memcpy(multipart->delimiter + 4, value, strlen(value) + 1);
        multipart->delimiter_bytes = (uint32_t)strlen(multipart->delimiter);
    }
    multipart->state = PREAMBLE;
    multipart->matched = 2; /* the body's beginning is the beginning of a line */
    return is_broken || multipart->delimiter_bytes == 0 ? -EINVAL : 0;
}

/* ---- the head of a field ----------------------------------------------------------------------
 */

static void begin_field(struct pl_http_multipart *multipart)
{
    multipart->name[0] = multipart->file_name[0] = '\0';
    multipart->has_file_name = false;
    snprintf(multipart->type, sizeof(multipart->type), "text/plain");
    multipart->line_bytes = multipart->head_bytes = 0;
    multipart->dispositions = 0;
    multipart->state = HEAD;
}

static bool read_disposition(struct pl_http_multipart *multipart, struct pl_view value)
{
    struct pl_view name, kind = take_token(&value);
    bool is_broken, has_name = false;
    char text[sizeof(multipart->name)] = "";

    if (!http_equals_ignoring_case(kind, "form-data") || multipart->dispositions++ > 0)
        return false;
    while (take_parameter(&value, &name, text, sizeof(text), &is_broken)) {
        if (http_equals_ignoring_case(name, "name") && !has_name) {
            memcpy(multipart->name, text, sizeof(text));
            has_name = true;
        } else if (http_equals_ignoring_case(name, "filename") && !multipart->has_file_name) {
            memcpy(multipart->file_name, text, sizeof(text));
            multipart->has_file_name = true;
        } else if (!http_equals_ignoring_case(name, "filename*")) {
            return false;
        }
    }
    return has_name && !is_broken;
}

/* A line of the head, without its end. */
static bool read_line(struct pl_http_multipart *multipart)
{
    struct pl_view line = { .bytes = multipart->line, .length = multipart->line_bytes };
    const char *colon = memchr(line.bytes, ':', line.length);
    struct pl_view name = line, value;

    if (colon == NULL || memchr(line.bytes, '\0', line.length) != NULL)
        return false;
    name.length = (size_t)(colon - line.bytes);
    value =
        http_trim((struct pl_view){ .bytes = colon + 1, .length = line.length - name.length - 1 });
    if (http_equals_ignoring_case(name, "content-disposition"))
        return read_disposition(multipart, value);
    if (http_equals_ignoring_case(name, "content-type")) {
        if (value.length >= sizeof(multipart->type))
            return false;
        memcpy(multipart->type, value.bytes, value.length);
        multipart->type[value.length] = '\0';
    }
    return name.length > 0;
}

static bool head_byte(struct pl_http_multipart *multipart, char byte)
{
    if (byte == '\r') {
        multipart->state = HEAD_LF;
        return true;
    }
    if (byte == '\n' || ++multipart->head_bytes > HEAD_BYTES_MAX ||
        multipart->line_bytes == sizeof(multipart->line))
        return false;
    multipart->line[multipart->line_bytes++] = byte;
    return true;
}

/* The end of a line; the empty one ends the head. */
static bool head_line(struct pl_http_multipart *multipart, bool *ret_is_complete)
{
    multipart->state = HEAD;
    *ret_is_complete = multipart->line_bytes == 0;
    if (*ret_is_complete) {
        bool has_name = multipart->dispositions == 1;

        /* Of a field without content the line end of the empty line is the delimiter's own (RFC
         * 2046, 5.1.1). */
        multipart->state = DATA;
        multipart->matched = multipart->matched_of_head = 2;
        return has_name;
    }
    if (!read_line(multipart))
        return false;
    multipart->line_bytes = 0;
    return true;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static char take_byte(struct pl_view *input)
{
    input->length--;
    return *input->bytes++;
}

/* Behind a delimiter: the end of the line, or of everything. */
static bool behind_byte(struct pl_http_multipart *multipart, char byte)
{
    if (multipart->state == BEHIND_DASH) {
        multipart->state = EPILOGUE;
        return byte == '-';
    }
    if (multipart->state == BEHIND_LF) {
        begin_field(multipart);
        return byte == '\n';
    }
    if (byte == '-')
        multipart->state = BEHIND_DASH;
    else if (byte == '\r')
        multipart->state = BEHIND_LF;
    /* White space may stand behind a delimiter (RFC 2046, 5.1.1). */
    return byte == '-' || byte == '\r' || byte == ' ' || byte == '\t';
}

/* Bytes up to where a delimiter may begin; true: there are some to give out. */
static bool take_data(struct pl_http_multipart *multipart, struct pl_view *input,
                      struct pl_view *ret_data)
{
    const char *cr = memchr(input->bytes, '\r', input->length);
    size_t length = cr == NULL ? input->length : (size_t)(cr - input->bytes);

    *ret_data = (struct pl_view){ .bytes = input->bytes, .length = length };
    input->bytes += length;
    input->length -= length;
    return length > 0 && multipart->state == DATA;
}

/* One byte of what may be a delimiter; true: it was none, *ret_data is data after all. */
static bool match(struct pl_http_multipart *multipart, struct pl_view *input,
                  struct pl_view *ret_data)
{
    if (*input->bytes == multipart->delimiter[multipart->matched]) {
        (void)take_byte(input);
        if (++multipart->matched == multipart->delimiter_bytes)
            multipart->state = BEHIND;
        return false;
    }
    *ret_data = (struct pl_view){ .bytes = multipart->delimiter + multipart->matched_of_head,
                                  .length = multipart->matched - multipart->matched_of_head };
    multipart->matched = multipart->matched_of_head = 0;
    return ret_data->length > 0 && multipart->state == DATA;
}

static enum pl_http_multipart_found break_off(struct pl_http_multipart *multipart)
{
    multipart->state = BROKEN;
    return PL_HTTP_MULTIPART_BROKEN;
}

enum pl_http_multipart_found pl_http_multipart_read(struct pl_http_multipart *multipart,
                                                    struct pl_view *input, struct pl_view *ret_data)
{
    while (input->length > 0) {
        bool is_complete = false;

        switch ((enum state)multipart->state) {
        case PREAMBLE:
        case DATA:
            if (multipart->matched == 0 && *input->bytes != '\r') {
                if (take_data(multipart, input, ret_data))
                    return PL_HTTP_MULTIPART_DATA;
            } else if (match(multipart, input, ret_data)) {
                return PL_HTTP_MULTIPART_DATA;
            }
            break;
        case BEHIND:
        case BEHIND_DASH:
        case BEHIND_LF:
            if (!behind_byte(multipart, take_byte(input)))
                return break_off(multipart);
            if (multipart->state == EPILOGUE)
                return PL_HTTP_MULTIPART_END;
            break;
        case HEAD:
            if (!head_byte(multipart, take_byte(input)))
                return break_off(multipart);
            break;
        case HEAD_LF:
            if (take_byte(input) != '\n' || !head_line(multipart, &is_complete))
                return break_off(multipart);
            if (is_complete)
                return PL_HTTP_MULTIPART_FIELD;
            break;
        case EPILOGUE:
            input->length = 0;
            break;
        case BROKEN:
            return PL_HTTP_MULTIPART_BROKEN;
        }
    }
    return PL_HTTP_MULTIPART_MORE;
}
