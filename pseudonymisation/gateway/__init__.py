"""The carriers that bring raw lines to the kernel: files and HTTP."""
