"""Tag rules: the language of docker/metadata-action, with additions.

`listing`, `parse`, `images` and `kinds` parse rules; `context`, `run` and `github` make the context that rules are
evaluated in; `evaluate`, `types` and `version_types` evaluate them; `lines` decides what moves a tag; `rule_tags` makes
the tags, and `decision` a Decision of them.
"""
