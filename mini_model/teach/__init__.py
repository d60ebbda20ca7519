"""What a lesson needs beside its subject: checks that explain, hints, editions, and measured times."""
