/* SPDX-License-Identifier: Apache-2.0 */
#include "code_name.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct search {
    uintptr_t address;
    struct pl_code_name *name;
    bool is_found;
};

static void take_path(const char *path, char *text, size_t size)
{
    ssize_t length;

    if (path[0] != '\0') {
        snprintf(text, size, "%s", path);
        return;
    }
    length = readlink("/proc/self/exe", text, size - 1);
    text[length < 0 ? 0 : length] = '\0';
}

static int find_module(struct dl_phdr_info *module, size_t size, void *context)
{
    struct search *search = context;

    (void)size;
    for (size_t i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &module->dlpi_phdr[i];
        uintptr_t begin = module->dlpi_addr + segment->p_vaddr;

        if (segment->p_type != PT_LOAD || search->address < begin ||
            search->address >= begin + segment->p_memsz)
            continue;
        search->is_found = true;
        search->name->in_module = search->address - module->dlpi_addr;
        take_path(module->dlpi_name, search->name->module, sizeof(search->name->module));
        return 1;
    }
    return 0;
}

/* A file is mapped as it stands on the disk now; it may be cut, or another one. */
struct file {
    const unsigned char *bytes;
    size_t size;
};

static const void *at(const struct file *file, size_t offset, size_t count, size_t each)
{
    if (offset > file->size || each == 0 || count > (file->size - offset) / each ||
        offset % _Alignof(ElfW(Addr)) != 0)
        return NULL;
    return file->bytes + offset;
}

static void look_in_table(const struct file *file, const ElfW(Shdr) * symbols,
                          const ElfW(Shdr) * strings, struct pl_code_name *name)
{
    size_t count = symbols->sh_size / sizeof(ElfW(Sym));
    const ElfW(Sym) *symbol = at(file, symbols->sh_offset, count, sizeof(*symbol));

    if (symbol == NULL || strings->sh_offset > file->size ||
        strings->sh_size > file->size - strings->sh_offset)
        return;
    for (size_t i = 0; i < count; i++, symbol++) {
        size_t room = symbol->st_name < strings->sh_size ? strings->sh_size - symbol->st_name : 0;

        if ((symbol->st_info & 0xf) != STT_FUNC || symbol->st_shndx == SHN_UNDEF || room == 0 ||
            name->in_module < symbol->st_value ||
            name->in_module - symbol->st_value >= symbol->st_size)
            continue;
        name->in_function = name->in_module - symbol->st_value;
        if (room > sizeof(name->function) - 1)
            room = sizeof(name->function) - 1;
        snprintf(name->function, sizeof(name->function), "%.*s", (int)room,
                 (const char *)file->bytes + strings->sh_offset + symbol->st_name);
        return;
    }
}

/* The whole table where the file has one, else what is exported. */
static void look_in_file(const struct file *file, struct pl_code_name *name)
{
    const ElfW(Ehdr) *head = at(file, 0, 1, sizeof(*head));
    const ElfW(Shdr) * sections;
    static const uint32_t kinds[] = { SHT_SYMTAB, SHT_DYNSYM };

    if (head == NULL || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
        head->e_shentsize != sizeof(*sections))
        return;
    sections = at(file, head->e_shoff, head->e_shnum, sizeof(*sections));
    if (sections == NULL)
        return;
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
        for (size_t i = 0; i < head->e_shnum && name->function[0] == '\0'; i++)
            if (sections[i].sh_type == kinds[k] && sections[i].sh_link < head->e_shnum)
                look_in_table(file, &sections[i], &sections[sections[i].sh_link], name);
}

/* The running program by the kernel's link: it reaches also a file that was replaced meanwhile. */
static int open_module(const char *path)
{
    char own[sizeof(((struct pl_code_name *)NULL)->module)];

    take_path("", own, sizeof(own));
    return open(strcmp(path, own) == 0 ? "/proc/self/exe" : path, O_RDONLY | O_CLOEXEC);
}

static void look_up_function(struct pl_code_name *name)
{
    struct stat status;
    struct file file;
    void *bytes;
    int fd = open_module(name->module);

    if (fd < 0)
        return;
    if (fstat(fd, &status) < 0 || status.st_size <= 0)
        goto close_file;
    bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        goto close_file;
    file = (struct file){ .bytes = bytes, .size = (size_t)status.st_size };
    look_in_file(&file, name);
    (void)munmap(bytes, file.size);

close_file:
    (void)close(fd);
}

void pl_code_name_of(const void *address, bool is_return, struct pl_code_name *ret_name)
{
    struct search search = { .address = (uintptr_t)address - is_return, .name = ret_name };

    memset(ret_name, 0, sizeof(*ret_name));
    (void)dl_iterate_phdr(find_module, &search);
    if (search.is_found)
        look_up_function(ret_name);
}
