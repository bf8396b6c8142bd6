"""Three sample custodians: their data maps, their made-up people, and one of them written by hand."""
