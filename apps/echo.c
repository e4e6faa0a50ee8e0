/* SPDX-License-Identifier: Apache-2.0 */
/* Sends back what it gets: the line protocol without a handler. */
#include <paceline/line.h>
#include <paceline/main.h>

int main(int argc, char **argv)
{
    static const struct pl_protocol *const protocols[] = { &pl_line_protocol };

    return pl_main(argc, argv,
                   &PL_APP(.name = "echo", .protocols = protocols, .protocols_count = 1));
}
