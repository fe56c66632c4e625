"""Files of weights as training leaves them: which of the state dicts in one is a network's.

Training saves more than one: raw weights beside their moving average, a teacher beside its student, all below names of
wrappers (`module.` of DistributedDataParallel, `_orig_mod.` of torch.compile, an attribute of a Lightning module). A
state dict is found by the network's own names below any prefix, so that no list of wrappers is kept here. Where two are
found nobody but the user knows which was meant: their scores are those of two generators.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.base import UsageError
from harness.encoders.networkfiles import TORCHSCRIPT, held_instead

if TYPE_CHECKING:
    import torch
    from torch import nn

    State = dict[str, torch.Tensor]

TOP = "."  # the key of what lies at the top of a file, beside other state dicts
WRAPPERS = ("module.", "model.", "_orig_mod.")  # of names that are not the network's own, where all begin so
COUNTERS = "num_batches_tracked"  # what older files of batch normalisation lack


@dataclass(frozen=True, slots=True)
class Found:
    """A state dict and the key that it lies under in its file, "" for a file that is nothing else."""

    state: State
    key: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors of a file by their dotted names, and the lists of tensors that have none (averages, by order)."""

    path: Path
    tensors: Mapping[str, torch.Tensor]
    lists: Mapping[str, Sequence[torch.Tensor]]
    folders: tuple[str, ...]  # prefixes of the mappings that hold weights themselves, each "" or ending in a dot

    def of(self, network: nn.Module, *, key: str | None = None) -> Found:
        """The one state dict of the file for this network, or the one under `key`.

        It may hold more than the network has: whether that is wrong is for its loading to say. Raises UsageError where
        several would do and `key` is not given, and where nothing lies under `key`.
        """
        held = self._fitting(network, shapes=True) or self._fitting(network, shapes=False) or self._mappings()
        named = {_key(prefix): state for prefix, state in held.items()}
        if key is not None:
            named = {name: state for name, state in named.items() if name == key or name.startswith(key + ".")}
            if not named:
                raise UsageError(
                    f"{self.path} holds no weights under key {key!r}; it holds {_listed(map(_key, held)) or 'none'}"
                )
        if len(named) > 1 and not _alike(list(named.values())):
            raise UsageError(
                f"{self.path} holds {len(named)} sets of weights: {_listed(named)}; choose one with `key`, for example "
                f"`key: {list(named)[-1]}`. Raw weights and their moving average (EMA) score differently"
            )
        if not named:
            return Found(dict(self.tensors), "")
        (name, state), *_ = named.items()
        return Found(state, "" if name == TOP else name)

    def _fitting(self, network: nn.Module, *, shapes: bool) -> dict[str, State]:
        """State dicts that hold every parameter of the network, by their prefix; `shapes`: of its shape too."""
        own = network.state_dict()
        wanted = [name for name, _ in network.named_parameters() if name in own] or list(own)
        if not wanted:
            return {}
        found: dict[str, State] = {}
        for spelled in (str, _squashed):
            for name in self.tensors:
                if not name.endswith(spelled(wanted[0])):
                    continue
                prefix = name[: len(name) - len(spelled(wanted[0]))]
                if spelled is str and prefix and not prefix.endswith("."):
                    continue
                if prefix in found or not all(prefix + spelled(each) in self.tensors for each in wanted):
                    continue
                if shapes and any(self.tensors[prefix + spelled(each)].shape != own[each].shape for each in wanted):
                    continue
                if spelled is str:
                    found[prefix] = self._below(prefix)
                else:
                    found[prefix] = {each: self.tensors[prefix + spelled(each)] for each in wanted}
        for name, listed in self.lists.items():
            if [tensor.shape for tensor in listed] == [own[each].shape for each in wanted]:
                found[name] = dict(zip(wanted, listed, strict=True))
        # What lies inside another's own tensors is a part of it: `0.weight` is also the end of `1.0.weight`.
        inner = {
            one
            for one in found
            for other in found
            if one != other
            and one.startswith(other)
            and all(one[len(other) :] + each in own for each in wanted)
            and one not in self.lists
        }
        outer = {prefix: state for prefix, state in found.items() if prefix not in inner}
        if "" in outer:
            outer[""] = {
                name: tensor
                for name, tensor in outer[""].items()
                if not any(name.startswith(prefix) for prefix in outer if prefix)
            }
        return _completed(outer, list(own))

    def _mappings(self) -> dict[str, State]:
        """The mappings that hold tensors themselves, for networks whose names are not those of the file."""
        return {prefix: _unwrapped(self._below(prefix)) for prefix in self.folders}

    def _below(self, prefix: str) -> State:
        return {name[len(prefix) :]: tensor for name, tensor in self.tensors.items() if name.startswith(prefix)}


def read_checkpoint(path: Path) -> Checkpoint:
    """What a .pth or .safetensors file holds; no code in the file is run. UsageError where it holds no weights."""
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
        tensors: State = {}
        lists: dict[str, Sequence[torch.Tensor]] = {}
        folders: dict[str, None] = {}
        for prefix, name, value in _walk(content, ""):
            if not isinstance(value, torch.Tensor):
                lists[prefix + name] = value
                continue
            tensors[prefix + name] = value
            if value.ndim:  # a step counter makes no state dict of what it stands beside
                folders[prefix] = None
        if not tensors and not lists:
            raise ValueError("it holds no mapping of names to tensors")
        return Checkpoint(path, tensors, lists, tuple(folders))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except Exception as problem:
        reason = " ".join(str(problem).split())[:200]
        if held_instead(path) == TORCHSCRIPT:
            reason = TORCHSCRIPT
        elif isinstance(problem, pickle.UnpicklingError):  # torch's own words advise to trust the file
            reason = "it holds objects other than tensors, which can run code; save network.state_dict()"
        raise UsageError(f"{path} does not load as weights: {reason}") from problem


def _walk(content: Any, prefix: str) -> Iterator[tuple[str, str, Any]]:
    """(prefix, name, tensor or list of tensors) of all that lies under text keys; optimisers' states are no weights."""
    import torch

    if not isinstance(content, Mapping):
        return
    for name, value in content.items():
        if not isinstance(name, str) or name.startswith("optim"):
            continue
        if isinstance(value, torch.Tensor):
            yield prefix, name, value
        elif isinstance(value, Mapping):
            yield from _walk(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple) and value and all(isinstance(each, torch.Tensor) for each in value):
            yield prefix, name, value


def _completed(found: dict[str, State], own: Sequence[str]) -> dict[str, State]:
    """The same with the buffers that averages leave out, such as batch statistics, taken from the raw weights."""
    whole = [state for state in found.values() if all(name in state for name in own if not name.endswith(COUNTERS))]
    if len(whole) != 1:
        return found
    buffers = {name: whole[0][name] for name in own if name in whole[0]}
    return {prefix: state if state is whole[0] else {**buffers, **state} for prefix, state in found.items()}


def _unwrapped(state: State) -> State:
    while wrapper := next((each for each in WRAPPERS if state and all(name.startswith(each) for name in state)), None):
        state = {name.removeprefix(wrapper): tensor for name, tensor in state.items()}
    return state


def _alike(states: Sequence[State]) -> bool:
    import torch

    first, *others = states
    return all(
        other.keys() == first.keys() and all(torch.equal(tensor, other[name]) for name, tensor in first.items())
        for other in others
    )


def _squashed(name: str) -> str:
    # LitEma of CompVis' latent diffusion: its buffers are the parameters' names without their dots.
    return name.replace(".", "")


def _key(prefix: str) -> str:
    return prefix.rstrip(".") or TOP


def _listed(keys: Any) -> str:
    names = list(keys)
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
