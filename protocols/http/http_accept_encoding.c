/* SPDX-License-Identifier: Apache-2.0 */
#include "http_accept_encoding.h"

#include "http_body.h"

#define NOT_NAMED UINT16_MAX

/* The least weight there is: identity that nobody named. */
#define LEAST 1

struct reading {
    struct http_codings codings; /* NOT_NAMED, or as named */
    uint16_t any;                /* of "*" */
};

/* What stands in front of the separator; the rest is what stands behind it. */
static struct pl_view take_part(struct pl_view *rest, char separator)
{
    const char *end = memchr(rest->bytes, separator, rest->length);
    struct pl_view part = { .bytes = rest->bytes,
                            .length = end == NULL ? rest->length : (size_t)(end - rest->bytes) };
    size_t used = part.length + (end != NULL);

    rest->bytes += used;
    rest->length -= used;
    return http_trim(part);
}

/* qvalue (RFC 9110, 12.4.2) in thousandths. */
static bool read_weight(struct pl_view text, uint16_t *ret_weight)
{
    uint16_t weight = 0, place = 1000;

    if (text.length == 0 || text.length > 5 || (*text.bytes != '0' && *text.bytes != '1') ||
        (text.length > 1 && text.bytes[1] != '.'))
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (i == 1)
            continue;
        if (text.bytes[i] < '0' || text.bytes[i] > '9')
            return false;
        weight = (uint16_t)(weight + (text.bytes[i] - '0') * place);
        place /= 10;
    }
    *ret_weight = weight;
    return weight <= 1000;
}

static bool read_parameter(struct pl_view text, uint16_t *ret_weight)
{
    if (text.length < 2 || (*text.bytes != 'q' && *text.bytes != 'Q') || text.bytes[1] != '=')
        return false;
    text.bytes += 2;
    text.length -= 2;
    return read_weight(text, ret_weight);
}

static bool is_token(struct pl_view text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!http_is_token_byte((unsigned char)text.bytes[i]))
            return false;
    return text.length > 0;
}

static void note(struct reading *reading, struct pl_view name, uint16_t weight)
{
    uint16_t *weights = reading->codings.weights;

    if (pl_view_equals(name, PL_VIEW("*")))
        reading->any = weight;
    else if (http_equals_ignoring_case(name, "br"))
        weights[HTTP_CODING_BR] = weight;
    else if (http_equals_ignoring_case(name, "gzip") || http_equals_ignoring_case(name, "x-gzip"))
        weights[HTTP_CODING_GZIP] = weight;
    else if (http_equals_ignoring_case(name, "identity"))
        weights[HTTP_CODING_IDENTITY] = weight;
}

static bool read_line(struct reading *reading, struct pl_view line)
{
    while (line.length > 0) {
        struct pl_view element = take_part(&line, ',');
        bool has_parameter = memchr(element.bytes, ';', element.length) != NULL;
        struct pl_view name = take_part(&element, ';');
        uint16_t weight = 1000;

        if (name.length == 0 && !has_parameter)
            continue;
        element = http_trim(element);
        if (!is_token(name) || (has_parameter && !read_parameter(element, &weight)))
            return false;
        note(reading, name, weight);
    }
    return true;
}

void http_read_codings(const struct http_head *head, struct pl_view message,
                       struct http_codings *ret_codings)
{
    struct reading reading = { .codings.weights = { NOT_NAMED, NOT_NAMED, NOT_NAMED },
                               .any = NOT_NAMED };

    *ret_codings = (struct http_codings){ .weights[HTTP_CODING_IDENTITY] = LEAST };
    for (uint16_t i = 0; i < head->fields_count; i++)
        if (http_equals_ignoring_case(http_view(message, head->fields[i].name),
                                      "accept-encoding") &&
            !read_line(&reading, http_view(message, head->fields[i].value)))
            return;
    for (size_t i = 0; i < HTTP_CODINGS_COUNT; i++) {
        if (reading.codings.weights[i] != NOT_NAMED)
            ret_codings->weights[i] = reading.codings.weights[i];
        else if (reading.any != NOT_NAMED)
            ret_codings->weights[i] = reading.any;
    }
}
