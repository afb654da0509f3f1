"""Numbers that prove or refute a gain: completion before and after, with n and intervals.

May import `memory` and `agents`.
"""
