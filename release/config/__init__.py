"""Reads `shipmark.yml`: parses YAML with positions, converts values by types, makes a JSON Schema of the types."""
