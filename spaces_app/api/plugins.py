"""Endpoints about the plugins."""

from __future__ import annotations

from typing import Any

from spaces_app.services import Services


def plugins(services: Services) -> list[dict[str, Any]]:
    """List the plugins.

    Returns:
        One record per plugin: name, title, summary, trainers (name, title, settings as a JSON schema, samples),
        endpoints, starters; or name and error.
    """
    return services.plugins.describe()
