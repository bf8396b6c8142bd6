"""What the owners of personal data run: a class of their own, and the worker around it."""
