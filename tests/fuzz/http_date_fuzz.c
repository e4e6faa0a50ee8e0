/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a date: what is taken must be written and read again as the same second. */
#include "http_date.h"

#include <stdlib.h>

#define NOW_S 1795251600

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pl_view text = { .bytes = (const char *)data, .length = size };
    char written[HTTP_DATE_BYTES];
    int64_t seconds, again;

    if (!http_date_parse(text, NOW_S, &seconds))
        return 0;
    http_date_format(seconds, written);
    if (!http_date_parse((struct pl_view){ .bytes = written, .length = sizeof(written) }, NOW_S,
                         &again) ||
        again != seconds)
        abort();
    return 0;
}
