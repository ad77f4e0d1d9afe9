"""A site as it is run: servers as real processes on real files, and what happens to both.

`Site` knows the files, `Server` is a process that can be killed, stopped, paused, rotated and given another clock, `media` are
disks that are closed or full, `events` is what happens to a file. `tests/server/test_site.py` has the matrix: whatever keeps
state adds its file there.
"""
