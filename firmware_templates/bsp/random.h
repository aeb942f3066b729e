/* The random number generator. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

/* 32 random bits; 0 when the generator does not get ready. */
uint32_t random_word(void);

#endif
