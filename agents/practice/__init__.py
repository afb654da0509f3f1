"""The practice model: a deterministic stand-in for the Messages API, what runs when no model key is set.

It imports nothing else of this project and keeps nothing between requests, so that what it plays can only come from the
request's own text. Why a server and not a fake client: the whole way through the official client, the wire and its
faults is then the same as with a real endpoint.
"""
