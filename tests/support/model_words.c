/* SPDX-License-Identifier: Apache-2.0 */
#include "model_words.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct model_words model_words_of(const char *text)
{
    struct model_words words = { .promotion = "adaptive", .is_inlining = true };
    size_t length = strcspn(text, "+");

    snprintf(words.model, sizeof(words.model), "%.*s", (int)length, text);
    if (strcmp(text + length, "+always") == 0)
        words.promotion = "always";
    else if (strcmp(text + length, "+kernel") == 0)
        words.promotion = "kernel";
    else if (strcmp(text + length, "+handed") == 0)
        words.is_inlining = false;
    else if (text[length] != '\0')
        fail_msg("%s: +always, +kernel or +handed", text);
    return words;
}
