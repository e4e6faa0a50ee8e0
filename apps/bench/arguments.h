/* SPDX-License-Identifier: Apache-2.0 */
/* Values on the command line. What is wrong ends the program with exit code 64 and a sentence. */
#ifndef BENCH_ARGUMENTS_H
#define BENCH_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Pure: false when `text` is no number from `min` to `max`. */
bool number_read(const char *text, double min, double max, double *ret_number);

/* The same for an option's argument. */
double argument_number(const char *option, const char *text, double min, double max);
size_t argument_count(const char *option, const char *text, size_t min, size_t max);

struct address {
    struct sockaddr_storage storage;
    socklen_t length;
};

/* "HOST:PORT" or "[V6]:PORT". */
struct address argument_address(const char *option, const char *text);
/* 127.0.0.1. */
struct address address_loopback(unsigned port);
unsigned address_port(const struct address *address);
/* As argument_address() takes it. */
void address_print(const struct address *address, char *text, size_t size);

/* True when `name` stands in the comma-separated `list`; NULL stands for all. */
bool list_has(const char *list, const char *name);

/* The next word of a comma-separated list; `list` moves behind it, and is NULL behind the last one.
 * False: there was none. */
bool argument_word(const char *option, const char **list, char *word, size_t size);

/* A blank and the word, for a sentence that says what was expected. */
void words_add(char *words, size_t size, const char *word);

/* Ends with 64 and points to the help of `command`. */
__attribute__((noreturn)) void argument_unknown(const char *command);

#endif
