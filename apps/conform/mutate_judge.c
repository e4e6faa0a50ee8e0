/* SPDX-License-Identifier: Apache-2.0 */
#include "mutate_judge.h"

#include "http_reader.h"

#include <stdio.h>
#include <string.h>

/* Readings of one answer; the right one is among the first. */
#define READINGS_MAX 4096

struct judge {
    const struct mutation_answer *answer;
    bool is_head[HTTP_MESSAGES_MAX];
    size_t readings_left;
};

static size_t count_word(const char *bytes, size_t length, const char *word)
{
    size_t count = 0;

    for (size_t at = 0; at + strlen(word) <= length; at++)
        count += memcmp(bytes + at, word, strlen(word)) == 0;
    return count;
}

static void read_once(struct judge *judge, struct mutation_verdict *verdict)
{
    const struct mutation_answer *answer = judge->answer;
    struct http_reading reading;

    http_reading_init(&reading, answer->received, answer->received_bytes,
                      answer->is_ended && !answer->was_reset, judge->is_head);
    verdict->responses = 0;
    for (size_t i = 0; i < reading.count; i++)
        verdict->responses += reading.messages[i].status >= 200;
    snprintf(verdict->problem, sizeof(verdict->problem), "%s", reading.problem);
    http_reading_deinit(&reading);
}

/* Takes one more of the responses from `from` on for the answer to HEAD. The body that is missing
 * shows at once, so the last one that was read is the likeliest. */
static bool try_heads(struct judge *judge, size_t from, size_t heads_left,
                      struct mutation_verdict *verdict)
{
    size_t count;

    read_once(judge, verdict);
    if (verdict->problem[0] == '\0')
        return true;
    if (heads_left == 0 || judge->readings_left == 0)
        return false;
    judge->readings_left--;
    count = verdict->responses < HTTP_MESSAGES_MAX ? verdict->responses + 1 : HTTP_MESSAGES_MAX;
    for (size_t i = count; i-- > from;) {
        judge->is_head[i] = true;
        if (try_heads(judge, i + 1, heads_left - 1, verdict))
            return true;
        judge->is_head[i] = false;
    }
    return false;
}

void mutation_judge(const struct mutation_answer *answer, struct mutation_verdict *ret_verdict)
{
    struct judge judge = { .answer = answer, .readings_left = READINGS_MAX };
    struct mutation_verdict found;
    size_t heads = count_word(answer->sent, answer->sent_bytes, "\n\r\n") +
                   count_word(answer->sent, answer->sent_bytes, "\n\n");

    read_once(&judge, ret_verdict);
    if (ret_verdict->problem[0] != '\0' &&
        try_heads(&judge, 0, count_word(answer->sent, answer->sent_bytes, "HEAD"), &found))
        *ret_verdict = found;
    if (ret_verdict->problem[0] != '\0')
        return;
    if (ret_verdict->responses > heads + 1)
        snprintf(ret_verdict->problem, sizeof(ret_verdict->problem),
                 "%zu responses, and the bytes hold %zu heads", ret_verdict->responses, heads);
    else if (!answer->is_ended)
        snprintf(ret_verdict->problem, sizeof(ret_verdict->problem),
                 "the connection stayed open, nothing more came");
}
