#ifndef LOGARITHM_H
#define LOGARITHM_H

/* ln(x) of a positive normal number, within 2e-7 of the true value or of 1. */
float logarithm(float x);

#endif
