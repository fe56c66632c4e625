"""What images ask of each other and of encoders: sizes, splits, pools, files, and recipes that encoders can take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.base import Location, UsageError, local_path, unknown
from harness.benchmark import audit as auditing
from harness.benchmark import registry
from harness.benchmark.datasets import PinnedDataset
from harness.benchmark.entries import EncoderEntry, Entry, GeneratorEntry
from harness.benchmark.parts import Parts
from harness.encoders import weights
from harness.images import Preprocessing


@dataclass(frozen=True)
class ImageChecks(Parts):
    """Splits, sizes, pools, files and recipes against each other.

    `varied_at` is where an audit gives the encoder that is looked at other parameters; None for the benchmark's own.
    """

    varied_at: Location | None = None

    def run(self) -> None:
        """Note every contradiction."""
        if self.data is not None:
            self._splits(self.data)
            self._one_size(self.data)
        self._pools()
        for entry in self.entries("generators").values():
            self._own_files("generators", entry)
        for entry in self.entries("encoders").values():
            self._encoder(entry)
        self._audited()

    def _encoder(self, entry: Entry) -> None:
        assert isinstance(entry, EncoderEntry)
        self._own_files("encoders", entry)
        self._weights(entry)
        own = entry.preprocessing or self.values.get("preprocessing")
        if isinstance(own, Preprocessing):
            self._fixed_size(entry, own)
            self._expected(entry, own)
            self._population(entry, own)

    def _audited(self) -> None:
        """An encoder that an audit gives other parameters needs what the pinned one needs: files, sizes, images."""
        changed = list(auditing.changed(self.document, self.values))
        for place, entry in changed if self.document.sound() else ():
            replace(self, varied_at=place)._encoder(entry)

    def _complain(self, location: Location, text: str, *, key: bool = False) -> None:
        if self.varied_at is not None:
            location, text, key = self.varied_at, f"with this, {'.'.join(map(str, location))}: {text}", False
        self.document.complain(location, text, key=key)

    def _splits(self, data: PinnedDataset) -> None:
        training = any(
            isinstance(entry, GeneratorEntry) and entry.trained for entry in self.entries("generators").values()
        )
        reference = self.sound("reference_split", "reference")
        for key, default, needed in (("reference_split", "reference", True), ("training_split", "train", training)):
            split = self.sound(key, default)
            lacks = split is not None and split not in data.splits and split not in data.unsound
            if lacks and (needed or key in self.values):
                why = "" if key in self.values or key == "reference_split" else " (trained generators learn from it)"
                text = unknown("split", split, data.splits, place=f"dataset {data.name}")
                self._complain((key,) if self.document.has(key) else ("dataset",), f"{text}{why}")
        n_real = self.sound("n_real")
        if n_real is not None and reference in data.splits and n_real > data.splits[reference].size:
            size = data.splits[reference].size
            text = f"found {n_real}, but split {reference} of dataset {data.name} has {size} images; at most {size}"
            self._complain(("n_real",), text)

    def _pools(self) -> None:
        n_fake = self.sound("n_fake")
        for name, entry in self.entries("generators").items():
            pool = entry.pool if isinstance(entry, GeneratorEntry) else None
            if n_fake is not None and pool is not None and n_fake > pool:
                text = f"found {n_fake}, but generator {name} has {pool} images; lower n_fake or give it more"
                self._complain(("n_fake",), text)

    def _size(self) -> tuple[int, int] | None:
        """(height, width) of every real image; None where they differ or are not known."""
        return self.data.image[:2] if self.data is not None and self.data.image is not None else None

    def _one_size(self, data: PinnedDataset) -> None:
        """Built-in generators that learn pixels, or spoil them, do so on arrays."""
        for name, entry in self.entries("generators").items():
            if entry.component.one_size and data.image is None:
                text = f"{entry.component.name} needs images of one size; dataset {data.name} declares `image: any`"
                self._complain(("generators", name), text, key=True)

    def _fixed_size(self, entry: EncoderEntry, recipe: Preprocessing) -> None:
        """Images of many sizes become one batch only where the recipe ends at one size for all of them."""
        if self.data is None or self.data.image is not None or recipe.output_size() is not None:
            return
        own = ("encoders", entry.name, "preprocessing")
        text = (
            f"dataset {self.data.name} has images of any size, and {recipe.label} does not bring them to one; add "
            "`resize: {size: …}`, or a crop, to the preprocessing"
        )
        self._complain(own if entry.preprocessing else ("preprocessing",), text, key=True)

    def _target(self) -> Any:
        interval = self.values.get("interval")
        return interval.get("target") if isinstance(interval, Mapping) else None

    def _population(self, entry: EncoderEntry, recipe: Preprocessing) -> None:
        """Some metrics have no estimate of their population value below so many images a feature."""
        n = [size for key in ("n_real", "n_fake") if (size := self.sound(key)) is not None]
        facts = [metric.component for metric in self.metrics_of(entry.name)]
        d = self._features(entry, recipe)
        if self._target() != "T_inf" or d is None or not n:
            return
        for row in facts:
            if row.columns is not None and min(n) < row.columns * d:
                text = (
                    f"found T_inf, but {row.name} needs at least {row.columns} images per feature; "
                    f"{entry.name} has {d} "
                    f"features, so {row.columns * d} images (found {min(n)}); use T_N"
                )
                self._complain(("interval", "target"), text)

    def _weights(self, entry: EncoderEntry) -> None:
        """Weight files must be here before the first image is made, not found missing after the last."""
        name = entry.component.weight_file(entry.parameters) if entry.component.origin == "built-in" else None
        if name is not None and not (weights.folder() / name).is_file():
            self._complain(("encoders", entry.name), weights.missing(name), key=True)

    def _own_files(self, kind: str, entry: Entry) -> None:
        """The user's own weight files and modules are there, and are those that were promised."""
        if self.folder is None:
            return
        promised = entry.parameters.get("sha256")
        for name, declared in entry.component.paths(entry.parameters).items():
            try:
                path = Path(local_path(self.folder, declared))  # leaves ~nobody as it is, where Path raises
            except UsageError as absent:
                self._complain((kind, entry.name, name), str(absent))
                continue
            if not (path.is_dir() if name == "folder" else path.is_file()):
                what = "folder" if name == "folder" else "file"
                self._complain((kind, entry.name, name), f"{self.folder / declared}: no such {what}")
            elif name == "file" and promised is not None and (problem := weights.mismatch(path, promised)):
                self._complain((kind, entry.name, "sha256"), problem)
        for name in entry.component.modules(entry.parameters):
            try:
                registry.check_module(entry.component, entry.parameters, name, self.folder)
            except UsageError as problem:
                self._complain((kind, entry.name, name), str(problem))

    def _features(self, entry: EncoderEntry, recipe: Preprocessing) -> int | None:
        dim = entry.parameters.get("dim", entry.component.dim) if entry.component.origin == "built-in" else None
        if entry.component.layers:
            return dict(entry.component.layers)[entry.parameters["layer"]]
        if dim != "pixels":
            return dim
        size = recipe.output_size(self._size())
        return None if size is None else size[0] * size[1] * (1 if recipe.channels == "grey" else 3)

    def _expected(self, entry: EncoderEntry, recipe: Preprocessing) -> None:
        expects = entry.component.expects
        if expects is None:
            return
        wrong: list[str] = []
        channels = entry.parameters.get("channels", expects.channels)
        yields = 1 if recipe.channels == "grey" else 3
        if channels is not None and channels != yields:
            wrong.append(f"channels: {'grey' if channels == 1 else 'rgb'} (found {recipe.channels})")
        size = recipe.output_size(self._size())
        side = entry.parameters.get("side") if entry.component.origin == "built-in" else None
        needed = (side, side) if side is not None else expects.size
        if needed is not None and size is not None and size != needed:
            how = f"{'found' if recipe.resize or recipe.crop else 'the images are'} {size[0]}×{size[1]}"
            wrong.append(f"resize to {needed[0]}×{needed[1]} ({how})")
        if expects.range is not None and recipe.range != expects.range:
            low, high = expects.range
            wrong.append(f"range: [{low:g}, {high:g}] (found [{recipe.range[0]:g}, {recipe.range[1]:g}])")
        if expects.range is not None and recipe.normalise is not None:
            wrong.append("normalise: null (found mean and sd)")
        if wrong:
            own = ("encoders", entry.name, "preprocessing")
            location = own if entry.preprocessing else ("encoders", entry.name)
            text = f"{entry.component.name} needs {', '.join(wrong)} in its preprocessing"
            self._complain(location, text, key=True)
