/* SPDX-License-Identifier: Apache-2.0 */
#include "buffer.h"

void pl_buffer_compact(struct pl_buffer *buffer)
{
    size_t length = pl_buffer_length(buffer);

    if (buffer->read == 0)
        return;
    memmove(buffer->data, buffer->data + buffer->read, length);
    buffer->read = 0;
    buffer->write = (uint32_t)length;
}
