"""``torch.optim``: steps that improve parameters by their gradients, in PyTorch's order of arithmetic."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import StandInTypeError, StandInValueError
from chainrule.torch.autograd.gradients import enable_grad, no_grad
from chainrule.torch.recording import overwrite
from chainrule.torch.tensors import Tensor

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop"]


class Optimizer:
    """Parameters in groups, each with its options, and what is remembered of each parameter from step to step."""

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise StandInTypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                "torch.FloatTensor\n"
                "Give a list: [w], or model.parameters()."
            )
        self.defaults = defaults
        self.state: dict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        given = list(params)
        if not given:
            raise StandInValueError(
                "optimizer got an empty parameter list\nGive model.parameters() of a model that has some."
            )
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """More parameters, with options of their own."""
        group = {**self.defaults, **param_group}
        params = group["params"]
        group["params"] = [params] if isinstance(params, Tensor) else list(params)
        for parameter in group["params"]:
            if not isinstance(parameter, Tensor):
                raise StandInTypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(parameter).__name__}"
                )
            if not parameter.is_leaf:
                raise StandInValueError("can't optimize a non-leaf Tensor\nGive the leaves that it was computed from.")
        self.param_groups.append(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to zero."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter._grad is not None:
                    if set_to_none:
                        parameter.grad = None
                    else:
                        parameter.grad = Tensor(np.zeros_like(parameter.value), None)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient; returns the closure's result, if one is given."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad(), np.errstate(all="ignore"):
            for group in self.param_groups:
                for parameter in group["params"]:
                    if parameter._grad is not None:
                        gradient = parameter._grad.value
                        if group.get("maximize"):
                            gradient = -gradient
                        overwrite(parameter, self.moved(parameter.value, gradient, group, self.state[parameter]))
        return loss

    def moved(self, value: Any, gradient: Any, group: dict[str, Any], state: dict[str, Any]) -> Any:
        """The new value of a parameter."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """What is remembered, and the options."""
        order = [parameter for group in self.param_groups for parameter in group["params"]]
        numbers = {id(parameter): number for number, parameter in enumerate(order)}
        groups = [
            {**group, "params": [numbers[id(parameter)] for parameter in group["params"]]}
            for group in self.param_groups
        ]
        return {"state": {numbers[id(p)]: dict(state) for p, state in self.state.items()}, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        order = [parameter for group in self.param_groups for parameter in group["params"]]
        for group, given in zip(self.param_groups, state_dict["param_groups"], strict=True):
            group.update({name: value for name, value in given.items() if name != "params"})
        self.state.clear()
        for number, state in state_dict["state"].items():
            self.state[order[number]] = dict(state)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines += [""] * (number > 0) + [f"Parameter Group {number}"]
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])


def checked(name: str, value: float) -> float:
    """An option that must not be negative."""
    if value < 0:
        raise StandInValueError(f"Invalid {name}: {value}\nGive 0 or more.")
    return value


OTHERS = {"maximize": False, "foreach": None, "capturable": False, "differentiable": False, "fused": None}


class SGD(Optimizer):
    """x ← x - lr·v, with v ← momentum·v + (1 - dampening)·gradient."""

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        checked("learning rate", lr)
        checked("momentum value", momentum)
        checked("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise StandInValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    def moved(self, value: Any, gradient: Any, group: dict[str, Any], state: dict[str, Any]) -> Any:
        """One step."""
        if group["weight_decay"]:
            gradient = gradient + group["weight_decay"] * value
        if group["momentum"]:
            before = state.get("momentum_buffer")
            if before is None:
                velocity = gradient.copy()
            else:
                velocity = before.value * group["momentum"] + (1 - group["dampening"]) * gradient
            state["momentum_buffer"] = Tensor(velocity, None)
            gradient = gradient + group["momentum"] * velocity if group["nesterov"] else velocity
        return value + gradient * -group["lr"]


class Adam(Optimizer):
    """x ← x - lr·m/(√v + eps), with running means m of the gradients and v of their squares."""

    decoupled = False

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float | None = None,
        amsgrad: bool = False,
        **others: Any,
    ) -> None:
        checked("learning rate", lr)
        for number, beta in enumerate(betas):
            if not 0 <= beta < 1:
                raise StandInValueError(f"Invalid beta parameter at index {number}: {beta}")
        decay = (1e-2 if self.decoupled else 0) if weight_decay is None else weight_decay
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": decay, "amsgrad": amsgrad}
        super().__init__(params, {**options, **OTHERS, "decoupled_weight_decay": self.decoupled, **others})

    def moved(self, value: Any, gradient: Any, group: dict[str, Any], state: dict[str, Any]) -> Any:
        """One step."""
        first, second = group["betas"]
        if not state:
            state["step"] = Tensor(np.zeros((), np.float32), None)
            state["exp_avg"] = Tensor(np.zeros_like(value), None)
            state["exp_avg_sq"] = Tensor(np.zeros_like(value), None)
        state["step"].value += 1
        step = float(state["step"].value)
        if group["weight_decay"]:
            if self.decoupled:
                value = value * (1 - group["lr"] * group["weight_decay"])
            else:
                gradient = gradient + group["weight_decay"] * value
        mean, square = state["exp_avg"].value, state["exp_avg_sq"].value
        mean += (1 - first) * (gradient - mean)
        square *= second
        square += (1 - second) * gradient * gradient
        size = group["lr"] / (1 - first**step)
        if group["amsgrad"]:
            largest = state.get("max_exp_avg_sq")
            square = np.maximum(square, largest.value) if largest is not None else square.copy()
            state["max_exp_avg_sq"] = Tensor(square, None)
        denominator = np.sqrt(square) / math.sqrt(1 - second**step) + group["eps"]
        return value - size * (mean / denominator)


class AdamW(Adam):
    """`Adam` with the weight decay apart from the gradient."""

    decoupled = True


class RMSprop(Optimizer):
    """x ← x - lr·gradient/(√v + eps), with a running mean v of the squares."""

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        **others: Any,
    ) -> None:
        checked("learning rate", lr)
        options = {"lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered}
        rest = {name: value for name, value in OTHERS.items() if name != "fused"}
        super().__init__(params, {**options, "weight_decay": weight_decay, **rest, **others})

    def moved(self, value: Any, gradient: Any, group: dict[str, Any], state: dict[str, Any]) -> Any:
        """One step."""
        if group["weight_decay"]:
            gradient = gradient + group["weight_decay"] * value
        if not state:
            state["step"] = Tensor(np.zeros((), np.float32), None)
            state["square_avg"] = Tensor(np.zeros_like(value), None)
        state["step"].value += 1
        square = state["square_avg"].value
        square *= group["alpha"]
        square += (1 - group["alpha"]) * gradient * gradient
        if group["centered"]:
            mean = state.setdefault("grad_avg", Tensor(np.zeros_like(value), None)).value
            mean += (1 - group["alpha"]) * (gradient - mean)
            root = np.sqrt(square - mean * mean) + group["eps"]
        else:
            root = np.sqrt(square) + group["eps"]
        if not group["momentum"]:
            return value - group["lr"] * (gradient / root)
        velocity = state.setdefault("momentum_buffer", Tensor(np.zeros_like(value), None)).value
        velocity *= group["momentum"]
        velocity += gradient / root
        return value - group["lr"] * velocity


class Adagrad(Optimizer):
    """x ← x - lr·gradient/(√s + eps), with the sum s of the squares."""

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        **others: Any,
    ) -> None:
        checked("learning rate", lr)
        options = {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay}
        start = {"initial_accumulator_value": initial_accumulator_value}
        rest = {name: value for name, value in OTHERS.items() if name != "capturable"}
        super().__init__(params, {**options, **start, **rest, **others})

    def moved(self, value: Any, gradient: Any, group: dict[str, Any], state: dict[str, Any]) -> Any:
        """One step."""
        if not state:
            state["step"] = Tensor(np.zeros((), np.float32), None)
            state["sum"] = Tensor(np.full_like(value, group["initial_accumulator_value"]), None)
        state["step"].value += 1
        if group["weight_decay"]:
            gradient = gradient + group["weight_decay"] * value
        size = group["lr"] / (1 + (float(state["step"].value) - 1) * group["lr_decay"])
        total = state["sum"].value
        total += gradient * gradient
        return value - size * (gradient / (np.sqrt(total) + group["eps"]))
