/* SPDX-License-Identifier: Apache-2.0 */
/* What waits through swaps: replies for their readers, clients for a place. */
#include "served.h"

#include <stdio.h>
#include <string.h>

static void read_head(int fd, char *head, size_t size)
{
    size_t length = 0;

    do {
        assert_true(length + 1 < size);
        client_receive(fd, head + length++, 1);
        head[length] = '\0';
    } while (length < 4 || strcmp(head + length - 4, "\r\n\r\n") != 0);
    if (strncmp(head, "HTTP/1.1 200 ", 13) != 0)
        fail_msg("%s", head);
}

static void expect_file(int fd, uint32_t number)
{
    static char bytes[SERVED_FILE_BYTES];
    char head[512], field[48];

    read_head(fd, head, sizeof(head));
    snprintf(field, sizeof(field), "X-Number: %u\r\n", number);
    assert_non_null(strstr(head, field));
    client_receive(fd, bytes, sizeof(bytes));
    assert_memory_equal(bytes, served_file_bytes, sizeof(bytes));
}

static void expect_number(int fd, uint32_t number)
{
    char head[512], expected[32];

    read_head(fd, head, sizeof(head));
    snprintf(expected, sizeof(expected), "%u\n", number);
    client_expect(fd, expected);
}

static void ask_for(int fd, const char *path, uint32_t number)
{
    char text[128];

    snprintf(text, sizeof(text), "GET %s?%u HTTP/1.1\r\nHost: a\r\n\r\n", path, number);
    client_say(fd, text);
}

/* ---- for readers ---- */

#define READERS 6
#define FILES   40 /* of each: far more than the sockets hold */

/* Each takes one file between two swaps: all the others wait until there is room to write. */
static void replies_wait_for_their_readers(void **state)
{
    int fds[READERS];

    (void)state;
    served_start(NULL);
    for (int i = 0; i < READERS; i++) {
        fds[i] = client_connect(rig.port);
        for (uint32_t k = 0; k < FILES; k++)
            ask_for(fds[i], "/file", k);
    }
    for (uint32_t k = 0; k < FILES; k++) {
        swap_to("default", &swap_variants[k * 5 % swap_variants_count], NULL);
        for (int i = 0; i < READERS; i++)
            expect_file(fds[i], k);
    }
    for (int i = 0; i < READERS; i++)
        client_close(fds[i]);
    served_stop();
}

/* ---- for a place ---- */

#define PLACES  6
#define WAITING 4

/* Those in the accept queues are accepted as soon as there is room, whatever the model is then. */
static void clients_wait_for_a_place(void **state)
{
    static const char *const sets[] = { "limits.connections=6", "services.0.defer_accept=false",
                                        NULL };

    (void)state;
    served_start(sets);
    for (size_t i = 0; i < swap_variants_count; i++) {
        int here[PLACES], waiting[WAITING];

        for (uint32_t k = 0; k < PLACES; k++) {
            here[k] = client_connect(rig.port);
            ask_for(here[k], "/get", k);
            expect_number(here[k], k);
        }
        for (uint32_t k = 0; k < WAITING; k++) {
            waiting[k] = client_connect(rig.port);
            ask_for(waiting[k], "/get", 100 + k);
        }
        swap_to("default", &swap_variants[i * 5 % swap_variants_count], NULL);
        swap_to("default", &swap_variants[i * 7 % swap_variants_count], NULL);
        for (uint32_t k = 0; k < WAITING; k++)
            client_close(here[k]);
        for (uint32_t k = 0; k < WAITING; k++)
            expect_number(waiting[k], 100 + k);
        for (uint32_t k = WAITING; k < PLACES; k++)
            client_close(here[k]);
        for (uint32_t k = 0; k < WAITING; k++)
            client_close(waiting[k]);
        served_await_no_connection();
    }
    served_stop();
}

static const struct CMUnitTest cases[] = {
    cmocka_unit_test(replies_wait_for_their_readers),
    cmocka_unit_test(clients_wait_for_a_place),
};
const struct case_group swap_waits = CASE_GROUP(cases);
