/* SPDX-License-Identifier: Apache-2.0 */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sysexits.h>

static int refuse(struct pl_error *error, const char *text, const char *why)
{
    return pl_error_set(error, EX_CONFIG, -EINVAL,
                        "'%s': %s; expected ADDRESS:PORT, [ADDRESS]:PORT, udp:ADDRESS:PORT or "
                        "unix:/PATH",
                        text, why);
}

static int parse_unix(const char *text, const char *path, struct pl_address *address,
                      struct pl_error *error)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&address->socket;

    if (path[0] == '\0')
        return refuse(error, text, "the path is empty");
    if (strlen(path) >= sizeof(un->sun_path))
        return refuse(error, text, "the path is longer than 107 bytes");
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, strlen(path) + 1);
    address->length = sizeof(*un);
    return 0;
}

static bool parse_port(const char *text, in_port_t *ret_port)
{
    char *end;
    unsigned long port;

    if (text[0] < '0' || text[0] > '9')
        return false;
    port = strtoul(text, &end, 10);
    if (*end != '\0' || port > 65535)
        return false;
    *ret_port = htons((uint16_t)port);
    return true;
}

int pl_address_parse(const char *text, struct pl_address *ret_address, struct pl_error *error)
{
    struct pl_address address = { .is_datagram = false };
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address.socket;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address.socket;
    char host[64];
    const char *at = text;
    const char *colon;
    in_port_t port;
    size_t host_length;
    bool is_v6;

    if (strncmp(at, "unix:", 5) == 0) {
        int err = parse_unix(text, at + 5, &address, error);

        if (err == 0)
            *ret_address = address;
        return err;
    }
    if (strncmp(at, "udp:", 4) == 0) {
        address.is_datagram = true;
        at += 4;
    }
    colon = strrchr(at, ':');
    if (colon == NULL || !parse_port(colon + 1, &port))
        return refuse(error, text, "the port is missing or not 0 to 65535");
    is_v6 = at[0] == '[' && colon > at + 1 && colon[-1] == ']';
    host_length = (size_t)(colon - at) - (is_v6 ? 2 : 0);
    if (host_length >= sizeof(host))
        return refuse(error, text, "the address is too long");
    memcpy(host, at + (is_v6 ? 1 : 0), host_length);
    host[host_length] = '\0';
    if (is_v6) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = port;
        address.length = sizeof(*v6);
        if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
            return refuse(error, text, "not an IPv6 address");
    } else {
        v4->sin_family = AF_INET;
        v4->sin_port = port;
        address.length = sizeof(*v4);
        if (inet_pton(AF_INET, host, &v4->sin_addr) != 1)
            return refuse(error, text, "not a numeric address");
    }
    *ret_address = address;
    return 0;
}

uint16_t pl_address_port(const struct pl_address *address)
{
    switch (address->socket.ss_family) {
    case AF_INET:
        return ntohs(((const struct sockaddr_in *)&address->socket)->sin_port);
    case AF_INET6:
        return ntohs(((const struct sockaddr_in6 *)&address->socket)->sin6_port);
    default:
        return 1;
    }
}

void pl_address_format(const struct pl_address *address, char *text, size_t size)
{
    const char *prefix = address->is_datagram ? "udp:" : "";
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->socket;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->socket;
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address->socket;
    char host[INET6_ADDRSTRLEN];

    switch (address->socket.ss_family) {
    case AF_INET:
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
        snprintf(text, size, "%s%s:%u", prefix, host, ntohs(v4->sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
        snprintf(text, size, "%s[%s]:%u", prefix, host, ntohs(v6->sin6_port));
        break;
    default:
        snprintf(text, size, "unix:%s", un->sun_path);
        break;
    }
}

void pl_peer_init(struct pl_peer *peer, const struct sockaddr *address)
{
    const void *bytes = address;
    const struct sockaddr_in *v4 = bytes;
    const struct sockaddr_in6 *v6 = bytes;

    *peer = (struct pl_peer){ .family = (uint8_t)address->sa_family };
    if (address->sa_family == AF_INET)
        memcpy(peer->host, &v4->sin_addr, sizeof(v4->sin_addr));
    else if (address->sa_family == AF_INET6)
        memcpy(peer->host, &v6->sin6_addr, sizeof(v6->sin6_addr));
}

/* Not by inet_ntop(): it prints through a stream, which costs as much as a small request. */
static size_t format_v4(const uint8_t *host, char *text)
{
    char *at = text;

    for (int i = 0; i < 4; i++) {
        unsigned int byte = host[i];

        if (i > 0)
            *at++ = '.';
        if (byte >= 100)
            *at++ = (char)('0' + byte / 100);
        if (byte >= 10)
            *at++ = (char)('0' + byte / 10 % 10);
        *at++ = (char)('0' + byte % 10);
    }
    *at = '\0';
    return (size_t)(at - text);
}

size_t pl_peer_format(const struct pl_peer *peer, char *text)
{
    text[0] = '\0';
    switch (peer->family) {
    case AF_INET:
        return format_v4(peer->host, text);
    case AF_INET6:
        (void)inet_ntop(AF_INET6, peer->host, text, PL_PEER_TEXT_BYTES);
        break;
    case AF_UNIX:
        memcpy(text, "unix:", sizeof("unix:"));
        break;
    default:
        break;
    }
    return strlen(text);
}
