"""One file per noun: a row as the plain dict that the wire shows."""
