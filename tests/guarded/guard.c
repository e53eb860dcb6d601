/* An allocator that ends a process where it touches memory beyond a block, or of a block that was freed.

Kernels check no index and copy bytes by pointer. One that writes beside an array damages what happens to lie
there, and the process ends much later, anywhere, or computes something wrong. Preloaded, this library gives
each block pages of its own, at the end of which begins a page that nobody may touch:

    | header ... block | guard page |

So the instruction at fault raises SIGSEGV, and Python's faulthandler says in which call of which kernel. What
is freed is never given out again. Blocks begin at multiples of 16 bytes, so up to 15 bytes beyond one may be
touched unseen, and so may all bytes before it. Needs glibc. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

enum {
    PAGE = 4096,
    ALIGNMENT = 16,
    HEADER = 32,
    LEAST = 40, /* bytes; smaller blocks are glibc's: a page for each of them would be too much */
};
#define REGION ((size_t)1 << 42) /* addresses, not memory: 4 TiB, of which none is used twice */

struct header {
    char *pages;
    size_t length;
    size_t size;
};

static char *region;
static size_t used, most;
static long guarded_now;

static int is_guarded(const void *block) {
    return region && (const char *)block >= region && (const char *)block < region + REGION;
}

static struct header *header_of(void *block) { return (struct header *)((char *)block - HEADER); }

/* Return addresses that nobody may touch: these, or any. */
static void *reserve(void *these, size_t length) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (these ? MAP_FIXED : 0);
    return mmap(these, length, PROT_NONE, flags, -1, 0);
}

/* A block takes two of the mappings that the system gives a process; a third of them is for others. */
static size_t most_blocks(void) {
    char text[32] = "";
    int file = open("/proc/sys/vm/max_map_count", O_RDONLY);
    if (file >= 0) {
        if (read(file, text, sizeof text - 1) < 0) text[0] = 0;
        close(file);
    }
    return strtoul(text, NULL, 10) / 3;
}

static int reserve_region(void) {
    if (!region) {
        char *found = reserve(NULL, REGION);
        if (found == MAP_FAILED) return 0;
        most = most_blocks();
        if (!__sync_bool_compare_and_swap(&region, NULL, found)) munmap(found, REGION);
    }
    return 1;
}

/* Return a block of zeros, or NULL where it is too small, or there are as many as can be: then glibc's has to
   do. */
static void *guarded(size_t size) {
    if (size < LEAST || size > REGION / 2 || !reserve_region() || guarded_now >= (long)most) return NULL;
    size_t length = (size + HEADER + ALIGNMENT - 1 + PAGE - 1) / PAGE * PAGE;
    size_t at = __sync_fetch_and_add(&used, length + PAGE);
    if (at + length + PAGE > REGION) return NULL;
    int before = errno;
    if (mprotect(region + at, length, PROT_READ | PROT_WRITE)) {
        errno = before;
        return NULL;
    }
    char *block = (char *)((uintptr_t)(region + at + length - size) & ~(uintptr_t)(ALIGNMENT - 1));
    *header_of(block) = (struct header){region + at, length, size};
    __sync_fetch_and_add(&guarded_now, 1);
    return block;
}

void *malloc(size_t size) {
    void *block = guarded(size);
    return block ? block : __libc_malloc(size);
}

void *calloc(size_t count, size_t each) {
    size_t size;
    if (__builtin_mul_overflow(count, each, &size)) {
        errno = ENOMEM;
        return NULL;
    }
    void *block = guarded(size);
    return block ? block : __libc_calloc(count, each);
}

void free(void *block) {
    if (!is_guarded(block)) {
        __libc_free(block);
        return;
    }
    int before = errno;
    struct header found = *header_of(block);
    /* Anew, in place of mprotect: pages that were in use do not become one mapping with others */
    reserve(found.pages, found.length);
    __sync_fetch_and_sub(&guarded_now, 1);
    errno = before;
}

size_t malloc_usable_size(void *block) {
    static size_t (*usual)(void *);
    if (is_guarded(block)) return header_of(block)->size;
    if (!usual) usual = (size_t(*)(void *))dlsym(RTLD_NEXT, "malloc_usable_size");
    return usual(block);
}

void *realloc(void *block, size_t size) {
    if (!block) return malloc(size);
    if (!is_guarded(block) && size < LEAST) return __libc_realloc(block, size);
    void *moved = malloc(size);
    if (!moved) return NULL;
    size_t kept = malloc_usable_size(block);
    memcpy(moved, block, kept < size ? kept : size);
    free(block);
    return moved;
}
