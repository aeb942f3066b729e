"""The description of the silicon: data, and encode/decode, pack/unpack, explain."""
