"""Tag rules: the language of docker/metadata-action, with additions.

`listing`, `parse`, `images` and `kinds` parse rules; `context`, `run` and `github` make the context that rules are
evaluated in; `types` and `evaluate` make tags; `lines` decides what moves a tag; `decision` makes a Decision of the
tags.
"""
