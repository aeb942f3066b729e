#ifndef EXPONENTIAL_H
#define EXPONENTIAL_H

/* exp(x), within 2e-7 of the true value for -87 < x <= 88; 0 below, exp(88) above. */
float exponential(float x);

#endif
