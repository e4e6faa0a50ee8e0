/* SPDX-License-Identifier: Apache-2.0 */
/* A client on loopback whose every wait has a deadline; a failure ends the test with a message. */
#ifndef PL_TESTS_CLIENT_H
#define PL_TESTS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_DEADLINE_MS 20000

int client_connect(uint16_t port);
void client_send(int fd, const void *bytes, size_t length);
void client_say(int fd, const char *text);
/* Reads exactly `length` bytes. */
void client_receive(int fd, void *bytes, size_t length);
/* Reads what is expected, and nothing else. */
void client_expect(int fd, const char *text);
/* Reads to the end; returns the length, at most `size`. A reset counts as the end. */
size_t client_receive_all(int fd, void *bytes, size_t size);
void client_expect_end(int fd);
/* Waits until nobody listens there any more. */
void client_expect_refusal(uint16_t port);
/* Closes with a reset. */
void client_reset(int fd);
void client_close(int fd);

/* Waits until the word has at least this value. */
void client_await(const _Atomic uint32_t *word, uint32_t value);
bool client_reaches(const _Atomic uint32_t *word, uint32_t value, int64_t within_ms);
int64_t client_now_ms(void);
void client_pause_ms(long ms);

#endif
