"""``torch.utils.data``: data sets and batches of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.torch import random
from chainrule.torch.construct import tensor
from chainrule.torch.generator import Generator
from chainrule.torch.joining import stack
from chainrule.torch.tensors import Tensor

__all__ = ["DataLoader", "Dataset", "Subset", "TensorDataset", "default_collate", "random_split"]


class Dataset:
    """Items by number: subclass it with ``__len__`` and ``__getitem__``."""

    def __class_getitem__(cls, item: Any) -> Any:
        return cls

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")


class TensorDataset(Dataset):
    """The rows of tensors, side by side."""

    def __init__(self, *tensors: Any) -> None:
        if any([item.value.shape[0] != tensors[0].value.shape[0] for item in tensors]):
            raise AssertionError("Size mismatch between tensors")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple([item[index] for item in self.tensors])

    def __len__(self) -> int:
        return int(self.tensors[0].value.shape[0])


class Subset(Dataset):
    """Some items of a data set."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Any, lengths: Sequence[Any], generator: Any = None) -> list[Subset]:
    """A data set at random in parts of these lengths, or of these shares."""
    count = len(dataset)
    sizes = list(lengths)
    if sum(sizes) <= 1 and any([isinstance(size, float) for size in sizes]):
        sizes = [int(count * share) for share in lengths]
        for extra in range(count - sum(sizes)):
            sizes[extra % len(sizes)] += 1
    if sum(sizes) != count:
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    order = random.randperm(count, generator=generator).tolist()
    ends = np.cumsum(sizes)
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends.tolist(), strict=True)]


def default_collate(batch: Sequence[Any]) -> Any:
    """Items as one: tensors stacked, numbers made a tensor, containers kept."""
    first = batch[0]
    if isinstance(first, Tensor):
        return stack(list(batch))
    if isinstance(first, np.ndarray):
        return Tensor(np.stack(batch), None)
    if isinstance(first, float):
        return tensor(list(batch), dtype=float)
    if isinstance(first, int | np.generic):
        return tensor(np.array(batch) if isinstance(first, np.generic) else list(batch))
    if isinstance(first, dict):
        return {key: default_collate([item[key] for item in batch]) for key in first}
    if isinstance(first, tuple | list):
        return [default_collate(list(column)) for column in zip(*batch, strict=True)]
    return list(batch)


class DataLoader:
    """Batches of a data set, in order or shuffled anew each time."""

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        *unused: Any,
        drop_last: bool = False,
        collate_fn: Callable[[Sequence[Any]], Any] | None = None,
        generator: Any = None,
        **options: Any,
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.collate_fn = collate_fn or default_collate
        self.generator = generator

    def __len__(self) -> int:
        count = len(self.dataset)
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        # As PyTorch: one number is drawn for the workers' seed, one for the order's own generator.
        order = list(range(len(self.dataset)))
        random.random((), np.int64, self.generator)
        if self.shuffle:
            source = self.generator
            if source is None:
                source = Generator()
                source.manual_seed(int(random.random((), np.int64)))
            order = random.randperm(len(order), generator=source).tolist()
        for batch in range(len(self)):
            chosen = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            yield self.collate_fn([self.dataset[position] for position in chosen])
