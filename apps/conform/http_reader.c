/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes → responses, or the reason why they are none. Pure: no socket, no clock. */
#include "http_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct reader {
    const char *bytes;
    size_t at;
    size_t end;
    bool is_ended;
    struct http_reading *reading;
};

/* A step either went on, needs bytes that have not come, or found what no response may hold. */
enum outcome { READ_ON, READ_MORE, READ_BROKEN };

__attribute__((format(printf, 2, 3))) static enum outcome broken(struct reader *reader,
                                                                 const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reader->reading->problem, sizeof(reader->reading->problem), format, arguments);
    va_end(arguments);
    return READ_BROKEN;
}

static bool is_token_byte(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') || (byte != '\0' && strchr("!#$%&'*+-.^_`|~", byte));
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* What a value and a reason phrase must not hold: all controls but HTAB (RFC 9110, 5.5; 9112, 4).
 */
static bool has_control(struct http_text text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.bytes[i];

        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return true;
    }
    return false;
}

/* A line ends in CRLF and in nothing else: a sender has no choice (RFC 9112, 2.2). */
static enum outcome take_line(struct reader *reader, struct http_text *ret_line)
{
    const char *begin = reader->bytes + reader->at;
    const char *lf = memchr(begin, '\n', reader->end - reader->at);

    if (lf == NULL)
        return READ_MORE;
    if (lf == begin || lf[-1] != '\r')
        return broken(reader, "a line that ends in LF alone at byte %zu", reader->at);
    *ret_line = (struct http_text){ .bytes = begin, .length = (size_t)(lf - begin) - 1 };
    if (memchr(ret_line->bytes, '\r', ret_line->length) != NULL)
        return broken(reader, "a CR inside a line at byte %zu", reader->at);
    reader->at += ret_line->length + 2;
    return READ_ON;
}

/* "HTTP/1." DIGIT SP 3DIGIT SP [ reason ] (RFC 9112, 4). */
static enum outcome read_status_line(struct reader *reader, struct http_message *message)
{
    size_t begin = reader->at;
    struct http_text line;
    enum outcome outcome = take_line(reader, &line);

    if (outcome == READ_MORE && reader->end - begin >= 5 &&
        memcmp(reader->bytes + begin, "HTTP/", 5) != 0)
        return broken(reader, "no status line at byte %zu", begin);
    if (outcome != READ_ON)
        return outcome;
    if (line.length < 13 || memcmp(line.bytes, "HTTP/1.", 7) != 0 || !is_digit(line.bytes[7]) ||
        line.bytes[8] != ' ' || !is_digit(line.bytes[9]) || !is_digit(line.bytes[10]) ||
        !is_digit(line.bytes[11]) || line.bytes[12] != ' ' || line.bytes[9] == '0')
        return broken(reader, "no status line at byte %zu", begin);
    if (has_control(line))
        return broken(reader, "a control byte in the status line at byte %zu", begin);
    message->minor_version = line.bytes[7] - '0';
    message->status =
        (line.bytes[9] - '0') * 100 + (line.bytes[10] - '0') * 10 + line.bytes[11] - '0';
    return READ_ON;
}

static struct http_text trim(struct http_text text)
{
    while (text.length > 0 && (*text.bytes == ' ' || *text.bytes == '\t')) {
        text.bytes++;
        text.length--;
    }
    while (text.length > 0 &&
           (text.bytes[text.length - 1] == ' ' || text.bytes[text.length - 1] == '\t'))
        text.length--;
    return text;
}

static enum outcome split_field(struct reader *reader, struct http_text line,
                                struct http_field *ret_field)
{
    size_t length = 0;

    while (length < line.length && is_token_byte(line.bytes[length]))
        length++;
    if (length == 0 || length == line.length || line.bytes[length] != ':')
        return broken(reader, "no field line: '%.*s'", (int)(line.length > 60 ? 60 : line.length),
                      line.bytes);
    ret_field->name = (struct http_text){ .bytes = line.bytes, .length = length };
    ret_field->value = trim(
        (struct http_text){ .bytes = line.bytes + length + 1, .length = line.length - length - 1 });
    if (has_control(ret_field->value))
        return broken(reader, "a control byte in the value of '%.*s'",
                      (int)(length > 60 ? 60 : length), line.bytes);
    return READ_ON;
}

/* Field lines up to the empty one; `message` NULL: trailers, which are only checked. */
static enum outcome read_fields(struct reader *reader, struct http_message *message)
{
    for (;;) {
        struct http_text line;
        struct http_field field;
        enum outcome outcome = take_line(reader, &line);

        if (outcome != READ_ON || line.length == 0)
            return outcome;
        outcome = split_field(reader, line, &field);
        if (outcome != READ_ON)
            return outcome;
        if (message == NULL)
            continue;
        if (message->fields_count == HTTP_FIELDS_MAX)
            return broken(reader, "more than %d fields", HTTP_FIELDS_MAX);
        message->fields[message->fields_count++] = field;
    }
}

bool http_text_equals(struct http_text text, const char *expected)
{
    return text.length == strlen(expected) && strncasecmp(text.bytes, expected, text.length) == 0;
}

const struct http_field *http_message_field(const struct http_message *message, const char *name)
{
    for (size_t i = 0; i < message->fields_count; i++)
        if (http_text_equals(message->fields[i].name, name))
            return &message->fields[i];
    return NULL;
}

static size_t count_fields(const struct http_message *message, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < message->fields_count; i++)
        count += http_text_equals(message->fields[i].name, name);
    return count;
}

static int hex_value(char byte)
{
    const char *digits = "0123456789abcdef", *at;

    if (byte >= 'A' && byte <= 'F')
        byte = (char)(byte - 'A' + 'a');
    at = byte == '\0' ? NULL : strchr(digits, byte);
    return at == NULL ? -1 : (int)(at - digits);
}

static enum outcome read_chunk_size(struct reader *reader, size_t *ret_size)
{
    struct http_text line;
    size_t digits = 0, size = 0;
    enum outcome outcome = take_line(reader, &line);

    if (outcome != READ_ON)
        return outcome;
    while (digits < line.length && hex_value(line.bytes[digits]) >= 0) {
        if (digits == 8)
            return broken(reader, "a chunk size of more than 8 digits");
        size = size * 16 + (size_t)hex_value(line.bytes[digits++]);
    }
    if (digits == 0 || (digits < line.length && strchr("; \t", line.bytes[digits]) == NULL))
        return broken(reader, "no chunk size at byte %zu", reader->at - line.length - 2);
    *ret_size = size;
    return READ_ON;
}

static void append_body(struct http_message *message, const char *bytes, size_t length)
{
    char *grown = realloc(message->body, message->body_length + length + 1);

    if (grown == NULL)
        abort();
    memcpy(grown + message->body_length, bytes, length);
    message->body = grown;
    message->body_length += length;
    grown[message->body_length] = '\0';
}

static enum outcome read_chunks(struct reader *reader, struct http_message *message)
{
    for (;;) {
        size_t size = 0;
        enum outcome outcome = read_chunk_size(reader, &size);

        if (outcome != READ_ON)
            return outcome;
        if (size == 0)
            return read_fields(reader, NULL);
        if (reader->end - reader->at < size + 2)
            return READ_MORE;
        append_body(message, reader->bytes + reader->at, size);
        reader->at += size + 2;
        if (memcmp(reader->bytes + reader->at - 2, "\r\n", 2) != 0)
            return broken(reader, "no CRLF behind a chunk at byte %zu", reader->at - 2);
    }
}

static enum outcome read_length(struct reader *reader, struct http_message *message)
{
    struct http_text value = http_message_field(message, "content-length")->value;
    size_t length = 0;

    if (value.length == 0 || value.length > 12 || count_fields(message, "content-length") > 1)
        return broken(reader, "a Content-Length that is no single number");
    for (size_t i = 0; i < value.length; i++) {
        if (!is_digit(value.bytes[i]))
            return broken(reader, "a Content-Length that is no single number");
        length = length * 10 + (size_t)(value.bytes[i] - '0');
    }
    if (message->framing == HTTP_FRAMING_NONE)
        return READ_ON;
    if (reader->end - reader->at < length)
        return READ_MORE;
    append_body(message, reader->bytes + reader->at, length);
    reader->at += length;
    return READ_ON;
}

/* Which of the ways of RFC 9112, 6.3 ends the body; a sender must not mix them (6.1, 6.2). */
static enum outcome choose_framing(struct reader *reader, struct http_message *message,
                                   bool is_head)
{
    const struct http_field *coding = http_message_field(message, "transfer-encoding");
    bool has_length = http_message_field(message, "content-length") != NULL;

    message->framing = has_length ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_CLOSE;
    if (coding != NULL) {
        if (has_length)
            return broken(reader, "a response with Transfer-Encoding and Content-Length");
        if (message->minor_version == 0)
            return broken(reader, "a Transfer-Encoding in HTTP/1.0");
        if (!http_text_equals(coding->value, "chunked"))
            return broken(reader, "a coding nobody asked for");
        message->framing = HTTP_FRAMING_CHUNKED;
    }
    if (message->status < 200 || message->status == 204) {
        if (coding != NULL || has_length)
            return broken(reader, "a %d with Content-Length or Transfer-Encoding", message->status);
    }
    if (is_head || message->status < 200 || message->status == 204 || message->status == 304)
        message->framing = HTTP_FRAMING_NONE;
    return has_length && message->framing == HTTP_FRAMING_NONE ? read_length(reader, message)
                                                               : READ_ON;
}

static enum outcome read_body(struct reader *reader, struct http_message *message)
{
    switch (message->framing) {
    case HTTP_FRAMING_NONE:
        return READ_ON;
    case HTTP_FRAMING_LENGTH:
        return read_length(reader, message);
    case HTTP_FRAMING_CHUNKED:
        return read_chunks(reader, message);
    case HTTP_FRAMING_CLOSE:
        break;
    }
    if (!reader->is_ended)
        return READ_MORE;
    append_body(message, reader->bytes + reader->at, reader->end - reader->at);
    reader->at = reader->end;
    return READ_ON;
}

static enum outcome read_message(struct reader *reader, struct http_message *message, bool is_head)
{
    enum outcome outcome = read_status_line(reader, message);

    if (outcome == READ_ON)
        outcome = read_fields(reader, message);
    /* A field that is no list comes once (RFC 9110, 5.3); Content-Length is counted where it is
     * read. */
    if (outcome == READ_ON && count_fields(message, "date") > 1)
        return broken(reader, "two Date fields");
    if (outcome == READ_ON)
        outcome = choose_framing(reader, message, is_head);
    if (outcome == READ_ON)
        outcome = read_body(reader, message);
    return outcome;
}

void http_reading_init(struct http_reading *reading, const char *bytes, size_t length,
                       bool is_ended, const bool is_head[HTTP_MESSAGES_MAX])
{
    struct reader reader = {
        .bytes = bytes, .end = length, .is_ended = is_ended, .reading = reading
    };
    size_t finals = 0;

    *reading = (struct http_reading){ .count = 0 };
    reading->messages = calloc(HTTP_MESSAGES_MAX, sizeof(*reading->messages));
    if (reading->messages == NULL)
        abort();
    while (reader.at < reader.end && reading->count < HTTP_MESSAGES_MAX) {
        struct http_message *message = &reading->messages[reading->count];
        enum outcome outcome = read_message(&reader, message, is_head[finals]);

        if (outcome == READ_MORE && is_ended)
            broken(&reader, "a response that was cut, from byte %zu on", reading->used_bytes);
        if (outcome != READ_ON) {
            free(message->body);
            message->body = NULL;
            return;
        }
        finals += message->status >= 200;
        reading->count++;
        reading->used_bytes = reader.at;
    }
    if (reader.at < reader.end)
        broken(&reader, "more than %d responses", HTTP_MESSAGES_MAX);
}

void http_reading_deinit(struct http_reading *reading)
{
    for (size_t i = 0; reading->messages != NULL && i < reading->count; i++)
        free(reading->messages[i].body);
    free(reading->messages);
    *reading = (struct http_reading){ .count = 0 };
}
