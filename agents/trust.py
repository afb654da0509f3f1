"""PURE: how far an event's text may be believed. The platform sets it when the event is written, and it never rises."""

PERSON = 2  # a member, or a program whose key an admin marked operator
TOOL_INPUT = 1  # what the agent itself asked a tool to do
TOOL_ERROR = 1  # the error lines of built-in tools and of custom tools that the agent declares
OUTSIDE = 0  # everything else: an ordinary API message, tool output, the agent's prose
