"""Tables: samples whose columns have names, as pandas and Polars have them; known by their attributes alone."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore.errors import ConfigError

Names = tuple[Any, ...]  #: texts, integers, and tuples of them
_MANY = 8  # names in a message


def columns_of(X: Any) -> Names | None:
    """The names of a table's columns; None for what is no table: it has no `columns` or no `dtypes`."""
    if type(X) is np.ndarray:
        return None
    try:
        return tuple(map(_plain, X.columns)) if hasattr(X, "dtypes") and hasattr(X, "columns") else None
    except Exception:  # of an object that answers every question with an error
        return None


def _plain(name: Any) -> Any:
    """A column's name as it is stored: that of another type is its text."""
    if isinstance(name, tuple):
        return tuple(map(_plain, name))
    if isinstance(name, str):
        return str(name)
    try:
        return operator.index(name)
    except TypeError:
        return str(name)


def as_columns(where: str, given: Any) -> Names:
    """Names of columns from a list of texts, integers, and lists or tuples of them. ConfigError for anything else."""
    if isinstance(given, (list, tuple)) and all(map(_is_name, given)):
        return tuple(map(_as_name, given))
    raise ConfigError(f"[{where}] columns: expected a list of names or None, got {given!r:.60}")


def _is_name(given: Any) -> bool:
    if isinstance(given, (list, tuple)):
        return all(isinstance(each, (str, int)) for each in given)
    return isinstance(given, (str, int))


def _as_name(given: Any) -> Any:
    return tuple(given) if isinstance(given, (list, tuple)) else given


def check_columns(where: str, X: Any, known: Names, mend: str, name: str = "X") -> None:
    """ConfigError for a table whose columns are others than the known ones, or in another order.

    `where`: "[predict]"; `mend`: an expression for the table with the known ones.
    """
    given = columns_of(X)
    if given is not None and given != known:
        check_names(where, given, known, mend, name)


def check_names(where: str, given: Names, known: Names, mend: str, name: str = "X") -> None:
    """The same for the names alone. Columns that are numbered 0, 1, … have none."""
    if given == known:
        return
    missing = [each for each in known if each not in given]
    unknown = [each for each in given if each not in known]
    unnamed = tuple(range(len(known))), tuple(range(len(given)))
    if (missing or unknown) and (known == unnamed[0] or given == unnamed[1]):
        return  # the one has names, the other none
    hint = f"use {mend}"
    if missing:
        hint = "rename them, or give arrays, which have no names" if unknown else "the model needs them all"
    text = f"{where} {name}: expected {_shown(known, given)}"
    for what, names in (("missing", missing), ("unknown", unknown)):
        text += f"; {what}: {_listed(names)}" if names else ""
    raise ConfigError(f"{text} ({hint})")


def _shown(known: Names, given: Names) -> str:
    """Both lists, or where they differ first."""
    if max(len(known), len(given)) <= _MANY:
        return f"the columns {_listed(known)} in this order, got {_listed(given)}"
    pairs = list(zip(known, given, strict=False))
    at = next((i for i, (one, other) in enumerate(pairs) if one != other), len(pairs))
    if at == len(pairs):
        return f"{len(known)} columns, got {len(given)}"
    return f"the columns of training in their order, with {known[at]!r} at {at}, got {given[at]!r} there"


def _listed(names: Iterable[Any]) -> str:
    texts = [f"{name!r:.40}" for name in names]
    return ", ".join(texts if len(texts) <= _MANY else [*texts[: _MANY - 1], f"… ({len(texts)} in all)"])


def table_numbers(X: Any) -> NDArray[np.float64] | None:
    """The numbers of a table that NumPy makes an array of objects of, as of numbers beside booleans; None if some
    columns hold no numbers."""
    kinds = _kinds(X)
    if not kinds or not set(kinds.values()) <= set("biuf"):
        return None
    try:
        if hasattr(X, "to_numpy") and hasattr(X, "iloc"):
            numbers: NDArray[np.float64] = X.to_numpy(np.float64, na_value=np.nan)
            return numbers
        return np.asarray(X, np.float64)
    except Exception:  # numbers that float64 does not hold: the caller refuses the table
        return None


def _kinds(X: Any) -> dict[int, str]:
    """The kind of each column's dtype as NumPy calls it; "O" where it has none; {} for what is no table."""
    names = columns_of(X)
    if names is None:
        return {}
    dtypes = list(X.dtypes)
    return {i: str(getattr(dtype, "kind", None) or _kind_of_text(str(dtype))) for i, dtype in enumerate(dtypes)}


def _kind_of_text(dtype: str) -> str:
    """The kind of a dtype of Polars by its name, as "Float64"."""
    return {"F": "f", "I": "i", "U": "u", "B": "b"}.get(dtype[:1], "O") if dtype[-1:].isdigit() else "O"


def other_columns(X: Any) -> str:
    """Of a table, the columns that hold no numbers, for an error, and a line that helps, in brackets; else ""."""
    kinds = _kinds(X)
    others = [i for i, kind in kinds.items() if kind not in "biuf"]
    if not others:
        return ""
    names, total = columns_of(X) or (), len(X)
    said, texts = [], []
    for i in others:
        column = list(X.iloc[:, i] if hasattr(X, "iloc") else X[names[i]])
        wrong = [value for value in column if isinstance(value, str)] or [v for v in column if not _is_number(v)]
        if wrong:
            said.append(f"{names[i]!r} ({len(wrong)} of {total} rows, such as {str(wrong[0])!r:.40})")
        texts.append((names[i], kinds[i], wrong))
    mend = _mend(*texts[0])
    if not said:
        return f" in column {names[others[0]]!r} ({mend})"
    more = f" and {len(said) - _MANY} more" if len(said) > _MANY else ""
    return f" in column{'s' if len(said) > 1 else ''} {', '.join(said[:_MANY])}{more} ({mend})"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number, np.bool_))


def _mend(name: Any, kind: str, wrong: list[Any]) -> str:
    """What makes numbers of a column with these values."""
    if not wrong:
        return f"use X[{name!r}].astype(float)"
    if kind in "mM":
        return f'use X[{name!r}].astype("int64")'
    if kind == "c":
        return f"use X[{name!r}].to_numpy().real"
    if not isinstance(wrong[0], str):
        return f"use pd.to_numeric(X[{name!r}])"
    plain = next((text.strip() for text in wrong if not _reads(text)), None)
    if plain is None:
        return f"use X[{name!r}].astype(float)"
    if _reads(plain.replace(".", "").replace(",", ".")):
        return 'read_csv(…, decimal=",") reads such numbers'
    if plain == "" or plain.lower() in ("na", "n/a", "-", "?", "none", "null", "missing"):
        return f'read_csv(…, na_values={plain!r}), or pd.to_numeric(X[{name!r}], errors="coerce")'
    return f"use pd.get_dummies(X), or X.drop(columns={name!r})"


def _reads(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def holes(X: Any) -> str:
    """Of a table, how many numbers of which columns are not finite, for an error; else ""."""
    names = columns_of(X)
    if names is None:
        return ""
    array = np.asarray(X)
    numbers = table_numbers(X) if array.dtype.kind == "O" else array
    if numbers is None or numbers.ndim != 2:
        return ""
    counts = np.count_nonzero(~np.isfinite(numbers), axis=0)
    found = [f"{names[i]!r} in {counts[i]}" for i in np.flatnonzero(counts)]
    more = f", and {len(found) - _MANY} more columns" if len(found) > _MANY else ""
    return f"; not finite in {len(numbers)} rows: {', '.join(found[:_MANY])}{more}"


# ---- What is no array of numbers ------------------------------------------------------------------------------------


def mend_of(given: Any, kind: str, name: str) -> str:
    """What to write in place of data that NumPy makes no array of numbers of, "" if nothing is known.

    `kind`: of the dtype that NumPy gives them, "" where it makes none; `name`: of the argument, X or y.
    """
    try:
        return _mend_of_object(given, name) or _mend_of_kind(given, kind, name)
    except Exception:  # of an object that answers every question with an error
        return ""


def _mend_of_object(given: Any, name: str) -> str:
    if hasattr(given, "toarray"):
        return f"use {name}.toarray()"
    steps = f"for xb, yb in {name}: trainer.step(xb, yb)"
    if hasattr(given, "as_numpy_iterator"):
        return f"write `for xb, yb in {name}.as_numpy_iterator(): trainer.step(xb, yb)`"
    if hasattr(given, "dataset") and hasattr(given, "batch_size"):
        return f"of a loader take the batches: `{steps}`"
    if isinstance(given, dict):
        return f"use np.column_stack(list({name}.values()))"
    if isinstance(given, (set, frozenset)):
        return f"a set has no order: use a list, or {name} as an array"
    if hasattr(given, "__next__"):
        return f"use np.array(list({name})); of batches `{steps}`"
    if hasattr(given, "__array__") or isinstance(given, (list, tuple, str, bytes)):
        return _mend_of_rows(given, name) if isinstance(given, (list, tuple)) else ""
    if hasattr(given, "__getitem__") and hasattr(given, "__len__"):
        return "of a dataset of pairs: X, y = map(np.array, zip(*data))"
    return f"use np.array(list({name}))" if hasattr(given, "__iter__") else ""


def _mend_of_rows(given: Any, name: str) -> str:
    """Of a list of arrays whose shapes differ."""
    if not all(hasattr(item, "__array__") for item in given[:1000]):
        return ""
    shapes = [np.shape(item) for item in given[:1000]]
    if len(set(shapes)) < 2:
        return ""
    if all(shapes) and len({shape[0] for shape in shapes}) == 1 and len(given) <= 16:
        return f"join several inputs: np.concatenate({name}, axis=1)"
    if all(len(shape) == 1 for shape in shapes):
        longest = max(shape[0] for shape in shapes)
        return f"rows of {min(shape[0] for shape in shapes)} to {longest} numbers: fill up to {longest}"
    return "samples of different shapes: bring them to one"


def _mend_of_kind(given: Any, kind: str, name: str) -> str:
    if kind == "c":
        return f"use {name}.real, or np.concatenate([{name}.real, {name}.imag], axis=-1)"
    if kind in ("m", "M"):
        return f'use {name}.astype("int64")'
    if kind == "V":
        fields = getattr(getattr(given, "dtype", None), "names", None)
        whole = f"np.lib.recfunctions.structured_to_unstructured({name})"
        return f"use {whole}" if fields else f"use {name}.astype(np.float32)"
    if kind in ("U", "S", "O"):
        texts = [text for text in np.asarray(given).ravel()[:1000].tolist() if not _is_number(text)]
        if texts and all(isinstance(text, (str, bytes)) and _reads(str(text)) for text in texts) and name != "y":
            return f"use np.asarray({name}, float)"
        if name == "y":
            return "for names use classes, y = np.unique(y, return_inverse=True)"
        if kind == "O" and not texts:
            return f"use np.asarray({name}, float)"
        return "make numbers of the text first, as np.unique(column, return_inverse=True)[1] does"
    return ""
