# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The models that deployments may name, as the plan sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import PlanError, nearest
from .models import Model, ModelError, parse_models, path_of, served


@dataclass(frozen=True)
class Catalog:
    """The models of sglang_models, and the directory of their releases."""

    models: Mapping[str, Model]
    root: str

    def entry(self, text: str) -> Model | None:
        """Return the model that a deployment means by a name or a path, None where it is another."""
        return served(text, self.models, self.root)

    def path(self, text: str) -> str:
        """Return what SGLang is given for what a deployment has as its model."""
        found = self.entry(text)
        return path_of(found, self.root) if found else text

    def hint(self, text: str) -> str:
        """Return a guess for a word that is nearly the name of a model; SGLang would look for it elsewhere."""
        return "" if "/" in text or text in self.models else nearest(text, self.models)


def parse_catalog(models: Any, root: str) -> Catalog:
    """Turn sglang_models into a catalog, or refuse it."""
    if not root.startswith("/"):
        raise PlanError(f"model_weights_root: {root!r} is no absolute path; write one such as /data/models")
    try:
        return Catalog(parse_models(models), root.rstrip("/"))
    except ModelError as error:
        raise PlanError(str(error)) from error
