"""Random lives of projects on two machines, and what the registry must hold after each act."""
