"""Pages of memory: stores, the browser of one, its files by hand, their versions, and the diff of any two."""
