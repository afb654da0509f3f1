"""Kills parts of the running product at random while sessions are busy, and looks at what is left."""
