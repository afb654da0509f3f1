"""What `manage.py up` runs on one machine: Redis, the web server, workers, the sandbox host, the practice model.

Why one parent that forks: it has imported everything once, so the web server and the workers share those pages and
start at once. Why every child dies with its parent: a second `up` must find nothing left of the first.
"""
