"""The drawn world: small enough that a program can say, without doubt, whether a picture is right."""
