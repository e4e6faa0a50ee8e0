/* SPDX-License-Identifier: Apache-2.0 */
#include "http_chunked.h"

#include "http_body.h"

#include <string.h>

/* Extensions are read and dropped, trailers if nobody wants them, and zeros in front of a size;
 * more than this is somebody's weapon. */
#define EXTRA_BYTES_MAX 8192

/* A size that may take one more digit: what comes then is far below 64 bits. */
#define SIZE_BEFORE_DIGIT_MAX (UINT64_MAX >> 8)

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

enum extension_state { NAME_START, NAME, NAME_SPACE, VALUE_START, TOKEN, QUOTED, PAIR, QUOTED_END };

void http_chunked_init(struct http_chunked *chunked)
{
    *chunked = (struct http_chunked){ .state = SIZE };
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t';
}

static bool is_token(char byte)
{
    return http_is_token_byte((unsigned char)byte);
}

/* field-vchar, SP and HTAB; a quoted-string holds them too, beside its quotes and backslashes. */
static bool is_value(char byte)
{
    return (http_classes[(unsigned char)byte] & HTTP_CLASS_VALUE) != 0;
}

/* Always true, for what stands behind `&&`. */
static bool go(struct http_chunked *chunked, enum chunk_state state)
{
    chunked->state = (uint8_t)state;
    return true;
}

static bool go_in_extension(struct http_chunked *chunked, enum extension_state state)
{
    chunked->extension = (uint8_t)state;
    return go(chunked, EXTENSION);
}

/* Behind a size, or behind a whole extension. */
static bool end_byte(struct http_chunked *chunked, char byte)
{
    return (byte == '\r' && go(chunked, SIZE_LF)) ||
           (byte == ';' && go_in_extension(chunked, NAME_START)) ||
           (is_space(byte) && go(chunked, SIZE_SPACE));
}

static bool size_byte(struct http_chunked *chunked, char byte)
{
    int digit = http_hex_value(byte);

    if (digit < 0)
        return chunked->has_digit && end_byte(chunked, byte);
    if (chunked->left > SIZE_BEFORE_DIGIT_MAX)
        return false;
    chunked->left = chunked->left * 16 + (uint64_t)digit;
    chunked->has_digit = true;
    return chunked->left > 0 || ++chunked->extra_bytes <= EXTRA_BYTES_MAX;
}

/* White space is allowed before an extension, and nowhere else behind a size (RFC 9112, 7.1.1). */
static bool size_space_byte(struct http_chunked *chunked, char byte)
{
    if (++chunked->extra_bytes > EXTRA_BYTES_MAX)
        return false;
    return is_space(byte) || (byte == ';' && go_in_extension(chunked, NAME_START));
}

/* *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] ) (RFC 9112, 7.1.1) */
static bool extension_byte(struct http_chunked *chunked, char byte)
{
    if (++chunked->extra_bytes > EXTRA_BYTES_MAX)
        return false;
    switch ((enum extension_state)chunked->extension) {
    case NAME_START:
        return is_space(byte) || (is_token(byte) && go_in_extension(chunked, NAME));
    case NAME:
        return is_token(byte) || (is_space(byte) && go_in_extension(chunked, NAME_SPACE)) ||
               (byte == '=' && go_in_extension(chunked, VALUE_START)) || end_byte(chunked, byte);
    case NAME_SPACE:
        return is_space(byte) || (byte == '=' && go_in_extension(chunked, VALUE_START)) ||
               (byte == ';' && go_in_extension(chunked, NAME_START));
    case VALUE_START:
        return is_space(byte) || (is_token(byte) && go_in_extension(chunked, TOKEN)) ||
               (byte == '"' && go_in_extension(chunked, QUOTED));
    case TOKEN:
        return is_token(byte) || end_byte(chunked, byte);
    case QUOTED:
        return (byte == '"' && go_in_extension(chunked, QUOTED_END)) ||
               (byte == '\\' && go_in_extension(chunked, PAIR)) || is_value(byte);
    case PAIR:
        return is_value(byte) && go_in_extension(chunked, QUOTED);
    case QUOTED_END:
        break;
    }
    return end_byte(chunked, byte);
}

/* A trailer is a field line like any other (RFC 9112, 5.1, 7.1.2). */
static bool trailer_name_byte(struct http_chunked *chunked, char byte)
{
    if (++chunked->extra_bytes > EXTRA_BYTES_MAX)
        return false;
    return is_token(byte) || (byte == ':' && go(chunked, TRAILER));
}

static bool trailer_value_byte(struct http_chunked *chunked, char byte)
{
    if (++chunked->extra_bytes > EXTRA_BYTES_MAX)
        return false;
    return is_value(byte) || (byte == '\r' && go(chunked, TRAILER_LF));
}

static bool framing_byte(struct http_chunked *chunked, char byte)
{
    switch ((enum chunk_state)chunked->state) {
    case SIZE:
        return size_byte(chunked, byte);
    case SIZE_SPACE:
        return size_space_byte(chunked, byte);
    case EXTENSION:
        return extension_byte(chunked, byte);
    case SIZE_LF:
        chunked->state = chunked->left == 0 ? TRAILER_START : DATA;
        return byte == '\n';
    case DATA_CR:
        chunked->state = DATA_LF;
        return byte == '\r';
    case DATA_LF:
        chunked->state = SIZE;
        chunked->has_digit = false;
        return byte == '\n';
    case TRAILER_START:
        return (byte == '\r' && go(chunked, END_LF)) ||
               (is_token(byte) && go(chunked, TRAILER_NAME));
    case TRAILER_NAME:
        return trailer_name_byte(chunked, byte);
    case TRAILER:
        return trailer_value_byte(chunked, byte);
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
