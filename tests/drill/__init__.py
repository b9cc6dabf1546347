"""A drill: parts of a running hub are killed while it works, and nothing may be lost or doubled.

`python -m tests.drill --kills 50` starts a hub of its own by the real supervisor.
"""
