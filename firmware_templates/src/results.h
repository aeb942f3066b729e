/* The network's answer as a person wants to read it. */
#ifndef RESULTS_H
#define RESULTS_H

#include "cnn.h"

void results_print(const cnn_outputs_t *outputs);

#endif
