"""What transforms return: functions that know what they were made of, and can be pickled and made again elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import update_wrapper
from types import MethodType
from typing import Any

__all__ = ["Made", "is_global", "made_by"]


class Made:
    """A function that ``maker(function, **options)`` returns; pickled as that, without what it has recorded.

    Attributes:
        maker: the transform, a function of a module.
        function: what it transforms.
        options: its other arguments.
    """

    __qualname__: str

    def __init__(
        self, maker: Callable[..., Any], function: Any, options: Mapping[str, Any], call: Callable[..., Any]
    ) -> None:
        self.maker, self.function, self.options, self.call = maker, function, dict(options), call
        self.__reads__ = function, *self.options.values()  # for whoever records a function that calls this

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.call(*arguments, **options)

    def __get__(self, instance: Any, kind: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<{self.maker.__name__} of {getattr(self.function, '__qualname__', repr(self.function))}>"

    def __reduce__(self) -> Any:
        return self.__qualname__ if is_global(self) else (_again, (self.maker, self.function, self.options))

    def __deepcopy__(self, memo: Any = None) -> Made:
        return self  # as of any function

    __copy__ = __deepcopy__

    def of_others(self, other: Callable[[Any], Any]) -> Any:
        """The same made of others in the place of what it was made of; itself, if they are the same."""
        function, options = other(self.function), {name: other(value) for name, value in self.options.items()}
        if function is self.function and all([options[name] is value for name, value in self.options.items()]):
            return self
        return self.maker(function, **options)


def _again(maker: Callable[..., Any], function: Any, options: Mapping[str, Any]) -> Any:
    return maker(function, **options)


def is_global(value: Any) -> bool:
    """Whether a module has a function under the name that it bears, as where a transform decorates a function.

    >>> is_global(is_global), is_global(lambda x: x)
    (True, False)
    """
    found: Any = sys.modules.get(getattr(value, "__module__", None) or "")
    for name in getattr(value, "__qualname__", "").split("."):
        found = getattr(found, name, None)
    return found is value


def made_by(maker: Callable[..., Any], function: Any, **options: Any) -> Callable[[Callable[..., Any]], Made]:
    """A decorator for what ``maker(function, **options)`` returns; it bears the name of the function.

    >>> import pickle, chainrule as cr
    >>> gradient = pickle.loads(pickle.dumps(cr.grad(abs)))
    >>> gradient, float(gradient(-3.0))
    (<grad of abs>, -1.0)
    """

    def make(call: Callable[..., Any]) -> Made:
        made = Made(maker, function, options, call)
        own = dict(vars(made))
        update_wrapper(made, function, updated=() if isinstance(function, Made) else ("__dict__",))
        vars(made).update(own)
        return made

    return make
