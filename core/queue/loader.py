"""How Celery imports the modules with tasks."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from celery.loaders.app import AppLoader


class Loader(AppLoader):  # type: ignore[misc]  # Celery has no types
    """Imports modules as Python does; Celery's own looks in the working directory first."""

    def import_from_cwd(
        self,
        module: str,
        imp: Any = None,  # noqa: ARG002 - the name is Celery's
        package: Any = None,
    ) -> ModuleType:
        """Import the module."""
        imported: ModuleType = self.import_module(module, package=package)
        return imported
