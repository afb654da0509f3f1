"""The tools an agent's model may call, one file per kind."""
