/* The routines that compilers call for copies, clearing and comparing, also without a C library.
 *
 * The __aeabi_ names are those of the run-time ABI for the Arm architecture; clear and set take
 * their arguments in another order than memset.
 */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
int memcmp(const void *left, const void *right, size_t count);

static int aligned(const void *left, const void *right)
{
    return (((uintptr_t)left | (uintptr_t)right) & 3u) == 0u;
}

__attribute__((used)) void *memcpy(void *restrict to, const void *restrict from, size_t count)
{
    uint8_t *target = to;
    const uint8_t *source = from;
    if (aligned(to, from)) {
        for (; count >= 4u; count -= 4u, target += 4, source += 4) {
            *(uint32_t *)(void *)target = *(const uint32_t *)(const void *)source;
        }
    }
    for (; count > 0u; count--) {
        *target++ = *source++;
    }
    return to;
}

__attribute__((used)) void *memmove(void *to, const void *from, size_t count)
{
    uint8_t *target = to;
    const uint8_t *source = from;
    if ((uintptr_t)to <= (uintptr_t)from) {
        for (; count > 0u; count--) {
            *target++ = *source++;
        }
    } else {
        while (count > 0u) {
            count--;
            target[count] = source[count];
        }
    }
    return to;
}

__attribute__((used)) void *memset(void *to, int value, size_t count)
{
    uint8_t *target = to;
    for (; count > 0u; count--) {
        *target++ = (uint8_t)value;
    }
    return to;
}

__attribute__((used)) int memcmp(const void *left, const void *right, size_t count)
{
    const uint8_t *a = left;
    const uint8_t *b = right;
    for (; count > 0u; count--, a++, b++) {
        if (*a != *b) {
            return (int)*a - (int)*b;
        }
    }
    return 0;
}

#if defined(__arm__)

void __aeabi_memcpy(void *to, const void *from, size_t count);
void __aeabi_memcpy4(void *to, const void *from, size_t count);
void __aeabi_memcpy8(void *to, const void *from, size_t count);
void __aeabi_memmove(void *to, const void *from, size_t count);
void __aeabi_memmove4(void *to, const void *from, size_t count);
void __aeabi_memmove8(void *to, const void *from, size_t count);
void __aeabi_memset(void *to, size_t count, int value);
void __aeabi_memset4(void *to, size_t count, int value);
void __aeabi_memset8(void *to, size_t count, int value);
void __aeabi_memclr(void *to, size_t count);
void __aeabi_memclr4(void *to, size_t count);
void __aeabi_memclr8(void *to, size_t count);

__attribute__((used)) void __aeabi_memcpy(void *to, const void *from, size_t count)
{
    (void)memcpy(to, from, count);
}

__attribute__((used)) void __aeabi_memcpy4(void *to, const void *from, size_t count)
{
    (void)memcpy(to, from, count);
}

__attribute__((used)) void __aeabi_memcpy8(void *to, const void *from, size_t count)
{
    (void)memcpy(to, from, count);
}

__attribute__((used)) void __aeabi_memmove(void *to, const void *from, size_t count)
{
    (void)memmove(to, from, count);
}

__attribute__((used)) void __aeabi_memmove4(void *to, const void *from, size_t count)
{
    (void)memmove(to, from, count);
}

__attribute__((used)) void __aeabi_memmove8(void *to, const void *from, size_t count)
{
    (void)memmove(to, from, count);
}

__attribute__((used)) void __aeabi_memset(void *to, size_t count, int value)
{
    (void)memset(to, value, count);
}

__attribute__((used)) void __aeabi_memset4(void *to, size_t count, int value)
{
    (void)memset(to, value, count);
}

__attribute__((used)) void __aeabi_memset8(void *to, size_t count, int value)
{
    (void)memset(to, value, count);
}

__attribute__((used)) void __aeabi_memclr(void *to, size_t count)
{
    (void)memset(to, 0, count);
}

__attribute__((used)) void __aeabi_memclr4(void *to, size_t count)
{
    (void)memset(to, 0, count);
}

__attribute__((used)) void __aeabi_memclr8(void *to, size_t count)
{
    (void)memset(to, 0, count);
}

#endif
