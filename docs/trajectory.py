"""Write docs/trajectory.md: a small Llama trained on real stories, its states measured by ``nc-hf trajectory``.

The states are branches of a repository on the stand-in for the Hub that the tests use; clients and command are the
real ones. Needs the real stories and the tokenizer beside this checkout (../shared/data), and a few minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the stand-in in tests

from tests.hub.fixtures import STAND_IN  # first: it points the Hub's clients to itself before they are imported

# isort: split
from nc_hf import Trajectory
from nc_hf.hub import open_tokenizer
from tests.saved_states import REAL_STORIES, push_training, story_texts

DOCUMENT = Path(__file__).with_suffix(".md")
PICTURES = DOCUMENT.parent / "images"
NAME = "writer/tiny-stories"
STEPS = (0, 25, 50, 100, 200, 400)
WIDTH, DEPTH, CONTEXT, BATCH = 64, 4, 128, 16
STORIES, TOKENIZER = "TinyStories", "../shared/data/models/stories260K"
COMMAND = ["trajectory", NAME, "--revisions", "step*", "--corpus", STORIES, "--max-tokens", "50000"]

_PAGE = """\
# A trajectory

A model's saved states are often branches or tags of its repository: `step0`, `step1000`, and so on.
`nc-hf trajectory` measures every one that is asked for on the same text and draws the course of every metric:

```
nc-hf trajectory EleutherAI/pythia-70m --revisions 'step*' --every 10 --output course
```

`--revisions` takes `all`, a pattern, or names with commas between; `--every N` takes every N-th of them. A report is
kept as soon as its revision is measured, so the same command goes on where it was interrupted, within a revision too,
and measures nothing twice. A commit that several names point to is measured once, and so are commits with the same
weights, configuration and tokenizer: the Hub lists the hashes of the files, and the later revision is said to have the
same weights as the first. A revision that is no model is named with the reason, and the others go on.
`--discard-downloads` removes the weights of each revision when it is measured.
In `course` lie `trajectory.json` (read it with `Trajectory.load`), `.csv`, `.md`, `.png` and `.svg`, and the whole
report of each commit.

From Python: `trajectory("EleutherAI/pythia-70m", revisions="step*", every=10, folder="course")`; `.points`,
`.to_frame()`, `.to_csv()`.

## States already on disk

```
nc-hf trajectory ./out --output course
```

reads a Trainer's output folder: its sub-folders `checkpoint-N` in the order of N, from safetensors alone; steps are
those of the names. `--revisions` and `--every` choose among them, as in `--revisions 'checkpoint-*000'`. The
tokenizer is that of `--tokenizer`; without it the checkpoint's own, else the output folder's. A checkpoint counts by
its weights, configuration and tokenizer: copies are measured once, and a kept report of other weights is refused.

**Adapters.** A checkpoint or repository with `adapter_config.json` and `adapter_model.safetensors` is merged into its
base model before it is measured, by `nc-hf measure` as well, and the report says which adapter over which base
(`model.base`). It takes PEFT: `pip install 'nc_hf[peft]'`. LoRA is merged with all that it has (DoRA, rank patterns,
biases, `modules_to_save`, the head, a vocabulary that grew), and LoHa, LoKr and IA3; kinds that put vectors beside
the text, such as prompt and prefix tuning, leave nothing to merge and are refused, and so are the others. The base is
the one that the adapter names: a model in safetensors on the Hub or, for an adapter on this machine alone, in a
folder.

## An example

A Llama of {depth} layers and width {width} with a vocabulary of 512, trained on real stories with {tokens:,} tokens a
step, its states pushed as branches by the client, to the stand-in for the Hub that the tests use:

```
nc-hf {command} --output course
```

`{stories}` is a folder with `train.jsonl` and `validation.jsonl` of that data set. `python docs/trajectory.py` trains
the model, runs the command, and writes this page, its picture and [its data](images/trajectory.csv).

![Loss and eight metrics of neural collapse against the step of training](images/trajectory.png)

{table}"""


def main() -> None:
    """Train, measure, and write the page and its pictures."""
    os.chdir(DOCUMENT.parents[1])
    if not REAL_STORIES.is_dir():
        sys.exit(f"the real stories are not at {REAL_STORIES}")
    STAND_IN.clear()
    os.environ["HF_TOKEN"] = "hf_writer"
    push_training(
        NAME,
        story_texts(6_000),
        STEPS,
        tokenizer=open_tokenizer(TOKENIZER, allow_local=True),
        width=WIDTH,
        depth=DEPTH,
        context=CONTEXT,
        batch=BATCH,
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / STORIES).symlink_to(REAL_STORIES, target_is_directory=True)
        command = [Path(sys.executable).with_name("nc-hf").resolve(), *COMMAND, "--output", "."]
        subprocess.run(command, check=True, cwd=folder)
        for ending in ("png", "svg", "csv"):
            shutil.copy(Path(folder) / f"trajectory.{ending}", PICTURES)
        course = Trajectory.load(Path(folder) / "trajectory.json")
    page = _PAGE.format(
        command=" ".join(f"'{word}'" if "*" in word else word for word in COMMAND),
        stories=STORIES,
        depth=DEPTH,
        width=WIDTH,
        tokens=BATCH * CONTEXT,
        table=course.to_markdown().replace("## ", "### ", 1),
    )
    DOCUMENT.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
