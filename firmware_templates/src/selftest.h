/* The known-answer test. */
#ifndef SELFTEST_H
#define SELFTEST_H

#include <stdbool.h>

/* Power up, load, infer the sample, compare every output element and the outputs of the model, power
 * down; prints what it finds and shows the verdict on the lights. */
bool selftest_run(void);

#endif
