"""Model x corpus -> statistics, in one pass: with a progress bar, over several processes, and resumable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from accelerate.state import PartialState
from torch import Tensor, nn
from tqdm import tqdm

from nc_hf.corpus.blocks import IGNORED, TokenBlocks
from nc_hf.errors import CorpusError, InputError, LabelError
from nc_hf.errors.remedies import Remedy
from nc_hf.measurement.checkpoint import CheckpointFolder
from nc_hf.measurement.collection import Collection
from nc_hf.measurement.documents import keeps_apart
from nc_hf.measurement.options import OPTIONS
from nc_hf.measurement.statistics_room import check_room, room_for_statistics
from nc_hf.model.anatomy import causal_lm
from nc_hf.model.direction import PROBED, refuse_reading_ahead
from nc_hf.model.forward_pass import FINAL, TapBatch
from nc_hf.model.gather import is_sharded
from nc_hf.model.output_layer import OutputLayer
from nc_hf.model.probe import evaluating, frugal
from nc_hf.model.readers import find_reader
from nc_hf.model.tap import FeatureTap
from nc_hf.runtime.distributed import failing_together
from nc_hf.runtime.progress import Listener, Meter
from nc_hf.statistics.accumulation import expecting


def collect(
    model: nn.Module,
    blocks: TokenBlocks,
    *,
    batch_size: int = OPTIONS["batch_size"].default,
    layers: str = FINAL,
    covariance: bool = False,
    agreement_tokens: int = OPTIONS["agreement_tokens"].default,
    groups: int = 1,
    inner_groups: bool = False,
    head: bool = True,
    outcomes: bool = True,
    calibration: bool = False,
    compiled: bool = True,
    checkpoint: str | Path | None = None,
    save_every: int = OPTIONS["save_every"].default,
    progress: bool | Listener = True,
) -> Collection:
    """Run a model over blocks of tokens and gather what every metric needs.

    Under ``accelerate launch`` or torchrun each process reads its share of the blocks (rank r the rows r, r + n, ...;
    none is read twice; the ranks of a tensor-parallel group read the same) and every rank returns the whole.

    Args:
        model: a causal LM, in the dtype and on the device to run it; it is left in the mode it was in.
        blocks: (B, L) token ids.
        batch_size: blocks a forward pass and process.
        layers: ``final``, or ``all`` for every block's output too.
        covariance: keep the (D, D) moment that ``nc1_pinv`` needs, of each layer.
        agreement_tokens: tokens of the sample on which NC4 is decided; 0 leaves NC4 out.
        groups: groups of blocks kept apart for the standard errors, of the final layer.
        inner_groups: keep them apart in every layer.
        head: read the classifier head; what needs none can be measured without.
        outcomes: gather the loss and the accuracy too. Without them and without NC4 no logits are needed, and a model
            that can leave them out (``logits_to_keep``) does so after the first batch, on which the head is checked.
        calibration: count predictions by their confidence too, which takes NC4's decisions.
        compiled: whether a model may run what ``torch.compile`` makes of it. False runs it eagerly and leaves what was
            compiled for others alone; True has it compiled anew, with the tap, and again for those afterwards.
        checkpoint: folder to save to every ``save_every`` batches and to go on from, to the same result bit for bit.
        save_every: batches between two saves.
        progress: show a progress bar on stderr, or call this after every batch (see ``nc_hf.runtime.progress``).

    Raises:
        FeatureError: NaN or Inf among the features, named by batch and layer.
        CorpusError: there is no block.
        ModelError: the model reads ahead, so that features have seen their own label.
        HeadError: the head does not reproduce the model's logits.
        LabelError: a token beyond the head.
        InputError: a batch does not fit into the device's memory.
        FileError: the checkpoint is of another measurement.
    """
    if batch_size < 1 or save_every < 1:
        raise InputError("batch_size and save_every count from 1: pass positive numbers.")
    process = PartialState()
    check_tokens(model, blocks)
    if layers != FINAL:
        check_room(model, blocks, groups, inner_groups)
    reader = find_reader(model, process)
    rows = torch.arange(reader.index, len(blocks), reader.count)
    collection = Collection(
        model,
        layers=layers,
        covariance=covariance,
        agreement_tokens=agreement_tokens,
        groups=groups,
        inner_groups=inner_groups,
        rows=len(blocks),
        marks=blocks.mark_ids,
        head=head,
        calibration=calibration,
    )
    folder = (
        None
        if checkpoint is None
        else CheckpointFolder(Path(checkpoint), collection, model, blocks, batch_size, process)
    )
    done = folder.resume() if folder else 0
    tap = FeatureTap(
        model,
        layers=layers,
        labels="input_ids",
        predictions=agreement_tokens > 0,
        token_losses=outcomes,
        confidence=calibration,
    )
    device, needs_logits = next(model.parameters()).device, outcomes or agreement_tokens > 0
    in_step = is_sharded(model, causal_lm(model))
    counts = torch.tensor(blocks.label_counts())[rows]
    total, before = int(counts.sum()), int(counts[: done * batch_size].sum())
    bar = tqdm(
        total=total,
        initial=before,
        unit="tok",
        unit_scale=True,
        desc="measuring",
        disable=progress is not True or not process.is_main_process,
    )
    meter = Meter(progress if callable(progress) else None, "measuring", total, before)
    with failing_together(process):
        refuse_reading_ahead(model, blocks.input_ids[0, : 2 * PROBED].tolist())
        collection.apart = keeps_apart(model, blocks)
    # Where a checkpoint is saved on the way, all ranks meet in it already.
    meeting = nullcontext() if folder else failing_together(process)
    with (
        meeting,
        expecting(total),
        _as_compiled(compiled),
        tap.attach(reset=compiled),
        bar,
        evaluating(model),
        torch.no_grad(),
    ):
        # As many batches on every rank, the last perhaps empty: all of them must be there when one saves.
        for number in range(done, -(-len(blocks) // (reader.count * batch_size))):
            chosen = mine = rows[number * batch_size : (number + 1) * batch_size]
            if in_step and not len(mine):
                chosen = torch.tensor([0])  # read for the others' sake: none runs a sharded model by itself
            positions = blocks.positions(chosen) if collection.apart else None
            probing = layers == "all" and number == 0
            batch = None
            if len(chosen):
                logits = needs_logits or collection.wants_logits
                # A mark that begins a document is no label, but its place may be the outlier: at first every token is.
                labels = blocks.ids(chosen) if probing else blocks.labels(chosen)
                batch = _forward(model, tap, blocks, chosen, positions, labels, logits=logits)
            if not len(mine):
                batch = None
            if probing:
                collection.find_outliers(batch, positions, blocks.block_size, process)
                batch = None if batch is None else batch.where(_labelled(batch, blocks.labels(chosen)))
            if batch is not None:
                with room_for_statistics(device):
                    collection.add(batch, chosen, number, positions)
                read = int(counts[number * batch_size : (number + 1) * batch_size].sum())
                bar.update(read)
                meter.advance(read)
            if folder and (number + 1) % save_every == 0:
                folder.save(number + 1)
    with room_for_statistics(device):
        collection.reduce(process, contributes=reader.first)
    if folder:
        folder.clear()
    return collection


@contextmanager
def _as_compiled(compiled: bool) -> Iterator[None]:
    """Run a compiled model as it is, or eagerly; a stance holds from where it is made, so it is made on entering."""
    with nullcontext() if compiled else torch.compiler.set_stance("force_eager"):
        yield


def _labelled(batch: TapBatch, labels: Tensor) -> Tensor:
    """(N,) bool: which positions of a batch have one of ``labels`` (B, L) to be predicted next."""
    following = torch.full_like(labels, IGNORED)
    following[:, :-1] = labels[:, 1:]
    return following.flatten().to(batch.index.device)[batch.index] >= 0


def _forward(
    model: nn.Module,
    tap: FeatureTap,
    blocks: TokenBlocks,
    chosen: Tensor,
    positions: Tensor | None,
    labels: Tensor,
    *,
    logits: bool,
) -> TapBatch:
    """Run the model over some blocks, and return what the tap heard."""
    device = next(model.parameters()).device
    options = frugal(model, logits=logits)
    if positions is not None:
        options["position_ids"] = positions.to(device)
    tap.expect(labels)
    try:
        model(input_ids=blocks.ids(chosen).to(device), **options)
    except torch.OutOfMemoryError as error:
        raise InputError(
            f"{len(chosen)} blocks of {blocks.block_size} tokens do not fit into the memory of {device}",
            Remedy.BATCH_MEMORY,
        ) from error
    batch = tap.take()
    if batch is None:
        raise tap.silence()
    return batch


def check_tokens(model: nn.Module, blocks: TokenBlocks) -> None:
    """Refuse tokens that the model cannot embed or predict, before it fails on them with an index error.

    Raises:
        CorpusError: there is no block.
        LabelError: a token beyond the head.
    """
    if not len(blocks):
        raise CorpusError("there is no block to measure on", Remedy.LONGER_TEXT)
    classes = OutputLayer(model).rows
    highest = blocks.highest_id
    if classes is not None and highest >= classes:
        raise LabelError(f"token {highest} is beyond the head's {classes} classes", Remedy.TOKENIZER)
