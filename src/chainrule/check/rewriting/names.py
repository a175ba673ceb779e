"""Reads the name of a variable as a derivative, ``dloss_dW``, and finds the tensors that it speaks of.

Notations that are read, with the separators left out or doubled, and with words such as ``_hand`` after them:

    dloss_dW   dMSE_dpred   dfdW   d_loss_d_W   dL_over_dW   grad_loss_wrt_W   dw_h_over_h2      of one, by the other
    grad_mse   jac_h                                                                              of a result
    dW   dlogits   grad_W   W_grad   x.g                                                          by an argument

A reading holds only if the notebook has tensors of these names; capitals and underscores may differ (``MSE`` is
``mse``), and ``L``, ``loss``, ``cost``, ``E`` may each stand for the number whose ``backward`` ran last.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chainrule.check.rewriting.site import is_derivative_name

__all__ = ["Reading", "derivative_in", "derived_variables", "readings"]

WORDS = r"hand|manual|manually|mine|my|our|ours|analytic|analytical|analytically|calc|calculated|computed|derived"
WORDS += r"|formula|np|numpy|check|expected|by_hand|ref"
AFTER = re.compile(rf"(_({WORDS}))+$", re.IGNORECASE)
BEFORE = re.compile(rf"^(({WORDS})_)+", re.IGNORECASE)
OVER = re.compile(r"^(?:d_?|grad_?|gradient_?|partial_?|jac(?:obian)?_?)(.+?)_(?:over|wrt|by)_(?:d_?)?(.+)$")
OF = re.compile(r"^(?:grad|gradient|jac|jacobian|partial|nabla)_?((?<=_).+|[A-Z].*)$")
BACK = re.compile(r"^(.+?)_?(?:grad|gradient)$")
LOSSES = frozenset("l loss j cost e error err c obj objective mse ce nll".split())


@dataclass(frozen=True)
class Reading:
    """One way to read a name: ``output`` by ``argument``; either may be left open (None), to be filled in.

    ``explicit`` says that the name has both. ``text`` is the derivative in words, ∂loss/∂W.
    """

    output: Any
    argument: Any
    text: str
    explicit: bool


def readings(
    name: str, scope: Mapping[str, Any], is_tensor: Callable[[Any], bool], last_root: Any = None
) -> Iterator[Reading]:
    """The readings that the tensors in ``scope`` allow, best first.

    >>> scope = {"mse": 1.0, "W1": 2.0, "h": 3.0, "w_h": 4.0}
    >>> [reading.text for reading in readings("dMSE_dW1", scope, lambda value: True)]
    ['∂mse/∂W1']
    >>> [reading.text for reading in readings("dhdW1_hand", scope, lambda value: True)]
    ['∂h/∂W1']
    >>> [reading.text for reading in readings("dW", scope, lambda value: True)]
    []
    """
    tensors = {key: value for key, value in scope.items() if is_tensor(value)}
    plain = BEFORE.sub("", AFTER.sub("", name))
    pairs = list(_pairs(plain))
    found = False
    for upper, lower in pairs:
        argument = _find(lower, tensors)
        output = _find(upper, tensors)
        if argument is None:
            continue
        if output is None and upper.lower() in LOSSES and last_root is not None:
            output = (_name_of(last_root, tensors) or upper, last_root)
        if output is not None:
            found = True
            yield Reading(output[1], argument[1], f"∂{output[0]}/∂{argument[0]}", True)
    if found:
        return
    single = OF.match(plain) or BACK.match(plain)
    word = single.group(1) if single else re.sub(r"^d_?", "", plain)
    if word == plain and not single:
        return
    tensor = _find(word, tensors)
    if tensor is not None and not (single is None and any(_find(lower, tensors) for _, lower in pairs)):
        if single is not None:
            yield Reading(tensor[1], None, f"∂{tensor[0]}", False)
        yield Reading(None, tensor[1], f"∂/∂{tensor[0]}", False)


def derivative_in(place: str) -> str:
    """The derivative's name in a place that holds one.

    >>> [derivative_in(place) for place in ("self.dW", "grads['dW']", "grads['W']")]
    ['dW', 'dW', 'dW']
    """
    key = re.search(r"\[['\"](\w+)['\"]\]$", place)
    if key is None:
        return place.split(".")[-1]
    return key[1] if is_derivative_name(key[1]) else f"d{key[1]}"


def derived_variables(name: str) -> set[str]:
    """The words in a derivative's name that may be the variable it is by.

    >>> sorted(derived_variables("dL_dW1")), derived_variables("grad_b"), derived_variables("W")
    (['L_dW1', 'W1'], {'b'}, set())
    """
    plain = BEFORE.sub("", AFTER.sub("", name))
    single = OF.match(plain) or BACK.match(plain)
    word = single.group(1) if single else re.sub(r"^d_?", "", plain)
    found = {lower for _, lower in _pairs(plain)} | ({word} if word != plain else set())
    return {part.strip("_") for part in found} - {""}


def _pairs(name: str) -> Iterator[tuple[str, str]]:
    """Every way to cut a name into what is differentiated and by what."""
    over = OVER.match(name)
    if over:
        yield over.group(1), over.group(2)
        yield over.group(2), over.group(1)  # dw_h_over_h2 is often meant as ∂h2/∂w_h; only one of them has a path
        return
    start = re.match(r"^(?:d_?|partial_?|grad_?)", name)
    if start is None:
        return
    rest = name[start.end() :]
    cuts = [match.start() for match in re.finditer(r"(?<=.)_?d_?(?=.)", rest)]
    # A cut at an underscore is what people mean; letters d inside words come last.
    for position in sorted(cuts, key=lambda cut: (rest[cut] != "_", cut)):
        upper, lower = rest[:position], re.sub(r"^_?d_?", "", rest[position:])
        if upper and lower:
            yield upper, lower


def _find(word: str, tensors: Mapping[str, Any]) -> tuple[str, Any] | None:
    """The tensor that a word names: exactly, or with other capitals and underscores if only one fits."""
    word = word.strip("_")
    if word in tensors:
        return word, tensors[word]
    for same in (str.lower, lambda text: text.lower().replace("_", "")):
        alike = {key: value for key, value in tensors.items() if same(key) == same(word)}
        if alike and len({id(value) for value in alike.values()}) == 1:
            return next(iter(alike.items()))
    return None


def _name_of(value: Any, tensors: Mapping[str, Any]) -> str | None:
    return next((key for key, tensor in tensors.items() if tensor is value), None)
