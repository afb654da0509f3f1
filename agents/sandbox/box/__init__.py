"""The code inside a box: process 1 of its namespace; standard library and this folder only."""
