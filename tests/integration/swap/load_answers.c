/* SPDX-License-Identifier: Apache-2.0 */
/* What clients make of the bytes that come: heads, content of a length or in chunks, each byte
 * compared with what the question's number demands. */
#include "load_client.h"

#include "served.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The answer's bytes from `at` on, as far as they stand in one place; 0: there are no more. */
static size_t expected_at(const struct question *question, size_t at, char *scratch,
                          const char **ret_bytes)
{
    unsigned long long number = question->number;
    uint32_t parts = question->kind == LOAD_STREAM         ? SERVED_STREAM_PARTS
                     : question->kind == LOAD_LATER_STREAM ? SERVED_LATER_PARTS
                                                           : 0;
    size_t length;

    *ret_bytes = scratch;
    if (question->kind == LOAD_FILE) {
        *ret_bytes = served_file_bytes + at;
        return SERVED_FILE_BYTES - at;
    }
    if (parts > 0 && at < (size_t)parts * SERVED_PART_BYTES) {
        served_write_part(scratch, number, (uint32_t)(at / SERVED_PART_BYTES));
        *ret_bytes = scratch + at % SERVED_PART_BYTES;
        return SERVED_PART_BYTES - at % SERVED_PART_BYTES;
    }
    if (parts > 0)
        return 0;
    if (question->kind == LOAD_POST || question->kind == LOAD_SLOW_POST ||
        question->kind == LOAD_UPLOAD || question->kind == LOAD_SLOW_UPLOAD) {
        static uint32_t sums[256];

        /* The same value from whichever thread comes first. */
        if (__atomic_load_n(&sums[number % 256], __ATOMIC_RELAXED) == 0)
            __atomic_store_n(&sums[number % 256],
                             served_sum(served_body(number), SERVED_BODY_BYTES), __ATOMIC_RELAXED);
        length = (size_t)snprintf(scratch, SERVED_PART_BYTES, "%llu %08x\n", number,
                                  __atomic_load_n(&sums[number % 256], __ATOMIC_RELAXED));
    } else {
        length = (size_t)snprintf(scratch, SERVED_PART_BYTES, "%llu\n", number);
    }
    *ret_bytes = scratch + at;
    return length - at;
}

static bool is_body_as_expected(const struct question *question, struct load_client *client,
                                const char *bytes, size_t length)
{
    char scratch[SERVED_PART_BYTES + 1];

    while (length > 0) {
        const char *expected;
        size_t there = expected_at(question, client->body_at, scratch, &expected);
        size_t count = there < length ? there : length;

        if (count == 0 || memcmp(expected, bytes, count) != 0)
            return false;
        client->body_at += count;
        bytes += count;
        length -= count;
    }
    return true;
}

static void note_answer(struct load_thread *thread, struct load_client *client)
{
    struct question *question = &client->questions[client->answered];
    char scratch[SERVED_PART_BYTES + 1];
    const char *rest;
    int64_t took_us = load_now_us() - question->asked_us;

    if (expected_at(question, client->body_at, scratch, &rest) > 0)
        load_fail(thread->load, "a reply is too short", question);
    if (question->kind == LOAD_GET && client->asked == 1) {
        thread->waits[took_us / 100 < LOAD_WAITS ? took_us / 100 : LOAD_WAITS - 1]++;
        thread->longest_us = took_us > thread->longest_us ? took_us : thread->longest_us;
    }
    client->answered++;
    client->reading = HEAD;
    client->text_bytes = 0;
    atomic_fetch_add_explicit(&thread->load->requests, 1, memory_order_relaxed);
}

/* A whole head stands in the text. */
static void read_head(struct load_thread *thread, struct load_client *client)
{
    const struct question *question = &client->questions[client->answered];
    const char *length = strstr(client->text, "Content-Length: ");
    char number[48];

    snprintf(number, sizeof(number), "X-Number: %llu\r\n", (unsigned long long)question->number);
    if (strncmp(client->text, "HTTP/1.1 200 ", 13) != 0 ||
        strstr(client->text, "Connection: close") != NULL)
        load_fail(thread->load, client->text, question);
    if (question->kind == LOAD_FILE && strstr(client->text, number) == NULL)
        load_fail(thread->load, "not the number that was asked", question);
    client->is_chunked = length == NULL;
    client->left = length == NULL ? 0 : strtoul(length + 16, NULL, 10);
    client->body_at = client->text_bytes = 0;
    client->reading = client->is_chunked ? CHUNK_SIZE : BODY;
    if (!client->is_chunked && client->left == 0)
        load_fail(thread->load, "a reply without content", question);
}

/* Takes bytes of a head, or of a line of the chunked coding, up to its end. */
static size_t take_text(struct load_thread *thread, struct load_client *client, const char *bytes,
                        size_t length)
{
    const char *end = client->reading == HEAD ? "\r\n\r\n" : "\r\n";
    size_t end_bytes = strlen(end), used = 0;

    while (used < length) {
        if (client->text_bytes + 1 == sizeof(client->text)) {
            load_fail(thread->load, "a line without an end", client->questions);
            return length;
        }
        client->text[client->text_bytes++] = bytes[used++];
        client->text[client->text_bytes] = '\0';
        if (client->text_bytes >= end_bytes &&
            memcmp(client->text + client->text_bytes - end_bytes, end, end_bytes) == 0)
            break;
    }
    if (client->text_bytes < end_bytes ||
        memcmp(client->text + client->text_bytes - end_bytes, end, end_bytes) != 0)
        return used;
    if (client->reading == HEAD) {
        read_head(thread, client);
    } else if (client->reading == CHUNK_SIZE) {
        client->left = strtoul(client->text, NULL, 16);
        client->reading = client->left > 0 ? CHUNK : CHUNK_END;
        client->text_bytes = 0;
    } else if (client->left == 0) {
        /* Behind the last chunk's size, and behind each other chunk. */
        client->text_bytes = 0;
        if (client->is_chunked)
            note_answer(thread, client);
    }
    return used;
}

static size_t take_body(struct load_thread *thread, struct load_client *client, const char *bytes,
                        size_t length)
{
    const struct question *question = &client->questions[client->answered];
    size_t count = length < client->left ? length : client->left;

    if (!is_body_as_expected(question, client, bytes, count)) {
        load_fail(thread->load, "not the reply that was expected", question);
        return length;
    }
    client->left -= count;
    if (client->left > 0)
        return count;
    if (client->reading == BODY)
        note_answer(thread, client);
    else
        client->reading = CHUNK_END, client->left = 1; /* its line end, and another size */
    return count;
}

void load_take(struct load_thread *thread, struct load_client *client, const char *bytes,
               size_t length)
{
    while (length > 0 && !atomic_load(&thread->load->has_failed)) {
        size_t used;

        if (client->answered == client->asked) {
            load_fail(thread->load, "more than was asked for", client->questions);
            return;
        }
        if (client->reading == BODY || client->reading == CHUNK)
            used = take_body(thread, client, bytes, length);
        else
            used = take_text(thread, client, bytes, length);
        if (client->reading == CHUNK_END && client->left == 1 && client->text_bytes == 2) {
            client->reading = CHUNK_SIZE;
            client->text_bytes = 0;
        }
        bytes += used;
        length -= used;
    }
}
