"""What makes the documentation from the code; not part of the program."""
