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

/* Errors: -EINVAL, with a sentence that says what was expected. Thread: any. */
PL_MUST_CHECK int pl_address_parse(const char *text, struct pl_address *ret_address,
                                   struct pl_error *error);

/* In host order; 1 for a unix socket, which has none. Thread: any. */
uint16_t pl_address_port(const struct pl_address *address);

/* Writes the address as pl_address_parse() reads it. Thread: any. */
void pl_address_format(const struct pl_address *address, char *text, size_t size);

#endif
