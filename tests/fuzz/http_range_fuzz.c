/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a Range: what is found lies inside the file and shares no byte with another. The
 * first byte chooses the size of the file. */
#include "http_range.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct http_range_set *set, uint64_t size, size_t ranges_max)
{
    if (set->count == 0 || set->count > ranges_max)
        abort();
    for (size_t i = 0; i < set->count; i++) {
        const struct http_range *range = &set->ranges[i];

        if (range->length == 0 || range->length > size || range->first > size - range->length)
            abort();
        for (size_t k = 0; k < i; k++) {
            const struct http_range *other = &set->ranges[k];

            /* Not even touching: those are one. */
            if (range->first <= other->first + other->length &&
                other->first <= range->first + range->length)
                abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t sizes[] = { 0, 1, 10, 1000, 1u << 31, INT64_MAX };
    struct http_range_set set;
    uint64_t file_size;

    if (size == 0)
        return 0;
    file_size = sizes[data[0] % (sizeof(sizes) / sizeof(sizes[0]))];
    if (http_read_ranges((struct pl_view){ .bytes = (const char *)data + 1, .length = size - 1 },
                         file_size, 16, &set) == HTTP_RANGES_FOUND)
        check(&set, file_size, 16);
    return 0;
}
