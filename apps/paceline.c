/* SPDX-License-Identifier: Apache-2.0 */
/* The ready-made server: files, fixed replies and echo, from YAML alone. */
#include <paceline/http.h>
#include <paceline/line.h>
#include <paceline/main.h>

int main(int argc, char **argv)
{
    static const struct pl_protocol *const protocols[] = { &pl_http_protocol, &pl_line_protocol };

    return pl_main(argc, argv,
                   &PL_APP(.name = "paceline", .protocols = protocols, .protocols_count = 2));
}
