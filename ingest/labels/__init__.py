"""Label sets as senders write them: bytes taken apart, checked, named, by kernels."""
