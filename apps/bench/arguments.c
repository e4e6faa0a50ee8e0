/* SPDX-License-Identifier: Apache-2.0 */
#include "arguments.h"

#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

bool number_read(const char *text, double min, double max, double *ret_number)
{
    char *end;
    double number;

    if (text[0] == '\0' || strspn(text, "0123456789.") != strlen(text))
        return false;
    errno = 0;
    number = strtod(text, &end);
    if (errno != 0 || *end != '\0' || number < min || number > max)
        return false;
    *ret_number = number;
    return true;
}

double argument_number(const char *option, const char *text, double min, double max)
{
    double number;

    if (!number_read(text, min, max, &number))
        die(EX_USAGE, "--%s: expected a number from %g to %g, not '%s'", option, min, max, text);
    return number;
}

size_t argument_count(const char *option, const char *text, size_t min, size_t max)
{
    double number;

    if (!number_read(text, (double)min, (double)max, &number) || number != floor(number))
        die(EX_USAGE, "--%s: expected a whole number from %zu to %zu, not '%s'", option, min, max,
            text);
    return (size_t)number;
}

static struct address resolve(const char *option, const char *text, const char *host,
                              const char *port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *found;
    struct address address = { .length = 0 };

    if (strlen(port) > 5 || strtoul(port, NULL, 10) > 65535)
        die(EX_USAGE, "--%s: '%s': a port is a number up to 65535", option, text);
    if (getaddrinfo(host, port, &hints, &found) != 0)
        die(EX_USAGE, "--%s: '%s' is no HOST:PORT, or nobody knows the host", option, text);
    memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
    address.length = found->ai_addrlen;
    freeaddrinfo(found);
    return address;
}

struct address argument_address(const char *option, const char *text)
{
    const char *colon = strrchr(text, ':');
    char host[256];
    const char *from = text;
    size_t length;

    if (colon == NULL || colon[1] == '\0' || colon == text)
        die(EX_USAGE, "--%s: expected HOST:PORT, not '%s'", option, text);
    length = (size_t)(colon - text);
    if (text[0] == '[' && colon[-1] == ']') {
        from++;
        length -= 2;
    }
    if (length == 0 || length >= sizeof(host))
        die(EX_USAGE, "--%s: expected HOST:PORT, not '%s'", option, text);
    memcpy(host, from, length);
    host[length] = '\0';
    return resolve(option, text, host, colon + 1);
}

struct address address_loopback(unsigned port)
{
    struct address address = { .length = sizeof(struct sockaddr_in) };
    struct sockaddr_in loopback = { .sin_family = AF_INET,
                                    .sin_port = htons((in_port_t)port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    memcpy(&address.storage, &loopback, sizeof(loopback));
    return address;
}

unsigned address_port(const struct address *address)
{
    const struct sockaddr_in *v4 = (const void *)&address->storage;
    const struct sockaddr_in6 *v6 = (const void *)&address->storage;

    return ntohs(address->storage.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
}

void address_print(const struct address *address, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in *v4 = (const void *)&address->storage;
    const struct sockaddr_in6 *v6 = (const void *)&address->storage;

    if (address->storage.ss_family == AF_INET) {
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
        snprintf(text, size, "%s:%u", host, address_port(address));
    } else {
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
        snprintf(text, size, "[%s]:%u", host, address_port(address));
    }
}

bool list_has(const char *list, const char *name)
{
    size_t length = strlen(name);

    if (list == NULL)
        return true;
    for (;;) {
        size_t word = strcspn(list, ",");

        if (word == length && memcmp(list, name, length) == 0)
            return true;
        if (list[word] == '\0')
            return false;
        list += word + 1;
    }
}

bool argument_word(const char *option, const char **list, char *word, size_t size)
{
    size_t length;

    if (*list == NULL)
        return false;
    length = strcspn(*list, ",");
    if (length == 0)
        die(EX_USAGE, "--%s: an empty word, expected words with commas between them", option);
    if (length >= size)
        die(EX_USAGE, "--%s: '%.*s' is too long", option, (int)length, *list);
    snprintf(word, size, "%.*s", (int)length, *list);
    *list = (*list)[length] == ',' ? *list + length + 1 : NULL;
    return true;
}

void words_add(char *words, size_t size, const char *word)
{
    size_t length = strlen(words);

    snprintf(words + length, size - length, " %s", word);
}

void argument_unknown(const char *command)
{
    fprintf(stderr, "Try: paceline-bench %s --help\n", command);
    exit(EX_USAGE);
}
