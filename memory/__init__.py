"""Memory stores: files that outlive sessions, their versions, and how sessions see them as folders.

May import `agents`. Why a version row for every change and no updates in place: undo, blame and "who said so" are
read from the versions, so nothing may change a memory without leaving one.
"""
