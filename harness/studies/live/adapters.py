"""Adapters of Monitor for training loops, Lightning, Hugging Face Trainer and accelerate; frameworks load on use.

A sampler is `sample(model, k)`: it returns up to k images of the current model. A log is `log(step, estimates)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

from harness.base import UsageError
from harness.studies.live.monitor import Monitor
from harness.studies.live.result import Estimates

Sample = Callable[[Any, int], Any]
Log = Callable[[int, Estimates], None]


def loop(monitor: Monitor, sample: Sample, *, log: Sequence[Log] = ()) -> Callable[[int, Any], Estimates | None]:
    """`on_step(step, model)` for your own training loop: evaluates when due, logs, returns the Estimates.

    The model is in evaluation mode without gradients meanwhile; its mode is restored afterwards.
    """

    def on_step(step: int, model: Any) -> Estimates | None:
        if not monitor.due(step):
            return None
        with evaluating(model):
            found = monitor.evaluate(partial(sample, model))
        if _first_process():
            for own in log:
                own(step, found)
        return found

    return on_step


def lightning(monitor: Monitor, sample: Sample, *, log: Sequence[Log] = ()) -> Any:
    """A Lightning Callback; the numbers also go to the trainer's own loggers. `sample` is given the LightningModule."""
    base = _imported("lightning.pytorch", "pytorch_lightning").Callback
    on_step = loop(monitor, sample, log=log)

    class Evaluate(base):  # type: ignore[misc, valid-type]
        """Evaluates after a batch where it is due."""

        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            """Evaluate and log."""
            found = on_step(trainer.global_step, pl_module)
            if found is not None and trainer.is_global_zero:
                for logger in trainer.loggers:
                    logger.log_metrics(found.flat(), trainer.global_step)

    return Evaluate()


def trainer(monitor: Monitor, sample: Sample, *, log: Sequence[Log] = ()) -> Any:
    """A TrainerCallback for Hugging Face's Trainer; the numbers also go into `trainer.state.log_history`."""
    base = _imported("transformers").TrainerCallback
    on_step = loop(monitor, sample, log=log)

    class Evaluate(base):  # type: ignore[misc, valid-type]
        """Evaluates after a step where it is due."""

        def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
            """Evaluate and log."""
            found = on_step(state.global_step, model)
            if found is not None:
                state.log_history.append({**found.flat(), "step": state.global_step})

    return Evaluate()


def accelerate(accelerator: Any, monitor: Monitor, sample: Sample, *, log: Sequence[Log] = ()) -> Any:
    """`on_step(step, model)` for scripts with accelerate, such as those of diffusers; also logs to its trackers."""
    on_step = loop(monitor, sample, log=log)

    def unwrapped(step: int, model: Any) -> Estimates | None:
        found = on_step(step, accelerator.unwrap_model(model))
        if found is not None:
            accelerator.log(found.flat(), step=step)
        return found

    return unwrapped


# ---------------------------------------------------------------- logs


def stdout(step: int, estimates: Estimates) -> None:
    """A line a step: each value with its interval."""
    told = [
        f"{name} {one.value:.4g}" + ("" if one.low is None else f" [{one.low:.4g}, {one.high:.4g}]")
        for name, one in estimates.items()
    ]
    print(f"step {step}: {', '.join(told)}", flush=True)


def mlflow(module: Any, *, prefix: str = "") -> Log:
    """A log into the active MLflow run: `mlflow(mlflow)`, the module itself; value, low and high of each metric."""
    return lambda step, estimates: module.log_metrics(estimates.flat(prefix), step=step)


def tensorboard(writer: Any, *, prefix: str = "harness/") -> Log:
    """A log into a SummaryWriter: value, low and high of each metric as scalars."""

    def log(step: int, estimates: Estimates) -> None:
        for name, value in estimates.flat(prefix).items():
            writer.add_scalar(name, value, step)

    return log


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """A torch module in evaluation mode without gradients; each part of it is as it was when the block ends."""
    import torch

    parts = list(model.modules()) if hasattr(model, "modules") else []
    modes = [part.training for part in parts]
    with torch.no_grad():
        for part in parts:
            part.training = False
        try:
            yield
        finally:
            for part, mode in zip(parts, modes, strict=True):
                part.training = mode


def _first_process() -> bool:
    from harness.studies.live.monitor import _distributed

    distributed = _distributed()
    return distributed is None or distributed.get_rank() == 0


def _imported(*names: str) -> Any:
    for name in names:
        try:
            return import_module(name)
        except ModuleNotFoundError as missing:
            if missing.name is None or not name.startswith(missing.name):
                raise
    raise UsageError(f"{names[0]} is not installed; install it, or use adapters.loop in your own loop")
