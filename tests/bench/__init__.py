"""Speed and size, measured on a running product: `python -m tests.bench`. Figures for people, never a test."""
