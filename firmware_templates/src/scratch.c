#include "scratch.h"

scratch_t scratch;
