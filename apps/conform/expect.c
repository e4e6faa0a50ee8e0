/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beside what a case says itself, every HTTP case asks for what always holds: nothing but whole
 * responses, never the hidden file, and an end within the time.
 */
#include "expect.h"

#include "case_text.h"
#include "target.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The final responses that belong to the case: without the good one in front and the fence. */
struct sight {
    const struct observation *observation;
    struct http_reading reading;
    const struct http_message *finals[HTTP_MESSAGES_MAX];
    size_t finals_count;
    size_t interim_count;
    bool has_good; /* the good request in front was answered */
    bool has_fence;
};

static bool has_bytes(const char *bytes, size_t length, const char *wanted, size_t wanted_length)
{
    return wanted_length == 0 || memmem(bytes, length, wanted, wanted_length) != NULL;
}

static bool is_file(const struct http_message *message, const char *text)
{
    return message->status == 200 && message->body_length == strlen(text) &&
           memcmp(message->body, text, message->body_length) == 0;
}

static void sight_init(struct sight *sight, const struct conform_case *one,
                       const struct observation *observation)
{
    bool is_head[HTTP_MESSAGES_MAX];

    *sight = (struct sight){ .observation = observation };
    case_fill_heads(one, observation->is_behind ? 1 : 0, is_head);
    http_reading_init(&sight->reading, observation->received, observation->received_bytes,
                      observation->is_ended, is_head);
    for (size_t i = 0; i < sight->reading.count; i++) {
        const struct http_message *message = &sight->reading.messages[i];

        if (message->status < 200)
            sight->interim_count++;
        else if (observation->is_behind && !sight->has_good && sight->finals_count == 0 &&
                 is_file(message, PLAIN_TEXT))
            sight->has_good = true;
        else
            sight->finals[sight->finals_count++] = message;
    }
    if (sight->finals_count > 0 && is_file(sight->finals[sight->finals_count - 1], FENCE_TEXT)) {
        sight->has_fence = true;
        sight->finals_count--;
    }
}

static const struct http_message *final_of(const struct sight *sight, unsigned long number)
{
    return number <= sight->finals_count ? sight->finals[number - 1] : NULL;
}

/* ---- predicates over responses --------------------------------------------------------------- */

static bool statuses_match(const struct sight *sight, const char *patterns)
{
    size_t count = 0;

    while (*patterns != '\0') {
        size_t length = strcspn(patterns, " ");

        if (count == sight->finals_count ||
            !status_matches(patterns, length, sight->finals[count]->status))
            return false;
        count++;
        patterns += length + (patterns[length] == ' ');
    }
    return count == sight->finals_count;
}

/* "NAME" or "NAME VALUE"; the value may be a part of the field's. */
static bool has_field(const struct http_message *message, const char *text)
{
    size_t length = strcspn(text, " ");
    const char *value = text[length] == ' ' ? text + length + 1 : "";
    char *name = must_copy(text);
    const struct http_field *field;

    name[length] = '\0';
    field = http_message_field(message, name);
    free(name);
    if (field == NULL)
        return false;
    for (size_t at = 0; at + strlen(value) <= field->value.length; at++)
        if (strncasecmp(field->value.bytes + at, value, strlen(value)) == 0)
            return true;
    return false;
}

static const char *framing_name(enum http_framing framing)
{
    static const char *const names[] = { "none", "length", "chunked", "close" };

    return names[framing];
}

static bool message_matches(const struct http_message *message, const struct predicate *predicate)
{
    char version[4] = "1.0";

    if (message == NULL)
        return false;
    switch ((int)predicate->kind) {
    case PREDICATE_BODY:
        return message->body_length == predicate->text_length &&
               (message->body_length == 0 ||
                memcmp(message->body, predicate->text, message->body_length) == 0);
    case PREDICATE_NO_BODY:
        return message->body_length == 0;
    case PREDICATE_FIELD:
        return has_field(message, predicate->text);
    case PREDICATE_NO_FIELD:
        return !has_field(message, predicate->text);
    case PREDICATE_FRAMING:
        return strstr(predicate->text, framing_name(message->framing)) != NULL;
    default:
        version[2] = (char)('0' + message->minor_version);
        return strcmp(predicate->text, version) == 0;
    }
}

/* ---- predicates over bytes ------------------------------------------------------------------- */

static bool is_echo_prefix(const struct observation *observation)
{
    return observation->received_bytes <= observation->sent_bytes &&
           (observation->received_bytes == 0 ||
            memcmp(observation->received, observation->sent, observation->received_bytes) == 0);
}

/* Every datagram came back once, whole, in any order. */
static bool are_datagrams_back(const struct observation *observation)
{
    bool *is_back = must_alloc(observation->sent_datagrams_count + 1);
    size_t matched = 0, at = 0;

    for (size_t i = 0; i < observation->datagrams_count; i++) {
        size_t length = observation->datagram_bytes[i], sent_at = 0;

        for (size_t j = 0; j < observation->sent_datagrams_count; j++) {
            size_t sent_length = observation->sent_datagram_bytes[j];

            if (!is_back[j] && sent_length == length &&
                (length == 0 ||
                 memcmp(observation->received + at, observation->sent + sent_at, length) == 0)) {
                is_back[j] = true;
                matched++;
                break;
            }
            sent_at += sent_length;
        }
        at += length;
    }
    free(is_back);
    return matched == observation->sent_datagrams_count && matched == observation->datagrams_count;
}

static bool holds(const struct predicate *predicate, const struct sight *sight)
{
    const struct observation *observation = sight->observation;

    switch (predicate->kind) {
    case PREDICATE_STATUS:
        return sight->finals_count > 0 &&
               status_matches(predicate->text, strlen(predicate->text), sight->finals[0]->status);
    case PREDICATE_STATUSES:
        return statuses_match(sight, predicate->text);
    case PREDICATE_RESPONSES:
        return sight->finals_count >= predicate->number &&
               sight->finals_count <= predicate->number_max;
    case PREDICATE_INTERIM:
        return sight->interim_count >= predicate->number &&
               sight->interim_count <= predicate->number_max;
    case PREDICATE_FENCE:
        return sight->has_fence;
    case PREDICATE_NO_FENCE:
        return !sight->has_fence;
    case PREDICATE_BODY:
    case PREDICATE_NO_BODY:
    case PREDICATE_FIELD:
    case PREDICATE_NO_FIELD:
    case PREDICATE_FRAMING:
    case PREDICATE_VERSION:
        return message_matches(final_of(sight, predicate->number), predicate);
    case PREDICATE_CONTAINS:
    case PREDICATE_ABSENT:
        return has_bytes(observation->received, observation->received_bytes, predicate->text,
                         predicate->text_length) == (predicate->kind == PREDICATE_CONTAINS);
    case PREDICATE_CLOSED:
        return observation->is_ended;
    case PREDICATE_END:
        return observation->is_ended && !observation->was_reset;
    case PREDICATE_ECHO:
        return observation->received_bytes == observation->sent_bytes &&
               is_echo_prefix(observation);
    case PREDICATE_ECHO_PREFIX:
        return is_echo_prefix(observation);
    case PREDICATE_HELD_BACK:
        return observation->sent_unread_bytes < observation->sent_bytes;
    case PREDICATE_DATAGRAMS:
        return are_datagrams_back(observation);
    case PREDICATE_ALIVE:
        return observation->is_alive;
    }
    return false;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void say(struct verdict *verdict, const char *format,
                                                      ...)
{
    size_t used = strlen(verdict->detail);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(verdict->detail + used, sizeof(verdict->detail) - used, format, arguments);
    va_end(arguments);
}

static const char *end_name(const struct observation *observation)
{
    if (observation->is_late)
        return "no end within the time";
    return observation->was_reset ? "then a reset" : "then the end";
}

/* What was seen, in one clause. */
static void say_got(struct verdict *verdict, const struct conform_case *one,
                    const struct sight *sight)
{
    const struct observation *observation = sight->observation;

    if (one->suite == SUITE_LINE) {
        say(verdict, "; got %zu of %zu bytes", observation->received_bytes,
            observation->sent_bytes);
        if (observation->sent_datagrams_count > 0)
            say(verdict, " in %zu of %zu datagrams", observation->datagrams_count,
                observation->sent_datagrams_count);
        say(verdict, ", %s", end_name(observation));
        return;
    }
    say(verdict, "; got");
    for (size_t i = 0; i < sight->interim_count; i++)
        say(verdict, " (interim)");
    for (size_t i = 0; i < sight->finals_count; i++)
        say(verdict, " %d", sight->finals[i]->status);
    if (sight->finals_count == 0)
        say(verdict, " no response");
    say(verdict, "%s, %s", sight->has_fence ? " and the fence" : "", end_name(observation));
}

/* What holds for every HTTP case; NULL, or what does not. */
static const char *broken_rule_of_all(const struct sight *sight)
{
    const struct observation *observation = sight->observation;

    if (has_bytes(observation->received, observation->received_bytes, HIDDEN_TEXT,
                  strlen(HIDDEN_TEXT) - 1))
        return "a request hidden in other bytes was answered";
    if (sight->reading.problem[0] != '\0')
        return sight->reading.problem;
    if (observation->is_behind && !sight->has_good)
        return "the good request in front was not answered first with 200";
    if (!observation->is_ended)
        return "the connection stayed open, nothing more came";
    return NULL;
}

/* A line of alternatives holds when one of them does; `at` moves behind the line. */
static bool line_holds(const struct conform_case *one, const struct sight *sight, size_t *at)
{
    bool is_held = false, is_last = false;

    for (; !is_last; (*at)++) {
        is_last = !one->predicates[*at].is_alternative;
        is_held |= holds(&one->predicates[*at], sight);
    }
    return is_held;
}

static void check_predicates(const struct conform_case *one, const struct sight *sight,
                             struct verdict *verdict)
{
    for (size_t at = 0; at < one->predicates_count;) {
        size_t begin = at;

        if (line_holds(one, sight, &at))
            continue;
        say(verdict, "expected '");
        for (size_t i = begin; i < at; i++)
            say(verdict, "%s%s", i > begin ? " | " : "", one->predicates[i].source);
        say(verdict, "'");
        return;
    }
    verdict->result = RESULT_PASS;
}

void expect_judge(const struct conform_case *one, const struct observation *observation,
                  struct verdict *ret_verdict)
{
    struct sight sight = { .observation = observation };

    *ret_verdict = (struct verdict){ .result = RESULT_FAIL };
    if (one->suite == SUITE_HTTP)
        sight_init(&sight, one, observation);
    if (one->suite == SUITE_HTTP && !observation->has_left && broken_rule_of_all(&sight) != NULL)
        say(ret_verdict, "%s", broken_rule_of_all(&sight));
    else if (one->suite == SUITE_LINE && observation->is_late)
        say(ret_verdict, "no end within the time");
    else
        check_predicates(one, &sight, ret_verdict);
    if (ret_verdict->result == RESULT_FAIL)
        say_got(ret_verdict, one, &sight);
    http_reading_deinit(&sight.reading);
}
