"""The one kind of error a user should ever see: what is wrong, where, and what to do about it."""


class KitError(ValueError):
    """A mistake in the input, told in one sentence; the command line prints it and exits with code 2."""
