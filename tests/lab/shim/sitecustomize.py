# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets an unchanged SGLang 0.5.23 serve on a CPU: small patches, applied as the modules are imported.

Python imports this file by itself where PYTHONPATH names this folder. It is for the lab alone, never for a GPU host.
"""

import importlib.util
import multiprocessing
import os
import platform
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any
from unittest import mock

kept: list[object] = []


def _platform(_module: ModuleType) -> None:
    # Every Python of the host reads this file, and only SGLang's has these two.
    import torch  # noqa: PLC0415
    from sglang import _platform_stubs  # noqa: PLC0415

    # torchvision's extension wants CUDA; its Python half only needs these two operators to be declared.
    operators = torch.library.Library("torchvision", "DEF")
    kept.append(operators)
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    # Triton is a gigabyte for GPUs alone; SGLang has a stand-in for it, but takes it out on Macs only.
    if importlib.util.find_spec("triton") is None:
        with (
            mock.patch.object(sys, "platform", "darwin"),
            mock.patch.object(platform, "machine", lambda: "arm64"),
            mock.patch.object(torch.backends.mps, "is_available", lambda: True),
        ):
            _platform_stubs.install_platform_stubs()


def _experts(module: Any) -> None:
    forward = module.moe_forward_native

    def moe_forward_native(layer: Any, x: Any, topk: Any, config: Any) -> Any:
        # Expert -1 lives on another rank, which the CPU path does not know: take expert 0 with weight 0 for it.
        # That path counts an expert once a token, so the choices of a token are computed one after the other.
        weights = topk.topk_weights.masked_fill(topk.topk_ids < 0, 0)
        ids = topk.topk_ids.clamp_min(0)
        choices = (topk._replace(topk_weights=weights[:, [n]], topk_ids=ids[:, [n]]) for n in range(ids.shape[1]))
        return sum(forward(layer, x, choice, config) for choice in choices)

    module.moe_forward_native = moe_forward_native


def _attention(module: Any) -> None:
    # Attention DP pads the batch of a rank, and asks the backend what with.
    module.TorchNativeAttnBackend.get_cpu_graph_seq_len_fill_value = lambda self: 1


def _rotary(module: Any) -> None:
    forward = module.RotaryEmbedding.forward_native

    def forward_native(self: Any, positions: Any, query: Any, key: Any, *args: Any, **kwargs: Any) -> Any:
        # A rank that attention DP leaves without work has no tokens, which the CPU path cannot reshape.
        return forward(self, positions, query, key, *args, **kwargs) if positions.numel() else (query, key)

    module.RotaryEmbedding.forward_native = forward_native


def _mooncake(module: Any) -> None:
    # A prefill rank passes the indices of its KV through pinned memory and a CUDA event; False selects the other path.
    module.MooncakeKVSender.supports_host_tensor_indices = False


def _fork(_module: ModuleType) -> None:
    # SGLang spawns its processes, and each imports everything again: 25 CPU seconds a start. A fork takes 10.
    # CUDA does not survive a fork, so this is for the lab alone; LAB_START_METHOD=spawn starts as SGLang does.
    if os.environ.get("LAB_START_METHOD", "fork") == "fork":
        multiprocessing.set_start_method("fork", force=True)
        multiprocessing.set_start_method = lambda method, force=False: None


PATCHES: dict[str, Callable[[ModuleType], None]] = {
    "sglang.srt.environ": _platform,
    "sglang.srt.entrypoints.engine": _fork,
    "sglang.srt.disaggregation.mooncake.conn": _mooncake,
    "sglang.srt.layers.moe.fused_moe_native": _experts,
    "sglang.srt.layers.attention.torch_native_backend": _attention,
    "sglang.srt.layers.rotary_embedding.base": _rotary,
}


class _Finder:
    """Finds modules as Python does, and adds the patch to the loading of those that have one."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        patch = PATCHES.get(name)
        spec = PathFinder.find_spec(name, path, target) if patch else None
        if patch is None or spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            patch(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _Finder)
