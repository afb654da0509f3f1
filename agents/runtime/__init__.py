"""The loop that drives a session's threads: what comes next is decided from the log, done, and appended to the log.

`loop` takes one step after the other until the thread rests, each in a module of its own: `inputs`, `model_requests`,
`summaries`, `tool_calls`, `rests`. `turn` is what they share. `position` reads from the log where the turn stands, and
`decide` says from that which of the `steps` is next, without touching anything.

Why every step begins by reading where the log ends: a worker may be killed between any two statements, and the one
that goes on knows nothing but the log. Why a tool call in doubt is told as interrupted and not run again: it may have
sent a mail. Why a model request in doubt is sent again: all that it costs is money, which is counted.
"""
