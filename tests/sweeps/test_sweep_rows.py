"""Tables of a sweep stay tables: slices, masks, where, sorted; columns; CSV, dicts, pandas; statistics over seeds."""

import copy
import csv
import json
import math
import pickle

import numpy as np
import pytest

import nncore as nc
from nncore.sweeps._summary import student_t

NAN = math.nan


def row(lr, seed=0, status="ok", message="", **numbers):
    return {"lr": lr, "kind": "a", "seed": seed, **numbers, "seconds": 0.125, "status": status, "message": message}


@pytest.fixture
def table():
    return nc.SweepTable(
        row(lr, seed, loss=10 * lr + seed, val_accuracy=NAN if seed == 2 else 1 - lr - seed / 100)
        for lr in (0.1, 0.2, 0.4)
        for seed in (0, 1, 2)
    )


class TestChoosing:
    @pytest.mark.parametrize(
        ("index", "chosen"),
        [
            (slice(3), [0, 1, 2]),
            (slice(None, None, 4), [0, 4, 8]),
            (slice(-1, None), [8]),
            ([1, 5], [1, 5]),
            ((2,), [2]),
            (np.array([8, -9]), [8, 0]),
            ([], []),
            ([i == 3 for i in range(9)], [3]),
            (np.arange(9) > 6, [7, 8]),
            (np.zeros(9, bool), []),
        ],
    )
    def test_of_rows(self, index, chosen, table):
        part = table[index]
        assert type(part) is nc.SweepTable and list(part) == [list(table)[at] for at in chosen]
        assert all(ours is list(table)[at] for ours, at in zip(part, chosen, strict=True))

    def test_one_row_is_a_dict(self, table):
        assert table[0] is next(iter(table)) and table[-1] is list(table)[8] and table[np.int64(2)] is list(table)[2]
        with pytest.raises(IndexError):
            table[9]

    @pytest.mark.parametrize(
        "index", [[9], [-10], [True], np.ones(8, bool), [0.5], ["lr"], np.ones((9, 1), bool), [[0]]]
    )
    def test_wrong_indices(self, index, table):
        with pytest.raises(
            nc.ConfigError, match=r"\[sweep\] index: expected a mask of 9 booleans or positions of rows"
        ):
            table[index]

    def test_a_column_is_an_array_that_makes_masks(self, table):
        assert table["lr"].dtype == np.float64 and table["seed"].dtype == np.int64 and table["kind"].dtype.kind == "U"
        assert [r["lr"] for r in table[table["lr"] > 0.15]] == [0.2] * 3 + [0.4] * 3
        assert len(table[(table["lr"] == 0.4) & (table["seed"] == 1)]) == 1
        mixed = nc.SweepTable([row(None, loss=1.0), row(nc.Tanh, loss=2.0), row(True, loss=3.0)])
        assert mixed["lr"].dtype == object and list(mixed["lr"]) == [None, nc.Tanh, True]

    @pytest.mark.parametrize("call", [lambda t: t["lrr"], lambda t: t.where(lrr=1), lambda t: t.sorted("lrr")])
    def test_unknown_columns(self, call, table):
        columns = r"\['lr', 'kind', 'seed', 'loss', 'val_accuracy', 'seconds', 'status', 'message'\]"
        with pytest.raises(nc.ConfigError, match=rf"the columns are {columns}, got 'lrr' \(did you mean 'lr'\?\)"):
            call(table)

    def test_where(self, table):
        assert table.where(lr=0.2) == table[3:6] and table.where(lr=0.2, seed=1) == table[4:5]
        assert table.where(kind="a", seed=0) == table[::3] and table.where(kind="b") == []
        assert table.where(lambda r: r["lr"] > 0.15, seed=2) == table[[5, 8]]
        assert table.where() == table and type(table.where(lr=7)) is nc.SweepTable
        near = nc.SweepTable([row(0.1 * 3, loss=1.0), row("0.3", loss=2.0), row(True, loss=3.0), row((1, 2), loss=4.0)])
        assert near.where(lr=0.3) == near[:1] and near.where(lr=True) == near[2:3] and near.where(lr=1) == []
        assert near.where(lr=(1, 2)) == near[3:] and near.where(lr=[1, 2]) == []
        with pytest.raises(nc.ConfigError, match=r"where: expected functions of a row, or column=value, got 0.1"):
            table.where(0.1)

    def test_sorted(self, table):
        assert list(table.sorted("val_accuracy")["lr"][:6]) == [0.4, 0.4, 0.2, 0.2, 0.1, 0.1]
        assert np.isnan(table.sorted("val_accuracy")["val_accuracy"][6:]).all()
        down = table.sorted("val_accuracy", reverse=True)
        assert type(down) is nc.SweepTable and down[0]["val_accuracy"] == 0.9 and math.isnan(down[-1]["val_accuracy"])
        assert [r["seed"] for r in table.sorted("seed")] == [0] * 3 + [1] * 3 + [2] * 3
        words = nc.SweepTable([row("b", loss=1.0), row(3, loss=1.0), row("a", loss=1.0), row(None, loss=1.0)])
        assert [r["lr"] for r in words.sorted("lr")] == [3, None, "a", "b"]
        with pytest.raises(nc.ConfigError, match="reverse"):
            table.sorted("lr", reverse="yes")

    def test_copies_and_sums(self, table):
        for same in (table.copy(), copy.copy(table), copy.deepcopy(table), pickle.loads(pickle.dumps(table))):
            assert type(same) is nc.SweepTable and list(same.columns) == table.columns and len(same) == 9
        both = table[:2] + table[7:]
        assert type(both) is nc.SweepTable and len(both) == 4
        assert type(table[:1] + [row(9, loss=1.0)]) is nc.SweepTable
        with pytest.raises(TypeError):
            table + 3

    def test_what_others_have_is_named(self, table):
        hints = {"mean": "summary", "std": "summary", "groupby": "summary", "head": r"\[:5\]", "query": "where"}
        for name, hint in hints.items():
            with pytest.raises(AttributeError, match=rf"{name}.*\(table.*{hint}"):
                getattr(table, name)
        assert not hasattr(table, "nonsense")


class TestElsewhere:
    def test_csv(self, table, tmp_path):
        table.append(row(nc.Tanh, 3, "failed", 'a "quoted"; text', loss=1 / 3, val_accuracy=NAN))
        table.to_csv(tmp_path / "runs.csv")
        with open(tmp_path / "runs.csv", newline="", encoding="utf-8") as file:
            head, *rows = csv.reader(file)
        assert head == table.columns and len(rows) == 10
        assert float(rows[1][3]) == table[1]["loss"] and float(rows[-1][3]) == 1 / 3
        assert rows[-1][0] == "Tanh" and rows[-1][-1] == 'a "quoted"; text' and math.isnan(float(rows[-1][4]))
        with pytest.raises(nc.ConfigError, match="path"):
            table.to_csv(3)

    def test_dict_for_json(self, table):
        table.append({**row(np.float64(0.5), loss=math.inf), "layers": (4, np.int64(2)), "act": nc.ReLU})
        columns = json.loads(json.dumps(table.to_dict(), allow_nan=False))
        assert list(columns) == table.columns and columns["lr"] == [*table["lr"][:9], 0.5]
        assert columns["val_accuracy"][2] is None and columns["loss"][9] is None
        assert columns["layers"] == [None] * 9 + [[4, 2]] and columns["act"][9] == "ReLU"

    def test_pandas(self, table):
        pandas = pytest.importorskip("pandas")
        frame = table.to_pandas()
        assert list(frame.columns) == table.columns and frame["lr"].dtype == float and frame["seed"].dtype == int
        pandas.testing.assert_frame_equal(table[3:6].to_pandas(), frame[3:6].reset_index(drop=True))
        assert len(table[frame["lr"] > 0.15]) == 6  # a mask made there


class TestSummary:
    def test_numbers(self):
        values = [1.0, 2.0, 4.0, 9.0]
        rows = [row(0.1, seed, loss=value) for seed, value in enumerate(values)] + [row(0.2, loss=3.0)]
        first, second = nc.SweepTable(rows).summary("loss")
        assert list(first) == ["lr", "kind", "mean", "std", "low", "high", "n", "diverged", "failed", "lost"]
        std = math.sqrt((9 + 4 + 0 + 25) / 3)
        half = 3.182446305284263 * std / 2  # of Student's t for 3 degrees of freedom, from a table
        assert (first["mean"], first["std"]) == (4.0, pytest.approx(std, rel=1e-12))
        assert (first["low"], first["high"]) == (pytest.approx(4 - half, rel=1e-9), pytest.approx(4 + half, rel=1e-9))
        assert (first["n"], first["diverged"], first["failed"], first["lost"]) == (4, 0, 0, "")
        assert (second["mean"], second["n"]) == (3.0, 1)
        assert all(math.isnan(second[name]) for name in ("std", "low", "high"))

    @pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 10, 29, 30, 199, 1000])
    def test_students_t(self, freedom):
        stats = pytest.importorskip("scipy.stats")
        for share in (0.5, 0.95, 0.99):
            assert student_t(freedom, share) == pytest.approx(stats.t.ppf((1 + share) / 2, freedom), rel=1e-9)

    def test_lost_runs_are_counted_and_named(self):
        rows = [
            row(0.1, 0, loss=1.0), row(0.1, 1, "diverged", loss=NAN), row(0.1, 2, "failed", loss=NAN),
            row(0.1, 3, loss=NAN), row(0.1, 4, "diverged", loss=0.0), row(0.2, 7, "failed", loss=NAN),
        ]  # fmt: skip
        first, second = summary = nc.SweepTable(rows).summary()
        assert (first["mean"], first["n"], first["diverged"], first["failed"]) == (1.0, 1, 2, 1)
        assert first["lost"] == "seed 1: diverged; seed 2: failed; seed 3: not finite; seed 4: diverged"
        assert (second["n"], second["failed"]) == (0, 1) and math.isnan(second["mean"])
        assert "seed 7: failed" in repr(summary) and "seed 7" in summary._repr_html_()
        many = nc.SweepTable(row(0.1, seed, "failed", loss=NAN) for seed in range(9)).summary()
        assert many[0]["failed"] == 9 and many[0]["lost"].endswith("seed 4: failed; …")

    def test_the_validation_loss_is_the_default(self, table):
        assert table.summary().metric == "loss"
        assert nc.SweepTable([row(1, loss=1.0, val_loss=2.0)]).summary()[0]["mean"] == 2.0

    def test_over_other_columns(self, table):
        over = table.summary("loss", over="lr")
        assert list(over["seed"]) == [0, 1, 2] and over[1]["mean"] == pytest.approx(10 * 0.7 / 3 + 1)
        (all_of_them,) = table.summary("loss", over=["lr", "seed"])
        assert all_of_them["n"] == 9 and list(all_of_them)[:2] == ["kind", "mean"]
        for wrong in ("loss", "nonsense", [], None, 3, ["seed", "loss"]):
            with pytest.raises(nc.ConfigError, match=r"over: expected some of \['lr', 'kind', 'seed'\]"):
                table.summary("loss", over=wrong)
        with pytest.raises(nc.ConfigError, match="metric: expected one of"):
            table.summary("nonsense")

    def test_points_with_objects(self):
        sgd = [nc.SGD(lr=0.1), nc.SGD(lr=0.1, momentum=0.9, nesterov=True), nc.SGD(lr=0.1, momentum=0.8, nesterov=True)]
        values = [*sgd, nc.ReLU, nc.Tanh(), [4, 4], [4], None, True, 1.5, "1.5", np.ones(2), np.zeros(2)]
        table = nc.SweepTable(row(value, seed, loss=float(i)) for i, value in enumerate(values) for seed in (0, 1))
        summary = table.summary()
        assert [r["n"] for r in summary] == [2] * len(values)
        assert [r["mean"] for r in summary] == [float(i) for i in range(len(values))]
        assert all(r["lr"] is value for r, value in zip(summary, values, strict=True))

    def test_it_is_a_table_of_its_kind(self, table):
        summary = table.summary("loss")
        part = summary[:2]
        assert type(part) is type(summary) and part.metric == "loss" and part.best()["lr"] == 0.1
        assert summary.where(lr=0.2).metric == "loss" and summary.sorted("mean", reverse=True)[0]["lr"] == 0.4
        assert repr(summary).splitlines()[0] == "loss" and len(repr(summary).splitlines()) == 6
        assert pickle.loads(pickle.dumps(summary)).metric == "loss"


class TestBestOverSeeds:
    def test_the_luckiest_seed_is_not_the_best_point(self):
        rows = [row(0.1, 0, val_accuracy=0.99), row(0.1, 1, val_accuracy=0.5)]
        rows += [row(0.2, 0, val_accuracy=0.9), row(0.2, 1, val_accuracy=0.9)]
        table = nc.SweepTable(rows)
        assert table.best("val_accuracy")["lr"] == 0.1
        best = table.best("val_accuracy", over="seed")
        assert (best["lr"], best["mean"], best["n"]) == (0.2, pytest.approx(0.9), 2)

    def test_modes(self):
        table = nc.SweepTable(
            [row(1, loss=1.0, gain=5.0, best_val_f1=0.1), row(2, loss=2.0, gain=7.0, best_val_f1=0.2)]
        )
        assert table.best("loss", over="seed")["lr"] == 1 and table.best("best_val_f1", over="seed")["lr"] == 2
        assert table.best("best_val_f1")["lr"] == 2 and table.best("gain", mode="min")["lr"] == 1
        for over in (None, "seed"):
            with pytest.raises(nc.ConfigError, match="mode"):
                table.best("gain", over=over)
            assert table.best("gain", mode="max", over=over)["lr"] == 2

    def test_lost_runs(self):
        rows = [row(0.1, 0, loss=0.1), row(0.1, 1, "diverged", loss=NAN), row(0.2, 0, loss=0.5), row(0.2, 1, loss=0.7)]
        table = nc.SweepTable(rows)
        assert table.best("loss")["lr"] == 0.1 and table.best("loss", over="seed")["lr"] == 0.2
        assert table[:2].best("loss", over="seed")["lr"] == 0.1  # there is no other
        with pytest.raises(nc.StateError, match="none that ended well"):
            table[1:2].best("loss", over="seed")
        nan = nc.SweepTable([row(0.1, loss=NAN), row(0.2, loss=3.0)])
        assert nan.best("loss")["lr"] == nan.best("loss", over="seed")["lr"] == 0.2


def test_numbers_of_the_best_epoch_are_printed_in_part():
    best = {"best_epoch": 3, "best_val_loss": 0.1, "best_val_accuracy": 0.9, "best_test_loss": 0.2}
    table = nc.SweepTable([row(0.1, loss=0.5, val_loss=0.4, **best)])
    head = repr(table).splitlines()[0].split()
    assert head[3:7] == ["loss", "val_loss", "best_epoch", "best_val_loss"] and head[7] == "seconds"
    assert table.metrics == ["loss", "val_loss"] and table.best("best_test_loss")["lr"] == 0.1
