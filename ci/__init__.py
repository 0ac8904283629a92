"""Detects the CI system, reads its facts about the run, and formats its log commands and outputs. A leaf package."""
