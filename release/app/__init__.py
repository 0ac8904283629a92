"""The use cases of shipmark: functions on a session that return typed results; none of them prints."""
