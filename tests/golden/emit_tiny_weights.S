/* Kernels, as they are stored to the loader: 27 words, SHA-256
 * efd171b33471444d70a9bd25e564acfe4323f4a2b6156a555bfe5282793aaaf9. */
    .syntax unified
    .section .weights, "a", %progbits
    .balign 4
    .global cnn_weights
    .type cnn_weights, %object
cnn_weights:
    .incbin "src/weights.bin"
    .size cnn_weights, . - cnn_weights
