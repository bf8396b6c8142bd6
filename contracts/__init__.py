"""What the orchestrator and the custodians must agree on: messages, keys, signatures, seals, and the bus."""
