/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for addresses of code: the function, also one that is static or hidden, from the symbols
 * that its file keeps (what strip(1) removes), and where it stands in that file, for addr2line(1).
 */
#ifndef PL_BASE_CODE_NAME_H
#define PL_BASE_CODE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pl_code_name {
    char function[96]; /* "" when no symbol covers it */
    char module[256];  /* the file's path; "" when no file has it */
    uintptr_t in_function;
    uintptr_t in_module; /* what addr2line(1) wants */
};

/* `is_return`: the address is where a call returns to, so the call stands before it. Reads the
 * file. Thread: any that may block. */
void pl_code_name_of(const void *address, bool is_return, struct pl_code_name *ret_name);

#endif
