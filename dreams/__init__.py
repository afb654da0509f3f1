"""Dreams read finished sessions and propose changes to memory; a person reviews each; what is approved is applied.

May import `outcomes`, `memory` and `agents`.

Why proposals address entries and not files: approving one never makes its neighbours stale, and undo works for ever,
because both recompose the file as it is at that moment. Why confidence is computed and never asked of the model: a
model that was talked into a lie is sure of it.
"""
