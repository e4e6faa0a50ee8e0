/* SPDX-License-Identifier: Apache-2.0 */
/* Where to listen, as it stands in the configuration: ADDRESS:PORT, [ADDRESS]:PORT, udp: before
 * either, or unix:/path. */
#ifndef PL_IO_ADDRESS_H
#define PL_IO_ADDRESS_H

#include <paceline/attributes.h>
#include <paceline/error.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define PL_ADDRESS_TEXT_BYTES 160

struct pl_address {
    struct sockaddr_storage socket;
    socklen_t length;
    bool is_datagram;
};

/* Who is at the other end: small, because each connection of a table has one. */
struct pl_peer {
    uint8_t family; /* AF_UNSPEC: not known */
    uint8_t host[16];
};

/* Enough for any address of a peer as text, and a NUL. */
#define PL_PEER_TEXT_BYTES 48

/* Errors: -EINVAL, with a sentence that says what was expected. Thread: any. */
PL_MUST_CHECK int pl_address_parse(const char *text, struct pl_address *ret_address,
                                   struct pl_error *error);

/* In host order; 1 for a unix socket, which has none. Thread: any. */
uint16_t pl_address_port(const struct pl_address *address);

/* Writes the address as pl_address_parse() reads it. Thread: any. */
void pl_address_format(const struct pl_address *address, char *text, size_t size);

/* Takes over what the kernel says of a peer. Thread: any. */
void pl_peer_init(struct pl_peer *peer, const struct sockaddr *address);
/* Writes a numeric address without its port, "unix:", or nothing when it is not known; returns the
 * length. `text` has room for PL_PEER_TEXT_BYTES. Thread: any. */
size_t pl_peer_format(const struct pl_peer *peer, char *text);

#endif
