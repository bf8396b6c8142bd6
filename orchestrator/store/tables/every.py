"""All tables, for whoever compares them with a database."""

from orchestrator.store.tables import log, registry, requests, stops, tasks

__all__ = ["log", "registry", "requests", "stops", "tasks"]
