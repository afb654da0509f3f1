"""Conversations with MCP servers: the official client, on one event loop of this process, for turns in threads.

A turn opens a connection to each server that its agent has, keeps it while it runs and closes it. Whoever waits for an
answer waits on a `Future`, so that an interrupt is seen; nothing here holds a database connection meanwhile.
"""
