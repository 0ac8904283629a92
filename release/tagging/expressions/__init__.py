"""Expressions in tag rules: `{{major}}.{{minor}}`, `{{date 'YYYYMMDD'}}`. Pure."""
