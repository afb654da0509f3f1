"""The demo: a generated world of command-line tasks, a checker that is neither agent nor model, and rounds of sessions.

Every program, flag, file type, path and error word is drawn from a seed at run time. The practice model has no way to
know them but by running the programs, and the checker knows only hashes of the answers. `agents.practice` and this
package never import each other.
"""
