"""The bus: the one way to read and to write Kafka, for both sides. All I/O of the contracts is in here."""
