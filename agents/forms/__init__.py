"""Forms of the kernel's pages, one file per noun; numbers come from limits.py, choices from the models."""
