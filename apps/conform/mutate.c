/* SPDX-License-Identifier: Apache-2.0 */
#include "mutate.h"

#include "case_text.h"

#include <stdlib.h>
#include <string.h>

/* Changes of one mutation: few, so that most of the bytes still mean what the case meant. */
#define CHANGES_MAX 4

/* The bytes of one deletion, duplicate or insertion. */
#define RANGE_BYTES_MAX 64

struct mutator {
    struct mutation *mutation;
    const struct stock *stock;
    uint64_t state;
};

/* ---- chance ---------------------------------------------------------------------------------- */

/* splitmix64: every state leads to a good one, so that seeds may be small and consecutive. */
static uint64_t next(uint64_t *state)
{
    uint64_t mixed = *state += 0x9e3779b97f4a7c15u;

    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

/* From 0 to `count` - 1. */
static size_t pick(struct mutator *mutator, size_t count)
{
    return (size_t)(next(&mutator->state) % count);
}

/* A byte that means something to a reader of HTTP, or any. */
static char pick_byte(struct mutator *mutator)
{
    static const char telling[] = "\r\n\r\n :;,\t\"%/0123456789afxAFX-+=\0\x7f\x80\xff";
    size_t at = pick(mutator, 2 * sizeof(telling));

    return at < sizeof(telling) ? telling[at] : (char)pick(mutator, 256);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void remove_range(struct mutation *mutation, size_t at, size_t length)
{
    memmove(mutation->bytes + at, mutation->bytes + at + length, mutation->length - at - length);
    mutation->length -= length;
}

/* As much of the text as there is room for. */
static void insert(struct mutation *mutation, size_t at, const char *text, size_t length)
{
    if (length > MUTATION_BYTES_MAX - mutation->length)
        length = MUTATION_BYTES_MAX - mutation->length;
    memmove(mutation->bytes + at + length, mutation->bytes + at, mutation->length - at);
    memcpy(mutation->bytes + at, text, length);
    mutation->length += length;
}

/* A place and a length within the bytes; false when there are none. */
static bool pick_range(struct mutator *mutator, size_t *ret_at, size_t *ret_length)
{
    size_t left;

    if (mutator->mutation->length == 0)
        return false;
    *ret_at = pick(mutator, mutator->mutation->length);
    left = mutator->mutation->length - *ret_at;
    *ret_length = 1 + pick(mutator, left < RANGE_BYTES_MAX ? left : RANGE_BYTES_MAX);
    return true;
}

/* ---- changes --------------------------------------------------------------------------------- */

static void flip(struct mutator *mutator)
{
    size_t at, length;

    if (pick_range(mutator, &at, &length))
        mutator->mutation->bytes[at] ^= (char)(1 << pick(mutator, 8));
}

static void overwrite(struct mutator *mutator)
{
    size_t at, length;

    if (pick_range(mutator, &at, &length))
        mutator->mutation->bytes[at] = pick_byte(mutator);
}

static void insert_bytes(struct mutator *mutator)
{
    char text[RANGE_BYTES_MAX];
    size_t at = pick(mutator, mutator->mutation->length + 1);
    size_t length = 1 + pick(mutator, pick(mutator, 4) > 0 ? 3 : sizeof(text));

    for (size_t i = 0; i < length; i++)
        text[i] = pick_byte(mutator);
    insert(mutator->mutation, at, text, length);
}

/* What chance alone would hardly spell. */
static void insert_word(struct mutator *mutator)
{
    static const char *const words[] = {
        "\r\n",           "\r\n\r\n",
        "0\r\n\r\n",      "Content-Length: 5\r\n",
        "chunked",        "Transfer-Encoding: chunked\r\n",
        "HTTP/1.1",       "Host: a\r\n",
        "HTTP/1.0",       "Connection: close\r\n",
        "GET / HTTP/1.1", "Expect: 100-continue\r\n",
        "%2e%2e/",        "Range: bytes=0-0,2-\r\n",
        "HEAD ",          "If-None-Match: *\r\n",
    };
    const char *word = words[pick(mutator, sizeof(words) / sizeof(words[0]))];

    insert(mutator->mutation, pick(mutator, mutator->mutation->length + 1), word, strlen(word));
}

static void delete_range(struct mutator *mutator)
{
    size_t at, length;

    if (pick_range(mutator, &at, &length))
        remove_range(mutator->mutation, at, length);
}

static void duplicate(struct mutator *mutator)
{
    char copy[RANGE_BYTES_MAX];
    size_t at, length;

    if (!pick_range(mutator, &at, &length))
        return;
    memcpy(copy, mutator->mutation->bytes + at, length);
    insert(mutator->mutation, at + length, copy, length);
}

/* The front of what there is, and the rear of another case. */
static void splice(struct mutator *mutator)
{
    struct mutation *mutation = mutator->mutation;
    const struct script *other = &mutator->stock->scripts[pick(mutator, mutator->stock->count)];
    size_t from = pick(mutator, other->length + 1);

    mutation->length = pick(mutator, mutation->length + 1);
    insert(mutation, mutation->length, other->bytes + from, other->length - from);
}

static void truncate_bytes(struct mutator *mutator)
{
    mutator->mutation->length = pick(mutator, mutator->mutation->length + 1);
}

static void change(struct mutator *mutator)
{
    static void (*const changes[])(struct mutator *) = {
        flip,      overwrite, insert_bytes, insert_word,    delete_range,
        duplicate, splice,    overwrite,    truncate_bytes, insert_bytes,
    };

    changes[pick(mutator, sizeof(changes) / sizeof(changes[0]))](mutator);
}

static void cut(struct mutator *mutator)
{
    struct mutation *mutation = mutator->mutation;
    size_t count = pick(mutator, MUTATION_CUTS_MAX + 1);

    for (size_t i = 0; i < count && mutation->length > 1; i++) {
        size_t at = 1 + pick(mutator, mutation->length - 1), place = mutation->cuts_count;

        for (; place > 0 && mutation->cuts[place - 1] > at; place--)
            mutation->cuts[place] = mutation->cuts[place - 1];
        mutation->cuts[place] = at;
        mutation->cuts_count++;
    }
}

void mutation_init(struct mutation *mutation, const struct stock *stock, uint64_t seed,
                   uint64_t number)
{
    struct mutator mutator = { .mutation = mutation, .stock = stock, .state = seed };
    size_t index;

    mutator.state = next(&mutator.state) ^ number;
    index = pick(&mutator, stock->count);
    *mutation =
        (struct mutation){ .one = stock->cases[index], .bytes = must_alloc(MUTATION_BYTES_MAX) };
    insert(mutation, 0, stock->scripts[index].bytes, stock->scripts[index].length);
    for (size_t changes = 1 + pick(&mutator, CHANGES_MAX); changes > 0; changes--)
        change(&mutator);
    cut(&mutator);
}

void mutation_deinit(struct mutation *mutation)
{
    free(mutation->bytes);
    *mutation = (struct mutation){ .length = 0 };
}

/* ---- the stock ------------------------------------------------------------------------------- */

void stock_init(struct stock *stock, const struct case_list *list, const bool *is_chosen)
{
    static const struct target nobody = { .host = "mutation.example" };
    static const struct script_options options = { .is_behind = false };

    *stock = (struct stock){ .scripts = must_alloc((list->count + 1) * sizeof(*stock->scripts)),
                             .cases = must_alloc((list->count + 1) * sizeof(*stock->cases)) };
    for (size_t i = 0; i < list->count; i++) {
        struct script *script = &stock->scripts[stock->count];

        if (!is_chosen[i] || list->cases[i].transport != TRANSPORT_TCP)
            continue;
        script_init(script, &list->cases[i], &nobody, &options);
        if (script->length == 0 || script->length > STOCK_BYTES_MAX) {
            script_deinit(script);
            continue;
        }
        stock->cases[stock->count++] = &list->cases[i];
    }
}

void stock_deinit(struct stock *stock)
{
    for (size_t i = 0; i < stock->count; i++)
        script_deinit(&stock->scripts[i]);
    free(stock->scripts);
    free(stock->cases);
    *stock = (struct stock){ .count = 0 };
}
