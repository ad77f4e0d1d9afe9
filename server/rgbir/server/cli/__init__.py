"""The server's commands. Each is imported when it is used."""
