"""The kernel: tenancy, agents, sessions, the event log, the agent loop, and everything a session needs.

Nothing in here imports `memory`, `outcomes`, `dreams` or `config`; what the kernel needs from them arrives through
the plugs in `agents.plugs`.

Why the database guarantees and the queue only wakes: RQ needs minutes to notice a killed worker, may run a job twice
and may lose it. A thread's lease, fence and wake counter live in its row; a job is a hint to look at that row.

Why client events wait in an inbox: the log is append-only and in processing order, and a queued message has no place
in that order yet. It enters the log, under the id its sender was given, in the transaction that starts its turn.
"""
