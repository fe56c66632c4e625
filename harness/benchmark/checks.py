"""What the parts of a benchmark ask of each other: sizes, splits, names, and images that encoders can take."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.base import Document, UsageError, unknown
from harness.benchmark import audit as auditing
from harness.benchmark import registry
from harness.benchmark.datasets import PinnedDataset
from harness.benchmark.entries import Encoder, Entry, Generator, Metric
from harness.encoders import weights
from harness.images import Preprocessing


def check(document: Document, data: PinnedDataset | None, parts: Mapping[str, Any], folder: Path | None = None) -> None:
    """Note every contradiction between parts that are sound by themselves.

    `parts` are the benchmark's values by key, made where they could be made; keys that are left out are not looked at.
    `folder` is what its paths are relative to.
    """
    _Check(document, data, parts, folder).run()


class _Check:
    def __init__(
        self, document: Document, data: PinnedDataset | None, parts: Mapping[str, Any], folder: Path | None
    ) -> None:
        self.folder = folder
        self.document = document
        self.data = data
        self.parts = parts

    def sound(self, key: str, default: Any = None) -> Any:
        """The value of a key without a problem; None for one with."""
        return self.parts.get(key, default) if self.document.sound(key) else None

    def entries(self, kind: str) -> dict[str, Entry]:
        return dict(self.parts.get(kind) or {})

    def run(self) -> None:
        if self.data is not None:
            self._splits(self.data)
            self._one_size(self.data)
        self._pools()
        _check_metrics(self.document, self.parts)
        for entry in self.entries("generators").values():
            self._own_files("generators", entry)
        for entry in self.entries("encoders").values():
            self._encoder(entry)
        self._audited()

    def _encoder(self, entry: Entry) -> None:
        assert isinstance(entry, Encoder)
        self._own_files("encoders", entry)
        self._weights(entry)
        own = entry.preprocessing or self.parts.get("preprocessing")
        if isinstance(own, Preprocessing):
            self._fixed_size(entry, own)
            self._expected(entry, own)
            self._population(entry, own)

    def _audited(self) -> None:
        """An encoder that an audit gives other parameters needs what the pinned one needs: files, sizes, images."""
        changed = list(auditing.changed(self.document, self.parts))
        for place, entry in changed if self.document.sound() else ():
            apart = Document(self.document.file)
            _Check(apart, self.data, self.parts, self.folder)._encoder(entry)
            for *_, text in apart.problems:
                self.document.complain(place, f"with this, {text}")

    def _splits(self, data: PinnedDataset) -> None:
        training = any(isinstance(entry, Generator) and entry.trained for entry in self.entries("generators").values())
        reference = self.sound("reference_split", "reference")
        for key, default, needed in (("reference_split", "reference", True), ("training_split", "train", training)):
            split = self.sound(key, default)
            if split is not None and split not in data.splits and (needed or key in self.parts):
                why = "" if key in self.parts or key == "reference_split" else " (trained generators learn from it)"
                text = unknown("split", split, data.splits, place=f"dataset {data.name}")
                self.document.complain((key,) if self.document.has(key) else ("dataset",), f"{text}{why}")
        n_real = self.sound("n_real")
        if n_real is not None and reference in data.splits and n_real > data.splits[reference].size:
            size = data.splits[reference].size
            text = f"found {n_real}, but split {reference} of dataset {data.name} has {size} images; at most {size}"
            self.document.complain(("n_real",), text)

    def _pools(self) -> None:
        n_fake = self.sound("n_fake")
        for name, entry in self.entries("generators").items():
            pool = entry.pool if isinstance(entry, Generator) else None
            if n_fake is not None and pool is not None and n_fake > pool:
                text = f"found {n_fake}, but generator {name} has {pool} images; lower n_fake or give it more"
                self.document.complain(("n_fake",), text)

    def _size(self) -> tuple[int, int] | None:
        """(height, width) of every real image; None where they differ or are not known."""
        return self.data.image[:2] if self.data is not None and self.data.image is not None else None

    def _one_size(self, data: PinnedDataset) -> None:
        """Built-in generators that learn pixels, or spoil them, do so on arrays."""
        for name, entry in self.entries("generators").items():
            if entry.component.one_size and data.image is None:
                text = f"{entry.component.name} needs images of one size; dataset {data.name} declares `image: any`"
                self.document.complain(("generators", name), text, key=True)

    def _fixed_size(self, entry: Encoder, recipe: Preprocessing) -> None:
        """Images of many sizes become one batch only where the recipe ends at one size for all of them."""
        if self.data is None or self.data.image is not None or recipe.output_size() is not None:
            return
        own = ("encoders", entry.name, "preprocessing")
        text = (
            f"dataset {self.data.name} has images of any size, and {recipe.label} does not bring them to one; add "
            "`resize: {size: …}`, or a crop, to the preprocessing"
        )
        self.document.complain(own if entry.preprocessing else ("preprocessing",), text, key=True)

    def _target(self) -> Any:
        interval = self.parts.get("interval")
        return interval.get("target") if isinstance(interval, Mapping) else None

    def _population(self, entry: Encoder, recipe: Preprocessing) -> None:
        """Some metrics have no estimate of their population value below so many images a feature."""
        n = [size for key in ("n_real", "n_fake") if (size := self.sound(key)) is not None]
        facts = [metric.component for metric in metrics_of(self.parts, entry.name)]
        d = self._features(entry, recipe)
        if self._target() != "T_inf" or d is None or not n:
            return
        for row in facts:
            if row.columns is not None and min(n) < row.columns * d:
                text = (
                    f"found T_inf, which {row.name} has from {row.columns} images a feature on; {entry.name} has {d} "
                    f"features, so at least {row.columns * d} images (found {min(n)}); use T_N"
                )
                self.document.complain(("interval", "target"), text)

    def _weights(self, entry: Encoder) -> None:
        """Weight files must be here before the first image is made, not found missing after the last."""
        name = entry.component.weight_file(entry.parameters) if entry.component.origin == "built-in" else None
        if name is not None and not (weights.folder() / name).is_file():
            self.document.complain(("encoders", entry.name), weights.missing(name), key=True)

    def _own_files(self, kind: str, entry: Entry) -> None:
        """The user's own weight files and modules are there, and are those that were promised."""
        if self.folder is None:
            return
        promised = entry.parameters.get("sha256")
        for name, declared in entry.component.paths(entry.parameters).items():
            path = self.folder / os.path.expanduser(declared)  # leaves ~nobody as it is, where Path raises
            if not (path.is_dir() if name == "folder" else path.is_file()):
                what = "folder" if name == "folder" else "file"
                self.document.complain((kind, entry.name, name), f"{self.folder / declared}: no such {what}")
            elif name == "file" and promised is not None and (problem := weights.mismatch(path, promised)):
                self.document.complain((kind, entry.name, "sha256"), problem)
        for name in entry.component.modules(entry.parameters):
            try:
                registry.check_module(entry.component, entry.parameters, name, self.folder)
            except UsageError as problem:
                self.document.complain((kind, entry.name, name), str(problem))

    def _features(self, entry: Encoder, recipe: Preprocessing) -> int | None:
        dim = entry.parameters.get("dim", entry.component.dim) if entry.component.origin == "built-in" else None
        if entry.component.layers:
            return dict(entry.component.layers)[entry.parameters["layer"]]
        if dim != "pixels":
            return dim
        size = recipe.output_size(self._size())
        return None if size is None else size[0] * size[1] * (1 if recipe.channels == "grey" else 3)

    def _expected(self, entry: Encoder, recipe: Preprocessing) -> None:
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
            self.document.complain(location, text, key=True)


def _check_metrics(document: Document, parts: Mapping[str, Any]) -> None:
    """Note every contradiction between metrics, set sizes, encoders and `rank_by`; `parts` as in `consistency`."""
    _MetricCheck(document, parts).run()


def metrics_of(parts: Mapping[str, Any], encoder: str) -> list[Metric]:
    """The metrics that are computed under an encoder."""
    metrics: Mapping[str, Metric] = parts.get("metrics") or {}
    return [metric for metric in metrics.values() if metric.encoders is None or encoder in metric.encoders]


def _reads(metric: Metric, encoder: Entry) -> bool:
    """Whether a metric that reads one kind of features gets it from an encoder."""
    reads, component = metric.component.reads, encoder.component
    if not reads:
        return True
    if component.layers:
        return encoder.parameters.get("layer") in reads
    # A file or a class of the user's own, whose word is taken: `classes`, or the width by itself.
    unknown_features = component.origin != "built-in" or component.of_a_file
    return unknown_features and metric.parameters.get("classes", 0) is not None


class _MetricCheck:
    def __init__(self, document: Document, parts: Mapping[str, Any]) -> None:
        self.document = document
        self.parts = parts
        self.metrics: Mapping[str, Metric] = parts.get("metrics") or {}
        self.encoders: Mapping[str, Entry] = parts.get("encoders") or {}

    def run(self) -> None:
        self._neighbours()
        self._parts()
        self._encoders()
        self._layers()
        self._rank_by()

    def sound(self, key: str) -> Any:
        """The value of a key without a problem; None for one with."""
        return self.parts.get(key) if self.document.sound(key) else None

    def _neighbours(self) -> None:
        sizes = [size for key in ("n_real", "n_fake") if (size := self.sound(key)) is not None]
        for name, entry in self.metrics.items():
            k = entry.parameters.get("k") if entry.component.origin == "built-in" else None
            # Intervals come from halves of both sets, and there too an image needs k others.
            if k is not None and sizes and k > min(sizes) // 2 - 1:
                most = min(sizes) // 2 - 1
                text = f"found {k}; with {min(sizes)} images at most {most}, so that half of them have {k} neighbours"
                self.document.complain(("metrics", name, "k"), text)

    def _parts(self) -> None:
        """Subsets and splits that the sets are too small for."""
        n_real, n_fake = self.sound("n_real"), self.sound("n_fake")
        for name, entry in self.metrics.items():
            if entry.component.origin != "built-in":
                continue
            size = entry.parameters.get("subset_size")
            least = min((n for n in (n_real, n_fake) if n is not None), default=None)
            if size is not None and least is not None and size > least:
                self._complain_of(name, "subset_size", f"found {size}; with {least} images at most {least}")
            if n_fake is None or "splits" not in entry.parameters:
                continue
            splits, part = entry.parameters["splits"], entry.parameters["split_size"]
            if part is None and splits > n_fake // 2:
                text = f"found {splits}; with {n_fake} fake images at most {n_fake // 2}, so that each has two"
                self._complain_of(name, "splits", text)
            if part is not None and n_fake % part == 1:
                text = f"found {part}; {n_fake} fake images leave a last part of one image: take another size"
                self._complain_of(name, "split_size", text)

    def _complain_of(self, metric: str, parameter: str, text: str) -> None:
        written = self.document.has("metrics", metric, parameter)
        location = ("metrics", metric, parameter) if written else ("metrics", metric)
        self.document.complain(location, text if written else f"{parameter}: {text}", key=not written)

    def _encoders(self) -> None:
        """Encoders that metrics are for are declared, and none is encoded for nothing."""
        declared = self.document.value.get("encoders")
        if not isinstance(declared, Mapping):
            return
        for name, metric in self.metrics.items():
            for i, encoder in enumerate(metric.encoders or ()):
                if encoder not in declared:
                    text = unknown("encoder", encoder, declared, place="this benchmark")
                    self.document.complain(("metrics", name, "encoders", i), text)
        if not self.document.sound("metrics"):
            return
        for encoder in self.encoders:
            if self.metrics and not metrics_of(self.parts, encoder):
                text = (
                    "no metric is computed under it: the `encoders` of each leave it out; name it there, or remove it"
                )
                self.document.complain(("encoders", encoder), text, key=True)

    def _layers(self) -> None:
        """Some metrics read one kind of features: class logits, or positions."""
        encoders = self.encoders.values()
        for metric in self.metrics.values():
            fitting = [encoder.name for encoder in encoders if _reads(metric, encoder)]
            asked = [encoder for encoder in encoders if metric.encoders is None or encoder.name in metric.encoders]
            for encoder in asked:
                if encoder.name in fitting:
                    continue
                layer = f", layer {encoder.parameters['layer']}" if encoder.component.layers else ""
                own = " or, for an encoder of your own, `classes`" if "classes" in metric.parameters else ""
                reads = " or ".join(f"layer {layer}" for layer in metric.component.reads)
                text = (
                    f"{metric.use} reads {reads} of inception{own}, not {encoder.component.name}{layer} (encoder "
                    f"{encoder.name}); name the encoders that it is for, `encoders: [{', '.join(fitting) or '…'}]`"
                )
                self.document.complain(("metrics", metric.name), text, key=True)

    def _rank_by(self) -> None:
        by = self.parts.get("rank_by")
        if not isinstance(by, Mapping):
            return
        for key, kind in (("metric", "metrics"), ("encoder", "encoders")):
            declared, chosen = self.document.value.get(kind), by.get(key)
            if isinstance(declared, Mapping) and declared and isinstance(chosen, str) and chosen not in declared:
                text = unknown(key, chosen, declared, place="this benchmark")
                self.document.complain(("rank_by", key), text)
        metric = self.metrics.get(str(by.get("metric")))
        encoder = by.get("encoder")
        named = metric.encoders if metric is not None and isinstance(encoder, str) else None
        if metric is not None and named is not None and encoder in self.encoders and encoder not in named:
            text = (
                f"found {metric.name}, which is computed under {', '.join(named)} only, not under the encoder that "
                f"ranks; name {encoder} in metrics.{metric.name}.encoders, or rank by another"
            )
            self.document.complain(("rank_by", "metric"), text)
        interval = self.parts.get("interval")
        target = interval.get("target") if isinstance(interval, Mapping) else None
        if target == "T_inf" and metric is not None and metric.component.limitless:
            fixed = " at a fixed k" if "k" in metric.parameters else ""
            text = f"found T_inf, but {metric.name}, which ranks, has no population value{fixed}; use T_N"
            self.document.complain(("interval", "target"), text)
