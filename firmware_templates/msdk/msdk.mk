# The same program inside the vendor's SDK: its start-up, linker script, board package and drivers,
# and everything of bsp/ and src/ but what the SDK brings itself.
#
# Our files are compiled by a rule of their own: their headers have names that the SDK uses too, and
# the facts of the board come from msdk/$(BOARD)/, whichever board the project was generated for.

ifeq "$(MAXIM_PATH)" ""
$(error set MAXIM_PATH to the folder of the vendor's SDK: make BOARD=$(BOARD) MAXIM_PATH=/path/to/MaximSDK)
endif
LIBS_DIR := $(subst \,/,$(MAXIM_PATH))/Libraries
BOARD_DIR := $(LIBS_DIR)/Boards/MAX78000/$(BOARD)
ifeq "$(wildcard $(BOARD_DIR)/board.mk)" ""
$(error the SDK has no $(BOARD_DIR)/board.mk)
endif
ifeq "$(wildcard msdk/$(BOARD)/board.h)" ""
$(error this project knows the boards $(patsubst msdk/%/board.h,%,$(wildcard msdk/*/board.h)), not $(BOARD))
endif

TARGET := MAX78000
COMPILER := GCC
PROJECT := firmware
BUILD_DIR := $(CURDIR)/build/$(BOARD)
STACK_SIZE := 8192
CMSIS_ROOT := $(LIBS_DIR)/CMSIS
PERIPH_DRIVER_DIR := $(LIBS_DIR)/PeriphDrivers
export CMSIS_ROOT PERIPH_DRIVER_DIR

include $(BOARD_DIR)/board.mk
include $(PERIPH_DRIVER_DIR)/periphdriver.mk
include $(CMSIS_ROOT)/Device/Maxim/$(TARGET)/Source/$(COMPILER)/max78000.mk

OUR_SOURCES := $(filter-out bsp/startup.c bsp/memory.c,$(SOURCES)) msdk/handlers.c
OUR_OBJECTS := $(patsubst %,$(BUILD_DIR)/mxdeploy/%.o,$(OUR_SOURCES))
OUR_FLAGS := -std=c11 -ffp-contract=off -iquote src -iquote bsp -include msdk/$(BOARD)/board.h

$(BUILD_DIR)/$(PROJECT).elf: $(OUR_OBJECTS)

$(BUILD_DIR)/mxdeploy/%.c.o: %.c
	@mkdir -p $(dir $@)
	$(CC) $(CFLAGS) $(OUR_FLAGS) -o $@ $<

$(BUILD_DIR)/mxdeploy/%.S.o: %.S
	@mkdir -p $(dir $@)
	$(CC) $(AFLAGS) -c -o $@ $<

$(BUILD_DIR)/mxdeploy/src/weights.S.o: src/weights.bin

-include $(OUR_OBJECTS:.o=.d)
