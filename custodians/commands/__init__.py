"""What each command does. Loaded by the one that is run, so that each costs only what it needs."""
