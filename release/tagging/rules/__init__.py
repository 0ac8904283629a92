"""The rules that choose image tags: docker/metadata-action's language, and what it has no word for.

`listing` and `parse` (with `images`, `kinds`, `patterns`) read them, `context`, `run` and `github` say what they are
evaluated against, `types` and `evaluate` make tags, `lines` says what moves each, `decision` makes a Decision of them.
"""
