"""The index's commands: they parse, call one function and print. Each is imported when it is used."""
