"""JSON Schemas of all messages, and the AsyncAPI document of the bus."""
