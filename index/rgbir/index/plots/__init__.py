"""Pictures of an evaluation, as PNG files. Needs the extra `plots`; nothing else imports it."""
