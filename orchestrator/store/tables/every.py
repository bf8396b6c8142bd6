"""All tables, for whoever compares them with a database."""

from orchestrator.store.tables import log, registry, requests, tasks

__all__ = ["log", "registry", "requests", "tasks"]
