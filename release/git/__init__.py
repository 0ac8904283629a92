"""Git: `snapshot` and other reads run `git` processes; `write` uses GitPython.

Imports nothing, since commands that run no git import `release.git.model`.
"""
