"""One register in one file or in several, its rows in any order: the same cohort."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from evaluation.cohort import Cohort, build_cohort
from evaluation.register import read_register
from evaluation.simulation import simulate
from evaluation.study import load_study
from evaluation.territories import territory

TABLES = ("registrations", "entries", "hires")


def shuffled(folder: Path, source: Path, parts: int, seed: int) -> Path:
    """Write the tables of ``source`` again, rows shuffled and spread over ``parts`` files."""
    folder.mkdir()
    for table in TABLES:
        rows = pd.read_parquet(source / f"{table}.parquet").sample(frac=1, random_state=seed)
        for part in range(parts):
            rows.iloc[part::parts].to_parquet(folder / f"{table}-{part}.parquet", index=False)
    (folder / "study.toml").write_text((source / "study.toml").read_text("utf-8"), "utf-8")
    return folder


def built(folder: Path) -> Cohort:
    changes = ["outcome.chain_gap_days=5", 'outcome.sensitivity=["lolf_p102", "positive_exit"]']
    study = load_study(folder / "study.toml", overrides=changes)
    return build_cohort(read_register(study), territory(region="94"), use_cache=False)


@pytest.mark.filterwarnings("ignore::evaluation.errors.EvaluationWarning")
def test_files_split_and_shuffled_give_the_same_cohort(tmp_path: Path) -> None:
    source = tmp_path / "whole"
    simulate(source, scale=0.1, regions=["94"], seed=7)
    whole = built(source)
    assert whole.frame["durable_6m"].sum() > 10
    assert whole.quality["comparators"]["chained"]["count"] > 0
    split = built(shuffled(tmp_path / "split", source, parts=3, seed=1))
    pd.testing.assert_frame_equal(whole.frame, split.frame)
    pd.testing.assert_frame_equal(whole.frozen, split.frozen)
    assert whole.quality == split.quality
    assert [n.data for n in whole.notes] == [n.data for n in split.notes]
