"""The published files under our names: where they come from, and what their columns mean."""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nc_hf.errors import StudyError
from nc_hf.study.analysis import published as module
from nc_hf.study.analysis.published import CLASSES, SEED_CELL, load_published, parse_id
from nc_hf.study.analysis.seeds import seed_cell


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "published"


@pytest.fixture(scope="module")
def published(folder: Path) -> pd.DataFrame:
    return load_published(folder)


def test_models_and_settings(published: pd.DataFrame) -> None:
    assert len(published) == 230
    assert published["seed"].notna().sum() == 20
    assert sorted(published["width"].unique()) == [64, 128, 256, 512, 768, 1024]
    assert sorted(published["depth"].unique()) == [1, 2, 4, 8, 12]
    seeds = seed_cell(published)
    assert len(seeds) == 21
    assert (seeds[list(SEED_CELL)] == pd.Series(SEED_CELL)).all(axis=None)


def test_rows_are_joined_by_model_not_by_order(folder: Path, published: pd.DataFrame) -> None:
    october = pd.read_csv(folder / module.OCTOBER, index_col="model")
    assert list(october.index) != list(published.index)
    for column, name in [("etf_error", "nc2_etf_error"), ("val_loss", "val_loss"), ("simcos_mean", "nc3_cos_mean")]:
        np.testing.assert_allclose(published[name], october.loc[published.index, column], rtol=2e-6)


def test_the_two_files_tie_their_columns_to_each_other(folder: Path, published: pd.DataFrame) -> None:
    may = pd.read_csv(folder / module.MAY, index_col="model")
    october = pd.read_csv(folder / module.OCTOBER, index_col="model").loc[may.index]
    # The mean inner product of centred means is -mean|m|^2/(K-1): so May's norms are squared, and K is what it is.
    np.testing.assert_allclose(october["interfere_mean"], -may["norms_mean"] / (CLASSES - 1), rtol=1e-4)
    population = (CLASSES - 1) / CLASSES
    np.testing.assert_allclose(published["nc2_log_norm_std"] ** 2, october["norms_log_var"] * population, rtol=1e-5)
    np.testing.assert_allclose(published["unc3_cos_std"] ** 2, october["simcos_var"] * population, rtol=1e-5)
    np.testing.assert_allclose(published["nc1_cdnv_paper"], october["cdnv"], rtol=2e-6)


def test_derived_columns_are_within_their_bounds(published: pd.DataFrame) -> None:
    assert (published["gnc2_log_std_ratio"] > 1).all()
    assert (published["nc2_participation_ratio"] > 1).all()
    assert (published["nc2_participation_ratio_per_dim"] < 1).all()
    np.testing.assert_allclose(
        published["nc2_etf_error"] ** 2,
        2 - 2 * np.sqrt(published["nc2_participation_ratio"] / (CLASSES - 1)),
        rtol=1e-6,
    )
    at_64 = published[published["width"] == 64]
    np.testing.assert_allclose(at_64["gnc2_log_std"] / at_64["gnc2_log_std_ratio"], 0.0637, atol=5e-5)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("02x0768_01d07@0", (768, 2, 1, 5e-4, 7, 0, 1)),
        ("12x1024_10L@5", (1024, 12, 10, 0.1, None, 5, 6)),
        ("01x0064_03d@2", (64, 1, 3, 5e-4, None, 2, 3)),
    ],
)
def test_ids(model: str, expected: tuple[float | None, ...]) -> None:
    assert tuple(parse_id(model).values()) == expected


@pytest.mark.parametrize("model", ["02x0768_01x@0", "02x0768_01d07", "gpt-neo", ""])
def test_foreign_ids_are_refused(model: str) -> None:
    with pytest.raises(StudyError, match="02x0768_01d07@0"):
        parse_id(model)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    root = tmp_path / "served"
    root.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = partial(Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}", root
        httpd.shutdown()


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that no test has fetched: its folder in the cache is empty."""
    monkeypatch.setattr(module, "COMMIT", f"{tmp_path.name[-7:]:x>7}")


def test_either_file_leads_to_the_folder(folder: Path) -> None:
    assert module.published_folder(folder / module.OCTOBER) == folder


def test_download_once_then_read_from_the_cache(
    folder: Path, server: tuple[str, Path], empty_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, root = server
    for name in module.SHA256:
        shutil.copy(folder / name, root / name)
    monkeypatch.setattr(module, "BASE_URL", url)
    first = module.published_folder()
    monkeypatch.setattr(module, "BASE_URL", "http://127.0.0.1:9")
    assert module.published_folder() == first
    assert sorted(path.name for path in first.iterdir()) == sorted(module.SHA256)


def test_a_file_that_was_damaged_in_the_cache_is_fetched_again(
    folder: Path, server: tuple[str, Path], empty_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, root = server
    for name in module.SHA256:
        shutil.copy(folder / name, root / name)
    monkeypatch.setattr(module, "BASE_URL", url)
    kept = module.published_folder() / module.MAY
    whole = kept.read_bytes()
    kept.write_bytes(whole[:1000])
    module.published_folder()
    assert kept.read_bytes() == whole


def test_download_of_something_else_leaves_nothing(server: tuple[str, Path], tmp_path: Path) -> None:
    url, root = server
    (root / "file.csv").write_text("model,val_loss\n")
    target = tmp_path / "cache" / "file.csv"
    with pytest.raises(StudyError, match="not the published file"):
        module.download(f"{url}/file.csv", module.SHA256[module.MAY], target)
    assert not any(target.parent.iterdir())


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/file.csv", "http://no-such-host.invalid/file.csv"])
def test_without_network_the_error_names_the_option(url: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="--published PATH"):
        module.download(url, "0" * 64, tmp_path / "file.csv")


def test_a_missing_page_is_no_file(server: tuple[str, Path], tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="404"):
        module.download(f"{server[0]}/nothing.csv", "0" * 64, tmp_path / "file.csv")


def test_a_changed_file_is_refused(folder: Path, tmp_path: Path) -> None:
    for name in module.SHA256:
        shutil.copy(folder / name, tmp_path / name)
    changed = tmp_path / module.OCTOBER
    changed.chmod(0o644)
    changed.write_text(changed.read_text().replace("0.2653474864776747", "0.2753474864776747", 1))
    with pytest.raises(StudyError, match=rf"{module.OCTOBER} is not the published file"):
        load_published(tmp_path)


def test_a_missing_file_is_named(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / module.MAY, tmp_path / module.MAY)
    with pytest.raises(StudyError, match=module.OCTOBER):
        load_published(tmp_path)
