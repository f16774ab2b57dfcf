"""The protobuf wire format, read by kernels."""
