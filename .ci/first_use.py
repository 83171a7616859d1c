"""What somebody does first with an installed nc_hf: import it, ask for help, measure a model.

``.ci/distributions`` runs it. The model is made here, the text is the built-in one, and nothing is asked of a
network.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(Path.cwd() / "home")}


def tiny_model(folder: Path) -> None:
    """Write a GPT-2 of 257 tokens and width 16, with a tokenizer of bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    tokens = ["<|endoftext|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    sizes = {"vocab_size": len(tokens), "n_positions": 64, "n_embd": 16, "n_layer": 1, "n_head": 2}
    GPT2LMHeadModel(GPT2Config(bos_token_id=0, eos_token_id=0, **sizes)).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>").save_pretrained(folder)


def nc_hf(*words: str) -> str:
    """Run the command that was installed beside this interpreter."""
    program = Path(sys.executable).with_name("nc-hf")
    return subprocess.run([program, *words], check=True, text=True, stdout=subprocess.PIPE).stdout


def main() -> None:
    """Fail where anything of this does not work."""
    import nc_hf as package

    checkout = Path(__file__).resolve().parents[1]
    if Path(package.__file__).is_relative_to(checkout):
        raise SystemExit("the checkout was imported, and not what is installed: run this from another folder")
    names = {name: getattr(package, name) for name in package.__all__}
    if "measure" not in nc_hf("--help") or "nc1_trace_ratio" not in nc_hf("metrics"):
        raise SystemExit("the command says something else than it should")
    model, output = Path("model"), Path("report.json")
    tiny_model(model)
    nc_hf("measure", str(model), "--corpus", "builtin", "--max-tokens", "2000", "--quiet", "--output", str(output))
    nc_hf("compare", str(output), str(output))
    value = json.loads(output.read_text(encoding="utf-8"))["metrics"]["nc1_trace_ratio"]["value"]
    if not value > 0:
        raise SystemExit(f"the model was measured as {value}")
    print(
        f"nc_hf {package.__version__} of {Path(package.__file__).parent}: {len(names)} names, trace ratio {value:.3g}"
    )


if __name__ == "__main__":
    main()
