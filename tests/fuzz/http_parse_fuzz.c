/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes through parser, framing and chunked decoding: the outcome may not depend on how they
 * were cut. The first byte chooses the limits, so that these are met by short inputs too.
 */
#include "http_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Splits one input is tried at; longer inputs are split at some places only. */
#define SPLITS_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http_reader whole, split;

static void init(struct http_reader *reader, uint8_t limits)
{
    static const size_t targets[] = { 8192, 16, 64, 256 };
    static const size_t heads[] = { 16384, 256, 64, 1024 };
    static const size_t bodies[] = { 65536, 8, 64, 1024 };

    http_reader_init(reader, targets[limits & 3], heads[(limits >> 2) & 3],
                     bodies[(limits >> 4) & 3]);
}

static void compare(size_t at)
{
    const char *difference = http_reader_difference(&whole, &split);

    if (difference == NULL)
        return;
    fprintf(stderr, "split at %zu: %s differs\n", at, difference);
    abort();
}

static void check_span(struct http_span span)
{
    if ((size_t)span.offset + span.length > whole.length)
        abort();
}

static void check_spans(void)
{
    if (!whole.has_head)
        return;
    if (whole.head.length > whole.length || whole.body_end < whole.head.length ||
        whole.raw < whole.body_end || whole.raw > whole.length ||
        whole.body_end - whole.head.length > whole.body_max)
        abort();
    check_span(whole.head.method);
    check_span(whole.head.target);
    check_span(whole.path);
    check_span(whole.query);
    for (uint16_t i = 0; i < whole.head.fields_count; i++) {
        check_span(whole.head.fields[i].name);
        check_span(whole.head.fields[i].value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t limits = size > 0 ? data[0] : 0;
    size_t step;

    if (size == 0 || size > 16384)
        return 0;
    data++;
    size--;
    init(&whole, limits);
    http_reader_feed(&whole, data, size);
    check_spans();
    step = size / SPLITS_MAX + 1;
    for (size_t at = 1; at < size; at += step) {
        init(&split, limits);
        http_reader_feed(&split, data, at);
        http_reader_feed(&split, data + at, size - at);
        compare(at);
    }
    if (size > 4 * SPLITS_MAX)
        return 0;
    init(&split, limits);
    for (size_t at = 0; at < size; at++)
        http_reader_feed(&split, data + at, 1);
    compare(size);
    return 0;
}
