/* SPDX-License-Identifier: Apache-2.0 */
/* An eventfd that ends another thread's wait. It is never read: watched edge-triggered, every
 * write is a new edge; watched level-triggered, one write ends every wait from then on. */
#ifndef PL_IO_WAKER_H
#define PL_IO_WAKER_H

#include <paceline/attributes.h>

PL_MUST_CHECK int pl_waker_open(int *ret_fd);
/* Thread: any. */
void pl_waker_wake(int fd);

#endif
