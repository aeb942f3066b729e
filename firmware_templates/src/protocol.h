/* The serial protocol: a program on the host loads inputs, runs the network and reads tensors. The
 * layout of its messages is in protocol_layout.h. */
#ifndef PROTOCOL_H
#define PROTOCOL_H

/* Receive one frame, whose opening zero has come, and answer it. */
void protocol_serve(void);

/* The accelerator was used or switched off by somebody else: load the network again before the
 * next inference. */
void protocol_forget(void);

#endif
